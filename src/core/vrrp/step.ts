/**
 * The state machine of a virtual router (RFC 9568, section 6.4; RFC 3768, section 6.4). Sans-IO:
 * time comes in as an argument, work goes out as values, and nothing else is read or done.
 *
 * The engine drains its socket before it gives a `timer`, so that our own lateness never looks like
 * a silent peer.
 */

import { activeTimers, advertiseSoon, heardInActive, takeOver } from "./active.ts";
import {
  effectivePriority,
  type Instant,
  isOwner,
  PRIORITY_RELEASE,
  skewTime,
  type VirtualRouter,
} from "./router.ts";
import {
  type Backup,
  backupState,
  type HeardAdvertisement,
  type Initialize,
  type Input,
  type Leaving,
  type Output,
  type State,
  stay,
  type Step,
} from "./state.ts";

/** Takes one input. Total: what a state has no use for leaves it as it is. */
export function step(router: VirtualRouter, state: State, input: Input, now: Instant): Step {
  switch (input.kind) {
    case "startup":
      return state.name === "initialize"
        ? join(router, { ...state, started: true }, now)
        : stay(state);
    case "shutdown":
      return shutdown(router, state, now);
    case "timer":
      return timer(router, state, now);
    case "advertisement":
      return heard(router, state, input.advertisement, now);
    case "tracked":
      return tracked(router, state, effectivePriority(router, input.priority), now);
    case "interface":
      return onInterface(router, state, input, now);
    case "released":
      return state.name === "leaving" && state.phase === "releasing" ? left(state) : stay(state);
  }
}

/** Section 6.4.1: startup, as soon as the interface allows it. */
function join(router: VirtualRouter, state: Initialize, now: Instant): Step {
  if (!state.started || !state.source) return stay(state);
  if (isOwner(router)) return takeOver(router, state, "owner", now);
  const { priority, source } = state;
  return {
    state: backupState(router, { priority, source }, router.advertisementIntervalMs, now),
    outputs: [],
    reason: "startup",
  };
}

/** Sections 6.4.2 and 6.4.3: shutdown. Before the addresses go, a peer gets time to take over. */
function shutdown(router: VirtualRouter, state: State, now: Instant): Step {
  switch (state.name) {
    case "initialize":
      return stay({ ...state, started: false });
    case "backup":
      return { state: stopped(state), outputs: [], reason: "shutdown" };
    case "leaving":
      return left(state);
    case "active": {
      const { priority, source, renewAt } = state;
      const patience = skewTime(router, LOWEST_PRIORITY, router.advertisementIntervalMs) +
        YIELD_GRACE_MS;
      const leaveAt = now + Math.min(patience, YIELD_MAX_MS);
      return {
        state: { name: "leaving", phase: "yielding", leaveAt, renewAt, priority, source },
        outputs: [{ kind: "sendAdvertisement", priority: PRIORITY_RELEASE }],
        reason: "shutdown",
      };
    }
  }
}

function timer(router: VirtualRouter, state: State, now: Instant): Step {
  switch (state.name) {
    case "initialize":
      return stay(state);
    case "backup":
      return activeDown(router, state, now);
    case "active":
      return activeTimers(router, state, now);
    case "leaving":
      return leavingTimers(router, state, now);
  }
}

/** Section 6.4.2: Active_Down_Timer fires. */
function activeDown(router: VirtualRouter, state: Backup, now: Instant): Step {
  const latenessMs = now - state.activeDownAt;
  if (latenessMs < 0) return stay(state);
  // Nobody ran us for a while: the peer may have been heard by nobody. One skew decides.
  if (latenessMs > state.activeIntervalMs / 2 && !state.graced) {
    const activeDownAt = now + skewTime(router, state.priority, state.activeIntervalMs);
    return stay({ ...state, activeDownAt, graced: true });
  }
  return takeOver(router, state, state.takeover, now);
}

function leavingTimers(router: VirtualRouter, state: Leaving, now: Instant): Step {
  if (now >= state.leaveAt) return state.phase === "yielding" ? release(state, now) : left(state);
  if (router.renewIntervalMs === null || now < state.renewAt) return stay(state);
  const renewAt = now + router.renewIntervalMs;
  return { state: { ...state, renewAt }, outputs: [{ kind: "renewAddresses" }] };
}

/** A reset must still find the address here, so connections end before the addresses go. */
function release(state: Leaving, now: Instant): Step {
  return {
    state: { ...state, phase: "releasing", leaveAt: now + RELEASE_MAX_MS },
    outputs: [{ kind: "releaseConnections" }],
  };
}

function left(state: Leaving): Step {
  return { state: stopped(state), outputs: [{ kind: "removeAddresses" }] };
}

function heard(
  router: VirtualRouter,
  state: State,
  advertisement: HeardAdvertisement,
  now: Instant,
): Step {
  switch (state.name) {
    case "initialize":
      return stay(state);
    case "backup":
      return heardInBackup(router, state, advertisement, now);
    case "active":
      return heardInActive(router, state, advertisement, now);
    case "leaving":
      return state.phase === "yielding" && advertisement.priority !== PRIORITY_RELEASE
        ? release(state, now)
        : stay(state);
  }
}

/** Section 6.4.2: an advertisement is received while in Backup. */
function heardInBackup(
  router: VirtualRouter,
  state: Backup,
  { priority, intervalMs }: HeardAdvertisement,
  now: Instant,
): Step {
  if (priority === PRIORITY_RELEASE) {
    const activeDownAt = now + skewTime(router, state.priority, state.activeIntervalMs);
    return stay({ ...state, activeDownAt, takeover: "peerReleased", graced: false });
  }
  // Not resetting the timer is how we preempt: it runs out and we take over.
  const preempts = router.preempt || isOwner(router);
  if (preempts && priority < state.priority) return stay({ ...state, takeover: "preempt" });
  return stay(backupState(router, state, intervalMs, now));
}

/**
 * The effective priority changes; a Backup's deadline moves with its skew and is not started anew.
 */
function tracked(router: VirtualRouter, state: State, priority: number, now: Instant): Step {
  if (priority === state.priority) return stay(state);
  const next = { ...state, priority };
  if (next.name === "active") return advertiseSoon(router, next, now);
  if (next.name !== "backup" || state.name !== "backup") return stay(next);
  const { activeIntervalMs } = state;
  const before = skewTime(router, state.priority, activeIntervalMs);
  const activeDownAt = state.activeDownAt + skewTime(router, priority, activeIntervalMs) - before;
  return stay({ ...next, activeDownAt });
}

/** The interface comes, goes, or changes its primary address. */
function onInterface(
  router: VirtualRouter,
  state: State,
  { source, down }: Input & { kind: "interface" },
  now: Instant,
): Step {
  if (source) {
    if (state.name !== "initialize") return stay({ ...state, source });
    const joined = join(router, { ...state, source }, now);
    return joined.reason === "startup" && state.source === null
      ? { ...joined, reason: "interfaceUp" }
      : joined;
  }
  const { priority } = state;
  if (state.name === "initialize") return stay({ ...state, source });
  const next = { name: "initialize", started: state.name !== "leaving", priority, source } as const;
  const reason = down ? "interfaceDown" : "noAddress";
  if (state.name === "backup") return { state: next, outputs: [], reason };
  const outputs: Output[] = [{ kind: "removeAddresses" }];
  if (state.name === "leaving") return { state: next, outputs };
  // On what is left of the interface it may not get through; a peer that hears it is faster.
  outputs.unshift({ kind: "sendAdvertisement", priority: PRIORITY_RELEASE });
  return { state: next, outputs, reason };
}

function stopped({ priority, source }: State): Initialize {
  return { name: "initialize", started: false, priority, source };
}

/** A leaving Active waits so much longer than its peer's skew for the peer's advertisement. */
const YIELD_GRACE_MS = 50;
const YIELD_MAX_MS = 1_000;
/** The slowest peer there can be. */
const LOWEST_PRIORITY = 1;

/** How long the data plane may take to end its connections on the addresses. */
const RELEASE_MAX_MS = 250;
