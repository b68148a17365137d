/**
 * The seam between the life of connections and the way in which the kernel is used for them. A
 * driver waits, moves bytes and closes; it knows no deadlines, chooses no servers and counts
 * nothing. What it comes to know it tells the {@linkcode DriverEvents}, which decide.
 *
 * It works on a shared `ConnectionTable`: a slot's descriptors are put there by others, before
 * `attend`, `connect` and `relay`, and taken out by others, when `ended` is told or after `drop`.
 */

import type { Fd } from "../linux/libc.ts";
import type { Closing } from "./closing.ts";

/** How the kernel is used. One of them runs in a worker. */
export interface Driver {
  /** Whom to tell; set once, before the first turn. */
  events: DriverEvents;

  /**
   * Waits for something to do, so long at most, and does it. @returns the time of the wake-up.
   */
  turn(timeoutMs: number): number;

  /**
   * Watches a descriptor that is no connection: a listener, an eventfd, a UDP socket. The watcher
   * is told again and again, as long as it is ready: level-triggered.
   *
   * @param key the watcher's own name for the descriptor.
   * @returns a handle, or −errno.
   */
  watch(fd: Fd, interests: number, watcher: Watcher, key: number): number;
  /** Changes what a descriptor is watched for. */
  rewatch(handle: number, interests: number): void;
  /** Watches a descriptor no more. To be called before it is closed. */
  unwatch(handle: number): void;

  /** Tells once, by `readable`, when the client of a slot has sent more, ended or failed. */
  attend(slot: number): void;
  /**
   * Begins to connect the slot's server; `connected` or `refused` will be told.
   *
   * @returns 0, or −errno where it has failed already.
   */
  connect(slot: number, address: Uint8Array<ArrayBuffer>): number;
  /** Closes the server's descriptor of a slot that is not relayed: it is told of no more. */
  drop(slot: number): void;
  /**
   * Relays from now on: first what is in the client's buffer, then whatever comes, both ways.
   * `halfClosed` and `finished` will be told, perhaps before this returns.
   */
  relay(slot: number): void;
  /** Takes back what a direction that has moved nothing for a while has borrowed. */
  calm(side: number): void;
  /**
   * Closes both sides of a slot in any phase; `ended` will be told, perhaps before this returns,
   * and nothing else.
   *
   * @param resets whether the sides are to see a reset instead of an orderly end.
   */
  end(slot: number, resets: boolean): void;
  /** Brings everything to its end that `end` has begun. */
  flush(): void;
  /** Ends the driver, with all slots ended before. */
  close(): void;
  /**
   * Lets go of what would keep descriptors from being closed by others: the worker is dying of an
   * error, and the driver is not to be used any more.
   */
  abandon(): void;
}

/** What a driver tells, with the time of the wake-up. */
export interface DriverEvents {
  /** The client of an attended slot has sent more, ended or failed. */
  readable(slot: number, now: number): void;
  /** The server of a connecting slot is connected: `relay` is due. */
  connected(slot: number, now: number): void;
  /** The server of a connecting slot is not to be reached. Its descriptor is still open. */
  refused(slot: number, error: number, now: number): void;
  /** One direction of a relayed slot has ended in order. */
  halfClosed(slot: number, now: number): void;
  /** A relayed slot has come to its end, as said: `end` is due. */
  finished(slot: number, closing: Closing, now: number): void;
  /** The descriptors of a slot are closed: it may be used again. */
  ended(slot: number): void;
}

/** Somebody who watches descriptors of his own. */
export interface Watcher {
  /** One of them is ready, for some of `READABLE` and `WRITABLE`; an error counts as both. */
  ready(key: number, readiness: number, now: number): void;
}

/** It can be read from or accepted from. */
export const READABLE = 1;
/** It can be written to. */
export const WRITABLE = 2;
