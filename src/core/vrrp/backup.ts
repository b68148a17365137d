/**
 * The Backup state (RFC 9568, section 6.4.2; RFC 3768, section 6.4.2). Sans-IO, as `step.ts`, which
 * decides when.
 */

import { takeOver } from "./active.ts";
import {
  activeDownInterval,
  type Instant,
  isOwner,
  preempts,
  PRIORITY_RELEASE,
  skewTime,
  type VirtualRouter,
} from "./router.ts";
import { type Backup, backupState, type HeardAdvertisement, stay, type Step } from "./state.ts";

/** Active_Down_Timer fires. A member of a group waits for the others once more. */
export function activeDown(router: VirtualRouter, state: Backup, now: Instant): Step {
  if (now >= state.attendAt) return attend(router, state, now);
  const latenessMs = now - state.activeDownAt;
  if (latenessMs < 0) return stay(state);
  if (!state.graced && latenessMs > state.activeIntervalMs / 2) {
    return stay({ ...state, activeDownAt: now + grace(router, state, latenessMs), graced: true });
  }
  if (!router.grouped) return takeOver(router, state, state.takeover, now);
  const { priority, activeIntervalMs } = state;
  const activeDownAt = now + activeDownInterval(router, priority, activeIntervalMs);
  const attendAt = now + 2 * activeIntervalMs;
  return stay({ ...state, activeDownAt, attendAt, graced: false, wants: true });
}

/**
 * Two advertisements are missing. Whoever was held up until now may share that with the Active, and
 * gives it an interval and its own skew from here on: so nobody takes over because a machine that
 * both run on stood still, even if it goes on just before the timer fires.
 */
function attend(router: VirtualRouter, state: Backup, now: Instant): Step {
  const { activeIntervalMs, attendAt, priority } = state;
  const latenessMs = now - attendAt;
  if (latenessMs <= PUNCTUAL_MS) return stay({ ...state, attendAt: Infinity });
  const isLong = latenessMs > activeIntervalMs / 2;
  const patienceMs = activeIntervalMs + skewTime(router, priority, activeIntervalMs);
  const fromHereAt = now + (isLong ? Math.max(patienceMs, WAKING_MS) : patienceMs);
  const activeDownAt = Math.max(state.activeDownAt, fromHereAt);
  return stay({ ...state, attendAt: Infinity, activeDownAt, graced: state.graced || isLong });
}

/**
 * We were not running, so that we may have missed what a peer has said. Put off once, then not
 * again before a sign of life: who is always late must still be able to take over.
 */
export function heldUpInBackup(
  router: VirtualRouter,
  state: Backup,
  forMs: number,
  now: Instant,
): Step {
  const activeDownAt = now + grace(router, state, forMs);
  const isShort = forMs <= state.activeIntervalMs / 2;
  if (isShort || state.graced || activeDownAt <= state.activeDownAt) return stay(state);
  return stay({ ...state, activeDownAt, graced: true });
}

/**
 * A peer that lives says so within an interval, if it was not held up itself; what it said
 * meanwhile waits in our socket.
 */
function grace(router: VirtualRouter, { priority, activeIntervalMs }: Backup, lateMs: number) {
  const skewMs = skewTime(router, priority, activeIntervalMs);
  return Math.max(lateMs > activeIntervalMs ? activeIntervalMs + skewMs : skewMs, WAKING_MS);
}

/** An advertisement is received. */
export function heardInBackup(
  router: VirtualRouter,
  state: Backup,
  { priority, intervalMs }: HeardAdvertisement,
  now: Instant,
): Step {
  if (priority === PRIORITY_RELEASE) {
    const activeDownAt = now + skewTime(router, state.priority, state.activeIntervalMs);
    const attendAt = Infinity;
    return stay({ ...state, activeDownAt, attendAt, takeover: "peerReleased", graced: false });
  }
  if (priority >= state.priority || !preempts(router, now)) {
    return stay(backupState(router, state, intervalMs, now));
  }
  const { preemptAt } = state;
  const patienceMs = isOwner(router) ? 0 : router.preemptDelayMs;
  const delayedUntil = preemptAt === Infinity ? now + patienceMs : preemptAt;
  if (now < delayedUntil) {
    const next = backupState(router, state, intervalMs, now);
    // The last word of one who has just yielded must not hurry us past the new Active.
    const activeDownAt = Math.max(next.activeDownAt, state.activeDownAt);
    return stay({ ...next, activeDownAt, preemptAt: delayedUntil });
  }
  // Not resetting the timer is how we preempt: it runs out and we take over.
  return stay({ ...state, takeover: "preempt", preemptAt: delayedUntil });
}

/** The parameters are other than before. Version 3 goes on by what the Active says of its own. */
export function changedInBackup(router: VirtualRouter, state: Backup, priority: number): Step {
  const { state: moved } = trackedInBackup(router, state, priority);
  if (router.version === 3) return stay(moved);
  const activeIntervalMs = router.advertisementIntervalMs;
  const before = activeDownInterval(router, priority, state.activeIntervalMs);
  const activeDownAt = moved.activeDownAt - before +
    activeDownInterval(router, priority, activeIntervalMs);
  return stay({ ...moved, activeIntervalMs, activeDownAt });
}

/** The effective priority changes; the deadline moves with its skew and is not started anew. */
export function trackedInBackup(
  router: VirtualRouter,
  state: Backup,
  priority: number,
): Step & { state: Backup } {
  const { activeIntervalMs } = state;
  const before = skewTime(router, state.priority, activeIntervalMs);
  const activeDownAt = state.activeDownAt + skewTime(router, priority, activeIntervalMs) - before;
  return { state: { ...state, priority, activeDownAt }, outputs: [] };
}

/** What waking up takes on a machine that has not stood still; it must not add to the deadline. */
const PUNCTUAL_MS = 1;
/** A machine that has stood still finds everything due at once, and nothing in its caches. */
const WAKING_MS = 30;
