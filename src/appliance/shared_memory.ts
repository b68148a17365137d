/**
 * The memory that all threads share. It cannot grow: there is room for plans to come.
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
import { type Row, ServerTable } from "../memory/server_table.ts";
import { SessionCounts } from "../memory/session_counts.ts";
import {
  CONNECT_BOUNDS,
  FRONTEND_COUNTERS,
  LAG_BOUNDS,
  SERVER_COUNTERS,
} from "../memory/traffic.ts";
import { WorkerTable } from "../memory/worker_table.ts";
import type { Capacities } from "./layout.ts";

/** All tables. */
export interface SharedMemory {
  readonly servers: ServerTable;
  /** Gates of the process and of each frontend. */
  readonly admission: Admission;
  readonly capacities: Capacities;
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

/** Makes the tables, all zero, for so many data-plane workers, with room for more than a plan. */
export function createSharedMemory(
  plan: Pick<Plan, "backends" | "frontends" | "virtualRouters">,
  dataplaneWorkers: number,
): SharedMemory {
  const capacities = capacitiesFor(plan);
  const { frontends, backends, virtualRouters } = capacities;
  const rows = capacities.rows + NOBODY;
  const stripes = dataplaneWorkers;
  const threads = dataplaneWorkers + OTHER_THREADS;
  const servers = new ServerTable(rows);
  servers.setAdmin(nobodysRow(capacities), "maint");
  return {
    capacities,
    servers,
    admission: new Admission({ workers: stripes, frontends }),
    queues: new QueueTable({ workers: stripes, backends, rows }),
    serverCounters: new Counters({ rows, columns: SERVER_COUNTERS.length, stripes }),
    frontendCounters: new Counters({ rows: frontends, columns: FRONTEND_COUNTERS.length, stripes }),
    sessionCounts: new SessionCounts({ workers: dataplaneWorkers, backends }),
    connectDurations: new Histogram({ bounds: CONNECT_BOUNDS, rows: backends, stripes }),
    workerLag: new Histogram({ bounds: LAG_BOUNDS, rows: threads, stripes: threads }),
    workers: new WorkerTable(threads),
    routers: new RouterTable({
      routers: virtualRouters,
      rejections: REJECTION_REASONS,
      transitions: Object.keys(TRANSITIONS),
    }),
    releases: new ReleaseLane({ routers: virtualRouters, workers: dataplaneWorkers }),
  };
}

/** Room for four times as much as a plan has, or for what is usual. */
export function capacitiesFor(
  { frontends, backends, virtualRouters }: Pick<Plan, "backends" | "frontends" | "virtualRouters">,
): Capacities {
  const servers = backends.reduce((sum, backend) => sum + backend.servers.length, 0);
  return {
    frontends: Math.max(USUAL_FRONTENDS, SPARE * frontends.length),
    backends: Math.max(USUAL_BACKENDS, SPARE * backends.length),
    rows: Math.max(USUAL_SERVERS, SPARE * servers),
    virtualRouters: Math.max(USUAL_VIRTUAL_ROUTERS, SPARE * virtualRouters.length),
  };
}

/** The row of a server that has gone and whose own row is another's: it takes no connections. */
export function nobodysRow({ rows }: Pick<Capacities, "rows">): Row {
  return rows as Row;
}

const SPARE = 4;
const USUAL_FRONTENDS = 256;
const USUAL_BACKENDS = 256;
const USUAL_SERVERS = 1024;
const USUAL_VIRTUAL_ROUTERS = 32;
const NOBODY = 1;
/** Besides the data plane: the speaker, whose row comes next, and the prober. */
const OTHER_THREADS = 2;
