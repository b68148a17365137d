/**
 * Moves the bytes of relayed connections through a ring. A direction receives into shared buffers
 * and sends what has come in one batch with all others; once it moves much, or finds no buffer, it
 * is polled instead and pumped by the `Relay`, which knows pipes.
 */

import { EPOLLERR, EPOLLHUP, EPOLLPRI, EPOLLRDHUP } from "../linux/epoll.ts";
import { EAGAIN, ECANCELED, ENOBUFS } from "../linux/errno.ts";
import { CQE_F_BUFFER, CQE_F_MORE } from "../linux/io_uring.ts";
import type { Fd } from "../linux/libc.ts";
import type { ProvidedBuffers } from "../linux/provided_buffers.ts";
import { SHUT_WR } from "../linux/socket.ts";
import { CLOSING, type Closing } from "./closing.ts";
import {
  BLOCKED,
  type ConnectionTable,
  ENDED,
  ENDING,
  FAILED,
  PASSED,
  UNHURRIED,
  URGENT,
} from "./connection_table.ts";
import type { SocketIo } from "./kernel.ts";
import { NO_PIPE } from "./pipes.ts";
import {
  BLOCKS,
  BUSY,
  FINISHES,
  type Outcome,
  PASSES,
  type Relay,
  SOURCE_FAILS,
  TARGET_FAILS,
  WAITS,
} from "./relay.ts";
import { SideList } from "./side_list.ts";
import { MSG_MORE, type Streams } from "./streams.ts";
import { INPUT, OUTPUT, RECEIVE, SEND, type UringRequests } from "./uring_requests.ts";

/** What it works with. */
export interface UringRelayParts {
  readonly io: SocketIo;
  readonly table: ConnectionTable;
  readonly requests: UringRequests;
  readonly provided: ProvidedBuffers;
  readonly streams: Streams;
  readonly relay: Relay;
}

/** What it tells of relayed slots. */
export interface UringRelayEvents {
  halfClosed(slot: number): void;
  finished(slot: number, closing: Closing): void;
}

/** All directions of relayed connections. */
export class UringRelay {
  /** The time of this wake-up, for `lastActiveAt`. */
  now = 0;
  readonly #parts: UringRelayParts;
  readonly #events: UringRelayEvents;
  readonly #mode: Uint8Array;
  /** By side: small wake-ups in a row, while it is pumped. */
  readonly #calm: Uint8Array;
  /** Sides with something to send. */
  readonly #dirty: SideList;
  /** Pumped sides that have used up their budget. */
  readonly #queue: SideList;
  /** Sides that have failed, with what they sent before still on its way. */
  readonly #failed: SideList;
  /** So many of them have had their time. */
  #waited = 0;

  constructor(parts: UringRelayParts, events: UringRelayEvents) {
    const sides = 2 * parts.table.capacity;
    this.#parts = parts;
    this.#events = events;
    this.#mode = new Uint8Array(sides);
    this.#calm = new Uint8Array(sides);
    this.#dirty = new SideList(sides);
    this.#queue = new SideList(sides);
    this.#failed = new SideList(sides);
  }

  /** Whether something could go on at once. */
  get isBusy(): boolean {
    return this.#queue.count > 0 || this.#failed.count > 0;
  }

  /** Takes up a connection whose client's buffer is delivered first. */
  start(slot: number): void {
    const { relay, table } = this.#parts;
    const client = 2 * slot;
    const server = client + 1;
    const { [client]: generation } = table.generation;
    this.#mode[client] = RECEIVED;
    this.#mode[server] = RECEIVED;
    if (table.buffered[client]! > 0) {
      const outcome = relay.deliver(client);
      table.flags[server]! |= UNHURRIED;
      if (outcome === BLOCKS) this.#beginToPump(client);
      // What it has said before it failed is in its socket still.
      if (outcome === TARGET_FAILS) this.#mode[server] = PUMPED;
      if (outcome !== WAITS) this.#settle(client, outcome);
      else this.#drained(client);
    } else {
      this.#drained(client);
    }
    if (table.generation[client] !== generation || this.#mode[server] === PUMPED) return;
    this.#drained(server);
  }

  /** Forgets a slot; the requests under way are cancelled by others. */
  leave(slot: number): void {
    for (let side = 2 * slot; side <= 2 * slot + 1; side++) {
      this.#parts.streams.drop(side);
      this.#parts.relay.abandon(side);
      this.#mode[side] = NEITHER;
    }
  }

  /** Takes back the pipe of a direction that is silent; looks after one that is not read from. */
  calm(side: number): void {
    const { relay, requests, table } = this.#parts;
    relay.calm(side);
    if (requests.isBusy(side, RECEIVE) || requests.isBusy(side, INPUT)) return;
    // It has ended, or its reader has enough for now: should it fail, nobody else would see it.
    if ((table.flags[side]! & ENDED) !== 0) requests.pollFailure(side);
    else requests.pollInput(side);
  }

  /** Pushes the sends of all that has come. */
  sendAll(): void {
    for (let rest = this.#dirty.count; rest > 0; rest--) this.#send(this.#dirty.take());
    this.#waited = this.#failed.count;
  }

  /** Lets those go on that need no event for it, each once. */
  goOn(): void {
    const { table } = this.#parts;
    for (; this.#waited > 0; this.#waited--) {
      const side = this.#failed.take();
      // What could be sent without waiting has been.
      if (this.#mode[side] !== NEITHER && (table.flags[side]! & FAILED) !== 0) this.#abort(side);
    }
    for (let rest = this.#queue.count; rest > 0; rest--) {
      const side = this.#queue.take();
      if (this.#mode[side] === PUMPED) this.#run(side);
    }
  }

  /** Something has come from a side, or its end, or there was no buffer for it. */
  received(side: number, result: number, flags: number): void {
    const { provided, requests, streams, table } = this.#parts;
    if ((flags & CQE_F_MORE) === 0) requests.done(side, RECEIVE);
    const isPassed = (table.flags[side]! & PASSED) !== 0;
    if (result > 0 && !isPassed) {
      streams.add(side, flags >>> BUFFER_SHIFT, result);
      this.#dirty.add(side);
      const isFull = result === provided.bytes;
      table.streak[side] = isFull ? Math.min(table.streak[side]! + 1, BULK_STREAK) : 0;
      if (table.streak[side] === BULK_STREAK) this.#beginToPump(side);
      else if (streams.queued(side) >= QUEUE_LIMIT) requests.cancel(side, RECEIVE);
      return;
    }
    if ((flags & CQE_F_BUFFER) !== 0) provided.give(flags >>> BUFFER_SHIFT);
    if (isPassed || result > 0) return;
    if (result === 0) table.flags[side]! |= ENDED;
    else if (result === -ENOBUFS) this.#starved(side);
    else if (result !== -ECANCELED) table.flags[side]! |= ENDED | FAILED;
    if (this.#isDrained(side)) this.#drained(side);
    else if ((table.flags[side]! & FAILED) !== 0) this.#failed.add(side);
  }

  /** A send of a side is over, which began with this buffer. */
  sent(side: number, result: number, first: number): void {
    const { relay, requests, streams, table } = this.#parts;
    requests.done(side, SEND);
    // The kernel may leave off before or amid what it was to send to the end: no failure yet.
    const moved = result === -EAGAIN ? 0 : result;
    if (moved >= 0 && moved < streams.lengthOf(first)) streams.sentSome(first, moved);
    else streams.sent(first);
    if (moved < 0) return this.#targetFailed(side);
    table.moved[side]! += moved;
    if (moved > 0) table.lastActiveAt[side >> 1] = this.now;
    relay.hurry(side);
    if (streams.queued(side) > 0) this.#dirty.add(side);
    else this.#drained(side);
  }

  /** A side that is polled has more to read, has ended or failed. */
  inputReady(side: number, result: number, isLast: boolean): void {
    const { requests, table } = this.#parts;
    if (isLast) requests.done(side, INPUT);
    if (this.#mode[side] === RETURNING) {
      if (isLast) this.#receive(side);
      return;
    }
    // Whatever it is, what is received will tell, and in the right order.
    if (requests.isBusy(side, RECEIVE)) return;
    if (result > 0) {
      if ((result & ENDS) !== 0) {
        table.flags[side]! |= (result & EPOLLERR) !== 0 ? ENDING | FAILED : ENDING;
      }
      if ((result & EPOLLPRI) !== 0) table.flags[side]! |= URGENT;
    }
    const mayRun = (table.flags[side]! & (PASSED | BLOCKED)) === 0 && this.#isDrained(side);
    if (this.#mode[side] === PUMPED && mayRun) {
      this.#run(side);
    } else if (result > 0 && (result & EPOLLERR) !== 0) {
      this.#abort(side);
    }
  }

  /** The other side of a pumped one takes more. */
  outputReady(side: number): void {
    this.#parts.requests.done(side, OUTPUT);
    if (this.#mode[side] === PUMPED) this.#run(side);
  }

  /** It is pumped once, which takes no buffer of the ring, and then tries again. */
  #starved(side: number): void {
    this.#parts.provided.missed();
    this.#beginToPump(side, CALM_STREAK - 1);
  }

  #send(side: number): void {
    const { relay, requests, streams, table } = this.#parts;
    if (streams.queued(side) === 0 || requests.isBusy(side, SEND)) return;
    const flags = table.flags[side]!;
    relay.prompt(side, streams.firstLength(side));
    // The end goes with the last bytes.
    const isLast = (flags & (ENDED | FAILED)) === ENDED && streams.queued(side) === 1;
    requests.send(side, streams, isLast ? MSG_MORE : 0);
  }

  #isDrained(side: number): boolean {
    const { requests, streams } = this.#parts;
    return streams.queued(side) === 0 && !requests.isBusy(side, SEND);
  }

  /** All that a side has sent so far has been passed on. */
  #drained(side: number): void {
    const { requests, table } = this.#parts;
    const flags = table.flags[side]!;
    if ((flags & FAILED) !== 0) return this.#abort(side);
    if ((flags & PASSED) !== 0) return;
    if ((flags & ENDED) !== 0) return this.#pass(side);
    if (requests.isBusy(side, RECEIVE)) return;
    if (this.#mode[side] === PUMPED) this.#run(side);
    else this.#receive(side);
  }

  #receive(side: number): void {
    this.#mode[side] = RECEIVED;
    this.#parts.table.streak[side] = 0;
    this.#parts.requests.cancel(side, INPUT);
    this.#parts.requests.receive(side);
  }

  /** From the next time on that nothing of it is on its way. */
  #beginToPump(side: number, calm = 0): void {
    this.#mode[side] = PUMPED;
    this.#calm[side] = calm;
    this.#parts.requests.cancel(side, RECEIVE);
  }

  #run(side: number): void {
    const { relay, requests, table } = this.#parts;
    if (!requests.isBusy(side, INPUT)) requests.pollInput(side);
    const before = table.moved[side]!;
    const outcome = relay.pump(side);
    relay.hurry(side);
    if (outcome !== WAITS) return this.#settle(side, outcome);
    const isSmall = table.moved[side]! - before < BULK_BYTES;
    this.#calm[side] = isSmall ? this.#calm[side]! + 1 : 0;
    if (this.#calm[side]! < CALM_STREAK || table.pipe[side] !== NO_PIPE) return;
    if ((table.flags[side]! & ENDING) !== 0 || !this.#hasBuffers()) {
      this.#calm[side] = CALM_STREAK - 1;
      return;
    }
    this.#mode[side] = RETURNING;
    requests.cancel(side, INPUT);
  }

  #hasBuffers(): boolean {
    const { provided } = this.#parts;
    return provided.available > provided.count / 4;
  }

  /** What has come of a pumped direction. */
  #settle(side: number, outcome: Outcome): void {
    const { requests, table } = this.#parts;
    switch (outcome) {
      case WAITS:
        return;
      case BLOCKS:
        // Nobody is kept waiting for a side that is gone, until a slow reader has read it all.
        if ((table.flags[side]! & FAILED) !== 0) return this.#abort(side);
        if (!requests.isBusy(side, OUTPUT)) requests.pollOutput(side);
        return;
      case BUSY:
        return this.#queue.add(side);
      case PASSES:
        return this.#events.halfClosed(side >> 1);
      case FINISHES:
        return this.#events.finished(side >> 1, CLOSING.finished);
      case SOURCE_FAILS:
        return this.#abort(side);
      case TARGET_FAILS:
        return this.#targetFailed(side);
    }
  }

  /** The end of a side goes to the other one, behind all that came before it. */
  #pass(side: number): void {
    const { io, table } = this.#parts;
    table.flags[side]! |= PASSED;
    if ((table.flags[side ^ 1]! & PASSED) !== 0) {
      return this.#events.finished(side >> 1, CLOSING.finished);
    }
    io.shutdown(table.fd[side ^ 1]! as Fd, SHUT_WR);
    this.#events.halfClosed(side >> 1);
  }

  /** Nothing of a side can be delivered any more. */
  #targetFailed(side: number): void {
    const { relay, requests, streams, table } = this.#parts;
    relay.abandon(side);
    streams.drop(side);
    requests.cancel(side, RECEIVE);
    table.flags[side] = (table.flags[side]! | ENDED | PASSED) & ~BLOCKED;
    const target = side ^ 1;
    if ((table.flags[target]! & ENDED) !== 0) return this.#abort(target);
    // What the failed side had sent before is worth delivering, if that needs no waiting.
    table.flags[target]! |= ENDING | FAILED;
    if (this.#mode[target] === PUMPED && this.#isDrained(target)) this.#run(target);
    else this.#failed.add(target);
  }

  /** A side has failed: the other one is to learn it the same way. */
  #abort(side: number): void {
    const closing = (side & 1) === 0 ? CLOSING.clientReset : CLOSING.serverReset;
    this.#events.finished(side >> 1, closing);
  }
}

/** Modes of a direction: not relayed; through the ring; by the `Relay`; back to the ring soon. */
const NEITHER = 0;
const RECEIVED = 1;
const PUMPED = 2;
const RETURNING = 3;

/** Full buffers in a row before a direction is pumped. */
const BULK_STREAK = 4;
/** A wake-up that moves less than this does not deserve a pump. */
const BULK_BYTES = 32768;
/** So many such wake-ups in a row, and the direction goes back to the ring. */
const CALM_STREAK = 8;
/** So many buffers wait for a slow reader at most, give or take what is under way. */
const QUEUE_LIMIT = 12;
const BUFFER_SHIFT = 16;
const ENDS = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
