/**
 * What the connections of clients say about a server, beside its checks. Counts errors in a row and
 * says what enough of them make of its health. Knows no connection and keeps no clock.
 */

import { FULLY_DOWN, type HealthRules, type HealthState, observe } from "./rise_fall.ts";

/** After so many errors in a row, this is done. */
export interface PassiveRules {
  readonly errorLimit: number;
  readonly action: PassiveAction;
}

/**
 * Count as one failed check; only check again soon; let the next failed check decide; or be down at
 * once.
 */
export type PassiveAction = "fail-check" | "fast-interval" | "sudden-death" | "mark-down";

/**
 * Errors in a row after one more look. Which came first is not known: where both have happened, the
 * server is given the benefit of it.
 */
export function errorsInARow(before: number, { errors, successes }: Traffic): number {
  return successes > 0 ? 0 : before + errors;
}

/** What happened to a server's connections between two looks. */
export interface Traffic {
  readonly errors: number;
  readonly successes: number;
}

/**
 * The state after too many errors in a row. A server that is its backend's last usable one is not
 * taken away by them: that is left to its next failed check.
 */
export function afterErrors(
  rules: HealthRules,
  state: HealthState,
  action: PassiveAction,
  isLast: boolean,
): HealthState {
  if (state.health !== "up") return state;
  const next = outcome(rules, state, action);
  return isLast && next.health === "down" ? lastChance(rules) : next;
}

function outcome(rules: HealthRules, state: HealthState, action: PassiveAction): HealthState {
  switch (action) {
    case "fail-check":
      return observe(rules, state, false);
    case "fast-interval":
      return state;
    case "sudden-death":
      return lastChance(rules);
    case "mark-down":
      return FULLY_DOWN;
  }
}

/** One more failure and it is down. */
function lastChance({ rise }: HealthRules): HealthState {
  return { health: "up", count: rise };
}
