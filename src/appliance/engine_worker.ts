/**
 * One worker thread: started, given orders, and started again when it dies. What its reports mean
 * is for others to say.
 */

import { monotonicMs } from "../linux/clock.ts";
import { eventfd, signal } from "../linux/eventfd.ts";
import { must } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import type { WorkerTable } from "../memory/worker_table.ts";
import { type Engine, workerUrl } from "./bundle.ts";
import type { Log } from "./log.ts";

/** What the appliance says to and hears from one worker. */
export interface EngineWorkerOptions<Order, Report> {
  readonly engine: Engine;
  readonly name: string;
  /** The worker's row in `table`. */
  readonly row: number;
  readonly table: WorkerTable;
  readonly log: Log;
  /** The first order, also after a restart. */
  readonly start: (wake: Fd) => Order;
  /** It has been given its first order; more may follow at once. */
  readonly started?: () => void;
  readonly report: (report: Report) => void;
  /** The worker has died; its successor starts after this, unless the worker is ended here. */
  readonly lost: () => void;
}

/** A worker that is kept running until it is told to end. */
export class EngineWorker<Order, Report> {
  readonly name: string;
  readonly row: number;
  /** How often it had to be started again. */
  restarts = 0;
  readonly #options: EngineWorkerOptions<Order, Report>;
  /** Written when there is something for the thread. */
  readonly wake: Fd = must("eventfd", eventfd());
  #worker: Worker | undefined;
  #ended = false;
  #startedAt = 0;
  /** How often it has died early, in a row. */
  #failures = 0;

  constructor(options: EngineWorkerOptions<Order, Report>) {
    this.#options = options;
    this.name = options.name;
    this.row = options.row;
  }

  /** Whether there is a thread: not before the start, nor between a death and the next start. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /** Starts the thread. */
  start(): void {
    const { engine, name, report, start, started, table } = this.#options;
    // Orders that its predecessor was given will never come to it.
    table.forgetOrders(this.row);
    const worker = new Worker(workerUrl(engine), { type: "module", name });
    worker.onmessage = ({ data }: MessageEvent<Report>) => report(data);
    worker.onerror = (event) => {
      // Without this an error in a worker would end the whole process.
      event.preventDefault();
      this.#died(worker, `${event.message} (${event.filename}:${event.lineno})`);
    };
    this.#worker = worker;
    this.#startedAt = monotonicMs();
    worker.postMessage(start(this.wake));
    started?.();
  }

  /** Gives the worker an order and wakes it; one that is not running gets none. */
  post(order: Order): void {
    if (!this.#worker) return;
    this.#worker.postMessage(order);
    this.#options.table.order(this.row);
    signal(this.wake);
  }

  /** There is nothing for the worker to do any more; it may be started again. */
  rest(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** The worker may end from now on; what is left of it is taken away. */
  end(): void {
    this.#ended = true;
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #died(worker: Worker, cause: string): void {
    if (this.#ended || this.#worker !== worker) return;
    this.#worker = undefined;
    worker.terminate();
    const isSteady = monotonicMs() - this.#startedAt >= STEADY_MS;
    this.#failures = isSteady ? 1 : this.#failures + 1;
    const pauseMs = Math.min(RESTART_PAUSE_MS * 2 ** (this.#failures - 1), MAX_RESTART_PAUSE_MS);
    this.#options.lost();
    if (this.#ended) return this.#options.log.write("error", `died while stopping: ${cause}`);
    this.restarts++;
    this.#options.log.write("error", `died and is started again in ${pauseMs} ms: ${cause}`);
    setTimeout(() => {
      if (!this.#ended) this.start();
    }, pauseMs);
  }
}

const RESTART_PAUSE_MS = 50;
const MAX_RESTART_PAUSE_MS = 5_000;
/** Who dies after so long a time is started again as if for the first time. */
const STEADY_MS = 60_000;
