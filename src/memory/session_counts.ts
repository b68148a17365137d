/**
 * How many UDP sessions each backend has, of all workers: what `udp.maxSessions` bounds.
 */

/**
 * One count for each worker and backend, which its worker alone writes; and for each backend
 * whether some worker has no place for a client and no session of its own to end for it, which all
 * write.
 */
export class SessionCounts {
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #workers: number;
  readonly #backends: number;

  constructor({ workers, backends, buffer }: SessionCountsShape) {
    this.#workers = workers;
    this.#backends = backends;
    this.#cells = new Int32Array(
      buffer ?? new SharedArrayBuffer((workers + 1) * backends * Int32Array.BYTES_PER_ELEMENT),
    );
  }

  /** What another thread needs to lay the same table over the same memory. */
  get shape(): SessionCountsShape {
    return { workers: this.#workers, backends: this.#backends, buffer: this.#cells.buffer };
  }

  /**
   * Counts one session more, if there are fewer than `limit`. Of workers that take the last place
   * at the same moment perhaps none gets it, but never more than one.
   */
  enter(worker: number, backend: number, limit: number): boolean {
    const at = worker * this.#backends + backend;
    Atomics.add(this.#cells, at, 1);
    if (this.total(backend) <= limit) return true;
    Atomics.sub(this.#cells, at, 1);
    return false;
  }

  /** Asks the other workers to end a session of a backend that they can do without. */
  wantPlace(backend: number): void {
    Atomics.store(this.#cells, this.#workers * this.#backends + backend, 1);
  }

  /** Whether some worker asks for a place. */
  isPlaceWanted(backend: number): boolean {
    return Atomics.load(this.#cells, this.#workers * this.#backends + backend) !== 0;
  }

  /** There is a place again. */
  placeFound(backend: number): void {
    Atomics.store(this.#cells, this.#workers * this.#backends + backend, 0);
  }

  /** Counts one session less. */
  leave(worker: number, backend: number): void {
    Atomics.sub(this.#cells, worker * this.#backends + backend, 1);
  }

  /** The sessions of a backend. */
  total(backend: number): number {
    let sum = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      sum += Atomics.load(this.#cells, worker * this.#backends + backend);
    }
    return sum;
  }

  /** Forgets the sessions of a worker that is gone. */
  forget(worker: number): void {
    for (let backend = 0; backend < this.#backends; backend++) {
      Atomics.store(this.#cells, worker * this.#backends + backend, 0);
    }
  }
}

/** The dimensions of a {@linkcode SessionCounts} table and, once it exists, its memory. */
export interface SessionCountsShape {
  readonly workers: number;
  readonly backends: number;
  readonly buffer?: SharedArrayBuffer;
}
