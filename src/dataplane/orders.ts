/**
 * What the appliance and a data-plane worker say to each other. Types only.
 *
 * The worker blocks in its event loop: the appliance posts an {@linkcode Order}, counts it with
 * `WorkerTable.order(worker)` and writes the worker's eventfd. The first order is `start`, which is
 * posted only.
 */

import type { BackendPlan, FrontendPlan, Protocol } from "../core/plan/plan.ts";
import type { Fd } from "../linux/libc.ts";
import type { ConnectionLogShape } from "../memory/connection_log.ts";
import type { CountersShape } from "../memory/counters.ts";
import type { AdmissionShape } from "../memory/admission.ts";
import type { HistogramShape } from "../memory/histogram.ts";
import type { QueueShape } from "../memory/queue_table.ts";
import type { ReleaseLaneShape } from "../memory/release_lane.ts";
import type { Row } from "../memory/server_table.ts";
import type { SessionCountsShape } from "../memory/session_counts.ts";

/** What the appliance tells a worker. */
export type Order =
  | StartOrder
  | PlanOrder
  | ListenOrder
  | CloseOrder
  | ReleaseOrder
  | CutOrder
  | DrainOrder
  | StopOrder;

/** What a worker tells the appliance. */
export type Report =
  | ReadyReport
  | PlannedReport
  | ClosedReport
  | ReleasedReport
  | CutReport
  | DrainingReport
  | DrainedReport
  | StoppedReport
  | LogReport;

/** Begin to forward. Everything shared is laid over memory that the appliance has made. */
export interface StartOrder {
  readonly kind: "start";
  /** The worker's row in the WorkerTable, and its stripe in counters and histograms. */
  readonly worker: number;
  readonly engine: EngineKind;
  /** An eventfd of the appliance's, written after each order. */
  readonly wake: Fd;
  readonly listeners: readonly Listener[];
  /** How the speaker asks for releases by itself, where there is one. */
  readonly release?: {
    readonly lane: ReleaseLaneShape;
    /** By their index in the lane. */
    readonly virtualRouters: readonly string[];
    /** The speaker's eventfd, written after each answer. */
    readonly speaker: Fd;
  };
  /** By index, here and in every `plan`: see there. */
  readonly frontends: readonly Frontend[];
  readonly backends: readonly Backend[];
  /** Connections at once: the worker needs two descriptors for each and some more. */
  readonly maxConnections: number;
  /**
   * `connectionMemory` (connection_memory.ts) for so many connections: what `reclaim` needs after a
   * crash.
   */
  readonly connections: SharedArrayBuffer;
  /** Where connections that end are written down; `null` where they are not. */
  readonly connectionLog: ConnectionLogShape | null;
  /** `sessionMemory` (udp/session_memory.ts) for as many UDP sessions as the worker may hold. */
  readonly sessions: SharedArrayBuffer;
  /** UDP sessions by worker and index of the backend. */
  readonly sessionCounts: SessionCountsShape;
  /** Connections at once of the whole process. */
  readonly processConnections: number;
  readonly admission: AdmissionShape;
  readonly queues: QueueShape;
  /** The ServerTable's memory. */
  readonly servers: SharedArrayBuffer;
  /** The WorkerTable's memory. */
  readonly workers: SharedArrayBuffer;
  /** Columns SERVER_COUNTERS, by server row. */
  readonly serverCounters: CountersShape;
  /** Columns FRONTEND_COUNTERS, by index of the frontend. */
  readonly frontendCounters: CountersShape;
  /** Over CONNECT_BOUNDS, by index of the backend. */
  readonly connectDurations: HistogramShape;
  /** Over LAG_BOUNDS, by row of the worker. */
  readonly workerLag: HistogramShape;
}

/** How the kernel is used: see `EpollDriver` and `UringDriver`. */
export type EngineKind = "epoll" | "uring";

/**
 * Go on with these frontends, backends and names of virtual routers instead of those of `start` or
 * of the plan before: the same arrays, complete. Answered by `planned`.
 *
 * Whatever has an index keeps it. What is removed stays at its index until nothing uses it and the
 * index is given away anew: a frontend without a listener, a server whose row is not usable. None
 * of the arrays becomes shorter. Connections go on in any case, those to removed servers too.
 */
export interface PlanOrder {
  readonly kind: "plan";
  readonly frontends: readonly Frontend[];
  readonly backends: readonly Backend[];
  /** By their index in the release lane; empty where there is none. */
  readonly virtualRouters: readonly string[];
}

/** Accept on these listeners too: new ones, or those of addresses that are to be served again. */
export interface ListenOrder {
  readonly kind: "listen";
  readonly listeners: readonly Listener[];
}

/**
 * Accept no more on these listeners. Connections that were accepted there live on; sessions of a
 * datagram listener end with it. Answered by `closed`; the appliance may then close them. Those
 * that the worker does not have, or not any more, are passed over.
 */
export interface CloseOrder {
  readonly kind: "close";
  readonly listeners: readonly Fd[];
  /** Those of them whose sockets live on under other descriptors: they are not to be shut down. */
  readonly handedOver: readonly Fd[];
}

/**
 * The addresses of a virtual router are about to leave: accept no more on its listeners, reset what
 * was accepted there. Answered by `released`; the appliance may then close the listeners.
 */
export interface ReleaseOrder {
  readonly kind: "release";
  readonly virtualRouter: string;
}

/** Reset connections that are open. Answered by `cut`. */
export interface CutOrder {
  readonly kind: "cut";
  /** Repeated in the answer. */
  readonly id: number;
  readonly which: WholeServer | CameBy | Chosen;
}

/** Every connection that was accepted on one of these listeners. */
export interface CameBy {
  readonly listeners: readonly Fd[];
}

/** Every connection of a server. */
export interface WholeServer {
  readonly row: Row;
}

/** Connections by slot, as far as they are still the ones that were meant. */
export interface Chosen {
  readonly slots: readonly number[];
  /** The generation of each one's client side. */
  readonly generations: readonly number[];
}

/**
 * Accept no more; let open connections end by themselves. Answered by `draining` at once, and by
 * `drained` when none is left.
 */
export interface DrainOrder {
  readonly kind: "drain";
}

/** Reset what is left and end. Answered by `stopped`. */
export interface StopOrder {
  readonly kind: "stop";
}

/** A listening socket. It belongs to the appliance: the worker never closes it. */
export interface Listener {
  readonly fd: Fd;
  readonly protocol: Protocol;
  /** Index into `frontends`. */
  readonly frontend: number;
  readonly address: string;
  readonly port: number;
  readonly virtualRouter: string | null;
}

/** A frontend, as far as connections depend on it. */
export interface Frontend extends
  Pick<
    FrontendPlan,
    | "proxyProtocolFrom"
    | "clientHelloTimeoutMs"
    | "maxConnections"
    | "connectionRate"
    | "allow"
    | "deny"
  > {
  readonly name: string;
  /** Index into `backends`; −1 where only routes lead to any. */
  readonly backend: number;
  /** Indexes into `backends` by server name. */
  readonly routes: readonly {
    readonly serverNames: readonly string[];
    readonly backend: number;
  }[];
}

/** A backend, as far as connections depend on it, and where its servers are in the ServerTable. */
export interface Backend extends
  Pick<
    BackendPlan,
    | "name"
    | "balance"
    | "connectTimeoutMs"
    | "idleTimeoutMs"
    | "halfClosedTimeoutMs"
    | "keepalive"
    | "retries"
    | "redispatch"
    | "udp"
    | "maxQueue"
    | "queueTimeoutMs"
    | "whenEmpty"
    | "sourceAddress"
    | "servers"
  > {
  /** The row of each of `servers`, in the same order. */
  readonly rows: readonly Row[];
  /**
   * Indexes of the servers that the backend has, in the file's order; the others have gone. One
   * that has gone itself has those it had last.
   */
  readonly inPlan: readonly number[];
}

/** The worker accepts connections. */
export interface ReadyReport {
  readonly kind: "ready";
}

/** The plan holds for every decision from now on. */
export interface PlannedReport {
  readonly kind: "planned";
}

/** Nothing is accepted any more on listeners that were to be closed. */
export interface ClosedReport {
  readonly kind: "closed";
  /** The order's, so that answers can be told apart. */
  readonly listeners: readonly Fd[];
}

/** Nothing of the virtual router is left; so many connections were reset. */
export interface ReleasedReport {
  readonly kind: "released";
  readonly virtualRouter: string;
  readonly connections: number;
}

/** So many connections were reset. */
export interface CutReport {
  readonly kind: "cut";
  readonly id: number;
  readonly connections: number;
}

/** Nothing is accepted any more: the appliance may close the listeners. */
export interface DrainingReport {
  readonly kind: "draining";
}

/** The last connection has ended. */
export interface DrainedReport {
  readonly kind: "drained";
}

/** The worker has closed what it had, and its thread ends; so many connections were reset. */
export interface StoppedReport {
  readonly kind: "stopped";
  readonly connections: number;
}

/** Something to log. */
export interface LogReport {
  readonly kind: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly properties: Readonly<Record<string, string | number>>;
}
