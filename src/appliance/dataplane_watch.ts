/**
 * What is known of the data plane from outside: signs of life, listeners, usable servers. It judges
 * nothing.
 */

import { backendsOf, type FrontendPlan } from "../core/plan/plan.ts";
import type { DataplaneFacts } from "../core/track/dataplane.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { WorkerTable } from "../memory/worker_table.ts";
import type { Frontends } from "./frontends.ts";
import type { Servers } from "./servers.ts";

/** What is watched. */
export interface WatchedParts {
  readonly frontendPlans: readonly FrontendPlan[];
  readonly frontends: Pick<Frontends, "unbound">;
  readonly servers: Pick<Servers, "usable">;
  readonly workers: WorkerTable;
  readonly dataplaneWorkers: number;
}

/** Sees the data plane, and its own sleep. */
export class DataplaneWatch {
  readonly #parts: WatchedParts;
  #plans: ReadonlyMap<string, FrontendPlan> = new Map();
  #lookedAt: number | undefined;
  /** Until then silence is not held against a worker. */
  #lenientUntil = -Infinity;

  constructor(parts: WatchedParts) {
    this.#parts = parts;
    this.change(parts.frontendPlans);
  }

  /** Goes by other plans. */
  change(plans: readonly FrontendPlan[]): void {
    this.#plans = new Map(plans.map((plan) => [plan.name, plan]));
  }

  /** What is known behind these frontends. To be asked all the time. */
  facts(names: readonly string[], now = monotonicMs()): DataplaneFacts {
    // Were we not run ourselves, the workers were not either: let them show that they live.
    if (now - (this.#lookedAt ?? now) > HELD_UP_MS) this.#lenientUntil = now + STALL_MS;
    this.#lookedAt = now;
    const { frontends, servers } = this.#parts;
    const watched = names.flatMap((name) => this.#plans.get(name) ?? []);
    return {
      stalled: watched.length > 0 ? this.#stalled(now) : [],
      unbound: frontends.unbound(names),
      frontends: watched.flatMap((frontend) => {
        const backends = backendsOf(frontend);
        // One that leads nowhere is no better off elsewhere.
        if (backends.length === 0) return [];
        const usable = backends.reduce((sum, backend) => sum + servers.usable(backend), 0);
        return [{ name: frontend.name, usable }];
      }),
    };
  }

  #stalled(now: number): string[] {
    if (now < this.#lenientUntil) return [];
    const { workers, dataplaneWorkers } = this.#parts;
    return Array.from({ length: dataplaneWorkers }, (_, row) => row).flatMap((row) => {
      const silenceMs = workers.silence(row, now);
      if (silenceMs === undefined || silenceMs <= STALL_MS) return [];
      return [`dataplane-${row} (for ${(silenceMs / 1e3).toFixed(1)} s)`];
    });
  }
}

/** Workers beat every half second: three beats are missing. */
const STALL_MS = 1_750;
/** We look several times a second. */
const HELD_UP_MS = 500;
