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
    const { unicast, peerPriorities } = plan;
    this.#insistMs = insistMs;
    for (const peer of this.#spoken) {
      if (unicast && !unicast.peers.includes(peer)) this.#spoken.delete(peer);
    }
    this.#peers = Math.max(1, unicast?.peers.length ?? peerPriorities.length);
  }

  /** How often addresses must be announced: not at all once every peer is known to say one. */
  get insistMs(): number | null {
    return this.#spoken.size >= this.#peers ? null : this.#insistMs;
  }

  /**
   * We have taken over from a peer that was Active. It has to show anew how it yields: what it says
   * out of its turn is a last word, its next advertisement may only have crossed ours.
   */
  relieve(peer: string, { at, intervalMs }: { readonly at: number; readonly intervalMs: number }) {
    this.#spoken.delete(peer);
    this.#relieved = { peer, until: at + EARLY * intervalMs };
  }

  /** A peer of lower priority is heard while we are Active. */
  hear(peer: string, now: number): void {
    const { peer: relieved, until = -Infinity } = this.#relieved ?? {};
    if (peer === relieved && now <= until) this.#spoken.add(peer);
  }
}

/** How much of an interval an advertisement in turn comes after the one before, at least. */
const EARLY = 0.8;
