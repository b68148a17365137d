/**
 * Planned handovers of virtual routers: what is to be expected, and what has come of it.
 */

import { Conflict, type HandoverWish, type Wish } from "../admin/appliance.ts";
import type { VirtualRouter } from "../admin/model.ts";
import type { Handover } from "../admin/model_handover.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import type { Frontends } from "./frontends.ts";
import type { Recorder } from "./recorder.ts";
import type { Routers } from "./routers.ts";
import type { SpeakerLink } from "./speaker_link.ts";

/** What handovers work on. */
export interface HandoverParts {
  readonly routers: Routers;
  readonly frontends: Pick<Frontends, "show">;
  readonly speaker: Pick<SpeakerLink, "failover" | "unhold">;
  readonly recorder: Recorder;
}

/** Hands virtual routers over on demand. */
export class Handovers {
  readonly #parts: HandoverParts;
  /** Virtual routers that are being handed over. */
  readonly #leaving = new Set<string>();

  constructor(parts: HandoverParts) {
    this.#parts = parts;
  }

  /** Hands over, or says what would happen. @throws {Conflict} where it cannot be or has failed. */
  async failover(name: string, wish: HandoverWish): Promise<Handover> {
    const expected = this.#expect(name);
    if (wish.dryRun) return expected;
    const names = expected.virtualRouters;
    const busy = names.find((one) => this.#leaving.has(one));
    if (busy) throw new Conflict(`virtual router ${busy} is being handed over already`);
    for (const one of names) this.#leaving.add(one);
    try {
      return await this.#handOver(name, expected, wish);
    } finally {
      for (const one of names) this.#leaving.delete(one);
    }
  }

  /** Ends a hold. */
  unhold(name: string, { dryRun, caller, reason }: Wish): VirtualRouter {
    const { routers, speaker, recorder } = this.#parts;
    const before = this.#find(name);
    const names = routers.together(name);
    if (dryRun || before.heldUntil === null) return { ...before, heldUntil: null };
    routers.unhold(names);
    speaker.unhold(name);
    const message = `${listed(names)} may preempt again`;
    recorder.record({ kind: "failover", message, virtualRouter: name, by: caller.name, reason });
    return this.#find(name);
  }

  async #handOver(name: string, expected: Handover, wish: HandoverWish): Promise<Handover> {
    const { routers, speaker, recorder } = this.#parts;
    const { holdMs, force, caller, reason } = wish;
    const names = expected.virtualRouters;
    const said = { kind: "failover", virtualRouter: name, by: caller.name, reason } as const;
    recorder.record({ ...said, message: `${listed(names)} is to be handed over` });
    const { ok, detail } = await speaker.failover(name, holdMs, force);
    if (!ok) {
      recorder.record({ ...said, message: `${listed(names)} was not handed over: ${detail}` });
      throw new Conflict(detail);
    }
    routers.hold(names, holdMs);
    recorder.record({ ...said, message: `${listed(names)} was handed over: ${detail}` });
    return { ...expected, dryRun: false, detail, virtualRouter: this.#find(name) };
  }

  /** What a handover would meet. */
  #expect(name: string): Handover {
    const virtualRouter = this.#find(name);
    if (virtualRouter.state !== "active") {
      throw new Conflict(
        `virtual router ${name} is ${virtualRouter.state} here: only its Active can hand it over`,
      );
    }
    const names = this.#parts.routers.together(name);
    const owned = whyOwned(names.map((one) => this.#find(one)));
    if (owned !== null) throw new Conflict(owned);
    const { peer, timers } = virtualRouter;
    const ageMs = peer && Date.now() - Date.parse(peer.receivedAt);
    return {
      dryRun: true,
      virtualRouters: [...names],
      peer,
      peerAgeSeconds: ageMs && Math.max(0, ageMs) / 1e3,
      connections: this.#connections(names),
      detail: peer
        ? `${peer.address} was heard last, ${
          (Number(ageMs) / 1e3).toFixed(1)
        } s ago; a Backup is ` +
          `silent, so whether it still runs shows within ${timers.skewSeconds} s`
        : "no peer was ever heard; a Backup is silent, so there may be one all the same",
      virtualRouter,
    };
  }

  #find(name: string): VirtualRouter {
    const router = this.#parts.routers.show().find((one) => one.name === name);
    if (!router) throw new Conflict(`virtual router ${name} has just been removed`);
    return router;
  }

  /** Open connections of the frontends that listen on the addresses. */
  #connections(names: readonly string[]): number {
    return this.#parts.frontends.show()
      .filter(({ listeners }) =>
        listeners.some(({ virtualRouter }) =>
          virtualRouter !== null && names.includes(virtualRouter)
        )
      )
      .reduce((sum, { connections }) => sum + connections.active, 0);
  }
}

/**
 * Why these virtual routers cannot all be given up on demand, if they cannot: an owner's addresses
 * stay on its interface, and two nodes would have them.
 */
export function whyOwned(routers: readonly Pick<VirtualRouter, "name" | "priority">[]) {
  const owned = routers.find(({ priority }) => priority.configured === PRIORITY_OWNER);
  if (!owned) return null;
  return `this node owns the addresses of virtual router ${owned.name} (priority 255): they stay ` +
    "on its interface, and a peer that took over would have them too; make it a priority below " +
    "255 and addresses that are no node's own, or stop this host";
}

function listed(names: readonly string[]): string {
  return names.length === 1
    ? `virtual router ${names[0]}`
    : `the sync group of ${names.join(", ")}`;
}
