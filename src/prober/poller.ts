/**
 * Events of plain sockets on a thread whose event loop goes on. One waiting thread serves all of
 * them, and tells of many at once, which `node:net` cannot. Owns no socket.
 */

import { epollAdd, epollCreate, EpollEvents, epollModify } from "../linux/epoll.ts";
import { must } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";

/** Tells who watches a socket when something has happened to it. */
export class Poller {
  readonly #epoll = must("epoll_create1", epollCreate());
  readonly #events = new EpollEvents(EVENTS_A_WAIT);
  readonly #watchers = new Map<number, () => void>();
  #lastWatch = 0;
  #waiting = false;

  /** Calls `onEvent` whenever one of `events` is there, until it is told to forget. */
  watch(fd: Fd, events: number, onEvent: () => void): Watch {
    this.#lastWatch = (this.#lastWatch + 1) & 0x7fff_ffff;
    const watch = this.#lastWatch;
    must("epoll_ctl", epollAdd(this.#epoll, fd, events, watch, 0));
    this.#watchers.set(watch, onEvent);
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
    this.#watchers.delete(watch);
  }

  async #wait(): Promise<void> {
    this.#waiting = true;
    // Sockets that are watched from one turn on share a wait.
    await Promise.resolve();
    while (this.#watchers.size > 0) {
      const count = await this.#events.waitAside(this.#epoll, WAIT_MS);
      // An event may be late for a socket that is closed by now: then nobody watches any more.
      for (let at = 0; at < count; at++) this.#watchers.get(this.#events.low(at))?.();
    }
    this.#waiting = false;
  }
}

/** Names what {@linkcode Poller.watch} has begun. */
export type Watch = number;

const EVENTS_A_WAIT = 256;
/** Bounds only how long the waiting thread outlives the last socket. */
const WAIT_MS = 250;
