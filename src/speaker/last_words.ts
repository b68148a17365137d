/**
 * Whether the peers of one virtual router say a last word when they yield. Keepalived does not,
 * unless it is told to: after a partition nobody hears that it had the addresses, and neighbours
 * go on believing so. What is done about it is for the state machine.
 */

import type { VirtualRouterPlan } from "../core/plan/plan.ts";

/** What is known of the peers. */
export class LastWords {
  /** How many peers there are at least, by the file. */
  #peers = 1;
  #patienceMs = SHORTEST_PATIENCE_MS;
  readonly #spoken = new Set<string>();
  /** Who has just been relieved, and until when a word of it counts. */
  #relieved: { readonly peer: string; readonly until: number } | undefined;

  #insistMs: number | null = null;

  /** @param insistMs as in `VirtualRouter`, while peers may be silent. */
  constructor(plan: VirtualRouterPlan, insistMs: number | null) {
    this.change(plan, insistMs);
  }

  /** Goes by another plan; who has spoken has done so, if it is still a peer. */
  change(plan: VirtualRouterPlan, insistMs: number | null): void {
    const { unicast, peerPriorities, advertisementIntervalMs } = plan;
    this.#insistMs = insistMs;
    for (const peer of this.#spoken) {
      if (unicast && !unicast.peers.includes(peer)) this.#spoken.delete(peer);
    }
    this.#peers = Math.max(1, unicast?.peers.length ?? peerPriorities.length);
    this.#patienceMs = Math.max(advertisementIntervalMs, SHORTEST_PATIENCE_MS);
  }

  /** How often addresses must be announced: not at all once every peer is known to say one. */
  get insistMs(): number | null {
    return this.#spoken.size >= this.#peers ? null : this.#insistMs;
  }

  /** We have taken over from a peer that was Active. It has to show anew how it yields. */
  relieve(peer: string, now: number): void {
    this.#spoken.delete(peer);
    this.#relieved = { peer, until: now + this.#patienceMs };
  }

  /** A peer of lower priority is heard while we are Active. */
  hear(peer: string, now: number): void {
    const { peer: relieved, until = -Infinity } = this.#relieved ?? {};
    if (peer === relieved && now <= until) this.#spoken.add(peer);
  }
}

/** A lintel yields within milliseconds, if it is run. */
const SHORTEST_PATIENCE_MS = 100;
