import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fromValue,
  keyPlaceOf,
  merge,
  nodeAt,
  placeOf,
  toValue,
  type TreeNode,
  underlay,
  type Value,
  withEntry,
} from "../../../src/config/tree.ts";
import { readYaml } from "../../../src/config/yaml_tree.ts";

const file = tree("a:\n  b: [1, {c: 2}]\n  d:\n");

describe("nodeAt", () => {
  it("finds values in maps and lists", () => {
    expect(nodeAt(file, ["a", "b", 1, "c"])).toMatchObject({ value: 2, place: { line: 2 } });
  });

  it.each([[["a", "x"]], [["a", "b", 7]], [["a", 0]], [["a", "b", "c"]]])(
    "finds nothing at %j",
    (path) => expect(nodeAt(file, path)).toBeUndefined(),
  );
});

describe("placeOf", () => {
  it.each([
    [["a", "b", 0], { line: 2, column: 7 }],
    [["a", "b"], { line: 2, column: 3 }],
    [["a", "d"], { line: 3, column: 3 }],
    [["a", "missing", "deeper"], { line: 1, column: 1 }],
  ])("%j stands at %j", (path, place) => expect(placeOf(file, path)).toEqual(place));

  it("of a key is the key's own", () => {
    expect(keyPlaceOf(file, ["a", "b", 1, "c"])).toEqual({ line: 2, column: 11 });
  });
});

describe("merge", () => {
  // RFC 7396, appendix A.
  it.each<[Value, Value, Value]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [["a", "b"], ["c", "d"], ["c", "d"]],
    [{ a: "foo" }, "bar", "bar"],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("of %j with %j is %j", (target, patch, result) => {
    expect(toValue(merge(at(1, target), at(2, patch)))).toEqual(result);
  });

  it("keeps the place of each value", () => {
    const merged = merge(at(1, { a: 1, b: 2 }), at(2, { b: 3 }));
    expect(placeOf(merged, ["a"]).line).toBe(1);
    expect(placeOf(merged, ["b"]).line).toBe(2);
  });
});

describe("underlay", () => {
  it("keeps what is there, also a value that says nothing", () => {
    const filled = underlay(at(1, { a: 1, b: { c: 1 }, d: 1 }), at(2, { a: null, b: { e: 2 } }));
    expect(toValue(filled)).toEqual({ a: null, b: { c: 1, e: 2 }, d: 1 });
  });
});

describe("fromValue", () => {
  it("is undone by toValue", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(fc.property(value, (json) => {
      // -0 and __proto__ do not survive JSON itself.
      const plain: Value = JSON.parse(JSON.stringify(json));
      expect(JSON.stringify(toValue(at(1, plain)))).toBe(JSON.stringify(plain));
    }));
  });
});

describe("withEntry", () => {
  it("changes a copy", () => {
    const map = at(1, { a: 1 });
    if (map.kind !== "map") throw new Error("not a map");
    expect(toValue(withEntry(map, "a", at(2, 2)))).toEqual({ a: 2 });
    expect(toValue(map)).toEqual({ a: 1 });
  });
});

function at(line: number, value: Value): TreeNode {
  return fromValue(value, { line, column: 1 });
}

function tree(text: string): TreeNode {
  const read = readYaml(text, "a.yaml").tree;
  if (!read) throw new Error("not YAML");
  return read;
}
