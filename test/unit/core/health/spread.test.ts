import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SPREAD, spreadInterval } from "../../../../src/core/health/spread.ts";

describe("spreadInterval", () => {
  it("stays within five per cent of the interval", () => {
    expect(SPREAD).toBe(0.05);
    fc.assert(fc.property(fc.integer(), fc.nat(), fc.nat(), (seed, server, round) => {
      const intervalMs = spreadInterval(2000, { seed, server, round });
      expect(intervalMs).toBeGreaterThanOrEqual(1900);
      expect(intervalMs).toBeLessThanOrEqual(2100);
      expect(spreadInterval(2000, { seed, server, round })).toBe(intervalMs);
    }));
  });

  it.each(["server", "round", "seed"] as const)("is even over every %s", (varied) => {
    const tenths = new Array<number>(10).fill(0);
    for (let at = 0; at < 10_000; at++) {
      const choice = { seed: 7, server: 3, round: 5, [varied]: at };
      tenths[Math.floor((spreadInterval(1, choice) - 0.95) * 100)]!++;
    }
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
