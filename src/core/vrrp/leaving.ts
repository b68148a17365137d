/**
 * The ways out of Active: a planned stop or handover, which keeps the addresses until a peer has
 * taken over; yielding to a better router; and giving up at once. Each ends connections before the
 * addresses go. Sans-IO, as `step.ts`, which decides when.
 */

import { advertisement, isReplaced, resume } from "./active.ts";
import { heardInBackup } from "./backup.ts";
import { type Instant, PRIORITY_RELEASE, skewTime, type VirtualRouter } from "./router.ts";
import {
  type Active,
  backupState,
  type HeardAdvertisement,
  type Initialize,
  type Leaving,
  type Output,
  type State,
  stay,
  type Step,
  type TransitionReason,
} from "./state.ts";

/** The planned way: priority 0 is sent, and a peer gets time to take over. */
export function leave(
  router: VirtualRouter,
  state: Active,
  { then, resumes }: Pick<Leaving, "then" | "resumes">,
  now: Instant,
): Step {
  const patience = skewTime(router, LOWEST_PRIORITY, router.advertisementIntervalMs) +
    YIELD_GRACE_MS;
  const next: Leaving = {
    ...leavingFrom(router, state),
    phase: "yielding",
    then,
    resumes,
    leaveAt: now + Math.min(patience, YIELD_MAX_MS),
  };
  const outputs = farewell(router, state.priority);
  return resumes ? { state: next, outputs } : { state: next, outputs, reason: GONE[then] };
}

/**
 * The last advertisement before priority 0 shortens the skew of those who hear it, whom priority 0
 * then makes take over.
 */
export function farewell(router: VirtualRouter, priority: number): readonly Output[] {
  const { lastIntervalMs: intervalMs, advertisementIntervalMs } = router;
  const release: Output = { kind: "sendAdvertisement", priority: PRIORITY_RELEASE, intervalMs };
  if (intervalMs >= advertisementIntervalMs) return [release];
  return [{ kind: "sendAdvertisement", priority, intervalMs }, release];
}

/**
 * A better router is Active (RFC 9568, section 6.4.3). Connections are reset before the addresses
 * go, if that is done soon. One last advertisement of ours makes the winner announce the addresses
 * again (keepalived does so only when it hears a lower priority), after they are gone from here, so
 * that no answer of ours can come after its announcement. If we have been away for long, both the
 * connections and the announcement are a matter of the past.
 */
export function yieldTo(
  router: VirtualRouter,
  state: Active,
  heard: HeardAdvertisement,
  now: Instant,
): Step {
  const reason = heard.priority > state.priority ? "higherPriority" : "higherAddress";
  const { intervalMs } = heard;
  return isReplaced(router, state, now)
    ? {
      state: backupState(router, state, intervalMs, now),
      outputs: [{ kind: "removeAddresses" }, { kind: "releaseConnections" }],
      reason,
    }
    : { ...releaseSoon(router, state, intervalMs, now), reason };
}

/** Another member of the group has become Backup: so do we, without priority 0. */
export function siblingYields(router: VirtualRouter, state: Active, now: Instant): Step {
  const { advertisementIntervalMs } = router;
  return { ...releaseSoon(router, state, advertisementIntervalMs, now), reason: "siblingBackup" };
}

/**
 * Given up at once, for a tracker or for another member of the group: a peer is told, connections
 * are reset if that is done soon, and the addresses go.
 */
export function giveUp(
  router: VirtualRouter,
  state: Active,
  then: "yield" | "siblingFault",
  now: Instant,
): Step {
  return {
    state: { ...leavingFrom(router, state), then, leaveAt: now + GIVE_UP_RELEASE_MS },
    outputs: [...farewell(router, state.priority), { kind: "releaseConnections" }],
  };
}

function releaseSoon(
  router: VirtualRouter,
  state: Active,
  activeIntervalMs: number,
  now: Instant,
): Step {
  const releaseMs = Math.min(YIELD_RELEASE_MS, router.advertisementIntervalMs / 2);
  return {
    state: {
      ...leavingFrom(router, state),
      then: "backup",
      leaveAt: now + releaseMs,
      activeIntervalMs,
      lastWord: true,
    },
    outputs: [{ kind: "releaseConnections" }],
  };
}

function leavingFrom(router: VirtualRouter, { priority, source, renewAt }: Active) {
  return {
    name: "leaving",
    phase: "releasing",
    priority,
    source,
    renewAt,
    resumes: false,
    activeIntervalMs: router.advertisementIntervalMs,
    lastWord: false,
  } as const;
}

/** Whatever is due of one who leaves. */
export function leavingTimers(router: VirtualRouter, state: Leaving, now: Instant): Step {
  if (now >= state.leaveAt) {
    if (state.phase === "releasing") return left(router, state, now);
    return state.resumes ? resume(router, state, now) : release(state, now);
  }
  if (router.renewIntervalMs === null || now < state.renewAt) return stay(state);
  const renewAt = now + router.renewIntervalMs;
  return { state: { ...state, renewAt }, outputs: [{ kind: "renewAddresses" }] };
}

/** A peer that advertises has taken over; one that gives it up again may need us. */
export function heardInLeaving(
  router: VirtualRouter,
  state: Leaving,
  heard: HeardAdvertisement,
  now: Instant,
): Step {
  const isRelease = heard.priority === PRIORITY_RELEASE;
  if (state.phase === "yielding") {
    return isRelease ? stay(state) : release({ ...state, activeIntervalMs: heard.intervalMs }, now);
  }
  if (!isRelease || state.then !== "backup") return stay(state);
  const { state: next, outputs } = left(router, state, now);
  return next.name === "backup"
    ? { state: heardInBackup(router, next, heard, now).state, outputs }
    : { state: next, outputs };
}

/** A reset must still find the address here, so connections end before the addresses go. */
function release(state: Leaving, now: Instant): Step {
  const { then, resumes } = state;
  return {
    state: { ...state, phase: "releasing", resumes: false, leaveAt: now + RELEASE_MAX_MS },
    outputs: [{ kind: "releaseConnections" }],
    ...(resumes && { reason: GONE[then] }),
  };
}

/** The addresses go, and with them the last of being Active. */
export function left(router: VirtualRouter, state: Leaving, now: Instant): Step {
  const outputs: Output[] = [{ kind: "removeAddresses" }];
  if (state.lastWord) outputs.push(advertisement(router, state.priority));
  if (state.then === "backup") {
    return { state: backupState(router, state, state.activeIntervalMs, now), outputs };
  }
  return { state: stoppedAfter(state), outputs };
}

/** Asked to stop while on the way out: that way from now on, and at once if it is so already. */
export function stopInLeaving(router: VirtualRouter, state: Leaving, now: Instant): Step {
  if (state.then === "stop") return left(router, state, now);
  const isShown = state.resumes || state.then === "backup";
  const next: Leaving = { ...state, then: "stop", resumes: false };
  return { state: next, outputs: [], ...(isShown && { reason: "shutdown" }) };
}

/** To be given up while on the way out: not to come back. Or no longer: to take part again then. */
export function yieldInLeaving(state: Leaving, yields: boolean): Step {
  if (!yields) {
    if (state.then !== "yield") return stay(state);
    const next: Leaving = { ...state, then: "backup" };
    return { state: next, outputs: [], ...(!state.resumes && { reason: "recovered" }) };
  }
  if (state.then === "stop") return stay(state);
  const isShown = state.resumes || state.then === "backup";
  const next: Leaving = { ...state, then: "yield", resumes: false };
  return { state: next, outputs: [], ...(isShown && { reason: "yielded" }) };
}

/** Another member of the group has been taken over from: this one does not stay Active either. */
export function siblingLeft(state: Leaving): Step {
  if (!state.resumes) return stay(state);
  return { state: { ...state, resumes: false }, outputs: [], reason: GONE[state.then] };
}

/** Where one ends who leaves and is not to be Backup. */
export function stoppedAfter(state: Leaving): Initialize {
  const { then } = state;
  return {
    ...stopped(state),
    started: then !== "stop",
    yields: then === "yield",
    siblingFault: then === "siblingFault",
  };
}

/** Not taking part any more, of our own will. */
export function stopped({ priority, source }: State): Initialize {
  return {
    name: "initialize",
    started: false,
    yields: false,
    siblingFault: false,
    priority,
    source,
  };
}

/** Why it is where it goes to. */
const GONE = {
  stop: "shutdown",
  yield: "standby",
  siblingFault: "siblingFault",
  backup: "failover",
} as const satisfies Record<Leaving["then"], TransitionReason>;

/** A leaving Active waits so much longer than its peer's skew for the peer's advertisement. */
const YIELD_GRACE_MS = 50;
const YIELD_MAX_MS = 1_000;
/** The slowest peer there can be. */
const LOWEST_PRIORITY = 1;

/** How long the data plane may take to end its connections on the addresses. */
const RELEASE_MAX_MS = 250;
/** The same when no peer is waited for before: one that has heard priority 0 is there soon. */
const GIVE_UP_RELEASE_MS = 50;
/**
 * The same when a peer has the addresses already, and half an interval at most: two owners are a
 * matter of milliseconds.
 */
const YIELD_RELEASE_MS = 10;
