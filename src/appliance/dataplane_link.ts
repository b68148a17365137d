/**
 * The data plane as the appliance knows it: its workers, and the orders that all of them are given
 * alike. Why they are given is for others to say.
 */

import { connectionMemory, reclaim } from "../dataplane/connection_memory.ts";
import type { EngineKind, Order, Report, StartOrder } from "../dataplane/orders.ts";
import { sessionMemory } from "../dataplane/udp/session_memory.ts";
import type { Fd } from "../linux/libc.ts";
import type { ConnectionLogShape } from "../memory/connection_log.ts";
import type { Answers } from "./answers.ts";
import { Cuts } from "./cuts.ts";
import { EngineWorker } from "./engine_worker.ts";
import type { Frontends } from "./frontends.ts";
import type { ConnectionLimits } from "./limits.ts";
import { type Log, logOf } from "./log.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { Tables } from "./tables.ts";

/** What the data plane works on. */
export interface DataplaneParts {
  readonly memory: SharedMemory;
  readonly tables: Tables;
  readonly frontends: Frontends;
  readonly dataplaneWorkers: number;
  readonly engine: EngineKind;
  /** Where each worker writes down connections that end; `null` where it does not. */
  readonly connectionLog: (worker: number) => ConnectionLogShape | null;
  /** UDP sessions that each worker may hold. */
  readonly sessionsPerWorker: number;
  /** How many connections there may be. */
  readonly connections: ConnectionLimits;
}

/** Who is asked and told by the data plane's link. */
export interface DataplanePeers {
  /** Names by their index in the release lane. */
  readonly virtualRouters: () => readonly string[];
  /** The speaker's eventfd. */
  readonly speaker: () => Fd;
  readonly answers: Answers;
  /** A worker has died, and is started again unless it is ended here. */
  readonly lost: (worker: EngineWorker<Order, Report>) => void;
}

/** All data-plane workers. */
export class DataplaneLink {
  /** In the order of their rows. */
  readonly workers: readonly EngineWorker<Order, Report>[];
  /** By worker: the memory of its connections. */
  readonly connectionMemories: SharedArrayBuffer[] = [];
  /** Resets connections. */
  readonly cuts: Cuts;
  readonly #parts: DataplaneParts;
  readonly #peers: DataplanePeers;

  constructor(parts: DataplaneParts, peers: DataplanePeers) {
    this.#parts = parts;
    this.#peers = peers;
    this.workers = Array.from({ length: parts.dataplaneWorkers }, (_, row) => this.#worker(row));
    this.cuts = new Cuts(this.workers);
  }

  /** Has every worker decide by the tables as they are now. */
  plan(): Promise<void> {
    const { frontends, backends } = this.#parts.tables.layout.orders;
    const virtualRouters = this.#peers.virtualRouters();
    return this.#orderAll({ kind: "plan", frontends, backends, virtualRouters }, "planned");
  }

  /** Has every worker accept on the listeners that are new. */
  listen(): void {
    this.lend(this.#parts.frontends.lend());
  }

  /** Has each worker accept on some listeners. */
  lend(listeners: ReturnType<Frontends["lend"]>): void {
    listeners.forEach((own, row) => {
      if (own.length > 0) this.workers[row]?.post({ kind: "listen", listeners: own });
    });
  }

  /** Closes the listeners that the plan has no more, once no worker accepts on them. */
  async closeUnwanted(): Promise<void> {
    const closed = this.#parts.frontends.unwanted().map((which, row) => {
      const worker = this.workers[row];
      if (!worker || which.listeners.length === 0) return;
      const answer = this.#peers.answers.of(worker, "closed");
      worker.post({ kind: "close", ...which });
      return answer;
    });
    await Promise.all(closed);
    this.#parts.frontends.closeUnwanted();
  }

  /** Closes the listeners of a virtual router, once what was accepted there has been reset. */
  async release(virtualRouter: string): Promise<void> {
    const { frontends } = this.#parts;
    frontends.leave(virtualRouter);
    await this.#orderAll({ kind: "release", virtualRouter }, `released ${virtualRouter}`);
    frontends.release(virtualRouter);
  }

  /** Accepts no more, calls `deaf` once that is so, and waits until no connection is left. */
  async drain(deaf: () => void): Promise<void> {
    const drained = this.workers.map((worker) => this.#peers.answers.of(worker, "drained"));
    await this.#orderAll({ kind: "drain" }, "draining");
    deaf();
    await Promise.all(drained);
  }

  /** Resets what is left. */
  stop(): Promise<void> {
    return this.#orderAll({ kind: "stop" }, "stopped");
  }

  async #orderAll(order: Order, answer: string): Promise<void> {
    const answered = this.workers.map((worker) => this.#peers.answers.of(worker, answer));
    for (const worker of this.workers) worker.post(order);
    await Promise.all(answered);
  }

  #worker(row: number): EngineWorker<Order, Report> {
    const { connections: { worker: maxConnections }, memory } = this.#parts;
    const name = `dataplane-${row}`;
    const log = logOf(name);
    const connections = connectionMemory(maxConnections);
    const sessions = sessionMemory(this.#parts.sessionsPerWorker);
    this.connectionMemories.push(connections);
    let started: StartOrder;
    const worker: EngineWorker<Order, Report> = new EngineWorker({
      engine: "dataplane",
      name,
      row,
      table: memory.workers,
      log,
      start: (wake) => {
        memory.admission.setWake(row, wake);
        started = {
          kind: "start",
          worker: row,
          engine: this.#parts.engine,
          wake,
          maxConnections,
          connections,
          connectionLog: this.#parts.connectionLog(row),
          sessions,
          listeners: this.#parts.frontends.listeners(row),
          // The speaker asks by itself, too: two nodes hold the addresses meanwhile.
          release: {
            lane: memory.releases.shape,
            virtualRouters: this.#peers.virtualRouters(),
            speaker: this.#peers.speaker(),
          },
          ...this.#tables(),
        };
        return started;
      },
      report: (report) => this.#heard(name, log, report),
      lost: () => {
        const reset = reclaim(started);
        log.write("warn", `reset the ${reset} connections that the worker left`);
        this.cuts.lost(name);
        this.#peers.lost(worker);
      },
    });
    return worker;
  }

  #tables() {
    const { connections, tables, memory } = this.#parts;
    return {
      ...tables.layout.orders,
      servers: memory.servers.buffer,
      workers: memory.workers.buffer,
      sessionCounts: memory.sessionCounts.shape,
      processConnections: connections.process,
      admission: memory.admission.shape,
      queues: memory.queues.shape,
      serverCounters: memory.serverCounters.shape,
      frontendCounters: memory.frontendCounters.shape,
      connectDurations: memory.connectDurations.shape,
      workerLag: memory.workerLag.shape,
    };
  }

  #heard(worker: string, log: Log, report: Report): void {
    if (report.kind === "log") log.write(report.level, report.message, report.properties);
    else if (report.kind === "cut") this.cuts.heard(worker, report);
    else {
      const kind = report.kind === "released" ? `released ${report.virtualRouter}` : report.kind;
      this.#peers.answers.settle(worker, kind);
    }
    if (report.kind === "stopped" && report.connections > 0) {
      log.write("warn", `reset ${report.connections} connections that were still open`);
    }
  }
}
