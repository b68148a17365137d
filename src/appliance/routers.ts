/**
 * The virtual routers as they are shown: what the file says, joined with what the speaker has
 * written into shared memory.
 */

import type { VirtualRouter } from "../admin/model.ts";
import type { HostFacts } from "../config/host.ts";
import { formatAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { activeDownInterval, skewTime } from "../core/vrrp/router.ts";
import { TRANSITIONS } from "../core/vrrp/state.ts";
import type { RouterTable } from "../memory/router_table.ts";
import type { TransitionReport } from "../speaker/orders.ts";
import { wallTime } from "./time.ts";

/** All virtual routers of one plan. */
export class Routers {
  readonly #plans: readonly VirtualRouterPlan[];
  readonly #table: RouterTable;
  readonly #facts: HostFacts;
  readonly #transitions = new Map<string, TransitionReport>();

  constructor(plans: readonly VirtualRouterPlan[], table: RouterTable, facts: HostFacts) {
    this.#plans = plans;
    this.#table = table;
    this.#facts = facts;
  }

  /** Keeps a change of state, for what is shown as its cause. */
  noteTransition(report: TransitionReport): void {
    this.#transitions.set(report.router, report);
  }

  /** All virtual routers in the file's order. */
  show(): VirtualRouter[] {
    return this.#plans.map((plan, row) => this.#show(plan, row));
  }

  /**
   * Why this node is not Active for one virtual router, or for all; `undefined` for an unknown
   * name.
   */
  inactive(name?: string): string[] | undefined {
    const chosen = this.show().filter((router) => name === undefined || router.name === name);
    if (name !== undefined && chosen.length === 0) return undefined;
    if (chosen.length === 0) return ["the configuration has no virtual router"];
    return chosen.filter(({ state }) => state !== "active").map((router) =>
      `virtual router ${router.name} is ${router.state}${router.cause ? `: ${router.cause}` : ""}`
    );
  }

  #show(plan: VirtualRouterPlan, row: number): VirtualRouter {
    const { state, priority, activeIntervalMs, since } = this.#table.status(row);
    const started = since > 0;
    // Version 2 learns no interval: its timers go by whole seconds, which ours are.
    const intervalMs = activeIntervalMs > 0 ? activeIntervalMs : plan.advertisementIntervalMs;
    const effective = started ? priority : plan.priority;
    return {
      name: plan.name,
      vrid: plan.vrid,
      version: plan.version,
      interface: plan.interface ?? this.#interfaceOf(plan.nodeAddress),
      addresses: plan.addresses.map((one) => `${one.address}/${one.prefixLength}`),
      state,
      since: started ? wallTime(since) : null,
      cause: this.#transitions.get(plan.name)?.detail ?? null,
      priority: { configured: plan.priority, effective },
      preempt: plan.preempt,
      trackers: [],
      timers: {
        advertisementIntervalSeconds: plan.advertisementIntervalMs / 1e3,
        activeDownIntervalSeconds: activeDownInterval(plan, effective, intervalMs) / 1e3,
        skewSeconds: skewTime(plan, effective, intervalMs) / 1e3,
        deadmanSeconds: plan.deadmanMs === null ? null : plan.deadmanMs / 1e3,
      },
      counters: this.#counters(row),
      peer: this.#peer(row),
    };
  }

  #interfaceOf(address: string | null): string | null {
    return this.#facts.addresses.find((one) => one.address === address)?.interface ?? null;
  }

  #counters(row: number): VirtualRouter["counters"] {
    const table = this.#table;
    const { rejections } = table.shape;
    return {
      advertisementsSent: table.counter(row, "advertisementsSent"),
      advertisementsReceived: table.counter(row, "advertisementsReceived"),
      advertisementsRejected: Object.fromEntries(
        rejections.map((reason) => [reason, table.rejections(row, reason)]),
      ),
      announcements: table.counter(row, "announcements"),
      transitions: Object.entries(TRANSITIONS).map(([reason, state]) => ({
        state,
        reason,
        total: table.transitions(row, reason),
      })),
    };
  }

  #peer(row: number): VirtualRouter["peer"] {
    const peer = this.#table.peer(row);
    return peer && {
      address: formatAddress(peer.address),
      priority: peer.priority,
      advertisementIntervalSeconds: peer.intervalMs / 1e3,
      receivedAt: wallTime(peer.at),
    };
  }
}
