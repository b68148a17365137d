/**
 * Telling people when something happened: engines count monotonic milliseconds, people read UTC.
 */

import { monotonicMs } from "../linux/clock.ts";

/** The wall clock's reading at a monotonic instant (now, without one), as RFC 3339 UTC. */
export function wallTime(at: number = monotonicMs()): string {
  return new Date(Date.now() - (monotonicMs() - at)).toISOString();
}
