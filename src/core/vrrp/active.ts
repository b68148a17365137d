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
  type Backup,
  type HeardAdvertisement,
  type Initialize,
  type Leaving,
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
      awayAt: -Infinity,
      renewAt,
      announcedAt: now,
      announceFrom: now,
      announceAt: Infinity,
      announceAgainAt: againAt(router, now),
      refreshAt: refreshAt(router, now),
      saidAt: now,
    },
    outputs: [
      advertisement(router, priority),
      { kind: "addAddresses" },
      { kind: "announceAddresses", copies: router.announce.repeat },
    ],
    reason,
  };
}

/** Nobody has taken over: the addresses were here all the time, and stay. */
export function resume(router: VirtualRouter, state: Leaving, now: Instant): Step {
  const { priority, source, renewAt } = state;
  return {
    state: {
      name: "active",
      priority,
      source,
      advertiseAt: now + router.advertisementIntervalMs,
      advertisedAt: now,
      awayAt: -Infinity,
      renewAt,
      announcedAt: now,
      announceFrom: now,
      announceAt: Infinity,
      announceAgainAt: Infinity,
      refreshAt: refreshAt(router, now),
      saidAt: now,
    },
    outputs: [
      advertisement(router, priority),
      { kind: "announceAddresses", copies: router.announce.repeat },
    ],
  };
}

/** Section 6.4.3: Adver_Timer fires; and whatever else is due of an Active. */
export function activeTimers(router: VirtualRouter, state: Active, now: Instant): Step {
  const outputs: Output[] = [];
  let next = state;
  // Everybody may believe by now that another router holds the addresses.
  const wasAway = isOverdue(router, state, now);
  const announceAt = wasAway ? state.announceFrom : state.announceAt;
  if (now >= state.advertiseAt) {
    const awayAt = wasAway ? now : state.awayAt;
    const advertiseAt = nextOnGrid(router, state.advertiseAt, now);
    outputs.push(advertisement(router, state.priority));
    next = { ...next, advertisedAt: now, advertiseAt, awayAt };
  }
  // With the advertisement rather than by itself before the next one: waking up is what costs.
  const renewFrom = outputs.length > 0 ? next.advertiseAt : now;
  if (router.renewIntervalMs !== null && renewFrom >= state.renewAt) {
    outputs.push({ kind: "renewAddresses" });
    next = { ...next, renewAt: now + router.renewIntervalMs };
  }
  if (now >= Math.min(announceAt, state.announceAgainAt)) {
    outputs.push({ kind: "announceAddresses", copies: router.announce.repeat });
    const announceAgainAt = now >= state.announceAgainAt ? Infinity : state.announceAgainAt;
    next = { ...announced(router, next, now), announceAgainAt };
  } else if (now >= state.refreshAt) {
    outputs.push({ kind: "announceAddresses", copies: router.announce.refreshRepeat });
    next = { ...announced(router, next, now), announceAt };
  } else {
    if (announceAt !== state.announceAt) next = { ...next, announceAt };
    if (next.advertisedAt === now && insists(router, state, now)) {
      outputs.push({ kind: "announceAddresses", copies: 1 });
      next = { ...next, saidAt: now };
    }
  }
  return { state: next, outputs };
}

/** Whether an advertisement is the time to announce the addresses, too. One may come early. */
function insists({ insistMs }: VirtualRouter, { saidAt }: Active, now: Instant): boolean {
  return insistMs !== null && now - saidAt >= 0.9 * insistMs;
}

/** Keeps the phase of advertisements after a small lateness, and never makes up for a great one. */
function nextOnGrid(router: VirtualRouter, advertiseAt: Instant, now: Instant): Instant {
  const intervalMs = router.advertisementIntervalMs;
  return Math.max(advertiseAt + intervalMs, now + intervalMs / 2);
}

function announced(router: VirtualRouter, state: Active, now: Instant): Active {
  return {
    ...state,
    announcedAt: now,
    announceFrom: Math.max(state.announceFrom, now - ANNOUNCE_GAP_MS) + ANNOUNCE_GAP_MS,
    announceAt: Infinity,
    refreshAt: refreshAt(router, now),
    saidAt: now,
  };
}

/** Whether our advertisement is so late that every Backup must have taken over by now. */
function isOverdue(router: VirtualRouter, state: Active, now: Instant): boolean {
  return now - state.advertisedAt > patienceOfBackups(router);
}

/** Whether another router may have been Active for long, since we are or have just been away. */
export function isReplaced(router: VirtualRouter, state: Active, now: Instant): boolean {
  return isOverdue(router, state, now) || now - state.awayAt < patienceOfBackups(router);
}

/** How long the most impatient Backup waits for us. */
function patienceOfBackups(router: VirtualRouter): number {
  return activeDownInterval(router, PRIORITY_OWNER - 1, router.advertisementIntervalMs);
}

/**
 * We were not running, perhaps by a clock that does not show it. Say that we are here as soon as
 * nobody better has been heard; and if it was for long enough to be replaced, have the addresses.
 */
export function heldUpInActive(
  router: VirtualRouter,
  state: Active,
  forMs: number,
  now: Instant,
): Step {
  if (forMs <= router.advertisementIntervalMs / EXTRA_ADVERTISEMENTS) return stay(state);
  if (forMs <= patienceOfBackups(router)) return stay({ ...state, advertiseAt: now });
  const announceAt = Math.max(now, state.announceFrom);
  const renewAt = Math.min(state.renewAt, now);
  return stay({
    ...state,
    advertiseAt: now,
    awayAt: now,
    renewAt: router.renewIntervalMs === null ? Infinity : renewAt,
    announceAt: Math.min(state.announceAt, announceAt),
  });
}

/** Section 6.4.3: an advertisement of one who does not outrank us is received while Active. */
export function heardInActive(
  router: VirtualRouter,
  state: Active,
  heard: HeardAdvertisement,
  now: Instant,
): Step {
  if (heard.priority === PRIORITY_RELEASE) return answer(router, state, now);
  // The same priority from our own address is a mistake in somebody's configuration: no reason to
  // go.
  return outranks(heard, state) === 0 ? stay(state) : assertActive(router, state, now);
}

/**
 * The greater priority wins; if they are equal, the greater primary address does.
 *
 * @returns more than 0 if we must yield, less if not, 0 if we seem to have heard ourselves.
 */
export function outranks({ priority, source }: HeardAdvertisement, ours: Active): number {
  if (priority !== ours.priority) return priority - ours.priority;
  return ours.source ? compareAddresses(source, ours.source) : 1;
}

/** A lesser router believes itself Active: say at once who is, to it and to the network. */
function assertActive(router: VirtualRouter, state: Active, now: Instant): Step {
  const { state: next, outputs } = answer(router, state, now);
  const announcing = announceSoon(router, next, now);
  return { ...announcing, outputs: [...outputs, ...announcing.outputs] };
}

/** Neighbours may have been told another place of our addresses: tell them ours, and once again. */
export function announceSoon(
  router: VirtualRouter,
  state: Active,
  now: Instant,
  soonest = state.announceFrom,
): Step {
  const announceAgainAt = againAt(router, now);
  if (now < soonest) {
    return stay({ ...state, announceAt: Math.min(state.announceAt, soonest), announceAgainAt });
  }
  const renew: Output[] = router.renewIntervalMs === null ? [] : [{ kind: "renewAddresses" }];
  return {
    state: { ...announced(router, state, now), announceAgainAt },
    outputs: [...renew, { kind: "announceAddresses", copies: router.announce.repeat }],
  };
}

/** Somebody else claims our addresses. Two that will not give way must not make a storm of it. */
export function foreignClaim(router: VirtualRouter, state: Active, now: Instant): Step {
  const soonest = Math.max(state.announceFrom, state.announcedAt + CLAIM_GAP_MS);
  return announceSoon(router, state, now, soonest);
}

/** The parameters are other than before: the others are told at once. */
export function changedInActive(router: VirtualRouter, state: Active, now: Instant): Step {
  const { renewIntervalMs } = router;
  const renewAt = renewIntervalMs === null
    ? Infinity
    : Math.min(state.renewAt, now + renewIntervalMs);
  const refresh = refreshAt(router, now);
  const next = {
    ...state,
    renewAt,
    refreshAt: refresh === Infinity ? Infinity : Math.min(state.refreshAt, refresh),
  };
  return advertiseSoon(router, next, now);
}

/** Advertises a change at once, but not more often than ten times an interval. */
export function advertiseSoon(
  router: VirtualRouter,
  state: Active,
  now: Instant,
  gapMs = router.advertisementIntervalMs / EXTRA_ADVERTISEMENTS,
): Step & { state: Active } {
  const soonest = state.advertisedAt + gapMs;
  if (now < soonest) {
    return { state: { ...state, advertiseAt: Math.min(state.advertiseAt, soonest) }, outputs: [] };
  }
  return {
    state: { ...state, advertisedAt: now, advertiseAt: now + router.advertisementIntervalMs },
    outputs: [advertisement(router, state.priority)],
  };
}

/** Advertises at once to one who should know: two owners must not last, nor floods be answered. */
function answer(router: VirtualRouter, state: Active, now: Instant): Step & { state: Active } {
  const gapMs = Math.min(router.advertisementIntervalMs / EXTRA_ADVERTISEMENTS, ANSWER_GAP_MS);
  return advertiseSoon(router, state, now, gapMs);
}

/** An ordinary advertisement. */
export function advertisement(router: VirtualRouter, priority: number): Output {
  return { kind: "sendAdvertisement", priority, intervalMs: router.advertisementIntervalMs };
}

function againAt({ announce }: VirtualRouter, now: Instant): Instant {
  return announce.delayMs === 0 ? Infinity : now + announce.delayMs;
}

function refreshAt({ announce }: VirtualRouter, now: Instant): Instant {
  return announce.refreshMs === null ? Infinity : now + announce.refreshMs;
}

/**
 * Bursts of announcements that others provoke are so far apart, but for one more: the last word of
 * a loser comes right after what made us announce, and must be answered at once too, since the
 * loser still answered for the addresses until then.
 */
const ANNOUNCE_GAP_MS = 200;
/** Those that a foreign claim provokes. */
const CLAIM_GAP_MS = 1_000;

/** Advertisements that others provoke are at least so far apart. */
const ANSWER_GAP_MS = 10;
/** Advertisements out of turn: at most so many an interval. */
const EXTRA_ADVERTISEMENTS = 10;
