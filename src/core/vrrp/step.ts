/**
 * The state machine of a virtual router (RFC 9568, section 6.4; RFC 3768, section 6.4). Sans-IO:
 * time comes in as an argument, work goes out as values, and nothing else is read or done.
 *
 * The engine drains its socket before it gives a `timer`, so that our own lateness never looks like
 * a silent peer.
 */

import {
  activeTimers,
  advertiseSoon,
  announceSoon,
  changedInActive,
  foreignClaim,
  heardInActive,
  heldUpInActive,
  outranks,
  takeOver,
} from "./active.ts";
import {
  activeDown,
  changedInBackup,
  heardInBackup,
  heldUpInBackup,
  trackedInBackup,
} from "./backup.ts";
import {
  farewell,
  giveUp,
  heardInLeaving,
  leave,
  leavingTimers,
  left,
  siblingLeft,
  siblingYields,
  stopInLeaving,
  stopped,
  stoppedAfter,
  yieldInLeaving,
  yieldTo,
} from "./leaving.ts";
import {
  effectivePriority,
  type Instant,
  isOwner,
  PRIORITY_RELEASE,
  type VirtualRouter,
} from "./router.ts";
import {
  backupState,
  type HeardAdvertisement,
  type Initialize,
  type Input,
  type Output,
  type State,
  stay,
  type Step,
  type TransitionReason,
} from "./state.ts";

/** Takes one input. Total: what a state has no use for leaves it as it is. */
export function step(router: VirtualRouter, state: State, input: Input, now: Instant): Step {
  switch (input.kind) {
    case "startup":
      return state.name === "initialize"
        ? join(router, { ...state, started: true }, "startup", now)
        : stay(state);
    case "shutdown":
      return shutdown(router, state, now);
    case "handOver":
      return handOver(router, state, input, now);
    case "timer":
      return timer(router, state, now);
    case "heldUp":
      return heldUp(router, state, input.forMs, now);
    case "advertisement":
      return heard(router, state, input.advertisement, now);
    case "tracked":
      return tracked(router, state, effectivePriority(router, input.priority), now);
    case "parameters":
      return changed(router, state, effectivePriority(router, input.priority), now);
    case "yield":
      return onYield(router, state, input.yields, now);
    case "interface":
      return onInterface(router, state, input, now);
    case "released":
      return state.name === "leaving" && state.phase === "releasing"
        ? left(router, state, now)
        : stay(state);
    case "foreignClaim":
      return state.name === "active" ? foreignClaim(router, state, now) : stay(state);
    case "reannounce":
      return state.name === "active" ? announceSoon(router, state, now) : stay(state);
    case "takeOver":
      return state.name === "backup" && state.wants
        ? takeOver(router, state, state.takeover, now)
        : stay(state);
    case "siblingBackup":
      if (state.name === "active") return siblingYields(router, state, now);
      return state.name === "leaving" ? siblingLeft(state) : stay(state);
    case "siblingFault":
      return onSiblingFault(router, state, input.fault, now);
  }
}

/** Section 6.4.1: startup, as soon as nothing keeps it from taking part. */
function join(
  router: VirtualRouter,
  state: Initialize,
  reason: TransitionReason,
  now: Instant,
): Step {
  if (!state.started || !state.source || state.yields || state.siblingFault) return stay(state);
  const backup = backupState(router, state, router.advertisementIntervalMs, now);
  if (!isOwner(router) || now < router.preemptFrom) return { state: backup, outputs: [], reason };
  if (!router.grouped) return takeOver(router, state, "owner", now);
  return { state: { ...backup, takeover: "owner", wants: true }, outputs: [], reason };
}

/** Sections 6.4.2 and 6.4.3: shutdown. Before the addresses go, a peer gets time to take over. */
function shutdown(router: VirtualRouter, state: State, now: Instant): Step {
  switch (state.name) {
    case "initialize":
      return stay(stopped(state));
    case "backup":
      return { state: stopped(state), outputs: [], reason: "shutdown" };
    case "leaving":
      return stopInLeaving(router, state, now);
    case "active":
      return leave(router, state, { then: "stop", resumes: false }, now);
  }
}

function handOver(
  router: VirtualRouter,
  state: State,
  { then, force }: Input & { kind: "handOver" },
  now: Instant,
): Step {
  if (state.name === "active") return leave(router, state, { then, resumes: !force }, now);
  return then === "yield" ? onYield(router, state, true, now, "standby") : stay(state);
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

function heldUp(router: VirtualRouter, state: State, forMs: number, now: Instant): Step {
  if (state.name === "backup") return heldUpInBackup(router, state, forMs, now);
  return state.name === "active" ? heldUpInActive(router, state, forMs, now) : stay(state);
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
    case "active": {
      const isBetter = advertisement.priority !== PRIORITY_RELEASE &&
        outranks(advertisement, state) > 0;
      return (isBetter ? yieldTo : heardInActive)(router, state, advertisement, now);
    }
    case "leaving":
      return heardInLeaving(router, state, advertisement, now);
  }
}

/** The effective priority changes: an Active says so at once. */
function tracked(router: VirtualRouter, state: State, priority: number, now: Instant): Step {
  if (priority === state.priority) return stay(state);
  if (state.name === "active") return advertiseSoon(router, { ...state, priority }, now);
  if (state.name === "backup") return trackedInBackup(router, state, priority);
  return stay({ ...state, priority });
}

/** The file says something else of this virtual router: no reason to be anything but what it is. */
function changed(router: VirtualRouter, state: State, priority: number, now: Instant): Step {
  if (state.name === "active") return changedInActive(router, { ...state, priority }, now);
  if (state.name === "backup") return changedInBackup(router, state, priority);
  return stay({ ...state, priority });
}

/** A tracker or an operator wants it given up, or no longer. */
function onYield(
  router: VirtualRouter,
  state: State,
  yields: boolean,
  now: Instant,
  reason: TransitionReason = "yielded",
): Step {
  if (state.name === "initialize") return join(router, { ...state, yields }, "recovered", now);
  if (state.name === "leaving") return yieldInLeaving(state, yields);
  if (!yields) return stay(state);
  if (state.name === "active") return { ...giveUp(router, state, "yield", now), reason };
  return { state: { ...stopped(state), started: true, yields }, outputs: [], reason };
}

/** Another member of the group is kept from taking part. One who leaves is not in its way. */
function onSiblingFault(
  router: VirtualRouter,
  state: State,
  siblingFault: boolean,
  now: Instant,
): Step {
  switch (state.name) {
    case "initialize":
      return join(router, { ...state, siblingFault }, "recovered", now);
    case "leaving":
      return stay(state);
    case "backup":
    case "active": {
      if (!siblingFault) return stay(state);
      const reason = "siblingFault";
      if (state.name === "active") return { ...giveUp(router, state, reason, now), reason };
      return { state: { ...stopped(state), started: true, siblingFault }, outputs: [], reason };
    }
  }
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
    return join(router, { ...state, source }, state.source ? "startup" : "interfaceUp", now);
  }
  if (state.name === "initialize") return stay({ ...state, source });
  const reason = down ? "interfaceDown" : "noAddress";
  const next: Initialize = { ...stopped({ ...state, source }), started: true };
  if (state.name === "backup") return { state: next, outputs: [], reason };
  const remove: Output = { kind: "removeAddresses" };
  if (state.name === "active") {
    // On what is left of the interface it may not get through; a peer that hears it is faster.
    return { state: next, outputs: [...farewell(router, state.priority), remove], reason };
  }
  const { then, resumes } = state;
  const isShown = then !== "stop" && (resumes || then === "backup");
  return {
    state: { ...stoppedAfter(state), source },
    outputs: [remove],
    ...(isShown && { reason }),
  };
}
