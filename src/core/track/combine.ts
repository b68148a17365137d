/**
 * What all that a virtual router tracks comes to: points for its priority, and whether it is to be
 * given up. Knows neither how trackers find out nor what the election makes of it.
 */

import type { TrackEffect } from "../plan/plan.ts";

/** One thing that is tracked, as it stands now. */
export interface Tracked {
  readonly name: string;
  readonly good: boolean;
  readonly effect: TrackEffect;
  /** Why it is good or bad, in words. */
  readonly detail: string;
}

/** What trackers make of a virtual router. */
export interface Standing {
  /** Added to the configured priority. */
  readonly points: number;
  /** Why the virtual router is to be given up; `null` to take part. */
  readonly yield: string | null;
}

/** A virtual router of which nothing is tracked, or nothing has moved it. */
export const UNMOVED: Standing = { points: 0, yield: null };

/** Sums up; of several causes to yield the first in the file's order is told. */
export function combine(tracked: readonly Tracked[]): Standing {
  let points = 0;
  let cause: string | null = null;
  for (const { name, good, effect, detail } of tracked) {
    if (effect.kind === "yield") {
      if (!good) cause ??= `tracker ${name}: ${detail}`;
    } else if (good === effect.points > 0) {
      points += effect.points;
    }
  }
  return { points, yield: cause };
}

/** Whether two standings mean the same for the election. */
export function sameStanding(left: Standing, right: Standing): boolean {
  return left.points === right.points && left.yield === right.yield;
}
