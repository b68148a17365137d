/**
 * Telling people when something happened: engines count monotonic milliseconds, people read UTC.
 */

import { monotonicMs } from "../linux/clock.ts";

/**
 * The wall clock's reading at a monotonic instant (now, without one), as RFC 3339 UTC. The same
 * instant reads the same each time, unless the wall clock is set in between.
 */
export function wallTime(at: number = monotonicMs()): string {
  const before = monotonicMs();
  const gapMs = Date.now() - before;
  // A thread that was kept from running in between has not read two clocks at once.
  const isExact = monotonicMs() - before < TOLERANCE_MS / 2 || knownGapMs === -Infinity;
  if (isExact && Math.abs(gapMs - knownGapMs) > TOLERANCE_MS) knownGapMs = gapMs;
  return new Date(knownGapMs + at).toISOString();
}

/** By how much the wall clock is ahead, as last taken: two clocks are never read at once. */
let knownGapMs = -Infinity;

/** Less than people care for, and more than two readings or a slewed clock differ by. */
const TOLERANCE_MS = 100;

/** Time, for what comes later; tests put their own in its place. */
export interface Time {
  /** Monotonic, in milliseconds. */
  now(): number;
  later(delayMs: number, then: () => void): void;
}

/** The time that it is. */
export const REAL_TIME: Time = {
  now: monotonicMs,
  later: (delayMs, then) => Deno.unrefTimer(setTimeout(then, delayMs)),
};
