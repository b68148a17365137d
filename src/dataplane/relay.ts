/**
 * Moves the bytes of one direction of a connection, from one side to the other, as far as it goes
 * without waiting. It never closes a descriptor and never waits: it says what has come of it.
 *
 * Sides are edge-triggered: an event says once that something changed. So a side is read until it
 * is empty, or until the other side takes no more. A read that comes back short proves emptiness
 * only as long as the side has not announced its end: an end that came with the last bytes makes no
 * event of its own. That is what the flag ENDING is for; it is never taken back. Nor does it prove
 * anything once urgent data has come, before which every read ends: the flag URGENT.
 */

import { EAGAIN, EINVAL } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { IPPROTO_TCP, SHUT_WR, TCP_NODELAY, TCP_QUICKACK } from "../linux/socket.ts";
import { BUFFER_BYTES, type Buffers, NO_BUFFER } from "./buffers.ts";
import {
  BLOCKED,
  type ConnectionTable,
  ENDED,
  ENDING,
  FAILED,
  PASSED,
  PROMPT,
  SENT,
  UNHURRIED,
  URGENT,
} from "./connection_table.ts";
import type { SocketIo } from "./kernel.ts";
import { NO_PIPE, type Pipes } from "./pipes.ts";

/** What has come of a direction. */
export type Outcome =
  | typeof WAITS
  | typeof BLOCKS
  | typeof BUSY
  | typeof PASSES
  | typeof FINISHES
  | typeof SOURCE_FAILS
  | typeof TARGET_FAILS;

/** Nothing more has arrived. */
export const WAITS = 0;
/** The other side takes no more: go on when it is writable. */
export const BLOCKS = 1;
/** There is more to move, but others have a right to be served: go on soon. */
export const BUSY = 2;
/** The end of this direction has been passed on; the other direction is open. */
export const PASSES = 3;
/** Both directions have ended: close both sides. */
export const FINISHES = 4;
/** The side that is read from has failed, and all it sent before is passed on. */
export const SOURCE_FAILS = 5;
/** The other side has failed: nothing can be delivered to it. */
export const TARGET_FAILS = 6;

/** Relays over what it is given; keeps no state of its own but a scratch buffer. */
export class Relay {
  /** The time of this wake-up, for `lastActiveAt`. */
  now = 0;
  readonly #io: SocketIo;
  readonly #table: ConnectionTable;
  readonly #buffers: Buffers;
  readonly #pipes: Pipes;
  readonly #scratch: Uint8Array<ArrayBuffer> = new Uint8Array(BUFFER_BYTES);

  constructor(io: SocketIo, table: ConnectionTable, buffers: Buffers, pipes: Pipes) {
    this.#io = io;
    this.#table = table;
    this.#buffers = buffers;
    this.#pipes = pipes;
  }

  /** Moves what there is to move from `side` to the other one. */
  pump(side: number): Outcome {
    const table = this.#table;
    if ((table.flags[side]! & PASSED) !== 0) return PASSES;
    table.flags[side]! &= ~BLOCKED;
    if (table.pipe[side] !== NO_PIPE) return this.#splice(side);
    if (table.buffered[side]! > 0) {
      const outcome = this.#flush(side);
      if (outcome !== BUSY) return outcome;
    }
    if ((table.flags[side]! & ENDED) !== 0) return this.#end(side);
    return this.#copy(side);
  }

  /** Sends what was received before there was another side, and reads no further. */
  deliver(side: number): Outcome {
    const outcome = this.#flush(side);
    if (outcome !== BUSY) return outcome;
    return (this.#table.flags[side]! & ENDED) !== 0 ? this.#end(side) : WAITS;
  }

  /**
   * Has so many bytes of a side sent at once, if it matters: Nagle's algorithm holds nothing back
   * from a first small send, and a connection of one short request is spared the system call.
   */
  prompt(side: number, length: number): void {
    const table = this.#table;
    if ((table.flags[side]! & PROMPT) !== 0) return;
    if ((table.flags[side]! & SENT) !== 0 || length > SMALL_BYTES) {
      this.#io.setOption(table.fd[side ^ 1]! as Fd, IPPROTO_TCP, TCP_NODELAY, 1);
      table.flags[side]! |= PROMPT;
    }
    table.flags[side]! |= SENT;
  }

  /**
   * Has a side told at once, from here on, that what it sends has arrived, as others are: the
   * answer to its handshake was left for the first bytes to bring. Call it when some of what it has
   * sent is passed on; most connections of one short request have ended by then, and are spared the
   * system call and a packet.
   */
  hurry(side: number): void {
    const table = this.#table;
    if ((table.flags[side]! & (UNHURRIED | ENDED)) !== UNHURRIED) return;
    table.flags[side]! &= ~UNHURRIED;
    this.#io.setOption(table.fd[side]! as Fd, IPPROTO_TCP, TCP_QUICKACK, 1);
  }

  /** Gives back what a direction has borrowed; bytes on their way are lost. */
  abandon(side: number): void {
    const table = this.#table;
    this.#giveBuffer(side);
    if (table.pipe[side] !== NO_PIPE) this.#givePipe(side);
  }

  /** Gives back the pipe of a direction that has moved little lately. */
  calm(side: number): void {
    if (this.#table.pipe[side] !== NO_PIPE && this.#table.piped[side] === 0) this.#givePipe(side);
  }

  /** Receives and sends at once; only what the other side does not take is kept. */
  #copy(side: number): Outcome {
    const table = this.#table;
    const source = table.fd[side]! as Fd;
    for (let turn = 0; turn < COPY_BUDGET; turn++) {
      // Without a buffer for what may be left over, bytes stay in the kernel until they are sent.
      const peeks = this.#buffers.available === 0;
      const received = peeks
        ? this.#io.peek(source, this.#scratch)
        : this.#io.recv(source, this.#scratch);
      if (received === -EAGAIN) {
        return (table.flags[side]! & FAILED) !== 0 ? SOURCE_FAILS : WAITS;
      }
      if (received <= 0) {
        if (received < 0 && !this.#isDead(source)) continue;
        if (received < 0) table.flags[side]! |= FAILED;
        return this.#end(side);
      }
      // What may be the last bytes waits, for an instant, for the end to go with them. Before a
      // reset it must not: whatever waits is lost then.
      const isEnding = (table.flags[side]! & (ENDING | FAILED)) === ENDING;
      const isLast = isEnding && received < BUFFER_BYTES;
      const sent = this.#send(side, this.#scratch, received, isLast);
      if (peeks && sent > 0) this.#io.discard(source, sent);
      if (sent < received) {
        if (sent < 0 && sent !== -EAGAIN) return TARGET_FAILS;
        return this.#hold(side, Math.max(0, sent), received, peeks);
      }
      if (received < BUFFER_BYTES) {
        table.streak[side] = 0;
        if ((table.flags[side]! & (ENDING | URGENT)) === 0) return WAITS;
      } else if (table.streak[side]! < BULK_STREAK) {
        table.streak[side]!++;
      } else if (!peeks && this.#takePipe(side)) {
        return this.#splice(side);
      }
    }
    return BUSY;
  }

  /** Keeps the bytes of the scratch buffer from `sent` on, unless they are still in the kernel. */
  #hold(side: number, sent: number, received: number, peeked: boolean): Outcome {
    const table = this.#table;
    table.flags[side]! |= BLOCKED;
    if (peeked) return BLOCKS;
    const buffer = this.#buffers.take();
    this.#buffers.view(buffer).set(this.#scratch.subarray(sent, received));
    table.buffer[side] = buffer;
    table.buffered[side] = received - sent;
    return BLOCKS;
  }

  /** Sends what was kept. BUSY means that all of it is gone. */
  #flush(side: number): Outcome {
    const table = this.#table;
    const view = this.#buffers.view(table.buffer[side]!);
    while (table.buffered[side]! > 0) {
      const length = table.buffered[side]!;
      const sent = this.#send(side, view, length, false);
      if (sent === -EAGAIN) {
        table.flags[side]! |= BLOCKED;
        return BLOCKS;
      }
      if (sent < 0) return TARGET_FAILS;
      if (sent < length) view.copyWithin(0, sent, length);
      table.buffered[side] = length - sent;
    }
    this.#giveBuffer(side);
    return BUSY;
  }

  /** Sends to the other side. @returns as send(2), where an error has been looked at twice. */
  #send(side: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number {
    const table = this.#table;
    const target = table.fd[side ^ 1]! as Fd;
    this.prompt(side, length);
    let sent = this.#io.send(target, bytes, length, more);
    if (sent < 0 && sent !== -EAGAIN) sent = this.#io.send(target, bytes, length, more);
    if (sent > 0) {
      table.moved[side]! += sent;
      table.lastActiveAt[side >> 1] = this.now;
    }
    return sent;
  }

  /** Through the pipe, which is always empty before more is read: then "again" means the socket. */
  #splice(side: number): Outcome {
    const table = this.#table;
    const pipe = table.pipe[side]!;
    const source = table.fd[side]! as Fd;
    const target = table.fd[side ^ 1]! as Fd;
    let total = 0;
    for (let turn = 0; turn < SPLICE_BUDGET; turn++) {
      while (table.piped[side]! > 0) {
        const piped = table.piped[side]!;
        const sent = this.#spliceOut(pipe, target, piped);
        if (sent === -EAGAIN) {
          table.flags[side]! |= BLOCKED;
          return BLOCKS;
        }
        if (sent <= 0) return TARGET_FAILS;
        table.piped[side] = piped - sent;
        table.moved[side]! += sent;
        table.lastActiveAt[side >> 1] = this.now;
      }
      const received = this.#spliceIn(side, source, pipe);
      if (received > 0) {
        table.piped[side] = received;
        total += received;
        continue;
      }
      if (received === -EAGAIN && (table.flags[side]! & ENDING) === 0) {
        this.#judge(side, total);
        return WAITS;
      }
      // The end, or a socket that cannot be spliced from: recv(2) knows which.
      this.#givePipe(side);
      return this.#copy(side);
    }
    return BUSY;
  }

  /** Empties the pipe. An error is looked at twice. */
  #spliceOut(pipe: number, target: Fd, length: number): number {
    const sent = this.#io.splice(this.#pipes.source(pipe), target, length);
    if (sent > 0 || sent === -EAGAIN) return sent;
    return this.#io.splice(this.#pipes.source(pipe), target, length);
  }

  /** Fills the pipe. An error is looked at twice, as in {@linkcode Relay.#isDead}. */
  #spliceIn(side: number, source: Fd, pipe: number): number {
    const received = this.#io.splice(source, this.#pipes.target(pipe), SPLICE_BYTES);
    if (received >= 0 || received === -EAGAIN) return received;
    const again = this.#io.splice(source, this.#pipes.target(pipe), SPLICE_BYTES);
    // The first look has taken the error off the socket: nobody else will see it.
    if (again <= 0 && again !== -EAGAIN && again !== -EINVAL) this.#table.flags[side]! |= FAILED;
    return again;
  }

  /** Leaves the pipe after a few wake-ups in a row that were not worth it. */
  #judge(side: number, moved: number): void {
    const table = this.#table;
    if (moved >= BULK_BYTES) {
      table.streak[side] = 0;
    } else if (++table.streak[side]! >= CALM_STREAK) {
      this.#givePipe(side);
    }
  }

  /** The end of the source has been read, and all before it is sent. */
  #end(side: number): Outcome {
    const table = this.#table;
    table.flags[side]! |= ENDED;
    if ((table.flags[side]! & FAILED) !== 0) return SOURCE_FAILS;
    table.flags[side]! |= PASSED;
    if ((table.flags[side ^ 1]! & PASSED) !== 0) return FINISHES;
    this.#io.shutdown(table.fd[side ^ 1]! as Fd, SHUT_WR);
    return PASSES;
  }

  /**
   * Whether a socket that failed a read is dead. Errors are looked at twice, since the error number
   * of a foreign call is not beyond doubt: after a true error the second read finds the end.
   */
  #isDead(source: Fd): boolean {
    const again = this.#io.peek(source, this.#scratch);
    return again <= 0 && again !== -EAGAIN;
  }

  #takePipe(side: number): boolean {
    const table = this.#table;
    table.streak[side] = 0;
    table.pipe[side] = this.#pipes.take(this.now);
    return table.pipe[side] !== NO_PIPE;
  }

  #givePipe(side: number): void {
    const table = this.#table;
    this.#pipes.give(table.pipe[side]!, table.piped[side] === 0);
    table.pipe[side] = NO_PIPE;
    table.piped[side] = 0;
    table.streak[side] = 0;
  }

  #giveBuffer(side: number): void {
    const table = this.#table;
    if (table.buffer[side] === NO_BUFFER) return;
    this.#buffers.give(table.buffer[side]!);
    table.buffer[side] = NO_BUFFER;
    table.buffered[side] = 0;
  }
}

/** Full reads in a row before a direction is spliced. */
const BULK_STREAK = 2;
/** A wake-up that moves less than this does not deserve a pipe. */
const BULK_BYTES = 32768;
/** So many such wake-ups in a row, and the pipe goes back. */
const CALM_STREAK = 8;
/** More than any pipe holds: the pipe is the limit. */
const SPLICE_BYTES = 4 << 20;
/** Reads in one wake-up: 1 MiB. */
const COPY_BUDGET = 16;
/** Pipes full in one wake-up: 4 MiB, at most. */
const SPLICE_BUDGET = 4;
/** Less than any segment. */
const SMALL_BYTES = 500;
