/**
 * Takes clients from the listeners, and stops taking them while there is no room: in the table, or
 * among the descriptors. It never closes a listener, and never spins on one that it cannot serve.
 */

import { EAGAIN, isShortage, must } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import type { ConnectionTable } from "./connection_table.ts";
import { SHORTAGE_PAUSE_MS } from "./connector.ts";
import { type Driver, READABLE, type Watcher } from "./driver.ts";
import type { Kernel } from "./kernel.ts";
import type { Listener } from "./orders.ts";

/** Told of each client accepted, with the time of the wake-up. */
export type OnClient = (client: Fd, listener: number, now: number) => void;
/** Told, rarely, that clients have to wait, and why. */
export type OnShortage = (missing: "connections" | "descriptors") => void;

/** The listeners of one worker, by index in the order they were added. */
export class Acceptor implements Watcher {
  readonly #kernel: Kernel;
  readonly #driver: Driver;
  readonly #table: ConnectionTable;
  readonly #onClient: OnClient;
  readonly #onShortage: OnShortage;
  readonly #listeners: Listener[] = [];
  /** By listener: whether clients are wanted. */
  readonly #wanted: boolean[] = [];
  /** By listener: the driver's handle while it is watched. */
  readonly #handles: number[] = [];
  /** Indexes that no connection has come by any more: the next listeners have them. */
  readonly #released: number[] = [];
  #paused = false;
  #resumeAt = 0;
  #mentionAt = 0;

  constructor(
    { kernel, driver, table }: { kernel: Kernel; driver: Driver; table: ConnectionTable },
    onClient: OnClient,
    onShortage: OnShortage,
  ) {
    this.#kernel = kernel;
    this.#driver = driver;
    this.#table = table;
    this.#onClient = onClient;
    this.#onShortage = onShortage;
  }

  /** Takes clients from one more listener. @returns its index, perhaps that of a released one. */
  add(listener: Listener): number {
    const index = this.#released.pop() ?? this.#listeners.length;
    this.#listeners[index] = listener;
    this.#wanted[index] = true;
    if (!this.#paused) this.#watch(index);
    return index;
  }

  /** The listener of an index. */
  listener(index: number): Listener {
    return this.#listeners[index]!;
  }

  /** Whether clients have to wait for room. */
  get isPaused(): boolean {
    return this.#paused;
  }

  ready(index: number, _readiness: number, now: number): void {
    this.accept(index, now);
  }

  /**
   * Takes the clients that wait at a listener, so many at once as leaves time for others.
   *
   * @returns whether more may be waiting.
   */
  accept(index: number, now: number): boolean {
    // An event that was collected before the listener was given up.
    if (!this.#wanted[index]) return false;
    const { fd } = this.#listeners[index]!;
    for (let turn = 0; turn < ACCEPT_BUDGET; turn++) {
      // Also in between: the last client may have found no descriptor for its server.
      if (this.#paused) return false;
      if (this.#table.available === 0) return this.pause("connections", now);
      const client = this.#kernel.accept(fd);
      if (client >= 0) this.#onClient(client, index, now);
      else if (client === -EAGAIN) return false;
      else if (isShortage(-client)) return this.pause("descriptors", now);
      // Anything else is the end of one client that was in the queue: see accept(2).
    }
    return true;
  }

  /** Lets clients wait for a while: something is missing that they would need. */
  pause(missing: "connections" | "descriptors", now: number): false {
    this.#resumeAt = now + PAUSE_MS;
    if (this.#paused) return false;
    this.#paused = true;
    // Only those: the number of one that was given up may be another descriptor's by now.
    this.#handles.forEach((handle, index) => this.#wanted[index] && this.#driver.unwatch(handle));
    if (now >= this.#mentionAt) {
      this.#mentionAt = now + MENTION_MS;
      this.#onShortage(missing);
    }
    return false;
  }

  /** Begins again once there is room. Call it now and then. */
  resume(now: number): void {
    if (!this.#paused || now < this.#resumeAt) return;
    if (this.#table.available < Math.ceil(this.#table.capacity / ROOM_SHARE)) return;
    this.#paused = false;
    this.#wanted.forEach((isWanted, index) => isWanted && this.#watch(index));
  }

  /**
   * Gives up a virtual router's listeners. Clients in their queues are reset, and those who have
   * come by them are to be before the next listener is added.
   */
  release(virtualRouter: string): void {
    this.#listeners.forEach((listener, index) => {
      if (listener.virtualRouter !== virtualRouter || !this.#wanted[index]) return;
      this.#unwatch(index);
      this.#released.push(index);
      for (let turn = 0; turn < QUEUE_LIMIT; turn++) {
        const client = this.#kernel.accept(listener.fd);
        if (client === -EAGAIN || isShortage(-client)) return;
        if (client < 0) continue;
        this.#kernel.lingerReset(client);
        this.#kernel.close(client);
      }
    });
  }

  /** Gives up all listeners. Clients in their queues are still served, as far as there is room. */
  drain(now: number): void {
    this.#wanted.forEach((isWanted, index) => {
      if (!isWanted) return;
      for (let turn = 0; turn < DRAIN_TURNS && this.accept(index, now); turn++);
      this.#unwatch(index);
    });
  }

  #watch(index: number): void {
    const { fd } = this.#listeners[index]!;
    this.#handles[index] = must("watch", this.#driver.watch(fd, READABLE, this, index));
  }

  #unwatch(index: number): void {
    this.#wanted[index] = false;
    if (!this.#paused) this.#driver.unwatch(this.#handles[index]!);
  }
}

const ACCEPT_BUDGET = 64;
/**
 * Pauses last this long at least: other threads of the process may hold the descriptors. Who was
 * accepted and lacks one tries again sooner, and so comes first.
 */
const PAUSE_MS = 4 * SHORTAGE_PAUSE_MS;
/** A full table begins again once one in so many slots is free. */
const ROOM_SHARE = 64;
/** Shortages are mentioned once in so long a time. */
const MENTION_MS = 10_000;
/** No queue is longer: net.core.somaxconn is far below. */
const QUEUE_LIMIT = 1 << 16;
/** As many as a queue holds; those who come in the meantime are not waited for. */
const DRAIN_TURNS = QUEUE_LIMIT / ACCEPT_BUDGET;
