/**
 * How a server that has come back is given its share by and by: in a straight line from nothing to
 * all of it. Keeps no clock.
 */

/** The share of its weight and limits that a server has so long after it came up, from 0 to 1. */
export function rampShare(sinceUpMs: number, slowStartMs: number): number {
  return Math.min(1, Math.max(0, sinceUpMs / slowStartMs));
}

/** A share of a weight or limit, in whole numbers. Of something there is never nothing. */
export function ramped(whole: number, share: number): number {
  return whole === 0 ? 0 : Math.max(1, Math.floor(whole * share));
}

/** How long to wait before the share is raised again. */
export function rampStepMs(slowStartMs: number): number {
  return Math.max(LEAST_STEP_MS, slowStartMs / MOST_STEPS);
}

const LEAST_STEP_MS = 1_000;
const MOST_STEPS = 20;
