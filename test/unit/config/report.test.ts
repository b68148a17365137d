import { describe, expect, it } from "vitest";
import { formatProblem } from "../../../src/config/problem.ts";
import { Report } from "../../../src/config/report.ts";
import { fromValue } from "../../../src/config/tree.ts";
import { readYaml } from "../../../src/config/yaml_tree.ts";

describe("Report", () => {
  it("places a problem at the value, a key's problem and a warning at the key", () => {
    const report = read("a: { b: 1 }\n");
    report.problem(["a", "b"], "value");
    report.keyProblem(["a", "b"], "key");
    report.warn(["a", "b"], "odd");
    expect(report.problems.map(formatProblem)).toEqual([
      "a.yaml:1:9: a.b: value",
      "a.yaml:1:6: a.b: key",
    ]);
    expect(report.warnings.map(formatProblem)).toEqual(["a.yaml:1:6: a.b: odd"]);
  });

  it("leaves out what rests on a broken value", () => {
    const report = read("a: { b: 1, c: 2 }\nd: 3\n");
    report.break(["a", "b"]);
    report.problem(["a", "b", "deeper"], "below it");
    report.problem(["d"], "uses it", [["a", "b"]]);
    report.problem(["d"], "uses a map that holds it", [["a"]]);
    report.warn(["a", "b"], "odd");
    report.warn(["d"], "uses it", [["a", "b"]]);
    expect([...report.problems, ...report.warnings]).toEqual([]);
  });

  it("keeps what does not rest on it", () => {
    const report = read("a: { b: 1, c: 2 }\n");
    report.break(["a", "b"]);
    report.problem(["a"], "the map itself");
    report.problem(["a", "c"], "its neighbour", [["a", "c"]]);
    expect(report.problems).toHaveLength(2);
  });

  it("knows what the file has", () => {
    const report = new Report("a.yaml", fromValue({ a: { b: null } }, { line: 1, column: 1 }));
    expect([["a", "b"], ["a", "c"]].map((path) => report.given(path))).toEqual([true, false]);
  });
});

function read(text: string): Report {
  const { tree } = readYaml(text, "a.yaml");
  if (!tree) throw new Error("not YAML");
  return new Report("a.yaml", tree);
}
