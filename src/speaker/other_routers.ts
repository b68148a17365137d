/**
 * What one virtual router knows of its other routers, and what follows from it for how it hands
 * over and how it announces its addresses.
 */

import { formatAddress, sameAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_RELEASE, type VirtualRouter } from "../core/vrrp/router.ts";
import type { HeardAdvertisement } from "../core/vrrp/state.ts";
import { LastWords } from "./last_words.ts";
import { lastIntervalOf } from "./parameters.ts";

/** The other routers of one virtual router. */
export class OtherRouters {
  #plan: VirtualRouterPlan;
  readonly #lastWords: LastWords;
  /** Priorities by address. */
  readonly #priorities = new Map<string, number>();
  #last: HeardAdvertisement | undefined;

  /** @param insistMs as in `VirtualRouter`, while peers may be silent. */
  constructor(plan: VirtualRouterPlan, insistMs: number | null) {
    this.#plan = plan;
    this.#lastWords = new LastWords(plan, insistMs);
  }

  /** Goes by another plan, and forgets who is no peer by that. */
  change(plan: VirtualRouterPlan, insistMs: number | null): void {
    this.#plan = plan;
    for (const peer of this.#priorities.keys()) {
      if (!plan.unicast || plan.unicast.peers.includes(peer)) continue;
      this.#priorities.delete(peer);
      this.#last = undefined;
    }
    this.#lastWords.change(plan, insistMs);
  }

  /** The parameters that depend on them. */
  get parameters(): Pick<VirtualRouter, "insistMs" | "lastIntervalMs"> {
    return {
      insistMs: this.#lastWords.insistMs,
      lastIntervalMs: lastIntervalOf(this.#plan, [...this.#priorities.values()]),
    };
  }

  /**
   * One of them has advertised. They decide how fast a planned handover may be.
   *
   * @returns whether the parameters may be others now.
   */
  hear(heard: HeardAdvertisement): boolean {
    const { source, priority } = heard;
    if (priority === PRIORITY_RELEASE) return false;
    const last = this.#last;
    if (last && last.priority === priority && sameAddress(last.source, source)) return false;
    this.#last = heard;
    const name = formatAddress(source);
    if (this.#priorities.get(name) === priority) return false;
    // More than that are forged, or too many to be fast with.
    if (this.#priorities.size < MOST || this.#priorities.has(name)) {
      this.#priorities.set(name, priority);
    }
    return true;
  }

  /** One of lower priority is heard while we are Active. */
  contradict({ advertisement: { source, intervalMs }, at }: Said): void {
    this.#lastWords.hear({ peer: formatAddress(source), at, intervalMs });
  }

  /** We have taken over from one that was Active, and that said this before. */
  relieve({ advertisement: { source, intervalMs }, at }: Said): void {
    this.#lastWords.relieve({ peer: formatAddress(source), at, intervalMs });
  }
}

/** What one of them has said, and when. */
interface Said {
  readonly advertisement: HeardAdvertisement;
  readonly at: number;
}

/** A LAN has fewer routers. */
const MOST = 32;
