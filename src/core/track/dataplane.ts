/**
 * Whether this node's data plane deserves the virtual address: the built-in tracker `dataplane`.
 * Only this node is judged; that the VIP moves to a better one only is left to the points.
 */

import type { TrackEffect } from "../plan/plan.ts";

/** What is known of the data plane now. */
export interface DataplaneFacts {
  /** Workers that show no sign of life, in words: `dataplane-0 (2.1 s)`. */
  readonly stalled: readonly string[];
  /** Listeners of the watched frontends that are not bound: `10.0.0.1:443`. */
  readonly unbound: readonly string[];
  /** The watched frontends with the servers that take connections. */
  readonly frontends: readonly { readonly name: string; readonly usable: number }[];
}

/** What a virtual router wants of it. */
export interface DataplaneRules {
  readonly minUsable: number;
  /** What missing servers do; a stalled worker or an unbound listener always yields. */
  readonly effect: TrackEffect;
}

/** Whether the data plane is good, what it does to the virtual router if not, and why. */
export interface DataplaneVerdict {
  readonly good: boolean;
  readonly effect: TrackEffect;
  readonly detail: string;
}

/** Judges the data plane. */
export function judgeDataplane(
  { minUsable, effect }: DataplaneRules,
  { stalled, unbound, frontends }: DataplaneFacts,
): DataplaneVerdict {
  if (stalled.length > 0) {
    const detail = `no sign of life from ${stalled.join(", ")}`;
    return { good: false, effect: YIELD, detail };
  }
  if (unbound.length > 0) {
    return { good: false, effect: YIELD, detail: `not listening on ${unbound.join(", ")}` };
  }
  const short = frontends.filter(({ usable }) => usable < minUsable);
  if (short.length === 0) return { good: true, effect, detail: "enough servers are usable" };
  const names = short.map(({ name, usable }) => `frontend ${name} has ${usable}`);
  const detail = `${names.join(", ")} of the ${minUsable} usable servers it needs`;
  return { good: false, effect, detail };
}

const YIELD: TrackEffect = { kind: "yield" };
