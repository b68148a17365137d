/**
 * The Active state (RFC 9568, section 6.4.3; RFC 3768, section 6.4.3), and the way into it.
 * Sans-IO, as `step.ts`, which decides when.
 */

import { compareAddresses } from "../net/address.ts";
import {
  activeDownInterval,
  type Instant,
  PRIORITY_OWNER,
  PRIORITY_RELEASE,
  type VirtualRouter,
} from "./router.ts";
import {
  type Active,
  ANNOUNCE_REFRESH_MS,
  type Backup,
  backupState,
  type HeardAdvertisement,
  type Initialize,
  type Output,
  stay,
  type Step,
  type TransitionReason,
} from "./state.ts";

/** The advertisement comes first, then the addresses, then the announcement that they are here. */
export function takeOver(
  router: VirtualRouter,
  { priority, source }: Initialize | Backup,
  reason: TransitionReason,
  now: Instant,
): Step {
  const renewAt = router.renewIntervalMs === null ? Infinity : now + router.renewIntervalMs;
  return {
    state: {
      name: "active",
      priority,
      source,
      advertiseAt: now + router.advertisementIntervalMs,
      advertisedAt: now,
      renewAt,
      announcedAt: now,
      announceAt: Infinity,
      announceAgainAt: now + ANNOUNCE_AGAIN_MS,
    },
    outputs: [
      { kind: "sendAdvertisement", priority },
      { kind: "addAddresses" },
      { kind: "announceAddresses", copies: router.announceRepeat },
    ],
    reason,
  };
}

/** Section 6.4.3: Adver_Timer fires; and whatever else is due of an Active. */
export function activeTimers(router: VirtualRouter, state: Active, now: Instant): Step {
  const outputs: Output[] = [];
  let next = state;
  // Everybody may believe by now that another router holds the addresses.
  const wasAway = isOverdue(router, state, now);
  const announceAt = wasAway ? state.announcedAt + ANNOUNCE_GAP_MS : state.announceAt;
  if (now >= state.advertiseAt) {
    outputs.push({ kind: "sendAdvertisement", priority: state.priority });
    next = { ...next, advertisedAt: now, advertiseAt: nextOnGrid(router, state.advertiseAt, now) };
  }
  if (router.renewIntervalMs !== null && now >= state.renewAt) {
    outputs.push({ kind: "renewAddresses" });
    next = { ...next, renewAt: now + router.renewIntervalMs };
  }
  if (now >= Math.min(announceAt, state.announceAgainAt)) {
    outputs.push({ kind: "announceAddresses", copies: router.announceRepeat });
    const announceAgainAt = now >= state.announceAgainAt ? Infinity : state.announceAgainAt;
    next = { ...next, announcedAt: now, announceAt: Infinity, announceAgainAt };
  } else if (now >= state.announcedAt + ANNOUNCE_REFRESH_MS) {
    outputs.push({ kind: "announceAddresses", copies: 1 });
    next = { ...next, announcedAt: now };
  } else {
    next = { ...next, announceAt };
  }
  return { state: next, outputs };
}

/** Keeps the phase of advertisements after a small lateness, and never makes up for a great one. */
function nextOnGrid(router: VirtualRouter, advertiseAt: Instant, now: Instant): Instant {
  const intervalMs = router.advertisementIntervalMs;
  return Math.max(advertiseAt + intervalMs, now + intervalMs / 2);
}

/** Whether our advertisement is so late that every Backup must have taken over by now. */
function isOverdue(router: VirtualRouter, state: Active, now: Instant): boolean {
  const patience = activeDownInterval(router, PRIORITY_OWNER - 1, router.advertisementIntervalMs);
  return now - state.advertisedAt > patience;
}

/** Section 6.4.3: an advertisement is received while Active. */
export function heardInActive(
  router: VirtualRouter,
  state: Active,
  advertisement: HeardAdvertisement,
  now: Instant,
): Step {
  if (advertisement.priority === PRIORITY_RELEASE) return advertiseSoon(router, state, now);
  const order = compare(advertisement, state);
  if (order > 0) return yieldTo(router, state, advertisement, now);
  // The same priority from our own address is a mistake in somebody's configuration: no reason to
  // go.
  return order === 0 ? stay(state) : assertActive(router, state, now);
}

/** The greater priority wins; if they are equal, the greater primary address does. */
function compare({ priority, source }: HeardAdvertisement, ours: Active): number {
  if (priority !== ours.priority) return priority - ours.priority;
  return ours.source ? compareAddresses(source, ours.source) : 1;
}

/**
 * A better router is Active. One last advertisement of ours makes it announce the addresses again
 * (keepalived does so only when it hears a lower priority), after they are gone from here, so that
 * no answer of ours can come after its announcement. If we have been away for long it has done so
 * already.
 */
function yieldTo(
  router: VirtualRouter,
  state: Active,
  { priority, intervalMs }: HeardAdvertisement,
  now: Instant,
): Step {
  const last: Output = { kind: "sendAdvertisement", priority: state.priority };
  return {
    state: backupState(router, state, intervalMs, now),
    outputs: [
      { kind: "removeAddresses" },
      ...(isOverdue(router, state, now) ? [] : [last]),
    ],
    reason: priority > state.priority ? "higherPriority" : "higherAddress",
  };
}

/** A lesser router believes itself Active: say at once who is, to it and to the network. */
function assertActive(router: VirtualRouter, state: Active, now: Instant): Step {
  const { state: next, outputs } = advertiseSoon(router, state, now);
  const announceAgainAt = now + ANNOUNCE_AGAIN_MS;
  if (now < state.announcedAt + ANNOUNCE_GAP_MS) {
    const announceAt = Math.min(state.announceAt, state.announcedAt + ANNOUNCE_GAP_MS);
    return { state: { ...next, announceAt, announceAgainAt }, outputs };
  }
  const renew: Output[] = router.renewIntervalMs === null ? [] : [{ kind: "renewAddresses" }];
  return {
    state: { ...next, announcedAt: now, announceAt: Infinity, announceAgainAt },
    outputs: [
      ...outputs,
      ...renew,
      { kind: "announceAddresses", copies: router.announceRepeat },
    ],
  };
}

/**
 * Advertises at once, but not more often than ten times an interval, however often we are asked.
 */
export function advertiseSoon(
  router: VirtualRouter,
  state: Active,
  now: Instant,
): Step & { state: Active } {
  const soonest = state.advertisedAt + router.advertisementIntervalMs / EXTRA_ADVERTISEMENTS;
  if (now < soonest) {
    return { state: { ...state, advertiseAt: Math.min(state.advertiseAt, soonest) }, outputs: [] };
  }
  return {
    state: { ...state, advertisedAt: now, advertiseAt: now + router.advertisementIntervalMs },
    outputs: [{ kind: "sendAdvertisement", priority: state.priority }],
  };
}

/** The second burst of announcements follows the first after so long. */
const ANNOUNCE_AGAIN_MS = 5_000;

/** Bursts of announcements that others provoke are at least so far apart. */
const ANNOUNCE_GAP_MS = 200;

/** Advertisements out of turn: at most so many an interval. */
const EXTRA_ADVERTISEMENTS = 10;
