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

/** Not taking part: not started, stopped, or without a usable interface. */
export interface Initialize extends Common {
  readonly name: "initialize";
  /** Whether it takes part as soon as the interface allows it. */
  readonly started: boolean;
}

/** Waiting for the Active to fall silent. */
export interface Backup extends Common {
  readonly name: "backup";
  /** When Active_Down_Timer fires. */
  readonly activeDownAt: Instant;
  /** Active_Adver_Interval: learned from the Active in version 3, our own in version 2. */
  readonly activeIntervalMs: number;
  /** Why we would take over if the timer fired now. */
  readonly takeover: "peerSilent" | "peerReleased" | "preempt";
  /** Whether a late timer has been given its one extra Skew_Time. */
  readonly graced: boolean;
}

/** Holding the addresses and saying so. */
export interface Active extends Common {
  readonly name: "active";
  /** When Adver_Timer fires. */
  readonly advertiseAt: Instant;
  /** When the last advertisement went out. */
  readonly advertisedAt: Instant;
  /** When the addresses must be renewed next; `Infinity` if they do not expire. */
  readonly renewAt: Instant;
  /** When the addresses were last announced. */
  readonly announcedAt: Instant;
  /** When a burst of announcements put off by the rate limit is due, or `Infinity`. */
  readonly announceAt: Instant;
  /** When the second burst after a takeover or conflict is due, or `Infinity`. */
  readonly announceAgainAt: Instant;
}

/**
 * Priority 0 is sent, the addresses are still here: first until a peer has taken over
 * (`yielding`), then until connections on them are gone (`releasing`).
 */
export interface Leaving extends Common {
  readonly name: "leaving";
  readonly phase: "yielding" | "releasing";
  /** When the phase ends at the latest. */
  readonly leaveAt: Instant;
  readonly renewAt: Instant;
}

/** What happens to a virtual router. */
export type Input =
  | { readonly kind: "startup" }
  /** A planned stop; a second one while leaving ends it at once. */
  | { readonly kind: "shutdown" }
  /** Time has passed. Harmless when nothing is due. */
  | { readonly kind: "timer" }
  | { readonly kind: "advertisement"; readonly advertisement: HeardAdvertisement }
  /** What is tracked puts the priority here. */
  | { readonly kind: "tracked"; readonly priority: number }
  /** The interface is usable with this primary address, or not usable: `null`. */
  | {
    readonly kind: "interface";
    readonly source: Uint8Array | null;
    readonly down: boolean;
  }
  /** The data plane holds no connection on the addresses any more. */
  | { readonly kind: "released" };

/** What the machine must know of a valid advertisement. */
export interface HeardAdvertisement {
  readonly priority: number;
  readonly intervalMs: number;
  /** The sender's primary address. */
  readonly source: Uint8Array;
}

/** What the engine is to do, in order. */
export type Output =
  | { readonly kind: "sendAdvertisement"; readonly priority: number }
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
  return { state, outputs: [] };
}

/** What others are shown: leaving is part of Initialize, since priority 0 has been sent. */
export type PublicState = "initialize" | "backup" | "active";

/** The state that others are shown. */
export function publicState(state: State): PublicState {
  return state.name === "leaving" ? "initialize" : state.name;
}

/** The state before startup, without a usable interface. */
export function initialState(router: VirtualRouter): Initialize {
  return { name: "initialize", started: false, priority: router.priority, source: null };
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
    activeIntervalMs,
    takeover: "peerSilent",
    graced: false,
  };
}

/** When `step` must be given a `timer` at the latest; `Infinity` if only other inputs matter. */
export function deadline(state: State): Instant {
  switch (state.name) {
    case "initialize":
      return Infinity;
    case "backup":
      return state.activeDownAt;
    case "active":
      return Math.min(
        state.advertiseAt,
        state.renewAt,
        state.announceAt,
        state.announceAgainAt,
        state.announcedAt + ANNOUNCE_REFRESH_MS,
      );
    case "leaving":
      return Math.min(state.leaveAt, state.renewAt);
  }
}

/** Why a public state was entered. A closed list: each reason leads to one state only. */
export const TRANSITIONS = {
  shutdown: "initialize",
  interfaceDown: "initialize",
  noAddress: "initialize",
  startup: "backup",
  interfaceUp: "backup",
  higherPriority: "backup",
  higherAddress: "backup",
  owner: "active",
  peerSilent: "active",
  peerReleased: "active",
  preempt: "active",
} as const satisfies Record<string, PublicState>;

/** A reason of {@linkcode TRANSITIONS}. */
export type TransitionReason = keyof typeof TRANSITIONS;

/** While Active, addresses are announced at least so often. */
export const ANNOUNCE_REFRESH_MS = 10_000;
