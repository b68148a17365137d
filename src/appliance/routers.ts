/**
 * The virtual routers as they are shown: what the file says, joined with what the speaker has
 * written into shared memory.
 */

import type { Peer, Tracker, VirtualRouter } from "../admin/model.ts";
import type { Transition } from "../admin/model_events.ts";
import type { HostFacts } from "../config/host.ts";
import { formatAddress } from "../core/net/address.ts";
import { isPresent, laidOut, noPlaces, place, type Places } from "../core/plan/places.ts";
import type { Plan, SyncGroupPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { activeDownInterval, skewTime } from "../core/vrrp/router.ts";
import { TRANSITIONS } from "../core/vrrp/state.ts";
import { ROUTER_COUNTERS, type RouterTable } from "../memory/router_table.ts";
import type { TransitionReport } from "../speaker/orders.ts";
import { CannotRun } from "./cannot_run.ts";
import { mibCounters } from "./mib.ts";
import { wallTime } from "./time.ts";

/** What has virtual routers. */
export type Redundancy = Pick<Plan, "virtualRouters" | "syncGroups">;

/** All virtual routers of the plan, each at its row of the router table. */
export class Routers {
  /** What each of them tracks; set by whoever knows. */
  trackersOf: (router: string) => Tracker[] = () => [];
  readonly #table: RouterTable;
  readonly #facts: HostFacts;
  #plan: Redundancy = { virtualRouters: [], syncGroups: [] };
  #places: Places;
  /** By row; one that has gone keeps its own, for what is still to be said of it. */
  #plans: readonly VirtualRouterPlan[] = [];
  readonly #transitions = new Map<string, TransitionReport>();
  /** Until when they do not preempt: the wall clock, in milliseconds. */
  readonly #heldUntil = new Map<string, number>();

  constructor(plan: Redundancy, table: RouterTable, facts: HostFacts) {
    this.#table = table;
    this.#facts = facts;
    this.#places = noPlaces(table.shape.routers);
    this.apply(plan);
  }

  /**
   * Gives the virtual routers of another plan their rows. Before anybody is told of the plan: the
   * data plane and the speaker go by these rows. Touches nothing that is so already.
   *
   * @throws {CannotRun} when there is not a row for each.
   */
  apply(plan: Redundancy): void {
    const { virtualRouters } = plan;
    const placed = place(this.#places, virtualRouters.map(({ name }) => name), () => false);
    if (!placed) {
      throw new CannotRun(
        `the file has ${virtualRouters.length} virtual routers, and there is room for ` +
          `${this.#places.capacity}: start lintel anew with this file`,
      );
    }
    for (const row of placed.fresh) this.#forget(row);
    const named = new Map(virtualRouters.map((one) => [one.name, one]));
    const planOf = (name: string) => {
      const plan = named.get(name);
      if (!plan) throw new Error(`the plan has no virtual router ${name}`);
      return plan;
    };
    this.#plans = laidOut(placed.places, planOf, this.#plans);
    this.#places = placed.places;
    this.#plan = plan;
  }

  /** Names by row, also of those who have gone. */
  get names(): readonly string[] {
    return this.#places.names;
  }

  /** Plans by row; `null` where nobody is any more. */
  get rows(): readonly (VirtualRouterPlan | null)[] {
    return this.#plans.map((plan, row) => isPresent(this.#places, row) ? plan : null);
  }

  /** The rows of those in the plan, by name. */
  get indexes(): ReadonlyMap<string, number> {
    return this.#places.indexes;
  }

  /** What the file says of a virtual router, or said before it went. */
  find(router: string): VirtualRouterPlan | undefined {
    return this.#plans.find(({ name }) => name === router);
  }

  /** The row goes to another one. */
  #forget(row: number): void {
    const name = this.#plans[row]?.name;
    if (name === undefined) return;
    this.#table.clear(row);
    this.#transitions.delete(name);
    this.#heldUntil.delete(name);
  }

  /** Keeps a change of state, for what is shown as its cause. @returns what there is to record. */
  noteTransition(report: TransitionReport): Transition | undefined {
    const { router, from, to, reason, peer, lastAdvertisementAgeMs, latenessMs } = report;
    this.#transitions.set(router, report);
    const plan = this.find(router);
    if (!plan) return undefined;
    return {
      from,
      to,
      reason,
      priority: { configured: plan.priority, effective: report.priority },
      lastAdvertisement: peer && lastAdvertisementAgeMs !== null
        ? { ...peer, ageSeconds: lastAdvertisementAgeMs / 1e3 }
        : null,
      latenessSeconds: latenessMs / 1e3,
      trackers: this.#trackersAt(report),
      counters: { ...report.counters },
    };
  }

  /** Of interfaces as the speaker had seen them: what is shown of them may be older. */
  #trackersAt({ router, interfaces, at }: TransitionReport): Tracker[] {
    return this.trackersOf(router).map((tracker) => {
      const seen = interfaces.find(({ name }) => name === tracker.name);
      if (!seen || seen.good === tracker.good) return tracker;
      return { ...tracker, good: seen.good, detail: seen.detail, since: wallTime(at) };
    });
  }

  /** The virtual routers that leave together with one: its sync group, or itself. */
  together(router: string): readonly string[] {
    return this.#groupOf(router)?.members ?? [router];
  }

  /** Notes that these do not preempt for so long, if they are still there. */
  hold(routers: readonly string[], holdMs: number): void {
    for (const router of routers) {
      if (this.#places.indexes.has(router)) this.#heldUntil.set(router, Date.now() + holdMs);
    }
  }

  /** Notes that these preempt again. */
  unhold(routers: readonly string[]): void {
    for (const router of routers) this.#heldUntil.delete(router);
  }

  /** All virtual routers in the file's order. */
  show(): VirtualRouter[] {
    return this.#plan.virtualRouters.map((plan) =>
      this.#show(plan, this.#places.indexes.get(plan.name) ?? 0)
    );
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
      syncGroup: this.#groupOf(plan.name)?.name ?? null,
      state,
      since: started ? wallTime(since) : null,
      cause: this.#transitions.get(plan.name)?.detail ?? null,
      priority: { configured: plan.priority, effective },
      preempt: plan.preempt,
      heldUntil: this.#hold(plan.name),
      trackers: this.trackersOf(plan.name),
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
      statistics: this.#statistics(row),
      rfc6527: mibCounters(table, row),
    };
  }

  #statistics(row: number): Record<string, number> {
    return Object.fromEntries(
      ROUTER_COUNTERS.map((name) => [name, this.#table.counter(row, name)]),
    );
  }

  #groupOf(router: string): SyncGroupPlan | undefined {
    return this.#plan.syncGroups.find(({ members }) => members.includes(router));
  }

  #hold(router: string): string | null {
    const until = this.#heldUntil.get(router) ?? 0;
    return until > Date.now() ? new Date(until).toISOString() : null;
  }

  #peer(row: number): Peer | null {
    const peer = this.#table.peer(row);
    return peer && {
      address: formatAddress(peer.address),
      priority: peer.priority,
      advertisementIntervalSeconds: peer.intervalMs / 1e3,
      receivedAt: wallTime(peer.at),
    };
  }
}
