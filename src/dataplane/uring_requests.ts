/**
 * Which requests of a ring are under way for each side, and how their completions are named. It
 * decides nothing.
 *
 * A name is the side in the lower half, and in the upper one the side's generation and the
 * operation: a completion that comes after the connection has another name than the next one's.
 */

import { EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP } from "../linux/epoll.ts";
import type { Ring } from "../linux/io_uring.ts";
import type { Fd } from "../linux/libc.ts";
import type { ConnectionTable } from "./connection_table.ts";
import type { Streams } from "./streams.ts";

/** The requests of all sides: one of each operation at most, but for cancellations. */
export class UringRequests {
  readonly ring: Ring;
  readonly #table: ConnectionTable;
  /** By side: a bit for each operation under way, and one for each that is being cancelled. */
  readonly #busy: Uint16Array;
  /** By side: the first buffer of the send under way, which names it. */
  readonly #sending: Int32Array;

  constructor(ring: Ring, table: ConnectionTable) {
    this.ring = ring;
    this.#table = table;
    this.#busy = new Uint16Array(2 * table.capacity);
    this.#sending = new Int32Array(2 * table.capacity);
  }

  /** The upper half of the name of a side's request. */
  name(side: number, operation: number): number {
    return (this.#table.generation[side]! << OPERATION_BITS) | operation;
  }

  /** Whether a request is under way. */
  isBusy(side: number, operation: number): boolean {
    return (this.#busy[side]! & (1 << operation)) !== 0;
  }

  /** Notes that a request is over. */
  done(side: number, operation: number): void {
    this.#busy[side] = this.#busy[side]! & ~((1 << operation) | (ENDS << operation));
  }

  /** Receives into buffers of the group, again and again. */
  receive(side: number): void {
    const name = this.#begin(side, RECEIVE);
    this.ring.receive(this.#table.fd[side]! as Fd, GROUP, side, name);
  }

  /** Sends what is queued of a side, as far as one request can. */
  send(side: number, streams: Streams, flags: number): void {
    const name = this.#begin(side, SEND);
    this.#sending[side] = streams.send(side, this.#table.fd[side ^ 1]! as Fd, flags, name);
  }

  /** Connects a side. */
  connect(side: number, addressLow: number, addressHigh: number, length: number): void {
    const name = this.#begin(side, CONNECT);
    const fd = this.#table.fd[side]! as Fd;
    this.ring.connect(fd, addressLow, addressHigh, length, side, name);
  }

  /** Tells once that a side can be read from. */
  attend(side: number): void {
    const name = this.#begin(side, ATTEND);
    this.ring.poll(this.#table.fd[side]! as Fd, EPOLLIN | EPOLLRDHUP, false, side, name);
  }

  /** Tells each time that more can be read from a side, or that it has ended or failed. */
  pollInput(side: number): void {
    const name = this.#begin(side, INPUT);
    this.ring.poll(this.#table.fd[side]! as Fd, INPUT_EVENTS, true, side, name);
  }

  /** Tells once that a side has failed. */
  pollFailure(side: number): void {
    this.ring.poll(this.#table.fd[side]! as Fd, 0, false, side, this.#begin(side, INPUT));
  }

  /** Tells once that the other side can be written to. */
  pollOutput(side: number): void {
    const name = this.#begin(side, OUTPUT);
    this.ring.poll(this.#table.fd[side ^ 1]! as Fd, EPOLLOUT, false, side, name);
  }

  /** Asks a request to end, if it is under way: its completion will come, in one way or other. */
  cancel(side: number, operation: number): void {
    if ((this.#busy[side]! & ((1 | ENDS) << operation)) !== 1 << operation) return;
    this.#busy[side] = this.#busy[side]! | (ENDS << operation);
    const low = operation === SEND ? this.#sending[side]! : side;
    this.ring.cancel(low, this.name(side, operation), 0, CANCEL);
  }

  /**
   * Asks all requests of a side to end, and forgets them. To be followed by a new generation.
   *
   * @returns whether there were any.
   */
  cancelAll(side: number): boolean {
    const busy = this.#busy[side]!;
    if (busy === 0) return false;
    for (let operation = 0; operation < OPERATIONS; operation++) this.cancel(side, operation);
    this.#busy[side] = 0;
    return true;
  }

  #begin(side: number, operation: number): number {
    this.#busy[side] = this.#busy[side]! | (1 << operation);
    return this.name(side, operation);
  }
}

/** Operations, in the lowest bits of the upper half of a name. */
export const RECEIVE = 0;
/** The lower half of its name is not a side, but the first buffer that is sent. */
export const SEND = 1;
export const CONNECT = 2;
export const ATTEND = 3;
export const INPUT = 4;
export const OUTPUT = 5;
const OPERATIONS = 6;
/** Times the bit of an operation: it is being cancelled. */
const ENDS = 1 << OPERATIONS;
/** Of a descriptor that is no connection; the lower half of its name is a handle. */
export const WATCH = 6;
/** Nobody wants to know what comes of it. */
export const CANCEL = 7;

export const OPERATION_BITS = 3;
export const OPERATION_MASK = 7;

/** The group of buffers that everything is received into. */
export const GROUP = 0;

const INPUT_EVENTS = EPOLLIN | EPOLLPRI | EPOLLRDHUP;
