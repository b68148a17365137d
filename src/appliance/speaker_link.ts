/**
 * The speaker as the appliance knows it: its worker, what it is to be told again when it has to be
 * started anew, and the answers that somebody waits for.
 */

import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { isSame } from "../core/plan/same.ts";
import { sameStanding, type Standing, UNMOVED } from "../core/track/combine.ts";
import type { Order, Report, SpeakerPlan, TransitionReport } from "../speaker/orders.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { Fd } from "../linux/libc.ts";
import { CannotRun } from "./cannot_run.ts";
import { EngineWorker } from "./engine_worker.ts";
import { logOf } from "./log.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** How an order has ended that others may refuse. */
export interface Outcome {
  readonly ok: boolean;
  readonly detail: string;
}

/** What the speaker is made of, and who hears it. */
export interface SpeakerParts {
  readonly plan: SpeakerPlan;
  readonly memory: Pick<SharedMemory, "workers" | "routers" | "workerLag" | "releases">;
  readonly row: number;
  /** The eventfds of the data plane's workers. */
  readonly dataplane: readonly Fd[];
  readonly transition: (report: TransitionReport) => void;
  /** The addresses of a virtual router are about to go: {@linkcode SpeakerLink.released}. */
  readonly release: (router: string) => void;
  /** Its thread is there, if it was not before: there are virtual routers now. */
  readonly begins: () => void;
  /** The speaker cannot run on this host, as was found out at start. */
  readonly failed: (message: string) => void;
  /** It has come so far: `ready`, `planned`, `stopped`. */
  readonly settled: (kind: string) => void;
  /** Its thread has died, and is started again unless it is ended here. */
  readonly lost: () => void;
}

/** The speaker's worker and what is wanted of it. */
export class SpeakerLink {
  readonly worker: EngineWorker<Order, Report>;
  readonly #parts: SpeakerParts;
  readonly #log = logOf("speaker");
  readonly #standings = new Map<string, Standing>();
  readonly #awaited = new Map<string, (outcome: Outcome) => void>();
  #plan: SpeakerPlan;
  /** As the thread may still have them, which has not said yet that it goes by the plan. */
  #former: readonly VirtualRouterPlan[] = [];
  #participates = false;
  #standby = false;
  #isStarted = false;
  /** Who waits until another plan is followed; told why if that cannot be. */
  #following: ((failure: string | null) => void) | undefined;

  constructor(parts: SpeakerParts) {
    this.#parts = parts;
    this.#plan = parts.plan;
    const { memory, row } = parts;
    this.worker = new EngineWorker({
      engine: "speaker",
      name: "speaker",
      row,
      table: memory.workers,
      log: this.#log,
      start: (wake) => ({
        ...this.#plan,
        kind: "start",
        former: this.#former,
        // In standby it must know of that first.
        participate: this.#participates && !this.#standby,
        worker: row,
        workers: memory.workers.buffer,
        wake,
        release: { lane: memory.releases.shape, workers: parts.dataplane },
        table: memory.routers.shape,
        lag: memory.workerLag.shape,
      }),
      started: () => this.#tellAgain(),
      report: (report) => this.#heard(report),
      // Its addresses expire by themselves; the successor removes what is left.
      lost: () => this.#lost(),
    });
  }

  /** Whether there is anything for it to do, or has been. */
  get isNeeded(): boolean {
    return this.#isStarted || this.#plan.routers.some((plan) => plan !== null);
  }

  /** Starts its thread, if it is needed. */
  start(): void {
    if (!this.isNeeded || this.#isStarted) return;
    this.#isStarted = true;
    this.worker.start();
  }

  /**
   * Has it go by another plan; starts it if there is something for it to do now. Resolves once what
   * had to leave has left.
   *
   * @throws {CannotRun} when it cannot run on this host.
   */
  async follow(plan: SpeakerPlan): Promise<void> {
    this.#former = [...this.#former, ...this.#plan.routers].filter((one) => one !== null)
      .filter((one) => !plan.routers.some((next) => isSame(next, one)));
    this.#plan = plan;
    const names = new Set(plan.routers.map((one) => one?.name));
    for (const name of this.#standings.keys()) if (!names.has(name)) this.#standings.delete(name);
    if (!this.isNeeded) return;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    this.#following?.(null);
    this.#following = resolve;
    const timer = setTimeout(() => resolve(NO_ANSWER.detail), FOLLOW_MS);
    if (!this.#isStarted) {
      // Started later than the others it would else seem to have been silent since they were.
      this.#parts.memory.workers.beat(this.worker.row, monotonicMs());
      this.start();
    } else if (this.worker.isRunning) this.worker.post({ ...plan, kind: "plan" });
    // One that has died and is started again starts with this plan.
    else resolve(null);
    const failure = await promise;
    clearTimeout(timer);
    if (this.#following === resolve) this.#following = undefined;
    if (failure !== null) throw new CannotRun(failure);
    this.#parts.begins();
  }

  /** What held the start back is over. */
  participate(): void {
    if (this.#participates) return;
    this.#participates = true;
    this.worker.post({ kind: "participate" });
  }

  /** What trackers make of a virtual router now. */
  track(router: string, standing: Standing): void {
    this.#standings.set(router, standing);
    this.worker.post({ kind: "track", router, ...standing });
  }

  /** Hands a virtual router over. */
  failover(router: string, holdMs: number, force: boolean): Promise<Outcome> {
    return this.#ask(`failover ${router}`, { kind: "failover", router, holdMs, force });
  }

  /** Lets a virtual router preempt again. */
  unhold(router: string): void {
    this.worker.post({ kind: "unhold", router });
  }

  /** Hands everything over and refuses to be Active; or no longer. */
  async standby(enabled: boolean, force: boolean): Promise<Outcome> {
    if (!this.isNeeded) {
      // Its thread is told when there is one: nobody has to take anything over.
      this.#standby = enabled;
      return { ok: true, detail: "there is no virtual router yet" };
    }
    const outcome = await this.#ask("standby", { kind: "standby", enabled, force });
    if (outcome.ok) this.#standby = enabled;
    return outcome;
  }

  /** Begins in standby: nobody has to take anything over yet. */
  startInStandby(): void {
    this.#standby = true;
    this.worker.post({ kind: "standby", enabled: true, force: true });
  }

  /** The data plane holds nothing on the addresses of a virtual router any more. */
  released(router: string): void {
    this.worker.post({ kind: "released", router });
  }

  #ask(key: string, order: Order): Promise<Outcome> {
    if (!this.worker.isRunning) return Promise.resolve(NOT_RUNNING);
    this.#answer(key, { ok: false, detail: "another order has taken its place" });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const timer = setTimeout(() => this.#answer(key, NO_ANSWER), ANSWER_MS);
    this.#awaited.set(key, (outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    });
    this.worker.post(order);
    return promise;
  }

  #answer(key: string, outcome: Outcome): void {
    const resolve = this.#awaited.get(key);
    this.#awaited.delete(key);
    resolve?.(outcome);
  }

  #tellAgain(): void {
    for (const [router, standing] of this.#standings) {
      if (sameStanding(standing, UNMOVED)) continue;
      this.worker.post({ kind: "track", router, ...standing });
    }
    if (!this.#standby) return;
    this.worker.post({ kind: "standby", enabled: true, force: true });
    if (this.#participates) this.worker.post({ kind: "participate" });
  }

  #heard(report: Report): void {
    switch (report.kind) {
      case "log":
        return this.#log.write(report.level, report.message, report.properties);
      case "transition":
        return this.#parts.transition(report);
      case "releaseConnections":
        return this.#parts.release(report.router);
      case "handedOver":
        return this.#answer(`failover ${report.router}`, report);
      case "standby":
        return this.#answer("standby", report);
      case "failed":
        return this.#fail(report.message);
      case "ready":
      case "planned":
        this.#former = [];
        this.#following?.(null);
        return this.#parts.settled(report.kind);
      case "stopped":
        return this.#parts.settled(report.kind);
    }
  }

  /** A thread that a reload has started is given up; without one from the start nothing runs. */
  #fail(message: string): void {
    if (!this.#following) return this.#parts.failed(message);
    this.#isStarted = false;
    this.worker.rest();
    this.#following(message);
  }

  #lost(): void {
    this.#parts.memory.routers.mend();
    this.#parts.memory.workerLag.mend(this.#parts.row);
    for (const key of [...this.#awaited.keys()]) this.#answer(key, NOT_RUNNING);
    this.#following?.(null);
    this.#parts.lost();
  }
}

const NOT_RUNNING: Outcome = { ok: false, detail: "the speaker is not running" };
const NO_ANSWER: Outcome = { ok: false, detail: "the speaker does not answer" };
/** Handing over takes a second at most, and releasing connections somewhat more. */
const ANSWER_MS = 5_000;
/** The same, for all that leave, and for a thread that has to be started. */
const FOLLOW_MS = 10_000;
