import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ramped, rampShare, rampStepMs } from "../../../../src/core/health/slow_start.ts";

describe("rampShare", () => {
  it.each([[0, 0], [7_500, 0.25], [30_000, 1], [90_000, 1], [-5, 0]])(
    "%d ms into 30 s is %d",
    (sinceMs, share) => expect(rampShare(sinceMs, 30_000)).toBe(share),
  );
});

describe("ramped", () => {
  it("grows from 1 to all of it, and leaves nothing as it is", () => {
    expect([0, 0.004, 0.5, 1].map((share) => ramped(100, share))).toEqual([1, 1, 50, 100]);
    expect(ramped(0, 0.5)).toBe(0);
    expect(ramped(1, 0)).toBe(1);
  });

  it("never falls while time passes", () => {
    fc.assert(fc.property(fc.nat(256), fc.nat(100), fc.nat(100), (weight, one, other) => {
      const [less, more] = one < other ? [one, other] : [other, one];
      const at = (ms: number) => ramped(weight, rampShare(ms, 100));
      expect(at(less)).toBeLessThanOrEqual(at(more));
      expect(at(100)).toBe(weight);
    }));
  });
});

describe("rampStepMs", () => {
  it.each([[60_000, 3_000], [20_000, 1_000], [2_000, 1_000]])(
    "for %d ms is %d ms",
    (slowStartMs, stepMs) => expect(rampStepMs(slowStartMs)).toBe(stepMs),
  );
});
