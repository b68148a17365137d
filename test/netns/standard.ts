/**
 * The timers of the standard, computed here once more: what the product believes of them is what
 * the tests are to find out.
 */

/** What the timers depend on. */
export interface Timing {
  readonly version: 2 | 3;
  readonly intervalMs: number;
}

/** Skew_Time: RFC 9568, section 6.1, a part of the interval; RFC 3768, section 6.1, of a second. */
export function skewMs({ version, intervalMs }: Timing, priority: number): number {
  return (256 - priority) / 256 * (version === 2 ? 1_000 : intervalMs);
}

/** Active_Down_Interval: how long a Backup of that priority waits. */
export function activeDownMs(timing: Timing, priority: number): number {
  return 3 * timing.intervalMs + skewMs(timing, priority);
}
