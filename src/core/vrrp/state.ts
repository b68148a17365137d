/**
 * The states of a virtual router, what may happen to it and what it may ask for (RFC 9568, section
 * 6.3). Values only; `step.ts` turns one state into the next.
 */

import { activeDownInterval, type Instant, type VirtualRouter } from "./router.ts";

/** Where a virtual router stands. Never edited, always replaced. */
export type State = Initialize | Backup | Active | Leaving;

/** What every state knows of this router. */
interface Common {
  /** Effective: as configured, moved by what is tracked. */
  readonly priority: number;
  /**
   * Our primary address, the source of our advertisements; `null` while the interface is unusable.
   */
  readonly source: Uint8Array | null;
}

/** Not taking part: not started, stopped, or kept from it. */
export interface Initialize extends Common {
  readonly name: "initialize";
  /** Whether it takes part as soon as nothing keeps it from that. */
  readonly started: boolean;
  /** Given up for a tracker or an operator. */
  readonly yields: boolean;
  /** Another member of its group is kept from taking part. */
  readonly siblingFault: boolean;
}

/** Waiting for the Active to fall silent. */
export interface Backup extends Common {
  readonly name: "backup";
  /** When Active_Down_Timer fires. */
  readonly activeDownAt: Instant;
  /** When we want to be found awake before that; `Infinity` once we have been. */
  readonly attendAt: Instant;
  /** Active_Adver_Interval: learned from the Active in version 3, our own in version 2. */
  readonly activeIntervalMs: number;
  /** Why we would take over if the timer fired now. */
  readonly takeover: "peerSilent" | "peerReleased" | "preempt" | "owner";
  /** When a lower priority is no longer left in place; `Infinity` if none has been heard. */
  readonly preemptAt: Instant;
  /** Whether a late timer has been put off once. */
  readonly graced: boolean;
  /** Whether the timer has fired, and only the others of the group are waited for. */
  readonly wants: boolean;
}

/** Holding the addresses and saying so. */
export interface Active extends Common {
  readonly name: "active";
  /** When Adver_Timer fires. */
  readonly advertiseAt: Instant;
  /** When the last advertisement went out. */
  readonly advertisedAt: Instant;
  /** When it was last found that we had not been running for long enough to be replaced. */
  readonly awayAt: Instant;
  /** When the addresses must be renewed next; `Infinity` if they do not expire. */
  readonly renewAt: Instant;
  /** When the addresses were last announced. */
  readonly announcedAt: Instant;
  /** From then on they may be announced in a burst again. */
  readonly announceFrom: Instant;
  /** When a burst of announcements put off by the rate limit is due, or `Infinity`. */
  readonly announceAt: Instant;
  /** When the second burst after a takeover or conflict is due, or `Infinity`. */
  readonly announceAgainAt: Instant;
  /** When the addresses are announced anew for no other reason, or `Infinity`. */
  readonly refreshAt: Instant;
  /** When they were last announced for whatever reason. */
  readonly saidAt: Instant;
}

/**
 * On the way out, the addresses still here: first until a peer has taken over (`yielding`; priority
 * 0 has been sent), then until connections on them are gone (`releasing`).
 */
export interface Leaving extends Common {
  readonly name: "leaving";
  readonly phase: "yielding" | "releasing";
  /** What comes after: stopped, given up for a tracker, an operator or a sibling, or Backup. */
  readonly then: "stop" | "yield" | "siblingFault" | "backup";
  /** Whether it goes on as Active if no peer takes over. */
  readonly resumes: boolean;
  /** When the phase ends at the latest. */
  readonly leaveAt: Instant;
  readonly renewAt: Instant;
  /** Active_Adver_Interval of the peer that takes over. */
  readonly activeIntervalMs: number;
  /** Whether a last advertisement is owed once the addresses are gone: see `leaving.ts`. */
  readonly lastWord: boolean;
}

/** What happens to a virtual router. */
export type Input =
  | { readonly kind: "startup" }
  /** A planned stop; a second one while leaving ends it at once. */
  | { readonly kind: "shutdown" }
  /** A planned handover, after which it is Backup, or given up as by `yield`. */
  | { readonly kind: "handOver"; readonly then: "backup" | "yield"; readonly force: boolean }
  /** Time has passed. Harmless when nothing is due. */
  | { readonly kind: "timer" }
  /** Nobody ran us for so long, or the host slept. Before what has come meanwhile is given. */
  | { readonly kind: "heldUp"; readonly forMs: number }
  | { readonly kind: "advertisement"; readonly advertisement: HeardAdvertisement }
  /** What is tracked puts the priority here. */
  | { readonly kind: "tracked"; readonly priority: number }
  /** The parameters are other than before, and what is tracked puts the priority here. */
  | { readonly kind: "parameters"; readonly priority: number }
  /** A tracker or an operator wants it given up, or no longer. */
  | { readonly kind: "yield"; readonly yields: boolean }
  /** The interface is usable with this primary address, or not usable: `null`. */
  | {
    readonly kind: "interface";
    readonly source: Uint8Array | null;
    readonly down: boolean;
  }
  /** The data plane holds no connection on the addresses any more. */
  | { readonly kind: "released" }
  /** Somebody else claims one of our addresses, by ARP or neighbour advertisement. */
  | { readonly kind: "foreignClaim" }
  /** Neighbours may have learned something else: our link was away, or a sibling's was claimed. */
  | { readonly kind: "reannounce" }
  | GroupInput;

/** What the group asks of a member: see `group.ts`. */
export type GroupInput =
  /** All members want to be Active. */
  | { readonly kind: "takeOver" }
  /** Another member has become Backup. */
  | { readonly kind: "siblingBackup" }
  /** Another member is kept from taking part, or none is any more. */
  | { readonly kind: "siblingFault"; readonly fault: boolean };

/** What the machine must know of a valid advertisement. */
export interface HeardAdvertisement {
  readonly priority: number;
  readonly intervalMs: number;
  /** The sender's primary address. */
  readonly source: Uint8Array;
}

/** What the engine is to do, in order. */
export type Output =
  | {
    readonly kind: "sendAdvertisement";
    readonly priority: number;
    /** Max Advertise Interval: what the others are told. */
    readonly intervalMs: number;
  }
  | { readonly kind: "addAddresses" }
  /** Gives the addresses their lifetime anew; one that expired meanwhile comes back. */
  | { readonly kind: "renewAddresses" }
  | { readonly kind: "removeAddresses" }
  /** Gratuitous ARP or unsolicited NA, so many copies for each address. */
  | { readonly kind: "announceAddresses"; readonly copies: number }
  /** Listeners and connections on the addresses must go now; `released` is awaited. */
  | { readonly kind: "releaseConnections" };

/** What becomes of a state. `reason` is there if others see another state than before. */
export interface Step {
  readonly state: State;
  readonly outputs: readonly Output[];
  readonly reason?: TransitionReason;
}

/** Nothing to do but to be in `state`. */
export function stay(state: State): Step {
  return { state, outputs: NOTHING };
}

/** What others are shown. */
export type PublicState = "initialize" | "backup" | "active";

/** The state that others are shown: one who leaves is where it goes to, unless it may come back. */
export function publicState(state: State): PublicState {
  if (state.name !== "leaving") return state.name;
  if (state.resumes) return "active";
  return state.then === "backup" ? "backup" : "initialize";
}

/** The state before startup, without a usable interface. */
export function initialState(router: VirtualRouter): Initialize {
  return {
    name: "initialize",
    started: false,
    yields: false,
    siblingFault: false,
    priority: router.priority,
    source: null,
  };
}

/** A Backup that has just heard its Active, or has just started to wait for one. */
export function backupState(
  router: VirtualRouter,
  { priority, source }: Pick<State, "priority" | "source">,
  heardIntervalMs: number,
  now: Instant,
): Backup {
  // Version 3 learns the Active's interval; in version 2 both are the same.
  const activeIntervalMs = router.version === 3 ? heardIntervalMs : router.advertisementIntervalMs;
  return {
    name: "backup",
    priority,
    source,
    activeDownAt: now + activeDownInterval(router, priority, activeIntervalMs),
    attendAt: now + 2 * activeIntervalMs,
    activeIntervalMs,
    takeover: "peerSilent",
    preemptAt: Infinity,
    graced: false,
    wants: false,
  };
}

/** When `step` must be given a `timer` at the latest; `Infinity` if only other inputs matter. */
export function deadline(state: State): Instant {
  switch (state.name) {
    case "initialize":
      return Infinity;
    case "backup":
      return Math.min(state.attendAt, state.activeDownAt);
    case "active":
      return Math.min(
        state.advertiseAt,
        state.renewAt,
        state.announceAt,
        state.announceAgainAt,
        state.refreshAt,
      );
    case "leaving":
      return Math.min(state.leaveAt, state.renewAt);
  }
}

/** Why a public state was entered. A closed list: each reason leads to one state only. */
export const TRANSITIONS = {
  shutdown: "initialize",
  standby: "initialize",
  yielded: "initialize",
  siblingFault: "initialize",
  interfaceDown: "initialize",
  noAddress: "initialize",
  startup: "backup",
  interfaceUp: "backup",
  recovered: "backup",
  higherPriority: "backup",
  higherAddress: "backup",
  siblingBackup: "backup",
  failover: "backup",
  owner: "active",
  peerSilent: "active",
  peerReleased: "active",
  preempt: "active",
} as const satisfies Record<string, PublicState>;

/** A reason of {@linkcode TRANSITIONS}. */
export type TransitionReason = keyof typeof TRANSITIONS;

const NOTHING: readonly Output[] = [];
