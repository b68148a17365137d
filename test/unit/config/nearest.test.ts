import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "../../../src/config/nearest.ts";

describe("nearest", () => {
  it.each([
    ["adresses", "addresses"],
    ["wieght", "weight"],
    ["Backend", "backend"],
    ["vird", "vrid"],
    ["zzz", undefined],
  ])("%s is probably %s", (word, meant) => {
    expect(nearest(word, ["addresses", "weight", "backend", "vrid"])).toBe(meant);
  });
});

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["abc", "", 3],
    ["kitten", "sitting", 3],
    ["wieght", "weight", 1],
  ])("from %j to %j is %i", (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });

  it("is the same both ways and at most the longer length", () => {
    fc.assert(fc.property(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(editDistance(a, b) === 0).toBe(a === b);
    }));
  });
});
