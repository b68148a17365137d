import { describe, expect, it } from "vitest";
import { combine, sameStanding, type Tracked } from "../../../../src/core/track/combine.ts";

function points(good: boolean, points: number): Tracked {
  return { name: "t", good, effect: { kind: "points", points }, detail: "so" };
}

function yielding(good: boolean, name: string): Tracked {
  return { name, good, effect: { kind: "yield" }, detail: "it is down" };
}

describe("combine()", () => {
  it.each([
    ["negative points while good", [points(true, -20)], 0],
    ["negative points while bad", [points(false, -20)], -20],
    ["positive points while good", [points(true, 30)], 30],
    ["positive points while bad", [points(false, 30)], 0],
    ["all of them", [points(false, -20), points(true, 30), points(true, -5)], 10],
    ["none", [], 0],
  ])("%s", (_, tracked, expected) => {
    expect(combine(tracked)).toEqual({ points: expected, yield: null });
  });

  it("gives up for the first cause, and still counts points", () => {
    const tracked = [yielding(true, "a"), yielding(false, "b"), yielding(false, "c")];
    expect(combine([...tracked, points(false, -7)])).toEqual({
      points: -7,
      yield: "tracker b: it is down",
    });
  });
});

describe("sameStanding()", () => {
  it("compares both facts", () => {
    expect(sameStanding({ points: 1, yield: null }, { points: 1, yield: null })).toBe(true);
    expect(sameStanding({ points: 1, yield: null }, { points: 2, yield: null })).toBe(false);
    expect(sameStanding({ points: 1, yield: "a" }, { points: 1, yield: null })).toBe(false);
  });
});
