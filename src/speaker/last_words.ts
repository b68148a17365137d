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
  /** Who says one. */
  readonly #spoken = new Set<string>();
  /** Who was heard last that is to yield to us, and until when it is not its turn. */
  #last: { readonly peer: string; readonly turnAt: number } | undefined;
  #insistMs: number | null = null;

  /** @param insistMs as in `VirtualRouter`, while peers may be silent. */
  constructor(plan: VirtualRouterPlan, insistMs: number | null) {
    this.change(plan, insistMs);
  }

  /** Goes by another plan; who has spoken has done so, if it is still a peer. */
  change(plan: VirtualRouterPlan, insistMs: number | null): void {
    const { unicast, peerPriorities } = plan;
    this.#insistMs = insistMs;
    const isPeer = (one: string) => !unicast || unicast.peers.includes(one);
    for (const peer of this.#spoken) if (!isPeer(peer)) this.#spoken.delete(peer);
    if (this.#last && !isPeer(this.#last.peer)) this.#last = undefined;
    this.#peers = Math.max(1, unicast?.peers.length ?? peerPriorities.length);
  }

  /** How often addresses must be announced: not at all once every peer is known to say one. */
  get insistMs(): number | null {
    const isLastKnown = !this.#last || this.#spoken.has(this.#last.peer);
    return isLastKnown && this.#spoken.size >= this.#peers ? null : this.#insistMs;
  }

  /** We have taken over from a peer that was Active. It has to show anew how it yields. */
  relieve({ peer, at, intervalMs }: Said): void {
    this.#spoken.delete(peer);
    this.#last = { peer, turnAt: at + EARLY * intervalMs };
  }

  /**
   * A peer of lower priority is heard while we are Active. Out of its turn, that is a last word; in
   * its turn it has only crossed ours, or does not know of us yet, and is to show how it yields.
   */
  hear(said: Said): void {
    const { peer, at } = said;
    if (this.#last?.peer === peer && at < this.#last.turnAt) this.#spoken.add(peer);
    else this.relieve(said);
  }
}

/** An advertisement. */
interface Said {
  readonly peer: string;
  readonly at: number;
  readonly intervalMs: number;
}

/** How much of an interval an advertisement in turn comes after the one before, at least. */
const EARLY = 0.8;
