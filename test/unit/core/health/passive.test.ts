import { describe, expect, it } from "vitest";
import { afterErrors, errorsInARow } from "../../../../src/core/health/passive.ts";
import { FULLY_DOWN, UNCHECKED } from "../../../../src/core/health/rise_fall.ts";

const RULES = { rise: 2, fall: 3, intervalMs: 1, fastIntervalMs: 1, downIntervalMs: 1 };
const UP = { health: "up", count: 4 } as const;

describe("errorsInARow", () => {
  it("adds errors up until something succeeds", () => {
    expect(errorsInARow(3, { errors: 4, successes: 0 })).toBe(7);
    expect(errorsInARow(7, { errors: 0, successes: 0 })).toBe(7);
    expect(errorsInARow(7, { errors: 0, successes: 1 })).toBe(0);
    expect(errorsInARow(7, { errors: 90, successes: 1 })).toBe(0);
  });
});

describe("afterErrors", () => {
  it.each(
    [
      ["fail-check", UP, { health: "up", count: 3 }],
      ["fail-check", { health: "up", count: 2 }, FULLY_DOWN],
      ["fast-interval", UP, UP],
      ["sudden-death", UP, { health: "up", count: 2 }],
      ["mark-down", UP, FULLY_DOWN],
      ["mark-down", UNCHECKED, UNCHECKED],
      ["fail-check", { health: "down", count: 1 }, { health: "down", count: 1 }],
    ] as const,
  )("%s makes of %j %j", (action, state, next) => {
    expect(afterErrors(RULES, state, action, false)).toEqual(next);
  });

  it.each(["fail-check", "mark-down"] as const)("%s leaves the last one up", (action) => {
    const state = { health: "up", count: 2 } as const;
    expect(afterErrors(RULES, state, action, true)).toEqual(state);
    expect(afterErrors(RULES, UP, action, true).health).toBe("up");
  });
});
