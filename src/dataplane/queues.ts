/**
 * Connections of one worker that wait for a place at a server: who was first, and whose turn it is
 * among all workers. It connects nobody and knows no deadlines.
 */

import { NO_SERVER } from "../core/balance/balancer.ts";
import { Admission } from "../memory/admission.ts";
import { QueueTable } from "../memory/queue_table.ts";
import type { Kernel } from "./kernel.ts";
import type { Fd } from "../linux/libc.ts";
import type { Backend, StartOrder } from "./orders.ts";

/**
 * One queue for each backend: whoever waits there takes the first place that any server has. Where
 * clients have servers of their own (`source`) each server has a queue as well.
 */
export class Queues {
  readonly #worker: number;
  readonly #kernel: Pick<Kernel, "signal">;
  readonly #table: QueueTable;
  readonly #admission: Admission;
  /** By backend: its first queue, and whether each of its servers has one. */
  readonly #base: Int32Array;
  readonly #isSplit: Uint8Array;
  /** By queue: its first and last slot. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  /** By slot: its neighbours, its queue, its ticket, and the row that it is counted for. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #queue: Int32Array;
  readonly #ticket: Int32Array;
  readonly #row: Int32Array;
  #length = 0;

  constructor(start: StartOrder, kernel: Pick<Kernel, "signal">) {
    this.#worker = start.worker;
    this.#kernel = kernel;
    this.#table = new QueueTable(start.queues);
    this.#admission = new Admission(start.admission);
    this.#isSplit = Uint8Array.from(start.backends, ({ balance }) => balance === "source" ? 1 : 0);
    this.#base = new Int32Array(start.backends.length);
    let queues = 0;
    start.backends.forEach((backend, index) => {
      this.#base[index] = queues;
      queues += queuesOf(backend);
    });
    this.#first = new Int32Array(queues).fill(NOBODY);
    this.#last = new Int32Array(queues).fill(NOBODY);
    const slots = start.maxConnections;
    this.#next = new Int32Array(slots);
    this.#previous = new Int32Array(slots);
    this.#queue = new Int32Array(slots);
    this.#ticket = new Int32Array(slots);
    this.#row = new Int32Array(slots);
  }

  /** How many connections of this worker wait, in all queues. */
  get length(): number {
    return this.#length;
  }

  /** How many queues there are. */
  get count(): number {
    return this.#first.length;
  }

  /** The queue for a server of a backend; for NO_SERVER the one of those whom any would suit. */
  queueOf(backend: number, server: number): number {
    return this.#base[backend]! + (this.#isSplit[backend] === 1 ? server - NO_SERVER : 0);
  }

  /** How many wait in a queue, of all workers. */
  waiting(queue: number): number {
    return this.#table.waiting(queue);
  }

  /** The slot of this worker that has waited longest in a queue; −1 for none. */
  first(queue: number): number {
    return this.#first[queue]!;
  }

  /** The slot of this worker that has waited shortest in a queue; −1 for none. */
  last(queue: number): number {
    return this.#last[queue]!;
  }

  /** Whether each server of a backend has a queue of its own. */
  isSplit(backend: number): boolean {
    return this.#isSplit[backend] === 1;
  }

  /** The one behind a slot of a queue; −1 for none. */
  behind(slot: number): number {
    return this.#next[slot]!;
  }

  /** The row of the server that a waiting slot is counted for; −1 for none. */
  row(slot: number): number {
    return this.#row[slot]!;
  }

  /**
   * Lets a slot wait behind all others of a queue.
   *
   * @param row of the server that it is counted for; −1 for none.
   * @param maxQueue how many may be counted for that one; `null` for any number.
   * @returns whether there was room.
   */
  join(slot: number, queue: number, row: number, maxQueue: number | null): boolean {
    if (!this.#count(row, maxQueue)) return false;
    this.#row[slot] = row;
    this.#append(slot, queue);
    return true;
  }

  /**
   * Counts a waiting slot for another server; in another queue it is the last. As
   * {@linkcode join}.
   */
  move(slot: number, queue: number, row: number, maxQueue: number | null): boolean {
    if (!this.#count(row, maxQueue)) return false;
    this.#uncount(this.#row[slot]!);
    this.#row[slot] = row;
    if (queue === this.#queue[slot]) return true;
    this.#remove(slot);
    this.#append(slot, queue);
    return true;
  }

  /** A slot waits no longer. */
  leave(slot: number): void {
    this.#uncount(this.#row[slot]!);
    this.#remove(slot);
  }

  /** Whether it is this worker's turn in a queue. */
  isOurTurn(queue: number): boolean {
    const worker = this.#table.firstWorker(queue);
    return worker === undefined || worker === this.#worker;
  }

  /**
   * Wakes the worker whose turn it is in a queue: it may not know that there is a place. Only if
   * there is one, or workers would wake each other for as long as anybody waits.
   */
  wake(queue: number): void {
    const worker = this.#table.firstWorker(queue);
    if (worker !== undefined) this.#kernel.signal(this.#admission.wake(worker) as Fd);
  }

  #append(slot: number, queue: number): void {
    const last = this.#last[queue]!;
    this.#queue[slot] = queue;
    this.#ticket[slot] = this.#table.ticket(queue);
    this.#next[slot] = NOBODY;
    this.#previous[slot] = last;
    this.#last[queue] = slot;
    if (last === NOBODY) this.#lead(queue, slot);
    else this.#next[last] = slot;
    this.#table.addWaiting(this.#worker, queue, 1);
    this.#length++;
  }

  #remove(slot: number): void {
    const queue = this.#queue[slot]!;
    const next = this.#next[slot]!;
    const previous = this.#previous[slot]!;
    if (next === NOBODY) this.#last[queue] = previous;
    else this.#previous[next] = previous;
    if (previous === NOBODY) this.#lead(queue, next);
    else this.#next[previous] = next;
    this.#table.addWaiting(this.#worker, queue, -1);
    this.#length--;
  }

  #lead(queue: number, slot: number): void {
    this.#first[queue] = slot;
    this.#table.setFirst(this.#worker, queue, slot === NOBODY ? 0 : this.#ticket[slot]!);
  }

  #count(row: number, maxQueue: number | null): boolean {
    if (row === NOBODY) return true;
    if (maxQueue !== null) return this.#table.claim(this.#worker, row, maxQueue);
    this.#table.addQueued(this.#worker, row, 1);
    return true;
  }

  #uncount(row: number): void {
    if (row !== NOBODY) this.#table.addQueued(this.#worker, row, -1);
  }
}

/** How many queues the table has to have. */
export function countQueues(backends: readonly Pick<Backend, "balance" | "servers">[]): number {
  return backends.reduce((sum, backend) => sum + queuesOf(backend), 0);
}

function queuesOf({ balance, servers }: Pick<Backend, "balance" | "servers">): number {
  return balance === "source" ? 1 + servers.length : 1;
}

const NOBODY = -1;
