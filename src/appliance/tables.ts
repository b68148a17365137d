/**
 * The layout that is in force, and the counters that belong to it. Whether something still lives at
 * a place is seen in what the workers have written; it changes none of that.
 */

import type { Plan } from "../core/plan/plan.ts";
import { gateOf } from "../memory/admission.ts";
import type { Row } from "../memory/server_table.ts";
import { FRONTEND_COUNTERS } from "../memory/traffic.ts";
import { emptyLayout, type Layout, layOut, type Traffic, type Uses } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** Places that connections are at, by index. */
export interface LivePlaces {
  readonly frontends: ReadonlySet<number>;
  readonly backends: ReadonlySet<number>;
  readonly rows: ReadonlySet<number>;
}

/** The tables of the appliance, laid out for the plan that runs. */
export class Tables {
  /** Where connections are now; set by whoever can look. */
  livePlaces: () => LivePlaces = () => NOWHERE;
  readonly #memory: SharedMemory;
  #layout: Layout;

  /** @throws {CannotRun} when the memory has not room for the plan. */
  constructor(plan: Traffic, memory: SharedMemory) {
    this.#memory = memory;
    this.#layout = emptyLayout(memory.capacities);
    this.apply(plan);
  }

  /** Where everything is. */
  get layout(): Layout {
    return this.#layout;
  }

  /**
   * Gives everything in a plan its place.
   *
   * @throws {CannotRun} when there is no room; nothing has changed then.
   */
  apply(plan: Traffic): void {
    const { layout, fresh } = layOut(this.#layout, plan, this.#uses());
    const { serverCounters, frontendCounters, connectDurations } = this.#memory;
    for (const row of fresh.rows) serverCounters.clear(row);
    for (const index of fresh.frontends) frontendCounters.clear(index);
    for (const index of fresh.backends) connectDurations.clear(index);
    this.#layout = layout;
  }

  /** The name of the frontend at an index, also of one that has gone. */
  frontendAt(index: number): string {
    return this.#layout.frontends.names[index] ?? "-";
  }

  /** The name of the backend at an index, also of one that has gone. */
  backendAt(index: number): string {
    return this.#layout.backends.names[index] ?? "-";
  }

  /** `BACKEND/SERVER` of a row, also of one that has gone. */
  serverAt(row: number): string {
    return this.#layout.rows.names[row] ?? `row ${row}`;
  }

  /** The index of a backend or frontend of the plan. */
  indexOf(what: keyof Pick<Plan, "frontends" | "backends">, name: string): number {
    return this.#layout[what].indexes.get(name) ?? -1;
  }

  #uses(): Uses {
    const { servers, queues, admission, sessionCounts, frontendCounters } = this.#memory;
    const { orders } = this.#layout;
    const live = this.livePlaces();
    const opened = FRONTEND_COUNTERS.indexOf("opened");
    const closed = FRONTEND_COUNTERS.indexOf("closed");
    const row = (at: Row) => servers.active(at) > 0 || queues.queued(at) > 0 || live.rows.has(at);
    return {
      row: (at) => row(at as Row),
      backend: (at) =>
        live.backends.has(at) || sessionCounts.total(at) > 0 ||
        (orders.backends[at]?.rows.some(row) ?? false),
      frontend: (at) =>
        live.frontends.has(at) || admission.open(gateOf(at)) > 0 ||
        frontendCounters.total(at, opened) > frontendCounters.total(at, closed),
    };
  }
}

const NOWHERE: LivePlaces = { frontends: new Set(), backends: new Set(), rows: new Set() };
