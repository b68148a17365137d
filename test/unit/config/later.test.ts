import { describe, expect, it } from "vitest";
import { keysAt } from "../../../src/config/json_schema.ts";
import { LATER_KEYS, laterAt } from "../../../src/config/later.ts";

describe("laterAt", () => {
  const table = { "": ["mesh"], "frontends.*": ["quic"], "log": ["colour"] };

  it("lets * stand for any name", () => {
    expect(laterAt(table, ["frontends", "web"])).toEqual(["quic"]);
    expect(laterAt(table, [])).toEqual(["mesh"]);
    expect(laterAt(table, ["log"])).toEqual(["colour"]);
  });

  it("knows nothing of other places", () => {
    expect(laterAt(table, ["frontends"])).toEqual([]);
    expect(laterAt(table, ["frontends", "web", "timeouts"])).toEqual([]);
  });
});

describe("LATER_KEYS", () => {
  it.each(Object.entries(LATER_KEYS))("of %j are in no schema", (pattern, later) => {
    const path = pattern === "" ? [] : pattern.split(".");
    const known = keysAt(path);
    expect(known.length).toBeGreaterThan(0);
    expect(known.filter((key) => later.includes(key))).toEqual([]);
  });
});
