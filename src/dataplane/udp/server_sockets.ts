/**
 * The sockets that talk to servers, each connected to one and lent to one session at a time. It
 * neither sends nor receives, and does not know what a session is.
 *
 * A socket of its own for each session, since only its port tells a server's answers to one client
 * from those to another. Connected, since that is cheaper for each datagram than naming the server
 * (4.3 µs against 4.5, and 5.0 against 5.5 with thousands of sockets), keeps strangers out and
 * tells of refusals. Lent again when a session ends, since a new one costs 11 µs, more than twice a
 * datagram; but the one that has rested longest first, so that an answer that comes too late rarely
 * meets another session.
 */

import { ENOBUFS, isShortage } from "../../linux/errno.ts";
import type { Fd } from "../../linux/libc.ts";
import { AF_INET, AF_INET6, IPPROTO_UDP, SOCK_DGRAM } from "../../linux/socket.ts";
import { type Driver, READABLE, type Watcher } from "../driver.ts";
import type { Kernel } from "../kernel.ts";
import type { SourceAddresses } from "../source_addresses.ts";
import { Lists } from "./lists.ts";
import { NONE } from "./session_table.ts";

/** A fixed number of places for sockets, by index. */
export class ServerSockets {
  /** By socket: the session that has it; NONE while it rests. */
  readonly session: Int32Array;
  /** By socket: its descriptor; 0 for none. Shared, so that a crash leaves no descriptor behind. */
  readonly fd: Int32Array<SharedArrayBuffer>;
  readonly #kernel: Pick<Kernel, "socket" | "connect" | "close">;
  readonly #driver: Pick<Driver, "watch" | "unwatch">;
  readonly #sources: Pick<SourceAddresses, "bind">;
  readonly #watcher: Watcher;
  /** By socket: what it is watched by. */
  readonly #handle: Int32Array;
  /** By socket: which server it is connected to. */
  readonly #target: Int32Array;
  readonly #restsSince: Float64Array;
  /**
   * Targets by a server's address, of which each server has one array until it is to be met
   * elsewhere, and by port.
   */
  readonly #targets = new WeakMap<Uint8Array, Map<number, number>>();
  /** By target: how many sockets are connected to it. */
  readonly #connected: number[] = [];
  /** By target: those that rest, the longest first. */
  readonly #resting: Lists;
  /** All that rest, the longest first. */
  readonly #allResting: Lists;
  readonly #unused: Int32Array;
  #unusedCount: number;

  /** @param watcher told of a socket by its index. */
  constructor(
    parts: {
      readonly kernel: Pick<Kernel, "socket" | "connect" | "close">;
      readonly driver: Pick<Driver, "watch" | "unwatch">;
      readonly sources: Pick<SourceAddresses, "bind">;
    },
    fds: Int32Array<SharedArrayBuffer>,
    watcher: Watcher,
  ) {
    const places = fds.length;
    this.#kernel = parts.kernel;
    this.#driver = parts.driver;
    this.#sources = parts.sources;
    this.#watcher = watcher;
    this.fd = fds;
    this.session = new Int32Array(places).fill(NONE);
    this.#handle = new Int32Array(places);
    this.#target = new Int32Array(places);
    this.#restsSince = new Float64Array(places);
    this.#resting = new Lists(places, 0);
    this.#allResting = new Lists(places, 1);
    this.#unused = Int32Array.from({ length: places }, (_, place) => places - 1 - place);
    this.#unusedCount = places;
  }

  /**
   * Lends a socket that is connected to a server; the borrower notes its `session`.
   *
   * @param address the server's, in an array of its own; `backend` says where from it is met.
   * @returns the socket's index, or −errno.
   */
  lend(backend: number, address: Uint8Array<ArrayBuffer>, now: number): number {
    const target = this.#targetOf(address);
    let socket = this.#isRested(target, now) ? NONE : this.#open(target, backend, address, now);
    if (socket < 0) {
      // Also where no new one can be had: one that has hardly rested is better than none.
      const resting = this.#resting.first(target);
      if (resting === NONE) return socket;
      socket = resting;
      this.#wake(socket);
    }
    return socket;
  }

  /** Takes a socket back. */
  rest(socket: number, now: number): void {
    this.session[socket] = NONE;
    this.#restsSince[socket] = now;
    this.#resting.append(this.#target[socket]!, socket);
    this.#allResting.append(0, socket);
  }

  /** Closes a socket that is lent. */
  close(socket: number): void {
    this.#driver.unwatch(this.#handle[socket]!);
    this.#kernel.close(this.fd[socket]! as Fd);
    this.fd[socket] = 0;
    this.session[socket] = NONE;
    this.#connected[this.#target[socket]!]!--;
    this.#unused[this.#unusedCount++] = socket;
  }

  /** Closes those that nobody has needed for long. Call it now and then. */
  sweep(now: number): void {
    for (;;) {
      const socket = this.#allResting.first(0);
      if (socket === NONE || now - this.#restsSince[socket]! < LONG_MS) return;
      this.#discard(socket);
    }
  }

  /** Closes all that rest. */
  clear(): void {
    this.sweep(Infinity);
  }

  /** Whether there is a socket for a target that may be lent again. */
  #isRested(target: number, now: number): boolean {
    const socket = this.#resting.first(target);
    return socket !== NONE && (now - this.#restsSince[socket]! >= REST_MS ||
      this.#connected[target]! >= ENOUGH || this.#unusedCount === 0);
  }

  #targetOf(address: Uint8Array<ArrayBuffer>): number {
    let ports = this.#targets.get(address);
    if (!ports) this.#targets.set(address, ports = new Map());
    // sin_port and sin6_port are at the same place.
    const port = address[2]! << 8 | address[3]!;
    let target = ports.get(port);
    if (target !== undefined) return target;
    target = this.#resting.add();
    ports.set(port, target);
    this.#connected[target] = 0;
    return target;
  }

  #open(target: number, backend: number, address: Uint8Array<ArrayBuffer>, now: number): number {
    if (this.#unusedCount === 0 && !this.#discardOne()) return -ENOBUFS;
    const family = address[0] === AF_INET ? AF_INET : AF_INET6;
    let fd = this.#kernel.socket(family, SOCK_DGRAM, IPPROTO_UDP);
    if (fd < 0 && isShortage(-fd) && this.#discardOne()) {
      fd = this.#kernel.socket(family, SOCK_DGRAM, IPPROTO_UDP);
    }
    if (fd < 0) return fd;
    const socket = this.#unused[this.#unusedCount - 1]!;
    const bound = this.#sources.bind(fd, backend, address, now);
    const connected = bound < 0 ? bound : this.#kernel.connect(fd, address);
    const handle = connected < 0
      ? connected
      : this.#driver.watch(fd, READABLE, this.#watcher, socket);
    if (handle < 0) {
      this.#kernel.close(fd);
      return handle;
    }
    this.#unusedCount--;
    this.fd[socket] = fd;
    this.#handle[socket] = handle;
    this.#target[socket] = target;
    this.#connected[target]!++;
    return socket;
  }

  /** Closes the socket that has rested longest, whatever server it is for. */
  #discardOne(): boolean {
    const socket = this.#allResting.first(0);
    if (socket === NONE) return false;
    this.#discard(socket);
    return true;
  }

  #discard(socket: number): void {
    this.#wake(socket);
    this.close(socket);
  }

  #wake(socket: number): void {
    this.#resting.remove(socket);
    this.#allResting.remove(socket);
  }
}

/** A socket that has rested for so long may be lent again before there are enough. */
const REST_MS = 1000;
/** So many for one server, and each has a long rest also under load. */
const ENOUGH = 256;
/** Who has rested for so long is one too many. */
const LONG_MS = 10_000;
