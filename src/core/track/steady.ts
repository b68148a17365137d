/**
 * Keeps what trackers say from flapping: worse is believed at once, better only after a while. Has
 * no clock: instants come from the caller.
 */

import { sameStanding, type Standing, UNMOVED } from "./combine.ts";

/** What the election goes by, and since when. */
export interface Steady {
  readonly standing: Standing;
  /** Monotonic. */
  readonly changedAt: number;
}

/** What is to be gone by now, and when to ask again. */
export interface Settled {
  readonly steady: Steady;
  /** When something better that is waiting may be believed; `Infinity` where nothing waits. */
  readonly againAt: number;
}

/** Before anything has been tracked. */
export const UNSETTLED: Steady = { standing: UNMOVED, changedAt: -Infinity };

/** Takes over what is tracked now, if it is worse or if the last change lies long enough back. */
export function settle(before: Steady, now: number, tracked: Standing): Settled {
  const { standing, changedAt } = before;
  if (sameStanding(standing, tracked)) return { steady: before, againAt: Infinity };
  if (!isWorse(tracked, standing) && now < changedAt + STEADY_MS) {
    return { steady: before, againAt: changedAt + STEADY_MS };
  }
  // The same yield for another cause is no change that the election would see.
  const sameYield = standing.yield !== null && tracked.yield !== null;
  const since = sameYield && standing.points === tracked.points ? changedAt : now;
  return { steady: { standing: tracked, changedAt: since }, againAt: Infinity };
}

function isWorse(next: Standing, now: Standing): boolean {
  if ((next.yield === null) !== (now.yield === null)) return next.yield !== null;
  // While given up, only the cause can change; it should be the one that holds.
  return now.yield !== null || next.points < now.points;
}

/** A change for the better waits until the last change is so old. */
export const STEADY_MS = 1_000;
