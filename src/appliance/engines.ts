/**
 * The worker threads of one plan, wired to what they share: which order follows from which report.
 */

import type {
  CheckResult,
  Order as ProberOrder,
  Report as ProberReport,
} from "../prober/orders.ts";
import type {
  EngineKind,
  Listener,
  Order as DataplaneOrder,
  Report as DataplaneReport,
  StartOrder as DataplaneStart,
} from "../dataplane/orders.ts";
import { pollerMemory, reclaimPoller } from "../prober/poller.ts";
import { reclaimScripts, scriptMemory } from "../prober/script_probe.ts";
import type { TransitionReport } from "../speaker/orders.ts";
import type { ConnectionLogShape } from "../memory/connection_log.ts";
import type { Plan } from "../core/plan/plan.ts";
import { CannotRun } from "./cannot_run.ts";
import { connectionMemory, reclaim } from "../dataplane/connection_memory.ts";
import { Cuts } from "./cuts.ts";
import { sessionMemory } from "../dataplane/udp/session_memory.ts";
import { EngineWorker } from "./engine_worker.ts";
import type { ConnectionLimits } from "./limits.ts";
import type { Frontends } from "./frontends.ts";
import { type Log, logOf } from "./log.ts";
import type { Row } from "../memory/server_table.ts";
import type { Routers } from "./routers.ts";
import type { Servers } from "./servers.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { sleep } from "./sleep.ts";
import { SpeakerLink } from "./speaker_link.ts";

/** What the engines work on. */
export interface EngineParts {
  readonly plan: Plan;
  readonly memory: SharedMemory;
  readonly servers: Servers;
  readonly frontends: Frontends;
  readonly routers: Routers;
  readonly dataplaneWorkers: number;
  readonly engine: EngineKind;
  /** Where each data-plane worker writes down connections that end; `null` where it does not. */
  readonly connectionLog: (worker: number) => ConnectionLogShape | null;
  /** UDP sessions that each data-plane worker may hold. */
  readonly sessionsPerWorker: number;
  /** How many connections there may be. */
  readonly connections: ConnectionLimits;
}

/** All worker threads. */
export class Engines {
  /** The speaker cannot run on this host: the message says why. */
  onFailure: (message: string) => void = () => {};
  /** A virtual router has changed its state. */
  onTransition: (report: TransitionReport) => void = () => {};
  /** A check has changed a server's health. */
  onHealth: (server: string, result: CheckResult) => void = () => {};
  readonly speaker: SpeakerLink;
  /** Resets connections. */
  readonly cuts: Cuts;
  /** By data-plane worker: the memory of its connections. */
  readonly connectionMemories: SharedArrayBuffer[] = [];
  readonly #parts: EngineParts;
  readonly #dataplane: EngineWorker<DataplaneOrder, DataplaneReport>[] = [];
  readonly #prober: EngineWorker<ProberOrder, ProberReport>;
  /** Which scripts the prober runs. */
  readonly #scripts = scriptMemory();
  readonly #proberLog = logOf("prober");
  readonly #speakerLog = logOf("speaker");
  /** Who waits for which report of which worker. */
  readonly #awaited = new Map<string, () => void>();
  #isStopping = false;
  /** Virtual routers whose listeners the workers are giving up. */
  readonly #releasing = new Set<string>();
  /** Virtual routers that are Active here. */
  readonly #active = new Set<string>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    for (let row = 0; row < parts.dataplaneWorkers; row++) {
      this.#dataplane.push(this.#dataplaneWorker(row));
    }
    this.cuts = new Cuts(this.#dataplane);
    this.speaker = this.#speakerLink(parts.dataplaneWorkers);
    this.#prober = this.#proberWorker(parts.dataplaneWorkers + 1);
    parts.servers.onEnded = (row) => void this.#cut(row);
    parts.servers.onAdminChange = (row, state) => this.#prober.post({ kind: "admin", row, state });
  }

  /** Data-plane workers first; a virtual router's thread only where there are any. */
  get threads(): readonly { name: string; row: number; restarts: number }[] {
    const speakers = this.#parts.plan.virtualRouters.length > 0 ? [this.speaker.worker] : [];
    return [...this.#dataplane, ...speakers, this.#prober];
  }

  /** Starts forwarding and checks, and then, once connections are accepted, the speaker. */
  async start(): Promise<void> {
    const ready = this.#dataplane.map(({ name }) => this.#next(name, "ready"));
    for (const worker of this.#dataplane) worker.start();
    this.#prober.start();
    await Promise.all(ready);
    if (this.#parts.plan.virtualRouters.length > 0 && !this.#isStopping) {
      this.speaker.worker.start();
    }
  }

  /** Leaves all virtual routers in the planned way: peers take over, then the addresses go. */
  async leave(): Promise<void> {
    this.#beginToStop();
    if (this.#parts.plan.virtualRouters.length === 0) return;
    const stopped = this.#answer(this.speaker.worker, "stopped");
    this.speaker.worker.post({ kind: "stop" });
    await stopped;
    this.speaker.worker.end();
  }

  /** Leaves all virtual routers without waiting for anybody. */
  leaveAtOnce(): void {
    if (this.#parts.plan.virtualRouters.length > 0) this.speaker.worker.post({ kind: "stop" });
  }

  /** Accepts no more, calls `deaf` once that is so, and waits until no connection is left. */
  async drain(deaf: () => void): Promise<void> {
    this.#beginToStop();
    const draining = this.#dataplane.map((worker) => this.#answer(worker, "draining"));
    const drained = this.#dataplane.map((worker) => this.#answer(worker, "drained"));
    for (const worker of this.#dataplane) worker.post({ kind: "drain" });
    await Promise.all(draining);
    deaf();
    await Promise.all(drained);
  }

  /** Resets what is left and ends forwarding and checks. */
  async stop(): Promise<void> {
    this.#beginToStop();
    const workers = [...this.#dataplane, this.#prober];
    const stopped = workers.map((worker) => this.#answer(worker, "stopped"));
    for (const worker of this.#dataplane) worker.post({ kind: "stop" });
    this.#prober.post({ kind: "stop" });
    await Promise.all(stopped);
    for (const worker of workers) worker.end();
    reclaimScripts(this.#scripts);
  }

  /** From now on a worker that is dead, or dies, has no successor. */
  #beginToStop(): void {
    this.#isStopping = true;
    for (const worker of [...this.#dataplane, this.speaker.worker, this.#prober]) {
      if (!worker.isRunning) worker.end();
    }
  }

  #dataplaneWorker(row: number): EngineWorker<DataplaneOrder, DataplaneReport> {
    const { connections: { worker: maxConnections }, memory } = this.#parts;
    const name = `dataplane-${row}`;
    const log = logOf(name);
    const connections = connectionMemory(maxConnections);
    const sessions = sessionMemory(this.#parts.sessionsPerWorker);
    this.connectionMemories.push(connections);
    let started: DataplaneStart;
    const worker: EngineWorker<DataplaneOrder, DataplaneReport> = new EngineWorker({
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
          listeners: this.#listeners(row),
          release: this.#releaseLane(),
          ...this.#tables(),
        };
        return started;
      },
      report: (report) => this.#heardDataplane(name, log, report),
      lost: () => {
        const reset = reclaim(started);
        log.write("warn", `reset the ${reset} connections that the worker left`);
        this.#noteLost(worker);
      },
    });
    return worker;
  }

  /** Without those that are about to be closed: a worker must not be lent a number that goes. */
  #listeners(row: number): readonly Listener[] {
    return this.#parts.frontends.listeners(row).filter(({ virtualRouter }) =>
      virtualRouter === null || !this.#releasing.has(virtualRouter)
    );
  }

  /** The speaker asks by itself, too: two nodes hold the addresses meanwhile. */
  #releaseLane() {
    const { memory, plan } = this.#parts;
    return {
      lane: memory.releases.shape,
      virtualRouters: plan.virtualRouters.map(({ name }) => name),
      speaker: this.speaker.worker.wake,
    };
  }

  #tables() {
    const { connections, plan, memory, servers } = this.#parts;
    const indexOf = (backend: string | null) =>
      plan.backends.findIndex(({ name }) => name === backend);
    return {
      frontends: plan.frontends.map((frontend) => ({
        ...frontend,
        backend: indexOf(frontend.backend),
        routes: frontend.routes.map(({ serverNames, backend }) => ({
          serverNames,
          backend: indexOf(backend),
        })),
      })),
      backends: plan.backends.map((backend) => ({ ...backend, rows: servers.rows(backend.name) })),
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

  #speakerLink(row: number): SpeakerLink {
    const { plan, memory } = this.#parts;
    return new SpeakerLink({
      plan,
      memory,
      row,
      dataplane: this.#dataplane.map(({ wake }) => wake),
      transition: (report) => this.#noteTransition(report),
      release: (router) => void this.#release(router),
      failed: (message) => this.onFailure(message),
      settled: (kind) => this.#settle("speaker", kind),
      lost: () => this.#noteLost(this.speaker.worker),
    });
  }

  #proberWorker(row: number): EngineWorker<ProberOrder, ProberReport> {
    const { memory, servers } = this.#parts;
    const descriptors = pollerMemory(memory.servers.rows);
    return new EngineWorker({
      engine: "prober",
      name: "prober",
      row,
      table: memory.workers,
      log: this.#proberLog,
      start: () => ({
        kind: "start",
        servers: servers.checked(),
        serverTable: memory.servers.buffer,
        serverCounters: memory.serverCounters.shape,
        workerTable: memory.workers.buffer,
        worker: row,
        descriptors,
        scripts: this.#scripts,
        seed: crypto.getRandomValues(new Uint32Array(1))[0]!,
      }),
      report: (report) => this.#heardProber(report),
      lost: () => {
        reclaimPoller(descriptors);
        reclaimScripts(this.#scripts);
        this.#noteLost(this.#prober);
      },
    });
  }

  #heardDataplane(worker: string, log: Log, report: DataplaneReport): void {
    if (report.kind === "log") log.write(report.level, report.message, report.properties);
    else if (report.kind === "cut") this.cuts.heard(worker, report);
    else if (report.kind === "released") this.#settle(worker, `released ${report.virtualRouter}`);
    else this.#settle(worker, report.kind);
    if (report.kind === "stopped" && report.connections > 0) {
      log.write("warn", `reset ${report.connections} connections that were still open`);
    }
  }

  #noteTransition(report: TransitionReport): void {
    const { router, from, to, reason, detail } = report;
    const message = `virtual router ${router}: ${from} to ${to}: ${detail}`;
    this.#speakerLog.write("info", message, { reason });
    this.onTransition(report);
    if (to !== "active") return void this.#active.delete(router);
    this.#active.add(router);
    this.#serveAgain(router);
  }

  /**
   * The addresses of `router` are about to go: first its listeners and connections, then the word.
   */
  async #release(router: string): Promise<void> {
    this.#releasing.add(router);
    const released = this.#dataplane.map((worker) => this.#answer(worker, `released ${router}`));
    for (const worker of this.#dataplane) worker.post({ kind: "release", virtualRouter: router });
    await Promise.all(released);
    this.#parts.frontends.release(router);
    this.#releasing.delete(router);
    this.speaker.released(router);
    // It may have come back while the workers were about it.
    if (!this.#active.has(router)) await sleep(SERVE_AGAIN_MS);
    this.#serveAgain(router);
  }

  /** After a handover, for the next time that the addresses come here. */
  #serveAgain(router: string): void {
    const { frontends } = this.#parts;
    if (this.#isStopping || !frontends.isReleased(router)) return;
    try {
      frontends.reopen(router).forEach((listeners, row) => {
        this.#dataplane[row]?.post({ kind: "listen", listeners });
      });
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      this.#speakerLog.write("error", error.message);
      sleep(RETRY_MS).then(() => this.#serveAgain(router));
    }
  }

  #heardProber(report: ProberReport): void {
    if (report.kind === "results") report.results.forEach((result) => this.#noteCheck(result));
    else if (report.kind === "log") {
      this.#proberLog.write(report.level, report.message, report.properties);
    } else this.#settle("prober", report.kind);
  }

  #noteCheck(result: CheckResult): void {
    this.#parts.servers.noteCheck(result);
    if (!result.changed) return;
    const { row, health, code, status, durationMs, text } = result;
    const level = health === "up" ? "info" : "warn";
    this.#proberLog.write(level, `server ${this.#parts.servers.name(row)} is ${health}`, {
      code,
      ...(status !== undefined && { status }),
      durationMs: Math.round(durationMs * 10) / 10,
      ...(text !== "" && { cause: text }),
    });
    this.onHealth(this.#parts.servers.name(row), result);
  }

  /** What happened to a server, or to a better one, ends its connections. */
  async #cut(row: Row): Promise<void> {
    const connections = await this.cuts.server(row);
    if (connections === 0) return;
    const name = this.#parts.servers.name(row);
    this.#proberLog.write("warn", `reset the connections of server ${name}`, { connections });
  }

  /** The answer of a worker to an order; one that is not running, or dies, owes none. */
  #answer({ name, isRunning }: { name: string; isRunning: boolean }, kind: string): Promise<void> {
    return isRunning ? this.#next(name, kind) : Promise.resolve();
  }

  /** The next report of a kind from a worker, or from its successor. */
  #next(worker: string, kind: string): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(`${worker} ${kind}`, resolve));
  }

  /** A worker has died: it will answer no order, and report itself ready if it is started again. */
  #noteLost(worker: { readonly name: string; end(): void }): void {
    this.cuts.lost(worker.name);
    for (const key of [...this.#awaited.keys()]) {
      const [name = "", ...kind] = key.split(" ");
      if (name === worker.name && kind[0] !== "ready") this.#settle(name, kind.join(" "));
    }
    if (this.#isStopping) worker.end();
  }

  #settle(worker: string, kind: string): void {
    const key = `${worker} ${kind}`;
    this.#awaited.get(key)?.();
    this.#awaited.delete(key);
  }
}

/** By then the speaker has taken the addresses away: it does so within milliseconds. */
const SERVE_AGAIN_MS = 250;
const RETRY_MS = 1_000;
