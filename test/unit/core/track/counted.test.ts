import { describe, expect, it } from "vitest";
import { countResult, UNKNOWN } from "../../../../src/core/track/counted.ts";

function after(rules: { rise: number; fall: number }, results: string) {
  const seen = [...results].map((mark) => mark === "+");
  let state = UNKNOWN;
  return seen.map((ok) => {
    state = countResult(rules, state, ok);
    return state.good ? "+" : "-";
  }).join("");
}

describe("countResult()", () => {
  it.each([
    [{ rise: 1, fall: 1 }, "+-+-", "+-+-"],
    [{ rise: 2, fall: 3 }, "+--+---", "++++++-"],
    [{ rise: 2, fall: 3 }, "-+-++", "----+"],
    [{ rise: 3, fall: 1 }, "-++-+++", "------+"],
    [{ rise: 5, fall: 5 }, "+", "+"],
    [{ rise: 5, fall: 5 }, "-", "-"],
  ])("%j makes %s to %s", (rules, results, expected) => {
    expect(after(rules, results)).toBe(expected);
  });

  it("knows nothing before the first result", () => {
    expect(UNKNOWN.good).toBeNull();
  });
});
