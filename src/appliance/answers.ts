/**
 * Who waits for which report of which worker. A worker that is not running, or dies, owes none but
 * that of being ready, which its successor gives. It posts no orders.
 */

/** A worker, as far as it answers. */
export interface Answerer {
  readonly name: string;
  readonly isRunning: boolean;
}

/** What has been asked for and not been reported yet. */
export class Answers {
  readonly #awaited = new Map<string, () => void>();

  /** The answer of a worker to an order. */
  of({ name, isRunning }: Answerer, kind: string): Promise<void> {
    return isRunning ? this.next(name, kind) : Promise.resolve();
  }

  /** The next report of a kind from a worker, or from its successor. */
  next(worker: string, kind: string): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(`${worker} ${kind}`, resolve));
  }

  /** A worker has reported. */
  settle(worker: string, kind: string): void {
    const key = `${worker} ${kind}`;
    this.#awaited.get(key)?.();
    this.#awaited.delete(key);
  }

  /** A worker has died. */
  lost(worker: string): void {
    for (const key of [...this.#awaited.keys()]) {
      const [name = "", ...kind] = key.split(" ");
      if (name === worker && kind[0] !== "ready") this.settle(name, kind.join(" "));
    }
  }
}
