import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  carriedOver,
  type HealthRules,
  nextIntervalMs,
  observe,
  UNCHECKED,
} from "../../../../src/core/health/rise_fall.ts";

function rules(rise: number, fall: number): HealthRules {
  return { rise, fall, intervalMs: 2000, fastIntervalMs: 500, downIntervalMs: 5000 };
}

/**
 * Each result, `+` or `-`, and what HAProxy's model says after it: health, count, next interval.
 */
function run(rise: number, fall: number, results: string): string[] {
  const given = rules(rise, fall);
  let state = UNCHECKED;
  return [...results].map((result) => {
    state = observe(given, state, result === "+");
    return `${result} ${state.health} ${state.count} ${nextIntervalMs(given, state)}`;
  });
}

describe("observe", () => {
  it.each([
    { rise: 2, fall: 3, results: "+", says: ["+ up 4 2000"] },
    { rise: 2, fall: 3, results: "-", says: ["- down 0 5000"] },
    {
      rise: 2,
      fall: 3,
      results: "+---++",
      says: [
        "+ up 4 2000",
        "- up 3 500",
        "- up 2 500",
        "- down 0 5000",
        "+ down 1 500",
        "+ up 4 2000",
      ],
    },
    {
      rise: 2,
      fall: 3,
      results: "+--+-+---",
      says: [
        "+ up 4 2000",
        "- up 3 500",
        "- up 2 500",
        "+ up 4 2000",
        "- up 3 500",
        "+ up 4 2000",
        "- up 3 500",
        "- up 2 500",
        "- down 0 5000",
      ],
    },
    {
      rise: 3,
      fall: 1,
      results: "-++-+++-",
      says: [
        "- down 0 5000",
        "+ down 1 500",
        "+ down 2 500",
        "- down 0 5000",
        "+ down 1 500",
        "+ down 2 500",
        "+ up 3 2000",
        "- down 0 5000",
      ],
    },
    {
      rise: 1,
      fall: 1,
      results: "+-+-",
      says: ["+ up 1 2000", "- down 0 5000", "+ up 1 2000", "- down 0 5000"],
    },
    { rise: 1, fall: 2, results: "-+-", says: ["- down 0 5000", "+ up 2 2000", "- up 1 500"] },
  ])("rise $rise, fall $fall: $results", ({ rise, fall, results, says }) => {
    expect(run(rise, fall, results)).toEqual(says);
  });

  const counts = fc.integer({ min: 1, max: 20 });
  const history = fc.array(fc.boolean(), { minLength: 1, maxLength: 200 });

  it("keeps the count within bounds and up exactly from rise on", () => {
    fc.assert(fc.property(counts, counts, history, (rise, fall, results) => {
      let state = UNCHECKED;
      for (const ok of results) {
        state = observe(rules(rise, fall), state, ok);
        expect(state.count).toBeGreaterThanOrEqual(0);
        expect(state.count).toBeLessThanOrEqual(rise + fall - 1);
        expect(state.health).toBe(state.count >= rise ? "up" : "down");
      }
    }));
  });

  it("changes health after rise successes or fall failures in a row, and never sooner", () => {
    fc.assert(fc.property(counts, counts, history, (rise, fall, [first, ...results]) => {
      let state = observe(rules(rise, fall), UNCHECKED, first === true);
      expect(state.health).toBe(first ? "up" : "down");
      let inARow = 0;
      for (const ok of results) {
        const before = state.health;
        const against = ok === (before === "down");
        inARow = against ? inARow + 1 : 0;
        state = observe(rules(rise, fall), state, ok);
        const turns = inARow === (before === "up" ? fall : rise);
        expect(state.health !== before).toBe(turns);
        if (turns) inARow = 0;
      }
    }));
  });
});

describe("nextIntervalMs", () => {
  it("is fast while nothing is known", () => {
    expect(nextIntervalMs(rules(2, 3), UNCHECKED)).toBe(500);
  });
});

describe("carriedOver", () => {
  it.each(
    [
      ["up", 3, 3],
      ["up", 9, 4],
      ["up", 0, 2],
      ["down", 1, 1],
      ["down", 4, 1],
      ["unchecked", 3, 0],
    ] as const,
  )("%s with a count of %i stands at %i, whatever the rules were", (health, known, count) => {
    expect(carriedOver(rules(2, 3), health, known)).toEqual({ health, count });
  });

  it.each(
    [
      ["unchecked", 0, 500],
      ["up", 4, 2000],
      ["down", 0, 5000],
    ] as const,
  )("%s stands at %i", (health, count, intervalMs) => {
    const state = carriedOver(rules(2, 3), health);
    expect(state).toEqual({ health, count });
    expect(nextIntervalMs(rules(2, 3), state)).toBe(intervalMs);
  });
});
