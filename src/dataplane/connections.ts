/**
 * The life of each connection, from accepted client to closed sides: what an event or a deadline
 * means in the phase it is in. It waits for nothing itself.
 */

import {
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
} from "../linux/epoll.ts";
import type { Fd } from "../linux/libc.ts";
import { IPPROTO_TCP, TCP_QUICKACK } from "../linux/socket.ts";
import {
  BLOCKED,
  CONNECTING,
  ENDED,
  ENDING,
  FAILED,
  FREE,
  KEPT,
  PASSED,
  QUEUED,
  RELAYING,
  URGENT,
  WATCHED,
} from "./connection_table.ts";
import { type Connector, HOPELESS, type Parts, type Progress } from "./connector.ts";
import { keepAlive } from "./keepalive.ts";
import type { Chosen } from "./orders.ts";
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

/** All connections of a worker. `now` is the time of the wake-up. */
export class Connections {
  readonly #parts: Parts;
  readonly #connector: Connector;
  readonly #relay: Relay;
  /** Sides that have used up their budget, in the order they go on; a ring. */
  readonly #queue: Int32Array;
  #queueStart = 0;
  #queued = 0;
  /** No slot from here on was ever used. */
  #used = 0;

  constructor(parts: Parts, connector: Connector, relay: Relay) {
    this.#parts = parts;
    this.#connector = connector;
    this.#relay = relay;
    this.#queue = new Int32Array(2 * parts.table.capacity);
  }

  /** Whether some side could go on at once. */
  get hasQueue(): boolean {
    return this.#queued > 0;
  }

  /** Takes up an accepted client. There is a free slot. */
  open(client: Fd, listener: number, frontend: number, now: number): void {
    const { chooser, table, tally } = this.#parts;
    const slot = table.take(client, listener, frontend, now);
    table.backend[slot] = chooser.defaultBackend(frontend);
    if (slot >= this.#used) this.#used = slot + 1;
    tally.frontend(frontend, "opened");
    if (this.#relay.prefetch(2 * slot)) this.#go(slot, this.#connector.begin(slot, now));
    else this.#close(slot);
  }

  /** Events of a side; the caller has made sure that they are about its present descriptor. */
  handle(side: number, events: number, now: number): void {
    const { table } = this.#parts;
    const phase = table.phase[side >> 1]!;
    if (phase === RELAYING) this.#handleRelaying(side, events, now);
    else if (phase === CONNECTING) this.#handleConnecting(side >> 1, events, now);
  }

  /** The deadline of a slot has come, or a minute has passed. */
  expire(slot: number, now: number): void {
    const { table } = this.#parts;
    if (table.phase[slot] !== RELAYING) this.#go(slot, this.#connector.expire(slot, now));
    else this.#look(slot, now);
  }

  /** Lets the sides that have used up their budget go on, each once. */
  runQueue(now: number): void {
    const { table } = this.#parts;
    for (let rest = this.#queued; rest > 0; rest--) {
      const side = this.#queue[this.#queueStart]!;
      this.#queueStart = (this.#queueStart + 1) % this.#queue.length;
      this.#queued--;
      table.flags[side]! &= ~QUEUED;
      if (table.phase[side >> 1] === RELAYING) this.#run(side, now);
    }
  }

  /**
   * Counts what has moved since the last time, and takes pipes from those that have moved nothing.
   */
  sweep(): void {
    const { table, tally } = this.#parts;
    for (let slot = 0; slot < this.#used; slot++) {
      if (table.phase[slot] !== RELAYING) continue;
      if (table.moved[2 * slot] === 0) this.#relay.calm(2 * slot);
      if (table.moved[2 * slot + 1] === 0) this.#relay.calm(2 * slot + 1);
      tally.moved(table, slot);
    }
  }

  /** Resets every connection that came by one of these listeners. @returns how many there were. */
  cut(isMeant: (listener: number) => boolean): number {
    const { table } = this.#parts;
    let count = 0;
    for (let slot = 0; slot < this.#used; slot++) {
      if (table.phase[slot] === FREE || !isMeant(table.listener[slot]!)) continue;
      this.#cut(slot);
      count++;
    }
    return count;
  }

  /** Resets every connection that a server counts as its own. @returns how many there were. */
  cutServer(row: number): number {
    const { table } = this.#parts;
    let count = 0;
    for (let slot = 0; slot < this.#used; slot++) {
      if (table.phase[slot] === FREE || table.row(slot) !== row) continue;
      this.#cut(slot);
      count++;
    }
    return count;
  }

  /** Resets those that are still what they were. @returns how many there were. */
  cutChosen({ slots, generations }: Chosen): number {
    const { table } = this.#parts;
    let count = 0;
    slots.forEach((slot, at) => {
      if (table.phase[slot] === FREE || table.generation[2 * slot] !== generations[at]) return;
      this.#cut(slot);
      count++;
    });
    return count;
  }

  #handleConnecting(slot: number, events: number, now: number): void {
    if ((events & (EPOLLERR | EPOLLHUP)) !== 0) {
      this.#go(slot, this.#connector.fail(slot, now));
    } else if ((events & EPOLLOUT) !== 0) {
      this.#connector.finish(slot, now);
      this.#begin(slot, events, now);
    }
  }

  /** The server is connected: what the client has sent meanwhile has made no event that we saw. */
  #begin(slot: number, events: number, now: number): void {
    const { chooser, epoll, kernel, table, wheel } = this.#parts;
    const client = 2 * slot;
    const server = client + 1;
    const { idleTimeoutMs } = chooser.backend(slot);
    if (wheel.dueAt(slot) > now + idleTimeoutMs) wheel.schedule(slot, now + idleTimeoutMs);
    if ((events & EPOLLRDHUP) !== 0) table.flags[server]! |= ENDING;
    if ((events & EPOLLPRI) !== 0) table.flags[server]! |= URGENT;
    const generation = table.generation[client]!;
    const outcome = table.buffered[client]! > 0 ? this.#deliver(client) : this.#relay.pump(client);
    if (outcome !== WAITS) this.#settle(client, outcome, now);
    if (table.generation[client] !== generation) return;
    // Watched from here on only: until now there was nothing to do about its events.
    if (kernel.epollAdd(epoll, table.fd[client]! as Fd, CLIENT_EVENTS, client, generation) < 0) {
      this.#cut(slot);
    } else if ((events & (EPOLLIN | EPOLLRDHUP)) !== 0) {
      this.#run(server, now);
    }
  }

  /** The server's handshake was left without an answer of its own: the first bytes bring it. */
  #deliver(client: number): Outcome {
    const { kernel, table } = this.#parts;
    const outcome = this.#relay.deliver(client);
    // From here on the server hears at once that its bytes have arrived, as it does of others.
    kernel.setOption(table.fd[client + 1]! as Fd, IPPROTO_TCP, TCP_QUICKACK, 1);
    return outcome;
  }

  #handleRelaying(side: number, events: number, now: number): void {
    const { table } = this.#parts;
    if ((events & ENDS) !== 0) {
      table.flags[side]! |= (events & EPOLLERR) !== 0 ? ENDING | FAILED : ENDING;
    }
    if ((events & EPOLLPRI) !== 0) table.flags[side]! |= URGENT;
    if ((events & EPOLLOUT) !== 0 && (table.flags[side ^ 1]! & BLOCKED) !== 0) {
      const generation = table.generation[side]!;
      this.#run(side ^ 1, now);
      if (table.generation[side] !== generation) return;
    }
    if ((events & ~EPOLLOUT) === 0) return;
    // A direction that has ended has no more to do, a blocked one goes on with the other side.
    if ((table.flags[side]! & (PASSED | BLOCKED)) === 0) this.#run(side, now);
    else if ((events & EPOLLERR) !== 0) this.#abort(side);
  }

  #run(side: number, now: number): void {
    const outcome = this.#relay.pump(side);
    if (outcome !== WAITS) this.#settle(side, outcome, now);
  }

  #settle(side: number, outcome: Outcome, now: number): void {
    const { table } = this.#parts;
    switch (outcome) {
      case BLOCKS:
        // Nobody is kept waiting for a side that is gone, until a slow reader has read it all.
        if ((table.flags[side]! & FAILED) !== 0) return this.#abort(side);
        return this.#watchOutput(side ^ 1);
      case BUSY:
        return this.#enqueue(side);
      case PASSES:
        return this.#halfClosed(side >> 1, now);
      case FINISHES:
        return this.#close(side >> 1);
      case SOURCE_FAILS:
        return this.#abort(side);
      case TARGET_FAILS:
        // What the failed side had sent before is worth delivering, if that needs no waiting.
        this.#relay.abandon(side);
        table.flags[side]! = (table.flags[side]! | ENDED | PASSED) & ~BLOCKED;
        if ((table.flags[side ^ 1]! & ENDED) !== 0) return this.#abort(side ^ 1);
        table.flags[side ^ 1]! |= ENDING | FAILED;
        return this.#run(side ^ 1, now);
    }
  }

  /** Asks for the event that a side is writable: a client is not asked before it is needed. */
  #watchOutput(side: number): void {
    const { epoll, kernel, table } = this.#parts;
    if ((table.flags[side]! & WATCHED) !== 0) return;
    table.flags[side]! |= WATCHED;
    const fd = table.fd[side]! as Fd;
    kernel.epollModify(epoll, fd, CLIENT_EVENTS | EPOLLOUT, side, table.generation[side]!);
  }

  #enqueue(side: number): void {
    const { table } = this.#parts;
    if ((table.flags[side]! & QUEUED) !== 0) return;
    table.flags[side]! |= QUEUED;
    this.#queue[(this.#queueStart + this.#queued) % this.#queue.length] = side;
    this.#queued++;
  }

  #halfClosed(slot: number, now: number): void {
    const { chooser, table, wheel } = this.#parts;
    table.lastActiveAt[slot] = now;
    const deadline = now + chooser.backend(slot).halfClosedTimeoutMs;
    if (wheel.dueAt(slot) > deadline) wheel.schedule(slot, deadline);
  }

  /** Looks whether a relaying connection has been silent for too long. */
  #look(slot: number, now: number): void {
    const { chooser, kernel, table, tally, wheel } = this.#parts;
    const { halfClosedTimeoutMs, idleTimeoutMs, keepalive } = chooser.backend(slot);
    const ended = (table.flags[2 * slot]! | table.flags[2 * slot + 1]!) & PASSED;
    const deadline = table.lastActiveAt[slot]! + (ended ? halfClosedTimeoutMs : idleTimeoutMs);
    if (now >= deadline) {
      tally.server(table.row(slot), "idleTimeout");
      this.#cut(slot);
      return;
    }
    const server = 2 * slot + 1;
    if ((table.flags[server]! & KEPT) === 0) {
      // Not before: most connections do not live to see it, and are spared the system calls.
      keepAlive(kernel, table.fd[server]! as Fd, keepalive);
      table.flags[server]! |= KEPT;
    }
    wheel.schedule(slot, deadline);
  }

  #go(slot: number, progress: Progress): void {
    if (progress === HOPELESS) this.#cut(slot);
  }

  /** A side has failed: the other one is to learn it the same way. */
  #abort(side: number): void {
    const { table, tally } = this.#parts;
    tally.server(table.row(side >> 1), (side & 1) === 0 ? "clientReset" : "serverReset");
    this.#cut(side >> 1);
  }

  /** We end the connection: neither side may take what it has for complete. */
  #cut(slot: number): void {
    const { kernel, table } = this.#parts;
    for (let side = 2 * slot; side <= 2 * slot + 1; side++) {
      if (table.fd[side] !== 0) kernel.lingerReset(table.fd[side]! as Fd);
    }
    this.#close(slot);
  }

  #close(slot: number): void {
    const { kernel, table, tally, wheel } = this.#parts;
    tally.moved(table, slot);
    tally.frontend(table.frontend(slot), "closed");
    this.#connector.leave(slot);
    wheel.cancel(slot);
    for (let side = 2 * slot; side <= 2 * slot + 1; side++) {
      this.#relay.abandon(side);
      if (table.fd[side] !== 0) kernel.close(table.fd[side]! as Fd);
    }
    table.release(slot);
  }
}

const CLIENT_EVENTS = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
const ENDS = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
