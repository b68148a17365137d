/**
 * What the results of a script make of a tracker. Keeps no clock and runs nothing.
 */

/** How many results change a tracker's mind. */
export interface CountRules {
  /** Successes in a row that make it good; at least 1. */
  readonly rise: number;
  /** Failures in a row that make it bad; at least 1. */
  readonly fall: number;
}

/** Whether a tracker is good, and how many results in a row have said otherwise. */
export interface Counted {
  /** `null` before the first result. */
  readonly good: boolean | null;
  readonly against: number;
}

/** Nothing is known yet. */
export const UNKNOWN: Counted = { good: null, against: 0 };

/** The state after one more result; the first one decides. */
export function countResult(rules: CountRules, { good, against }: Counted, ok: boolean): Counted {
  if (good === null || good === ok) return { good: ok, against: 0 };
  const needed = ok ? rules.rise : rules.fall;
  return against + 1 >= needed ? { good: ok, against: 0 } : { good, against: against + 1 };
}
