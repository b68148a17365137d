/**
 * The driver for Linux from 6.1 on: requests and completions of a ring, one system call for all of
 * a turn. What is relayed goes its own way, in `UringRelay`.
 *
 * A descriptor is closed only when no request that names it by number is still to be handed over.
 */

import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../linux/epoll.ts";
import { EINTR, ETIME, must, SystemError } from "../linux/errno.ts";
import { addressOf, CQE_F_BUFFER, CQE_F_MORE, Ring } from "../linux/io_uring.ts";
import type { Fd } from "../linux/libc.ts";
import { ProvidedBuffers } from "../linux/provided_buffers.ts";
import type { Buffers } from "./buffers.ts";
import type { Closing } from "./closing.ts";
import type { ConnectionMemory } from "./connection_memory.ts";
import { type ConnectionTable, PROMPT } from "./connection_table.ts";
import { type Driver, type DriverEvents, READABLE, type Watcher, WRITABLE } from "./driver.ts";
import type { Kernel } from "./kernel.ts";
import { Pipes } from "./pipes.ts";
import { Relay } from "./relay.ts";
import { SideList } from "./side_list.ts";
import { Streams } from "./streams.ts";
import { UringRelay } from "./uring_relay.ts";
import {
  ATTEND,
  CANCEL,
  CONNECT,
  GROUP,
  INPUT,
  OPERATION_BITS,
  OPERATION_MASK,
  OUTPUT,
  RECEIVE,
  SEND,
  UringRequests,
  WATCH,
} from "./uring_requests.ts";
import { Watches } from "./watches.ts";

/** One ring and all that goes through it. */
export class UringDriver implements Driver {
  events!: DriverEvents;
  readonly #kernel: Kernel;
  readonly #table: ConnectionTable;
  readonly #memory: ConnectionMemory;
  readonly #ring: Ring;
  readonly #provided: ProvidedBuffers;
  readonly #streams: Streams;
  readonly #pipes: Pipes;
  readonly #requests: UringRequests;
  readonly #pump: Relay;
  readonly #relay: UringRelay;
  readonly #watches = new Watches();
  /** Slots whose descriptors are to be closed, and by slot whether by a reset. */
  readonly #leaving: SideList;
  readonly #resets: Uint8Array;
  /** Servers' addresses, for requests that are still to be handed over. */
  readonly #addresses = new Uint8Array(ADDRESSES * ADDRESS_BYTES);
  readonly #addressLow = new Int32Array(ADDRESSES);
  readonly #addressHigh = new Int32Array(ADDRESSES);
  #address = 0;
  #now = 0;

  constructor(kernel: Kernel, table: ConnectionTable, memory: ConnectionMemory, buffers: Buffers) {
    this.#kernel = kernel;
    this.#table = table;
    this.#memory = memory;
    this.#ring = ringOf(REQUESTS, COMPLETIONS);
    this.#provided = groupOf(this.#ring, PROVIDED, PROVIDED_BYTES);
    memory.poller[0] = this.#ring.fd;
    this.#streams = new Streams(this.#ring, this.#provided, 2 * table.capacity);
    this.#pipes = new Pipes(kernel, memory.pipes);
    this.#requests = new UringRequests(this.#ring, table);
    this.#pump = new Relay(kernel, table, buffers, this.#pipes);
    this.#relay = new UringRelay(
      {
        io: kernel,
        table,
        requests: this.#requests,
        provided: this.#provided,
        streams: this.#streams,
        relay: this.#pump,
      },
      {
        halfClosed: (slot) => this.events.halfClosed(slot, this.#now),
        finished: (slot, closing: Closing) => this.events.finished(slot, closing, this.#now),
      },
    );
    this.#leaving = new SideList(table.capacity);
    this.#resets = new Uint8Array(table.capacity);
    for (let place = 0; place < ADDRESSES; place++) {
      const address = addressOf(this.#addresses.subarray(place * ADDRESS_BYTES));
      [this.#addressLow[place], this.#addressHigh[place]] = address;
    }
  }

  turn(timeoutMs: number): number {
    const ring = this.#ring;
    this.#relay.sendAll();
    this.#provided.publish();
    if (this.#leaving.count > 0) this.flush();
    const entered = ring.enter(this.#relay.isBusy ? 0 : timeoutMs);
    // Errors are looked at twice here, too: the thread's end is the end of all its connections.
    if (!isUsual(entered) && !isUsual(ring.enter(0))) must("io_uring_enter", entered);
    const now = this.#kernel.now();
    this.#now = now;
    this.#pump.now = now;
    this.#relay.now = now;
    let head = ring.head;
    for (let tail = ring.tail; head !== tail; tail = ring.tail) {
      for (; head !== tail; head = (head + 1) | 0) {
        this.#complete(ring.low(head), ring.high(head), ring.result(head), ring.flags(head));
      }
      ring.seen(head);
    }
    this.#relay.goOn();
    return now;
  }

  watch(fd: Fd, interests: number, watcher: Watcher, key: number): number {
    const handle = this.#watches.add(fd, interests, watcher, key);
    this.#poll(handle);
    return handle;
  }

  rewatch(handle: number, interests: number): void {
    this.#ring.cancel(handle, this.#watchName(handle), 0, CANCEL);
    this.#watches.renew(handle, interests);
    this.#poll(handle);
  }

  unwatch(handle: number): void {
    this.#ring.cancel(handle, this.#watchName(handle), 0, CANCEL);
    this.#watches.remove(handle);
  }

  attend(slot: number): void {
    if (!this.#requests.isBusy(2 * slot, ATTEND)) this.#requests.attend(2 * slot);
  }

  connect(slot: number, address: Uint8Array<ArrayBuffer>): number {
    const side = 2 * slot + 1;
    this.#table.flags[side] = PROMPT;
    // An address is read when its request is handed over, and may be overwritten from then on.
    if (this.#address === ADDRESSES) this.#submit();
    if (this.#ring.pending === 0) this.#address = 0;
    const place = this.#address++;
    this.#addresses.set(address, place * ADDRESS_BYTES);
    const { [place]: low = 0 } = this.#addressLow;
    const { [place]: high = 0 } = this.#addressHigh;
    this.#requests.connect(side, low, high, address.length);
    return 0;
  }

  drop(slot: number): void {
    const side = 2 * slot + 1;
    const table = this.#table;
    if (table.fd[side] === 0) return;
    if (this.#requests.cancelAll(side)) this.#submit();
    this.#kernel.close(table.fd[side]! as Fd);
    table.drop(side);
  }

  relay(slot: number): void {
    this.#relay.start(slot);
  }

  calm(side: number): void {
    this.#relay.calm(side);
  }

  end(slot: number, resets: boolean): void {
    const client = 2 * slot;
    this.#relay.leave(slot);
    this.#resets[slot] = resets ? 1 : 0;
    const isClientBusy = this.#requests.cancelAll(client);
    const isServerBusy = this.#requests.cancelAll(client + 1);
    this.#table.renew(client);
    this.#table.renew(client + 1);
    if (isClientBusy || isServerBusy) this.#leaving.add(slot);
    else this.#close(slot);
  }

  flush(): void {
    this.#submit();
    while (this.#leaving.count > 0) this.#close(this.#leaving.take());
  }

  close(): void {
    this.#ring.cancelAll(0, CANCEL);
    this.flush();
    this.#pipes.close();
    this.#ring.close();
    this.#memory.poller[0] = 0;
  }

  abandon(): void {
    this.#ring.unmap();
  }

  #close(slot: number): void {
    const { fd } = this.#table;
    for (let side = 2 * slot; side <= 2 * slot + 1; side++) {
      if (fd[side] === 0) continue;
      if (this.#resets[slot] === 1) this.#kernel.lingerReset(fd[side]! as Fd);
      this.#kernel.close(fd[side]! as Fd);
    }
    this.events.ended(slot);
  }

  #submit(): void {
    for (let turn = 0; this.#ring.pending > 0; turn++) {
      const entered = this.#ring.enter(0);
      if (turn === SUBMIT_TURNS) throw new SystemError("io_uring_enter", Math.max(0, -entered));
    }
  }

  #complete(low: number, high: number, result: number, flags: number): void {
    const operation = high & OPERATION_MASK;
    if (operation === CANCEL) return;
    if (operation === WATCH) return this.#watched(low, high, result);
    const hasBuffer = operation === RECEIVE && (flags & CQE_F_BUFFER) !== 0;
    if (hasBuffer) this.#provided.taken();
    const side = operation === SEND ? this.#streams.owner(low) : low;
    if (high !== this.#requests.name(side, operation)) {
      // The connection has ended meanwhile.
      if (hasBuffer) this.#provided.give(flags >>> BUFFER_SHIFT);
      if (operation === SEND) this.#streams.sent(low);
      return;
    }
    switch (operation) {
      case RECEIVE:
        return this.#relay.received(side, result, flags);
      case SEND:
        return this.#relay.sent(side, result, low);
      case CONNECT:
        this.#requests.done(side, CONNECT);
        if (result < 0) return this.events.refused(side >> 1, -result, this.#now);
        return this.events.connected(side >> 1, this.#now);
      case ATTEND:
        this.#requests.done(side, ATTEND);
        return this.events.readable(side >> 1, this.#now);
      case INPUT:
        return this.#relay.inputReady(side, result, (flags & CQE_F_MORE) === 0);
      case OUTPUT:
        return this.#relay.outputReady(side);
    }
  }

  #watched(handle: number, high: number, result: number): void {
    const generation = high >>> OPERATION_BITS;
    // Who was not told that his watch has ended would be deaf for ever.
    if (result < 0 && this.#watches.generation[handle] === generation) must("poll", result);
    if (result < 0) return;
    const isPresent = this.#watches.tell(handle, generation, readinessOf(result), this.#now);
    // Level-triggered: who is still ready then is told again.
    if (isPresent && this.#watches.generation[handle] === generation) this.#poll(handle);
  }

  #poll(handle: number): void {
    const { fd, interests } = this.#watches;
    const events = eventsOf(interests[handle]!);
    this.#ring.poll(fd[handle]!, events, false, handle, this.#watchName(handle));
  }

  #watchName(handle: number): number {
    return (this.#watches.generation[handle]! << OPERATION_BITS) | WATCH;
  }
}

/**
 * Whether this kernel lets this process have such a driver: what it needs is tried.
 *
 * @returns 0, or −errno.
 */
export function probeUring(): number {
  const ring = Ring.open(8, 16);
  if (typeof ring === "number") return ring;
  const group = ProvidedBuffers.register(ring, GROUP, 8, 4096);
  const entered = ring.enter(1);
  ring.close();
  if (typeof group === "number") return group;
  return entered === -ETIME ? 0 : entered;
}

function ringOf(requests: number, completions: number): Ring {
  const ring = Ring.open(requests, completions);
  if (typeof ring === "number") throw new SystemError("io_uring_setup", -ring);
  return ring;
}

function groupOf(ring: Ring, count: number, bytes: number): ProvidedBuffers {
  const group = ProvidedBuffers.register(ring, GROUP, count, bytes);
  if (typeof group !== "number") return group;
  ring.close();
  throw new SystemError("io_uring_register", -group);
}

function isUsual(entered: number): boolean {
  return entered >= 0 || entered === -ETIME || entered === -EINTR;
}

function eventsOf(interests: number): number {
  return ((interests & READABLE) !== 0 ? EPOLLIN : 0) |
    ((interests & WRITABLE) !== 0 ? EPOLLOUT : 0);
}

function readinessOf(events: number): number {
  if ((events & (EPOLLERR | EPOLLHUP)) !== 0) return READABLE | WRITABLE;
  return ((events & EPOLLIN) !== 0 ? READABLE : 0) | ((events & EPOLLOUT) !== 0 ? WRITABLE : 0);
}

const REQUESTS = 4096;
const COMPLETIONS = 16384;
/** 16 MiB of addresses, of which only what is used becomes memory. */
const PROVIDED = 1024;
const PROVIDED_BYTES = 16384;
const ADDRESSES = 1024;
const ADDRESS_BYTES = 32;
const SUBMIT_TURNS = 1000;
const BUFFER_SHIFT = 16;
