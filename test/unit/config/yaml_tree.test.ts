import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatProblem } from "../../../src/config/problem.ts";
import { nodeAt, toValue } from "../../../src/config/tree.ts";
import { plainScalar, readYaml } from "../../../src/config/yaml_tree.ts";

describe("readYaml", () => {
  it("keeps how a number was written", () => {
    const { tree } = readYaml("a: 0123\nb: 1.20\n", "a.yaml");
    expect(tree && nodeAt(tree, ["a"])).toMatchObject({ value: 123, written: "0123" });
    expect(tree && nodeAt(tree, ["b"])).toMatchObject({ value: 1.2, written: "1.20" });
  });

  it("takes yes, no, on, off and True as text", () => {
    const { tree } = readYaml("[yes, no, on, off, True, true]", "a.yaml");
    expect(tree).toBeUndefined();
    const inMap = readYaml("a: [yes, no, on, off, True, true]", "a.yaml").tree;
    expect(inMap && toValue(inMap)).toEqual({ a: ["yes", "no", "on", "off", "True", true] });
  });

  it.each([
    ["", "a.yaml:1:1: the file is empty"],
    ["- 1", "a.yaml:1:1: the file is not a map of keys"],
    ["a: 1\na: 2", "a.yaml:2:1: this key stands here a second time: remove one of the two"],
    ["a:\n\t- 1", "a.yaml:2:1: a tab indents this line: YAML is indented with spaces only"],
    [
      "a: 1\n---\nb: 1",
      "a.yaml:2:1: a second document begins here (---): one file holds one document",
    ],
    ["__proto__: 1", "a.yaml:1:1: a key is a word: quote it if it is meant as text"],
    ["? [a]\n: 1", "a.yaml:1:3: a key is a word: quote it if it is meant as text"],
    [
      "a: !!str 1",
      "a.yaml:1:10: a: tags such as tag:yaml.org,2002:str are not supported: leave it out",
    ],
  ])("%j is refused", (text, problem) => {
    expect(readYaml(text, "a.yaml").problems.map(formatProblem)).toEqual([problem]);
  });

  it.each(["a: [*:80]", "a:\n  - *:80", "a:\n  - [::]:80", "a: [[::]:80]", "a: [::]:80"])(
    "%j says what to quote, and reads it as if it were quoted",
    (text) => {
      const { problems, tree } = readYaml(text, "a.yaml");
      const listener = text.includes("*") ? "*:80" : "[::]:80";
      expect(problems).toHaveLength(1);
      expect(problems[0]?.message).toContain(`quote this: "${listener}"`);
      const line = text.split("\n").findIndex((one) => one.includes(listener));
      const column = text.split("\n")[line]?.indexOf(listener);
      expect(problems[0]).toMatchObject({ line: line + 1, column: (column ?? 0) + 1 });
      expect(JSON.stringify(tree && toValue(tree))).toContain(listener);
    },
  );

  it("reports every value that lacks quotes, and reads on", () => {
    const text = "a:\n  - [::]:80\n  - *:81\nb: {c: ${X}, d: ${Y}}\ne: 1\n";
    const { problems, tree } = readYaml(text, "a.yaml");
    expect(problems.map(({ line, column }) => [line, column])).toEqual([
      [2, 5],
      [4, 8],
      [4, 17],
      [3, 5],
    ]);
    expect(tree && toValue(tree)).toEqual({
      a: ["[::]:80", "*:81"],
      b: { c: "${X}", d: "${Y}" },
      e: 1,
    });
  });

  it("repeats nothing that may be a secret", () => {
    const { problems } = readYaml("secret: *swordfish\nother: [sword]:fish\n", "a.yaml");
    expect(problems).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toMatch(/swordfish|sword\]|fish/);
  });

  it("answers any text with a tree or a problem, never an exception", () => {
    const alphabet = fc.constantFrom(..."ab:*&![]{}$\"'\n\t -#?|>%@`,0~".split(""));
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 40 }), (text) => {
        const { tree, problems } = readYaml(text, "a.yaml");
        expect(tree !== undefined || problems.length > 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("plainScalar", () => {
  it.each([
    ["", null],
    ["~", null],
    ["true", true],
    ["TRUE", "TRUE"],
    ["0x3c", 60],
    ["0o17", 15],
    ["017", 17],
    ["-1.5e3", -1500],
    ["1.2.3", "1.2.3"],
    [".inf", ".inf"],
  ])("%j is %j", (text, value) => expect(plainScalar(text)).toBe(value));
});
