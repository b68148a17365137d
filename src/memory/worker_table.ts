/**
 * How the main thread and its workers keep sight of each other: signs of life and posted orders.
 */

/**
 * One row a worker.
 *
 * Writers: `orders`, the main thread; everything else, the worker of that row.
 */
export class WorkerTable {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array<SharedArrayBuffer>;

  /** Lays a table over `memory`, or over new memory for so many workers. */
  constructor(memory: SharedArrayBuffer | number) {
    this.buffer = typeof memory === "number"
      ? new SharedArrayBuffer(memory * COLUMNS * Int32Array.BYTES_PER_ELEMENT)
      : memory;
    this.#cells = new Int32Array(this.buffer);
  }

  /** Leaves a sign of life. `now` is monotonic, in milliseconds. */
  beat(worker: number, now: number): void {
    Atomics.store(this.#cells, worker * COLUMNS + BEAT_AT, now % WRAP);
  }

  /** Milliseconds since the last sign of life; `undefined` before the first. */
  silence(worker: number, now: number): number | undefined {
    const beatAt = Atomics.load(this.#cells, worker * COLUMNS + BEAT_AT);
    if (beatAt === 0) return undefined;
    const silence = ((now % WRAP) - beatAt + WRAP) % WRAP;
    // The worker may have beaten after the caller had read its clock.
    return silence < WRAP / 2 ? silence : 0;
  }

  /** Counts one more message posted to the worker; its eventfd is to be written next. */
  order(worker: number): void {
    Atomics.add(this.#cells, worker * COLUMNS + ORDERS, 1);
  }

  /** Begins to count anew: a new worker is about to be started in this row. */
  forgetOrders(worker: number): void {
    Atomics.store(this.#cells, worker * COLUMNS + ORDERS, 0);
  }

  /** How many messages have been posted to the worker since it was started. */
  orders(worker: number): number {
    return Atomics.load(this.#cells, worker * COLUMNS + ORDERS);
  }

  /** Publishes how many connections the worker holds. */
  setConnections(worker: number, connections: number): void {
    Atomics.store(this.#cells, worker * COLUMNS + CONNECTIONS, connections);
  }

  connections(worker: number): number {
    return Atomics.load(this.#cells, worker * COLUMNS + CONNECTIONS);
  }

  /** Says whether the worker does its work in another way than it was told to. */
  setFallback(worker: number, isFallback: boolean): void {
    Atomics.store(this.#cells, worker * COLUMNS + FALLBACK, isFallback ? 1 : 0);
  }

  /** Whether it does. */
  isFallback(worker: number): boolean {
    return Atomics.load(this.#cells, worker * COLUMNS + FALLBACK) === 1;
  }
}

const BEAT_AT = 0;
const ORDERS = 1;
const CONNECTIONS = 2;
const FALLBACK = 3;
const COLUMNS = 4;

/** Instants are kept modulo 2³⁰ ms, twelve days: they are only ever compared over seconds. */
const WRAP = 2 ** 30;
