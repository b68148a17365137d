/**
 * How much of its weight and limits a server has while it comes back. Keeps no clock.
 */

import { ramped, rampShare } from "../core/health/slow_start.ts";
import type { BackendPlan } from "../core/plan/plan.ts";
import type { Entry } from "./shown_server.ts";

/** What balancing goes by: the weight, or as much of it as a server has that comes back. */
export function effectiveWeight(entry: Entry, weight: number, now: number): number {
  return RAMPED.has(entry.backend.balance) ? ramped(weight, shareOf(entry, now)) : weight;
}

/** The share of everything that a server has by now, from 0 to 1. */
export function shareOf({ backend: { slowStartMs }, rampSince }: Entry, now: number): number {
  if (rampSince === null || slowStartMs === null) return 1;
  return rampShare(now - rampSince, slowStartMs);
}

/** Ways of balancing whose choice may change from one connection to the next. */
const RAMPED: ReadonlySet<BackendPlan["balance"]> = new Set([
  "roundrobin",
  "leastconn",
  "random",
]);
