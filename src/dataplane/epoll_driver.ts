/**
 * The driver for any kernel: epoll says when a side is ready, and what can be moved is moved at
 * once. Sides of connections are edge-triggered, other descriptors are not.
 */

import {
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
} from "../linux/epoll.ts";
import { EINPROGRESS, EINTR, must } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { SO_ERROR, SOL_SOCKET } from "../linux/socket.ts";
import type { Buffers } from "./buffers.ts";
import { CLOSING } from "./closing.ts";
import type { ConnectionMemory } from "./connection_memory.ts";
import {
  ATTENDED,
  BLOCKED,
  CONNECTING,
  type ConnectionTable,
  ENDED,
  ENDING,
  FAILED,
  PASSED,
  PROMPT,
  QUEUED,
  RELAYING,
  UNHURRIED,
  URGENT,
  WATCHED,
} from "./connection_table.ts";
import { type Driver, type DriverEvents, READABLE, type Watcher, WRITABLE } from "./driver.ts";
import type { Events, Kernel } from "./kernel.ts";
import { Pipes } from "./pipes.ts";
import {
  BLOCKS,
  BUSY,
  FINISHES,
  type Outcome,
  PASSES,
  Relay,
  SOURCE_FAILS,
  TARGET_FAILS,
  WAITS,
} from "./relay.ts";
import { Watches } from "./watches.ts";

/** One epoll instance and all that it watches. */
export class EpollDriver implements Driver {
  events!: DriverEvents;
  readonly #kernel: Kernel;
  readonly #table: ConnectionTable;
  readonly #memory: ConnectionMemory;
  readonly #epoll: Fd;
  readonly #ready: Events;
  readonly #pipes: Pipes;
  readonly #relay: Relay;
  readonly #watches = new Watches();
  /** Sides that have used up their budget, in the order they go on; a ring. */
  readonly #queue: Int32Array;
  #queueStart = 0;
  #queued = 0;
  #now = 0;

  constructor(kernel: Kernel, table: ConnectionTable, memory: ConnectionMemory, buffers: Buffers) {
    this.#kernel = kernel;
    this.#table = table;
    this.#memory = memory;
    this.#epoll = must("epoll_create1", kernel.epollCreate());
    memory.poller[0] = this.#epoll;
    this.#ready = kernel.events(EVENTS);
    this.#pipes = new Pipes(kernel, memory.pipes);
    this.#relay = new Relay(kernel, table, buffers, this.#pipes);
    this.#queue = new Int32Array(2 * table.capacity);
  }

  turn(timeoutMs: number): number {
    const ready = this.#ready;
    let count = ready.wait(this.#epoll, this.#queued > 0 ? 0 : timeoutMs);
    // Errors are looked at twice here, too: the thread's end is the end of all its connections.
    if (count < 0 && count !== -EINTR) count = ready.wait(this.#epoll, 0);
    if (count < 0 && count !== -EINTR) must("epoll_wait", count);
    const now = this.#kernel.now();
    this.#now = now;
    this.#relay.now = now;
    for (let index = 0; index < count; index++) {
      const low = ready.low(index);
      const high = ready.high(index);
      const events = ready.flags(index);
      if (low < 0) this.#watches.tell(~low, high, readinessOf(events), now);
      // A side may have been closed, and its slot used again, since the event was collected.
      else if (this.#table.generation[low] === high) this.#handle(low, events);
    }
    if (this.#queued > 0) this.#runQueue();
    return now;
  }

  watch(fd: Fd, interests: number, watcher: Watcher, key: number): number {
    const watches = this.#watches;
    const handle = watches.add(fd, interests, watcher, key);
    const { [handle]: generation = 0 } = watches.generation;
    const added = this.#kernel.epollAdd(this.#epoll, fd, eventsOf(interests), ~handle, generation);
    if (added >= 0) return handle;
    watches.remove(handle);
    return added;
  }

  rewatch(handle: number, interests: number): void {
    const { fd, generation } = this.#watches;
    this.#watches.interests[handle] = interests;
    const events = eventsOf(interests);
    this.#kernel.epollModify(this.#epoll, fd[handle]!, events, ~handle, generation[handle]!);
  }

  unwatch(handle: number): void {
    this.#kernel.epollDelete(this.#epoll, this.#watches.fd[handle]!);
    this.#watches.remove(handle);
  }

  attend(slot: number): void {
    const side = 2 * slot;
    this.#register(side, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT);
    this.#table.flags[side]! |= ATTENDED;
  }

  connect(slot: number, address: Uint8Array<ArrayBuffer>): number {
    const side = 2 * slot + 1;
    const table = this.#table;
    const server = table.fd[side]! as Fd;
    table.flags[side] = (table.flags[side]! & QUEUED) | WATCHED | PROMPT;
    const connected = this.#kernel.connect(server, address);
    if (connected < 0 && connected !== -EINPROGRESS) return connected;
    const { [side]: generation = 0 } = table.generation;
    return this.#kernel.epollAdd(this.#epoll, server, SERVER_EVENTS, side, generation);
  }

  drop(slot: number): void {
    const side = 2 * slot + 1;
    if (this.#table.fd[side] !== 0) this.#kernel.close(this.#table.fd[side]! as Fd);
    this.#table.drop(side);
  }

  /** What the client has sent meanwhile has made no event that we saw. */
  relay(slot: number): void {
    const table = this.#table;
    const client = 2 * slot;
    const { [client]: generation } = table.generation;
    const hasFirst = table.buffered[client]! > 0;
    if (hasFirst) table.flags[client + 1]! |= UNHURRIED;
    const outcome = hasFirst ? this.#relay.deliver(client) : this.#relay.pump(client);
    if (outcome !== WAITS) this.#settle(client, outcome);
    if (table.generation[client] !== generation) return;
    // Watched from here on only: until now there was nothing to do about its events.
    if (this.#register(client, CLIENT_EVENTS) < 0) {
      this.events.finished(slot, CLOSING.shortage, this.#now);
    }
  }

  calm(side: number): void {
    this.#relay.calm(side);
  }

  end(slot: number, resets: boolean): void {
    const { fd } = this.#table;
    for (let side = 2 * slot; side <= 2 * slot + 1; side++) {
      this.#relay.abandon(side);
      if (fd[side] === 0) continue;
      if (resets) this.#kernel.lingerReset(fd[side]! as Fd);
      this.#kernel.close(fd[side]! as Fd);
    }
    this.events.ended(slot);
  }

  flush(): void {}

  close(): void {
    this.#pipes.close();
    this.#kernel.close(this.#epoll);
    this.#memory.poller[0] = 0;
  }

  abandon(): void {}

  #register(side: number, events: number): number {
    const { fd, flags, generation } = this.#table;
    const client = fd[side]! as Fd;
    return (flags[side]! & ATTENDED) !== 0
      ? this.#kernel.epollModify(this.#epoll, client, events, side, generation[side]!)
      : this.#kernel.epollAdd(this.#epoll, client, events, side, generation[side]!);
  }

  #handle(side: number, events: number): void {
    const slot = side >> 1;
    const phase = this.#table.phase[slot]!;
    if (phase === RELAYING) this.#handleRelaying(side, events);
    else if ((side & 1) === 0) this.events.readable(slot, this.#now);
    else if (phase === CONNECTING) this.#handleConnecting(slot, events);
  }

  #handleConnecting(slot: number, events: number): void {
    const table = this.#table;
    const side = 2 * slot + 1;
    if ((events & (EPOLLERR | EPOLLHUP)) !== 0) {
      const error = this.#kernel.getOption(table.fd[side]! as Fd, SOL_SOCKET, SO_ERROR);
      this.events.refused(slot, error, this.#now);
    } else if ((events & EPOLLOUT) !== 0) {
      if ((events & EPOLLRDHUP) !== 0) table.flags[side]! |= ENDING;
      if ((events & EPOLLPRI) !== 0) table.flags[side]! |= URGENT;
      const { [side]: generation } = table.generation;
      this.events.connected(slot, this.#now);
      if (table.generation[side] !== generation) return;
      if ((events & (EPOLLIN | EPOLLRDHUP)) !== 0) this.#run(side);
    }
  }

  #handleRelaying(side: number, events: number): void {
    const table = this.#table;
    if ((events & ENDS) !== 0) {
      table.flags[side]! |= (events & EPOLLERR) !== 0 ? ENDING | FAILED : ENDING;
    }
    if ((events & EPOLLPRI) !== 0) table.flags[side]! |= URGENT;
    if ((events & EPOLLOUT) !== 0 && (table.flags[side ^ 1]! & BLOCKED) !== 0) {
      const { [side]: generation } = table.generation;
      this.#run(side ^ 1);
      if (table.generation[side] !== generation) return;
    }
    if ((events & ~EPOLLOUT) === 0) return;
    // A direction that has ended has no more to do, a blocked one goes on with the other side.
    if ((table.flags[side]! & (PASSED | BLOCKED)) === 0) this.#run(side);
    else if ((events & EPOLLERR) !== 0) this.#abort(side);
  }

  #run(side: number): void {
    const outcome = this.#relay.pump(side);
    this.#relay.hurry(side);
    if (outcome !== WAITS) this.#settle(side, outcome);
  }

  #settle(side: number, outcome: Outcome): void {
    const table = this.#table;
    switch (outcome) {
      case BLOCKS:
        // Nobody is kept waiting for a side that is gone, until a slow reader has read it all.
        if ((table.flags[side]! & FAILED) !== 0) return this.#abort(side);
        return this.#watchOutput(side ^ 1);
      case BUSY:
        return this.#enqueue(side);
      case PASSES:
        return this.events.halfClosed(side >> 1, this.#now);
      case FINISHES:
        return this.events.finished(side >> 1, CLOSING.finished, this.#now);
      case SOURCE_FAILS:
        return this.#abort(side);
      case TARGET_FAILS:
        // What the failed side had sent before is worth delivering, if that needs no waiting.
        this.#relay.abandon(side);
        table.flags[side]! = (table.flags[side]! | ENDED | PASSED) & ~BLOCKED;
        if ((table.flags[side ^ 1]! & ENDED) !== 0) return this.#abort(side ^ 1);
        table.flags[side ^ 1]! |= ENDING | FAILED;
        return this.#run(side ^ 1);
    }
  }

  /** A side has failed: the other one is to learn it the same way. */
  #abort(side: number): void {
    const closing = (side & 1) === 0 ? CLOSING.clientReset : CLOSING.serverReset;
    this.events.finished(side >> 1, closing, this.#now);
  }

  /** Asks for the event that a side is writable: a client is not asked before it is needed. */
  #watchOutput(side: number): void {
    const { fd, flags, generation } = this.#table;
    if ((flags[side]! & WATCHED) !== 0) return;
    flags[side]! |= WATCHED;
    const events = CLIENT_EVENTS | EPOLLOUT;
    this.#kernel.epollModify(this.#epoll, fd[side]! as Fd, events, side, generation[side]!);
  }

  #enqueue(side: number): void {
    const { flags } = this.#table;
    if ((flags[side]! & QUEUED) !== 0) return;
    flags[side]! |= QUEUED;
    this.#queue[(this.#queueStart + this.#queued) % this.#queue.length] = side;
    this.#queued++;
  }

  /** Lets the sides that have used up their budget go on, each once. */
  #runQueue(): void {
    const { flags, phase } = this.#table;
    for (let rest = this.#queued; rest > 0; rest--) {
      const side = this.#queue[this.#queueStart]!;
      this.#queueStart = (this.#queueStart + 1) % this.#queue.length;
      this.#queued--;
      flags[side]! &= ~QUEUED;
      if (phase[side >> 1] === RELAYING) this.#run(side);
    }
  }
}

function eventsOf(interests: number): number {
  return ((interests & READABLE) !== 0 ? EPOLLIN : 0) |
    ((interests & WRITABLE) !== 0 ? EPOLLOUT : 0);
}

function readinessOf(events: number): number {
  if ((events & (EPOLLERR | EPOLLHUP)) !== 0) return READABLE | WRITABLE;
  return ((events & EPOLLIN) !== 0 ? READABLE : 0) | ((events & EPOLLOUT) !== 0 ? WRITABLE : 0);
}

const CLIENT_EVENTS = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
/** Watched for all at once, so that nothing needs to be changed later. */
const SERVER_EVENTS = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
const ENDS = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/** Events of one wait. */
const EVENTS = 512;
