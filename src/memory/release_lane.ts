/**
 * The short way from the speaker to the data plane when a virtual router's addresses are about to
 * go: two nodes hold them until connections on them are gone, and messages by way of the main
 * thread take their time on a busy machine. Wakes nobody: the caller has their eventfds.
 */

/** What is to be released, by virtual router, and which data-plane worker has done so. */
export class ReleaseLane {
  readonly shape: ReleaseLaneShape;
  /** The speaker's row first, then one for each worker: how often each has been released. */
  readonly #cells: Int32Array<SharedArrayBuffer>;

  /** Lays a lane over the shape's memory, or over new memory where it has none. */
  constructor(shape: ReleaseLaneShape) {
    const { routers, workers } = shape;
    const bytes = (1 + workers) * routers * Int32Array.BYTES_PER_ELEMENT;
    const memory = shape.memory ?? new SharedArrayBuffer(bytes);
    this.#cells = new Int32Array(memory);
    this.shape = { routers, workers, memory };
  }

  /** Asks every worker to release a virtual router. Only the speaker may. */
  ask(router: number): void {
    Atomics.add(this.#cells, router, 1);
  }

  /** Whether every worker has done what was asked last. */
  isDone(router: number): boolean {
    const asked = Atomics.load(this.#cells, router);
    for (let worker = 0; worker < this.shape.workers; worker++) {
      if (Atomics.load(this.#cells, this.#at(worker, router)) !== asked) return false;
    }
    return true;
  }

  /**
   * Has a worker release what it was asked to and has not yet. Only that worker may call it.
   *
   * @returns whether there was anything.
   */
  serve(worker: number, release: (router: number) => void): boolean {
    let isServed = false;
    for (let router = 0; router < this.shape.routers; router++) {
      const asked = Atomics.load(this.#cells, router);
      const at = this.#at(worker, router);
      if (this.#cells[at] === asked) continue;
      release(router);
      Atomics.store(this.#cells, at, asked);
      isServed = true;
    }
    return isServed;
  }

  /**
   * A worker has just been started: what was asked of the one before it is done with it. Its own
   * listeners may be those that have come after.
   *
   * @returns whether somebody may be waiting for that.
   */
  join(worker: number): boolean {
    return this.serve(worker, () => {});
  }

  #at(worker: number, router: number): number {
    return (1 + worker) * this.shape.routers + router;
  }
}

/** The dimensions of a {@linkcode ReleaseLane} and, once it exists, its memory. */
export interface ReleaseLaneShape {
  readonly routers: number;
  readonly workers: number;
  readonly memory?: SharedArrayBuffer;
}
