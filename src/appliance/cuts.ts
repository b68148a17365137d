/**
 * Orders to reset connections, on their way to the data-plane workers, and how many each of them
 * has reset. Whose connections, and why, is for others to say.
 */

import type { Chosen, CutOrder, CutReport } from "../dataplane/orders.ts";
import type { Fd } from "../linux/libc.ts";
import type { Row } from "../memory/server_table.ts";

/** A data-plane worker, as far as it is given orders. */
export interface Cutter {
  readonly name: string;
  readonly isRunning: boolean;
  post(order: CutOrder): void;
}

/** What has been ordered and not answered yet. */
export class Cuts {
  readonly #workers: readonly Cutter[];
  readonly #awaited = new Map<string, (connections: number) => void>();
  #nextId = 1;

  /** @param workers in the order of their rows. */
  constructor(workers: readonly Cutter[]) {
    this.#workers = workers;
  }

  /** Resets every connection of a server. @returns how many there were, once all are. */
  async server(row: Row): Promise<number> {
    const counts = await Promise.all(this.#workers.map((worker) => this.#order(worker, { row })));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Resets every connection that was accepted on some listeners, those of each worker. */
  async listeners(byWorker: readonly (readonly Fd[])[]): Promise<number> {
    const counts = await Promise.all(byWorker.map((listeners, row) => {
      const worker = this.#workers[row];
      return worker && listeners.length > 0 ? this.#order(worker, { listeners }) : 0;
    }));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Resets connections of one worker. @returns how many were still there. */
  chosen(worker: number, which: Chosen): Promise<number> {
    const one = this.#workers[worker];
    return one ? this.#order(one, which) : Promise.resolve(0);
  }

  /** A worker has answered. */
  heard(worker: string, { id, connections }: CutReport): void {
    const key = keyOf(worker, id);
    this.#awaited.get(key)?.(connections);
    this.#awaited.delete(key);
  }

  /** A worker has died, with all its connections: what it owes is not counted. */
  lost(worker: string): void {
    for (const [key, settle] of [...this.#awaited]) {
      if (!key.startsWith(keyOf(worker, ""))) continue;
      this.#awaited.delete(key);
      settle(0);
    }
  }

  #order(worker: Cutter, which: CutOrder["which"]): Promise<number> {
    if (!worker.isRunning) return Promise.resolve(0);
    const id = this.#nextId++;
    const answered = new Promise<number>((settle) =>
      this.#awaited.set(keyOf(worker.name, id), settle)
    );
    worker.post({ kind: "cut", id, which });
    return answered;
  }
}

function keyOf(worker: string, id: number | ""): string {
  return `${worker} ${id}`;
}
