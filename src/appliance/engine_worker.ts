/**
 * One worker thread: started, given orders, and started again when it dies. What its reports mean
 * is for others to say.
 */

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
  readonly report: (report: Report) => void;
  /** The worker has died; its successor starts after this. */
  readonly lost: () => void;
}

/** A worker that is kept running until it is told to end. */
export class EngineWorker<Order, Report> {
  readonly name: string;
  readonly row: number;
  /** How often it had to be started again. */
  restarts = 0;
  readonly #options: EngineWorkerOptions<Order, Report>;
  readonly #wake: Fd = must("eventfd", eventfd());
  #worker: Worker | undefined;
  #ended = false;

  constructor(options: EngineWorkerOptions<Order, Report>) {
    this.#options = options;
    this.name = options.name;
    this.row = options.row;
  }

  /** Starts the thread. */
  start(): void {
    const { engine, name, report, start, table } = this.#options;
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
    worker.postMessage(start(this.#wake));
  }

  /** Gives the worker an order and wakes it. */
  post(order: Order): void {
    this.#worker?.postMessage(order);
    this.#options.table.order(this.row);
    signal(this.#wake);
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
    this.restarts++;
    const pauseMs = Math.min(RESTART_PAUSE_MS * 2 ** (this.restarts - 1), MAX_RESTART_PAUSE_MS);
    this.#options.log.write("error", `died and is started again in ${pauseMs} ms: ${cause}`);
    this.#options.lost();
    setTimeout(() => {
      if (!this.#ended) this.start();
    }, pauseMs);
  }
}

const RESTART_PAUSE_MS = 50;
const MAX_RESTART_PAUSE_MS = 5_000;
