/**
 * What a workload of the bench is: who takes part, what is measured, and the goals.
 */

import type { Balancer, Variant } from "./balancers.ts";
import type { Rig } from "./rig.ts";

/** One kind of work for a load balancer. */
export interface Workload {
  readonly name: string;
  /** What the cost is counted in, such as `µs/request`. */
  readonly unit: string;
  /** Who is compared; each has a process of its own. */
  readonly variants: readonly Variant[];
  /** Each measurement is of a new process: memory once touched stays. */
  readonly isFresh?: boolean;
  readonly goals: readonly Goal[];
  /** @param balancer null: the client asks the server itself, which is the floor. */
  measure(rig: Rig, balancer: Balancer | null, extent: Extent): Promise<Sample>;
}

/** How much one measurement is to be. */
export interface Extent {
  readonly seconds: number;
  /** How many connections are to be idle. */
  readonly idle: number;
}

/** At most so many times the other's figure. */
export interface Goal {
  readonly figure: "cost" | "p99";
  /** The other's name. */
  readonly than: string;
  readonly atMost: number;
}

/** What one measurement gave. */
export interface Sample {
  /** Of the balancer's process alone, for a unit: CPU time in microseconds, or bytes of memory. */
  readonly cost: number;
  /** CPU time of client, server, balancer and all threads of the kernel, for a unit. */
  readonly total?: number;
  readonly perSecond?: number;
  /** Microseconds. */
  readonly p50?: number;
  readonly p99?: number;
  /** The balancer's memory in all, in bytes. */
  readonly resident?: number;
  /** Of connections, reads, writes, status codes and timeouts. */
  readonly errors: number;
}

/** One workload's samples, by variant's name, in the order of the variants. */
export interface Measured {
  readonly workload: Workload;
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

/** The floor's name: no load balancer at all. */
export const NOBODY = "nobody";
