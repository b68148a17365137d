/**
 * The memory that all threads share, laid out for one plan.
 */

import { REJECTION_REASONS } from "../core/wire/vrrp.ts";
import { TRANSITIONS } from "../core/vrrp/state.ts";
import type { Plan } from "../core/plan/plan.ts";
import { Admission } from "../memory/admission.ts";
import { Counters } from "../memory/counters.ts";
import { Histogram } from "../memory/histogram.ts";
import { QueueTable } from "../memory/queue_table.ts";
import { ReleaseLane } from "../memory/release_lane.ts";
import { RouterTable } from "../memory/router_table.ts";
import { ServerTable } from "../memory/server_table.ts";
import { SessionCounts } from "../memory/session_counts.ts";
import {
  CONNECT_BOUNDS,
  FRONTEND_COUNTERS,
  LAG_BOUNDS,
  SERVER_COUNTERS,
} from "../memory/traffic.ts";
import { WorkerTable } from "../memory/worker_table.ts";

/** All tables. */
export interface SharedMemory {
  readonly servers: ServerTable;
  /** Gates of the process and of each frontend. */
  readonly admission: Admission;
  /** By server row: who waits for a place. */
  readonly queues: QueueTable;
  /** Columns SERVER_COUNTERS, by server row, a stripe for each data-plane worker. */
  readonly serverCounters: Counters;
  /** Columns FRONTEND_COUNTERS, by index of the frontend. */
  readonly frontendCounters: Counters;
  readonly sessionCounts: SessionCounts;
  /** By index of the backend. */
  readonly connectDurations: Histogram;
  /** By row of the worker. */
  readonly workerLag: Histogram;
  readonly workers: WorkerTable;
  /** By index of the virtual router. */
  readonly routers: RouterTable;
  /** By the same. */
  readonly releases: ReleaseLane;
}

/** Makes the tables, all zero, for so many data-plane workers. */
export function createSharedMemory(
  plan: Pick<Plan, "backends" | "frontends" | "virtualRouters">,
  dataplaneWorkers: number,
): SharedMemory {
  const servers = plan.backends.reduce((sum, backend) => sum + backend.servers.length, 0);
  const stripes = dataplaneWorkers;
  const threads = dataplaneWorkers + OTHER_THREADS;
  return {
    servers: new ServerTable(Math.max(1, servers)),
    admission: new Admission({ workers: stripes, frontends: plan.frontends.length }),
    queues: new QueueTable({
      workers: stripes,
      backends: plan.backends.length,
      rows: Math.max(1, servers),
    }),
    serverCounters: new Counters({ rows: servers, columns: SERVER_COUNTERS.length, stripes }),
    frontendCounters: new Counters({
      rows: plan.frontends.length,
      columns: FRONTEND_COUNTERS.length,
      stripes,
    }),
    sessionCounts: new SessionCounts({
      workers: dataplaneWorkers,
      backends: plan.backends.length,
    }),
    connectDurations: new Histogram({
      bounds: CONNECT_BOUNDS,
      rows: plan.backends.length,
      stripes,
    }),
    workerLag: new Histogram({ bounds: LAG_BOUNDS, rows: threads, stripes: threads }),
    workers: new WorkerTable(threads),
    routers: new RouterTable({
      routers: plan.virtualRouters.length,
      rejections: REJECTION_REASONS,
      transitions: Object.keys(TRANSITIONS),
    }),
    releases: new ReleaseLane({
      routers: plan.virtualRouters.length,
      workers: dataplaneWorkers,
    }),
  };
}

/** Besides the data plane: the speaker, whose row comes next, and the prober. */
const OTHER_THREADS = 2;
