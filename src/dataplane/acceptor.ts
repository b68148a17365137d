/**
 * Takes clients from the listeners, and stops taking them while there is no room: in the table,
 * among the descriptors, or within the limits of their frontend. It never closes a listener, and
 * never spins on one that it cannot serve.
 */

import { EAGAIN, isShortage, must } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { type Doors, FULL, OPEN } from "./admission.ts";
import { SHUT_RDWR } from "../linux/socket.ts";
import { type ConnectionTable, FREE } from "./connection_table.ts";
import { SHORTAGE_PAUSE_MS } from "./connector.ts";
import { type Driver, READABLE, type Watcher } from "./driver.ts";
import type { Kernel } from "./kernel.ts";
import type { Listener } from "./orders.ts";
import type { Tally } from "./tally.ts";

/** Told of each client accepted, with the time of the wake-up. */
export type OnClient = (client: Fd, listener: number, now: number) => void;
/** Told, rarely, that clients have to wait, and why. */
export type OnShortage = (missing: "connections" | "descriptors") => void;

/** What accepting takes. */
export interface AcceptorParts {
  readonly kernel: Kernel;
  readonly driver: Driver;
  readonly table: ConnectionTable;
  readonly tally: Tally;
  readonly doors: Doors;
}

/** The listeners of one worker, by index in the order they were added. */
export class Acceptor implements Watcher {
  readonly #kernel: Kernel;
  readonly #driver: Driver;
  readonly #table: ConnectionTable;
  readonly #tally: Tally;
  readonly #doors: Doors;
  readonly #onClient: OnClient;
  readonly #onShortage: OnShortage;
  readonly #listeners: Listener[] = [];
  /** By listener: whether clients are wanted. */
  readonly #wanted: boolean[] = [];
  /** By listener: the driver's handle while it is watched, else −1. */
  readonly #handles: number[] = [];
  /** Frontends that may have no more clients: until when, or FULL. */
  readonly #closed = new Map<number, number>();
  /** Indexes that no connection has come by any more: the next listeners have them. */
  readonly #released: number[] = [];
  /** Indexes of closed listeners, by which some connections may have come. */
  readonly #leaving: number[] = [];
  #paused = false;
  #resumeAt = 0;
  #mentionAt = 0;

  constructor(
    { kernel, driver, table, tally, doors }: AcceptorParts,
    onClient: OnClient,
    onShortage: OnShortage,
  ) {
    this.#kernel = kernel;
    this.#driver = driver;
    this.#table = table;
    this.#tally = tally;
    this.#doors = doors;
    this.#onClient = onClient;
    this.#onShortage = onShortage;
  }

  /** Takes clients from one more listener. @returns its index, perhaps that of a released one. */
  add(listener: Listener): number {
    const index = this.#unused();
    this.#listeners[index] = listener;
    this.#wanted[index] = true;
    this.#handles[index] = UNWATCHED;
    this.#update(index);
    return index;
  }

  /** The listener of an index. */
  listener(index: number): Listener {
    return this.#listeners[index]!;
  }

  /** Where those of these listeners are that clients are taken from. */
  indexesOf(listeners: readonly Fd[]): readonly number[] {
    return this.#listeners.flatMap(({ fd }, index) =>
      this.#wanted[index] && listeners.includes(fd) ? [index] : []
    );
  }

  /** How long it is until clients of some frontend may come again. */
  waitMs(now: number): number {
    if (this.#closed.size === 0) return Infinity;
    let wait = Infinity;
    for (const until of this.#closed.values()) wait = Math.min(wait, Math.max(0, until - now));
    return wait;
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
    const { fd, frontend } = this.#listeners[index]!;
    for (let turn = 0; turn < ACCEPT_BUDGET; turn++) {
      // Also in between: the last client may have found no descriptor for its server.
      if (this.#paused) return false;
      if (this.#table.available === 0) return this.pause("connections", now);
      if (!this.#isOpen(frontend, now)) return false;
      const client = this.#kernel.accept(fd);
      if (client >= 0 && this.#doors.allows(client, frontend)) {
        this.#onClient(client, index, now);
        continue;
      }
      this.#doors.withdraw(frontend);
      if (client >= 0) this.#refuse(client, frontend);
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
    this.#updateAll();
    if (now >= this.#mentionAt) {
      this.#mentionAt = now + MENTION_MS;
      this.#onShortage(missing);
    }
    return false;
  }

  /**
   * Begins again once there is room. Call it now and then.
   *
   * @param isReminded whether some frontend may have become less crowded.
   */
  resume(now: number, isReminded: boolean): void {
    if (this.#closed.size > 0) this.#reopen(now, isReminded);
    if (!this.#paused || now < this.#resumeAt) return;
    if (this.#table.available < Math.ceil(this.#table.capacity / ROOM_SHARE)) return;
    this.#paused = false;
    this.#updateAll();
  }

  /** Other limits may hold from now on: whoever waits for room tries again. */
  reconsider(): void {
    for (const frontend of this.#closed.keys()) this.#doors.await(frontend, false);
    this.#closed.clear();
    this.#updateAll();
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
        if (client === -EAGAIN || isShortage(-client)) break;
        if (client < 0) continue;
        this.#kernel.lingerReset(client);
        this.#kernel.close(client);
      }
      // Who comes before the appliance has closed it is refused, as long as that can be said.
      this.#kernel.shutdown(listener.fd, SHUT_RDWR);
    });
  }

  /**
   * Gives some listeners up, by descriptor. Clients in their queues are still served, as far as
   * there is room, and those who have come by them go on. Where they are `handedOver`, the queue is
   * that of another listener.
   */
  close(listeners: readonly Fd[], handedOver: readonly Fd[], now: number): void {
    this.#listeners.forEach(({ fd }, index) => {
      if (!this.#wanted[index] || !listeners.includes(fd)) return;
      this.#leaving.push(index);
      if (handedOver.includes(fd)) return this.#unwatch(index);
      this.#finish(index, now);
      // Who comes before the appliance has closed it goes to a listener beside it, or is refused.
      this.#kernel.shutdown(fd, SHUT_RDWR);
    });
  }

  /** Gives up all listeners. Clients in their queues are still served, as far as there is room. */
  drain(now: number): void {
    this.#wanted.forEach((isWanted, index) => {
      if (isWanted) this.#finish(index, now);
    });
  }

  #finish(index: number, now: number): void {
    for (let turn = 0; turn < DRAIN_TURNS && this.accept(index, now); turn++);
    this.#unwatch(index);
  }

  /** An index that nobody has come by. */
  #unused(): number {
    if (this.#released.length === 0 && this.#leaving.length > 0) this.#findReleased();
    return this.#released.pop() ?? this.#listeners.length;
  }

  /** One look at a large table has to do for all listeners that a plan brings. */
  #findReleased(): void {
    const { listener, phase } = this.#table;
    const used = new Set<number>();
    for (let slot = 0; slot < phase.length; slot++) {
      if (phase[slot] !== FREE) used.add(listener[slot]!);
    }
    const leaving = this.#leaving.splice(0);
    this.#leaving.push(...leaving.filter((index) => used.has(index)));
    this.#released.push(...leaving.filter((index) => !used.has(index)));
  }

  #refuse(client: Fd, frontend: number): void {
    // First, so that whoever has seen the reset finds it counted.
    this.#tally.frontend(frontend, "deniedAddress");
    this.#kernel.lingerReset(client);
    this.#kernel.close(client);
  }

  /** Counts one more client of a frontend in, or closes it for now. */
  #isOpen(frontend: number, now: number): boolean {
    if (this.#closed.has(frontend)) return false;
    const waitMs = this.#doors.enter(frontend, now);
    if (waitMs === OPEN) return true;
    if (waitMs === FULL) {
      this.#doors.await(frontend, true);
      // A place that became free before this was said has woken nobody.
      if (this.#doors.enter(frontend, now) === OPEN) {
        this.#doors.await(frontend, false);
        return true;
      }
    }
    this.#closed.set(frontend, now + waitMs);
    this.#updateAll(frontend);
    return false;
  }

  #reopen(now: number, isReminded: boolean): void {
    for (const [frontend, until] of this.#closed) {
      if (until === FULL ? !isReminded : until > now) continue;
      if (until === FULL) {
        const waitMs = this.#doors.enter(frontend, now);
        if (waitMs === FULL) continue;
        if (waitMs === OPEN) this.#doors.withdraw(frontend);
        this.#doors.await(frontend, false);
      }
      this.#closed.delete(frontend);
      this.#updateAll(frontend);
    }
  }

  #updateAll(frontend?: number): void {
    this.#listeners.forEach((listener, index) => {
      if (frontend === undefined || listener.frontend === frontend) this.#update(index);
    });
  }

  /** Watches a listener, or does not any more. */
  #update(index: number): void {
    const { fd, frontend } = this.#listeners[index]!;
    const isWatched = this.#wanted[index] === true && !this.#paused && !this.#closed.has(frontend);
    const handle = this.#handles[index]!;
    if (isWatched === handle >= 0) return;
    if (!isWatched) this.#driver.unwatch(handle);
    this.#handles[index] = isWatched
      ? must("watch", this.#driver.watch(fd, READABLE, this, index))
      : UNWATCHED;
  }

  #unwatch(index: number): void {
    this.#wanted[index] = false;
    this.#update(index);
  }
}

const UNWATCHED = -1;
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
