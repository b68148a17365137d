import { describe, expect, it } from "vitest";
import {
  formatPath,
  formatProblem,
  type Problem,
  sortProblems,
} from "../../../src/config/problem.ts";

describe("formatProblem", () => {
  it("writes file, line, column, path and message", () => {
    expect(formatProblem(problem(3, 7, "backends.web"))).toBe("a.yaml:3:7: backends.web: wrong");
  });

  it("leaves out an empty path", () => {
    expect(formatProblem(problem(1, 1, ""))).toBe("a.yaml:1:1: wrong");
  });
});

describe("formatPath", () => {
  it.each([
    [[], ""],
    [["nodes", "lb1", "addresses", 0], "nodes.lb1.addresses[0]"],
    [["admin", "tokens", 1, "secret"], "admin.tokens[1].secret"],
  ])("%j is %s", (path, text) => expect(formatPath(path)).toBe(text));
});

describe("sortProblems", () => {
  it("orders by line, then column, and drops repetitions", () => {
    const [first, second, third] = [problem(1, 9, "a"), problem(2, 1, "b"), problem(2, 5, "c")];
    expect(sortProblems([third, second, first, { ...third }])).toEqual([first, second, third]);
  });
});

function problem(line: number, column: number, path: string): Problem {
  return { file: "a.yaml", line, column, path, message: "wrong" };
}
