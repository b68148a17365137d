/**
 * The system calls that the data plane makes, as it needs them. In production they are Linux's;
 * tests put a kernel of their own in their place, with partial writes, resets and missing
 * descriptors.
 *
 * Every call answers as Linux does: ≥ 0, or −errno.
 */

import { monotonicMs, monotonicMsSince } from "../linux/clock.ts";
import { epollAdd, epollCreate, epollDelete, EpollEvents, epollModify } from "../linux/epoll.ts";
import { clear, signal } from "../linux/eventfd.ts";
import type { Fd } from "../linux/libc.ts";
import {
  accept,
  bind,
  close,
  connect,
  discard,
  getOption,
  getpeername,
  getsockname,
  lingerReset,
  peek,
  recv,
  send,
  setOption,
  shutdown,
  socket,
} from "../linux/socket.ts";
import { pipe, setPipeSize, splice } from "../linux/splice.ts";

/** What relaying takes. */
export interface SocketIo {
  recv(fd: Fd, target: Uint8Array<ArrayBuffer>): number;
  peek(fd: Fd, target: Uint8Array<ArrayBuffer>): number;
  discard(fd: Fd, length: number): number;
  send(fd: Fd, source: Uint8Array<ArrayBuffer>, length: number, more: boolean): number;
  splice(source: Fd, target: Fd, length: number): number;
  shutdown(fd: Fd, how: number): number;
  setOption(fd: Fd, level: number, name: number, value: number): number;
}

/** What pipes take. */
export interface PipeIo {
  pipe(ends: Int32Array<ArrayBuffer>): number;
  setPipeSize(pipe: Fd, bytes: number): number;
  close(fd: Fd): number;
}

/** What connections take. */
export interface Kernel extends SocketIo, PipeIo {
  /** A monotonic clock, in milliseconds since `beganAt`. */
  now(): number;
  /** The instant at which `now` was 0, on the clock that all threads share. */
  readonly beganAt: number;
  accept(listener: Fd): Fd;
  socket(domain: number, type: number, protocol: number): Fd;
  /** Gives a socket its own address. */
  bind(fd: Fd, address: Uint8Array<ArrayBuffer>): number;
  connect(fd: Fd, address: Uint8Array<ArrayBuffer>): number;
  getOption(fd: Fd, level: number, name: number): number;
  /** The address of a connection's other end, or of this one. */
  peerName(fd: Fd, address: Uint8Array<ArrayBuffer>): number;
  localName(fd: Fd, address: Uint8Array<ArrayBuffer>): number;
  lingerReset(fd: Fd): number;
  /** Takes the count of an eventfd back to zero. */
  clear(eventfd: Fd): number;
  /** Adds one to an eventfd: wakes the worker whose it is. */
  signal(eventfd: Fd): number;
  epollCreate(): Fd;
  epollAdd(epoll: Fd, fd: Fd, events: number, low: number, high: number): number;
  epollModify(epoll: Fd, fd: Fd, events: number, low: number, high: number): number;
  epollDelete(epoll: Fd, fd: Fd): number;
  /** Room for the events of one wait. */
  events(capacity: number): Events;
}

/** The events of one wait. */
export interface Events {
  wait(epoll: Fd, timeoutMs: number): number;
  flags(index: number): number;
  low(index: number): number;
  high(index: number): number;
}

/**
 * Linux with a clock for one thread's loop: it counts whole milliseconds and has just begun, so
 * that instants can be handed around without an allocation. None of them is 0.
 */
export function linuxFromNow(): Kernel {
  const second = Math.floor(monotonicMs() / 1e3) - 1;
  return { ...linux, beganAt: second * 1e3, now: () => monotonicMsSince(second) };
}

/** Linux itself. */
export const linux: Kernel = {
  now: monotonicMs,
  beganAt: 0,
  accept,
  bind,
  clear,
  close,
  connect,
  discard,
  epollAdd,
  epollCreate,
  epollDelete,
  epollModify,
  events: (capacity) => new EpollEvents(capacity),
  getOption,
  lingerReset,
  localName: getsockname,
  peek,
  peerName: getpeername,
  pipe,
  recv,
  send,
  setOption,
  setPipeSize,
  shutdown,
  signal,
  socket,
  splice,
};
