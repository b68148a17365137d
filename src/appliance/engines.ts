/**
 * The worker threads of one plan, wired to what they share: which order follows from which report.
 */

import type {
  AgentReport,
  CheckResult,
  Order as ProberOrder,
  Report as ProberReport,
} from "../prober/orders.ts";
import { pollerMemory, reclaimPoller } from "../prober/poller.ts";
import { reclaimScripts, scriptMemory } from "../prober/script_probe.ts";
import type { TransitionReport } from "../speaker/orders.ts";
import type { Plan } from "../core/plan/plan.ts";
import { CannotRun } from "./cannot_run.ts";
import { Answers } from "./answers.ts";
import { DataplaneLink, type DataplaneParts } from "./dataplane_link.ts";
import { EngineWorker } from "./engine_worker.ts";
import { logOf } from "./log.ts";
import type { Row } from "../memory/server_table.ts";
import type { Routers } from "./routers.ts";
import type { Servers } from "./servers.ts";
import { sleep } from "./sleep.ts";
import { SpeakerLink } from "./speaker_link.ts";

/** What the engines work on. */
export interface EngineParts extends DataplaneParts {
  readonly plan: Plan;
  readonly servers: Servers;
  readonly routers: Routers;
}

/** All worker threads. */
export class Engines {
  /** The speaker cannot run on this host: the message says why. */
  onFailure: (message: string) => void = () => {};
  /** A virtual router has changed its state. */
  onTransition: (report: TransitionReport) => void = () => {};
  /** A check has changed a server's health. */
  onHealth: (server: string, result: CheckResult) => void = () => {};
  /**
   * Data-plane workers first. The speaker is among them only where there are virtual routers: it is
   * added when the first ones come.
   */
  readonly threads: { readonly name: string; readonly row: number; readonly restarts: number }[];
  readonly speaker: SpeakerLink;
  readonly dataplane: DataplaneLink;
  readonly #parts: EngineParts;
  readonly #prober: EngineWorker<ProberOrder, ProberReport>;
  /** Which scripts the prober runs. */
  readonly #scripts = scriptMemory();
  readonly #proberLog = logOf("prober");
  readonly #speakerLog = logOf("speaker");
  readonly #answers = new Answers();
  #isStopping = false;
  /** Virtual routers that are Active here. */
  readonly #active = new Set<string>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.dataplane = new DataplaneLink(parts, {
      virtualRouters: () => this.#parts.routers.names,
      speaker: () => this.speaker.worker.wake,
      answers: this.#answers,
      lost: (worker) => this.#noteLost(worker),
    });
    this.speaker = this.#speakerLink(parts.dataplaneWorkers);
    this.#prober = this.#proberWorker(parts.dataplaneWorkers + 1);
    this.threads = [...this.dataplane.workers, this.#prober];
    if (this.speaker.isNeeded) this.#addSpeaker();
    parts.servers.onEnded = (row) => void this.#cut(row);
    parts.servers.onAdminChange = (row, state) => this.#prober.post({ kind: "admin", row, state });
  }

  /** Starts forwarding and checks, and then, once connections are accepted, the speaker. */
  async start(): Promise<void> {
    const { workers } = this.dataplane;
    const ready = workers.map(({ name }) => this.#answers.next(name, "ready"));
    for (const worker of workers) worker.start();
    this.#prober.start();
    await Promise.all(ready);
    if (!this.#isStopping) this.speaker.start();
  }

  /** Leaves all virtual routers in the planned way: peers take over, then the addresses go. */
  async leave(): Promise<void> {
    this.#beginToStop();
    if (!this.speaker.isNeeded) return;
    const stopped = this.#answers.of(this.speaker.worker, "stopped");
    this.speaker.worker.post({ kind: "stop" });
    await stopped;
    this.speaker.worker.end();
  }

  /** Leaves all virtual routers without waiting for anybody. */
  leaveAtOnce(): void {
    this.speaker.worker.post({ kind: "stop" });
  }

  /** Accepts no more, calls `deaf` once that is so, and waits until no connection is left. */
  drain(deaf: () => void): Promise<void> {
    this.#beginToStop();
    return this.dataplane.drain(deaf);
  }

  /** Makes the prober check the servers as they are now. */
  async planProber(): Promise<void> {
    const planned = this.#answers.of(this.#prober, "planned");
    const { servers } = this.#parts;
    this.#prober.post({ kind: "plan", servers: servers.checked(), agents: servers.agents() });
    await planned;
  }

  /** Resets what is left and ends forwarding and checks. */
  async stop(): Promise<void> {
    this.#beginToStop();
    const checked = this.#answers.of(this.#prober, "stopped");
    this.#prober.post({ kind: "stop" });
    await Promise.all([this.dataplane.stop(), checked]);
    for (const worker of [...this.dataplane.workers, this.#prober]) worker.end();
    reclaimScripts(this.#scripts);
  }

  /** From now on a worker that is dead, or dies, has no successor. */
  #beginToStop(): void {
    this.#isStopping = true;
    for (const worker of [...this.dataplane.workers, this.speaker.worker, this.#prober]) {
      if (!worker.isRunning) worker.end();
    }
  }

  #addSpeaker(): void {
    const { worker } = this.speaker;
    if (!this.threads.includes(worker)) this.threads.splice(-1, 0, worker);
  }

  #speakerLink(row: number): SpeakerLink {
    const { plan: { syncGroups: groups, trackers }, memory, routers } = this.#parts;
    return new SpeakerLink({
      plan: { routers: routers.rows, groups, trackers },
      memory,
      row,
      dataplane: this.dataplane.workers.map(({ wake }) => wake),
      transition: (report) => this.#noteTransition(report),
      release: (router) => void this.#release(router),
      begins: () => this.#addSpeaker(),
      failed: (message) => this.onFailure(message),
      settled: (kind) => this.#answers.settle("speaker", kind),
      lost: () => this.#noteLost(this.speaker.worker),
    });
  }

  #proberWorker(row: number): EngineWorker<ProberOrder, ProberReport> {
    const { memory, servers } = this.#parts;
    const descriptors = pollerMemory(2 * memory.servers.rows);
    return new EngineWorker({
      engine: "prober",
      name: "prober",
      row,
      table: memory.workers,
      log: this.#proberLog,
      start: () => ({
        kind: "start",
        servers: servers.checked(),
        agents: servers.agents(),
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

  #noteTransition(report: TransitionReport): void {
    const { router, from, to, reason, detail } = report;
    const message = `virtual router ${router}: ${from} to ${to}: ${detail}`;
    this.#speakerLog.write("info", message, { reason });
    this.onTransition(report);
    if (to !== "active") return void this.#active.delete(router);
    this.#active.add(router);
    if (this.#parts.frontends.isStale(router)) void this.#release(router);
    else this.#serveAgain(router);
  }

  /**
   * The addresses of `router` are about to go: first its listeners and connections, then the word.
   */
  async #release(router: string): Promise<void> {
    await this.dataplane.release(router);
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
      this.dataplane.lend(frontends.reopen(router));
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      this.#speakerLog.write("error", error.message);
      sleep(RETRY_MS).then(() => this.#serveAgain(router));
    }
  }

  #heardProber(report: ProberReport): void {
    if (report.kind === "results") report.results.forEach((result) => this.#noteCheck(result));
    else if (report.kind === "agent") this.#noteAgent(report);
    else if (report.kind === "log") {
      this.#proberLog.write(report.level, report.message, report.properties);
    } else this.#answers.settle("prober", report.kind);
  }

  #noteAgent({ row, line, isNew, words }: AgentReport): void {
    this.#parts.servers.noteAgent(row, words);
    if (!isNew) return;
    const name = this.#parts.servers.name(row);
    this.#proberLog.write("info", `the agent of server ${name} says: ${line}`, {
      ...(words.unknown.length > 0 && { ignored: words.unknown.join(" ") }),
    });
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
    const connections = await this.dataplane.cuts.server(row);
    if (connections === 0) return;
    const name = this.#parts.servers.name(row);
    this.#proberLog.write("warn", `reset the connections of server ${name}`, { connections });
  }

  /** A worker has died: it will answer no order, and report itself ready if it is started again. */
  #noteLost(worker: { readonly name: string; end(): void }): void {
    this.#answers.lost(worker.name);
    if (this.#isStopping) worker.end();
  }
}

/** By then the speaker has taken the addresses away: it does so within milliseconds. */
const SERVE_AGAIN_MS = 250;
const RETRY_MS = 1_000;
