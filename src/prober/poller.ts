/**
 * Events of plain sockets on a thread whose event loop goes on. One waiting thread serves all of
 * them, and tells of many at once, which `node:net` cannot. Owns no socket, but writes down in
 * shared memory which there are: descriptors outlive the thread, and somebody has to close them.
 */

import { epollAdd, epollCreate, EpollEvents, epollModify } from "../linux/epoll.ts";
import { must } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { close } from "../linux/socket.ts";

/** Zeroed memory for a poller that watches `most` sockets at once. 0 means none, in every cell. */
export function pollerMemory(most: number): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + most) * Int32Array.BYTES_PER_ELEMENT);
}

/**
 * Closes what a poller's thread has left. Call it only once the thread is gone, before the memory
 * is given to its successor; a poller that was disposed of has left nothing.
 *
 * @returns how many sockets there were.
 */
export function reclaimPoller(memory: SharedArrayBuffer): number {
  const [epoll = 0, ...sockets] = new Int32Array(memory).filter((fd) => fd !== 0);
  if (epoll !== 0) close(epoll as Fd);
  for (const socket of sockets) close(socket as Fd);
  new Int32Array(memory).fill(0);
  return sockets.length;
}

/** Tells who watches a socket when something has happened to it. */
export class Poller {
  readonly #epoll = must("epoll_create1", epollCreate());
  readonly #events = new EpollEvents(EVENTS_A_WAIT);
  readonly #watchers = new Map<number, Watcher>();
  /** Descriptors: first our own, then the watched sockets, each at its watcher's place. */
  readonly #held: Int32Array<SharedArrayBuffer>;
  readonly #freePlaces: number[] = [];
  #lastWatch = 0;
  #waiting = false;

  /** @param memory from {@linkcode pollerMemory}, zeroed or reclaimed. */
  constructor(memory: SharedArrayBuffer) {
    this.#held = new Int32Array(memory);
    this.#held[0] = this.#epoll;
    for (let place = this.#held.length - 1; place > 0; place--) this.#freePlaces.push(place);
  }

  /** Calls `onEvent` whenever one of `events` is there, until it is told to forget. */
  watch(fd: Fd, events: number, onEvent: () => void): Watch {
    this.#lastWatch = (this.#lastWatch + 1) & 0x7fff_ffff;
    const watch = this.#lastWatch;
    const place = this.#freePlaces.pop();
    if (place !== undefined) this.#held[place] = fd;
    this.#watchers.set(watch, { onEvent, place });
    must("epoll_ctl", epollAdd(this.#epoll, fd, events, watch, 0));
    if (!this.#waiting) this.#wait();
    return watch;
  }

  /** Watches for other events. */
  rewatch(watch: Watch, fd: Fd, events: number): void {
    must("epoll_ctl", epollModify(this.#epoll, fd, events, watch, 0));
  }

  /**
   * Watches no longer. The socket is to be closed next, which takes it out of the kernel's list.
   */
  forget(watch: Watch): void {
    const place = this.#watchers.get(watch)?.place;
    this.#watchers.delete(watch);
    if (place === undefined) return;
    this.#held[place] = 0;
    this.#freePlaces.push(place);
  }

  /** Gives its own descriptor back. Nothing is watched any more. */
  [Symbol.dispose](): void {
    this.#held[0] = 0;
    close(this.#epoll);
  }

  async #wait(): Promise<void> {
    this.#waiting = true;
    // Sockets that are watched from one turn on share a wait.
    await Promise.resolve();
    while (this.#watchers.size > 0) {
      const count = await this.#events.waitAside(this.#epoll, WAIT_MS);
      // An event may be late for a socket that is closed by now: then nobody watches any more.
      for (let at = 0; at < count; at++) this.#watchers.get(this.#events.low(at))?.onEvent();
    }
    this.#waiting = false;
  }
}

/** Names what {@linkcode Poller.watch} has begun. */
export type Watch = number;

interface Watcher {
  readonly onEvent: () => void;
  /** Where its descriptor is written down; nowhere if there was no room. */
  readonly place: number | undefined;
}

const EVENTS_A_WAIT = 256;
/** Bounds only how long the waiting thread outlives the last socket. */
const WAIT_MS = 250;
