/**
 * What the results of checks make of one server. Knows neither how a server is checked nor what an
 * operator has said about it; keeps no clock.
 *
 * The model is HAProxy's: one counter from 0 to rise + fall − 1, and the server is up from `rise`
 * on. The one difference: nothing is believed of a server before its first check, and that one
 * decides.
 */

/** What checks have said about a server. */
export type Health = "unchecked" | "up" | "down";

/** How many results change a server's health, and how long each state waits for the next one. */
export interface HealthRules {
  /** Successes in a row that bring a server up; at least 1. */
  readonly rise: number;
  /** Failures in a row that bring a server down; at least 1. */
  readonly fall: number;
  /** While up, with the last check passed. */
  readonly intervalMs: number;
  /** While unchecked, and on the way from up to down or back. */
  readonly fastIntervalMs: number;
  /** While down, with the last check failed. */
  readonly downIntervalMs: number;
}

/** A server's health and how firmly it stands; replaced, never edited. */
export interface HealthState {
  readonly health: Health;
  readonly count: number;
}

/** Nothing is known yet. */
export const UNCHECKED: HealthState = { health: "unchecked", count: 0 };

/** The state of a server whose health was known before; at full count where that was not. */
export function carriedOver(rules: HealthRules, health: Health, count?: number): HealthState {
  switch (health) {
    case "unchecked":
      return UNCHECKED;
    case "up":
      return { health, count: clamp(count ?? Infinity, rules.rise, fullCount(rules)) };
    case "down":
      return { health, count: clamp(count ?? 0, 0, rules.rise - 1) };
  }
}

/** The state after one more result. */
export function observe(rules: HealthRules, state: HealthState, ok: boolean): HealthState {
  if (state.health === "unchecked") return ok ? fullyUp(rules) : FULLY_DOWN;
  if (ok) {
    return state.count + 1 >= rules.rise
      ? fullyUp(rules)
      : { health: "down", count: state.count + 1 };
  }
  return state.count > rules.rise ? { health: "up", count: state.count - 1 } : FULLY_DOWN;
}

/** How long to wait for the next check. */
export function nextIntervalMs(rules: HealthRules, { health, count }: HealthState): number {
  if (health === "up" && count === fullCount(rules)) return rules.intervalMs;
  if (health === "down" && count === 0) return rules.downIntervalMs;
  return rules.fastIntervalMs;
}

function fullyUp(rules: HealthRules): HealthState {
  return { health: "up", count: fullCount(rules) };
}

function fullCount({ rise, fall }: HealthRules): number {
  return rise + fall - 1;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** Down, and not on its way up. */
export const FULLY_DOWN: HealthState = { health: "down", count: 0 };
