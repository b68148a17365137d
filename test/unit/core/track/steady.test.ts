import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Standing } from "../../../../src/core/track/combine.ts";
import { settle, type Steady, STEADY_MS, UNSETTLED } from "../../../../src/core/track/steady.ts";

const good: Standing = { points: 0, yield: null };
const less: Standing = { points: -20, yield: null };
const gone: Standing = { points: 0, yield: "tracker a: down" };

describe("settle()", () => {
  it("believes the first word at once, good or bad", () => {
    expect(settle(UNSETTLED, 5, { points: 9, yield: null }).steady.standing.points).toBe(9);
    expect(settle(UNSETTLED, 5, gone).steady).toEqual({ standing: gone, changedAt: 5 });
  });

  it.each([[good, less], [good, gone], [less, gone]])("believes worse at once", (from, to) => {
    const { steady, againAt } = settle({ standing: from, changedAt: 100 }, 101, to);
    expect([steady.standing, againAt]).toEqual([to, Infinity]);
  });

  it.each([[less, good], [gone, good], [gone, less]])("lets better wait", (from, to) => {
    const before: Steady = { standing: from, changedAt: 100 };
    expect(settle(before, 101, to)).toEqual({ steady: before, againAt: 100 + STEADY_MS });
    expect(settle(before, 100 + STEADY_MS, to).steady.standing).toEqual(to);
  });

  it("tells another cause at once, without beginning anew", () => {
    const other: Standing = { points: 0, yield: "tracker b: down" };
    const { steady } = settle({ standing: gone, changedAt: 100 }, 500, other);
    expect(steady).toEqual({ standing: other, changedAt: 100 });
  });

  it("never goes up and down within a second, whatever is said", () => {
    const standings = fc.constantFrom(good, less, gone, { points: 30, yield: null });
    const said = fc.array(fc.tuple(standings, fc.integer({ min: 1, max: 600 })));
    fc.assert(fc.property(said, (words) => {
      let steady = UNSETTLED;
      let now = 0;
      let changedAt = -Infinity;
      for (const [standing, pauseMs] of words) {
        now += pauseMs;
        const before = steady;
        ({ steady } = settle(before, now, standing));
        if (steady === before) continue;
        const rank = (one: Standing) => one.yield === null ? one.points : -1_000;
        if (rank(steady.standing) > rank(before.standing)) {
          expect(now - changedAt).toBeGreaterThanOrEqual(STEADY_MS);
        }
        if (rank(steady.standing) !== rank(before.standing)) changedAt = now;
      }
    }));
  });
});
