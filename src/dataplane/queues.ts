/**
 * Connections of one worker that wait for a place at a server: who was first, and whose turn it is
 * among all workers. It connects nobody and knows no deadlines.
 */

import { Admission } from "../memory/admission.ts";
import { QueueTable } from "../memory/queue_table.ts";
import type { Kernel } from "./kernel.ts";
import type { Fd } from "../linux/libc.ts";
import { NO_ROW } from "./connection_table.ts";
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
  /** By backend: whether each of its servers has a queue. */
  #isSplit = new Uint8Array();
  /** The numbers of the queues that the plan has. */
  #numbers = new Int32Array();
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
    this.#first = new Int32Array(this.#table.queues).fill(NOBODY);
    this.#last = new Int32Array(this.#table.queues).fill(NOBODY);
    const slots = start.maxConnections;
    this.#next = new Int32Array(slots);
    this.#previous = new Int32Array(slots);
    this.#queue = new Int32Array(slots);
    this.#ticket = new Int32Array(slots);
    this.#row = new Int32Array(slots);
    this.plan(start.backends);
  }

  /**
   * Goes on with these backends. Who waits stays where he is: those of a backend whose servers have
   * queues from now on, or have none any more, are for the caller to move.
   */
  plan(backends: readonly Pick<Backend, "balance" | "rows">[]): void {
    this.#isSplit = Uint8Array.from(backends, ({ balance }) => balance === "source" ? 1 : 0);
    this.#numbers = Int32Array.from(backends.flatMap(({ rows }, backend) => [
      backend,
      ...(this.isSplit(backend) ? rows.map((row) => this.queueOf(backend, row)) : []),
    ]));
  }

  /** How many connections of this worker wait, in all queues. */
  get length(): number {
    return this.#length;
  }

  /** How many queues there are, of all backends. */
  get count(): number {
    return this.#numbers.length;
  }

  /** The number of the one of them at a place, from 0 on. */
  at(place: number): number {
    return this.#numbers[place]!;
  }

  /** The queue for the server of a row; for NO_ROW the one of those whom any would suit. */
  queueOf(backend: number, row: number): number {
    const isOwn = this.#isSplit[backend] === 1 && row !== NO_ROW;
    return isOwn ? this.#table.shape.backends + row : backend;
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

const NOBODY = -1;
