/**
 * How fast a planned handover may be. Skew_Time follows the interval that a Backup learned last
 * (RFC 9568, section 6.1), so the last advertisement before priority 0 can shorten it. Decides
 * nothing but that interval.
 */

import type { VirtualRouter } from "./router.ts";

/**
 * Max Advertise Interval of the last advertisement before priority 0: the smallest there is for one
 * Backup. Several must not take over together, so their skews have to stay apart; where that is not
 * known to be so, nothing is shortened. Version 2 knows no interval but its own.
 *
 * @param backups how many there may be.
 * @param priorities of those that are known.
 */
export function lastInterval(
  { version, advertisementIntervalMs }: Pick<VirtualRouter, "version" | "advertisementIntervalMs">,
  backups: number,
  priorities: readonly number[],
): number {
  if (version === 2) return advertisementIntervalMs;
  if (backups <= 1) return Math.min(UNIT_MS, advertisementIntervalMs);
  if (priorities.length < backups) return advertisementIntervalMs;
  const apart = (MIN_GAP_MS * PRIORITIES) / leastDifference(priorities);
  return Math.min(Math.ceil(apart / UNIT_MS) * UNIT_MS, advertisementIntervalMs);
}

/** 0 if two are equal. */
function leastDifference(priorities: readonly number[]): number {
  const sorted = priorities.toSorted((left, right) => left - right);
  return Math.min(...sorted.slice(1).map((priority, index) => priority - sorted[index]!));
}

/** Version 3 counts centiseconds. */
const UNIT_MS = 10;
/** Between the skews of two Backups: time for the first one's advertisement to arrive. */
const MIN_GAP_MS = 20;
const PRIORITIES = 256;
