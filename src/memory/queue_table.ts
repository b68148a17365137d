/**
 * Who waits for a server, over all workers: how many for each, and which worker has had somebody
 * wait longest. The connections themselves are the workers' own.
 */

/** The dimensions of a {@linkcode QueueTable} and, once it exists, its memory. */
export interface QueueShape {
  readonly workers: number;
  /** As many as there may ever be: each has a queue, whose number is the backend's index. */
  readonly backends: number;
  /** Rows of the server table: each has a queue as well, with the numbers that come next. */
  readonly rows: number;
  readonly buffer?: SharedArrayBuffer;
}

/**
 * Numbers of waiting connections by queue and by server row, and the ticket of the first of each
 * queue in each worker. Whoever waits in one queue can take the same places: of any server of a
 * backend, or of one server.
 *
 * Writers: sums and the next ticket, all data-plane workers, atomically; everything else, the
 * worker that it is of, and the main thread once that worker is gone.
 */
export class QueueTable {
  readonly shape: QueueShape;
  readonly #workers: number;
  readonly #queues: number;
  readonly #rows: number;
  /** Sums by row and by queue, and the next ticket by queue. */
  readonly #sums: Int32Array<SharedArrayBuffer>;
  /** By worker: waiting by row, waiting by queue, first ticket by queue. */
  readonly #own: Int32Array<SharedArrayBuffer>;

  constructor({ workers, backends, rows, buffer }: QueueShape) {
    const queues = backends + rows;
    const sums = rows + 2 * queues;
    const cells = sums * (1 + workers);
    const memory = buffer ?? new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT);
    this.shape = { workers, backends, rows, buffer: memory };
    this.#workers = workers;
    this.#queues = queues;
    this.#rows = rows;
    this.#sums = new Int32Array(memory, 0, sums);
    this.#own = new Int32Array(memory, sums * Int32Array.BYTES_PER_ELEMENT, workers * sums);
  }

  /** How many queues there are. */
  get queues(): number {
    return this.#queues;
  }

  /** How many wait for the server of a row. */
  queued(row: number): number {
    return Atomics.load(this.#sums, row);
  }

  /** How many wait in a queue. */
  waiting(queue: number): number {
    return Atomics.load(this.#sums, this.#rows + queue);
  }

  /** Counts one more, or one less, who waits for the server of a row. */
  addQueued(worker: number, row: number, change: number): void {
    Atomics.add(this.#own, this.#at(worker, row), change);
    Atomics.add(this.#sums, row, change);
  }

  /** As {@linkcode addQueued}, unless as many as `most` wait there. */
  claim(worker: number, row: number, most: number): boolean {
    for (let queued = this.queued(row); queued < most;) {
      const found = Atomics.compareExchange(this.#sums, row, queued, queued + 1);
      if (found === queued) {
        Atomics.add(this.#own, this.#at(worker, row), 1);
        return true;
      }
      queued = found;
    }
    return false;
  }

  /** Counts one more, or one less, who waits in a queue. */
  addWaiting(worker: number, queue: number, change: number): void {
    Atomics.add(this.#own, this.#at(worker, this.#rows + queue), change);
    Atomics.add(this.#sums, this.#rows + queue, change);
  }

  /** The ticket of the next who joins a queue: later than all given out before, never 0. */
  ticket(queue: number): number {
    const at = this.#rows + this.#queues + queue;
    return (Atomics.add(this.#sums, at, 1) + 1 | 0) || this.ticket(queue);
  }

  /** Publishes the ticket of the worker's first in a queue; 0 when it has nobody there. */
  setFirst(worker: number, queue: number, ticket: number): void {
    Atomics.store(this.#own, this.#at(worker, this.#rows + this.#queues + queue), ticket);
  }

  /** The worker whose first in a queue has waited longest; `undefined` when nobody waits. */
  firstWorker(queue: number): number | undefined {
    let first: number | undefined;
    let earliest = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      const at = this.#at(worker, this.#rows + this.#queues + queue);
      const ticket = Atomics.load(this.#own, at);
      // Tickets wrap; those that are in use lie close together.
      if (ticket === 0 || first !== undefined && (ticket - earliest | 0) > 0) continue;
      first = worker;
      earliest = ticket;
    }
    return first;
  }

  /** Forgets all who wait in a worker. Only once it is gone. */
  forget(worker: number): void {
    for (let cell = 0; cell < this.#rows + this.#queues; cell++) {
      const count = Atomics.exchange(this.#own, this.#at(worker, cell), 0);
      if (count !== 0) Atomics.sub(this.#sums, cell, count);
    }
    for (let queue = 0; queue < this.#queues; queue++) this.setFirst(worker, queue, 0);
  }

  #at(worker: number, cell: number): number {
    return worker * this.#sums.length + cell;
  }
}
