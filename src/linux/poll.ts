/**
 * Waiting for a few descriptors with a deadline finer than a millisecond.
 *
 * @see poll(2)
 */

import { answer, type Fd, libc } from "./libc.ts";

/** Descriptors to wait on, for reading. */
export class PollSet {
  readonly #descriptors: readonly Fd[];
  /** `struct pollfd { int fd; short events, revents; };` */
  readonly #pollfds: Int32Array<ArrayBuffer>;
  /** `struct timespec`, in halves: 64-bit cells would allocate a BigInt each time. */
  readonly #timeout = new Uint32Array(4);
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #timeoutBytes = new Uint8Array(this.#timeout.buffer);

  constructor(descriptors: readonly Fd[]) {
    this.#descriptors = descriptors;
    this.#pollfds = Int32Array.from(descriptors.flatMap((fd) => [fd, POLLIN]));
    this.#bytes = new Uint8Array(this.#pollfds.buffer);
  }

  /**
   * Blocks the thread until a descriptor is readable, or for `timeoutMs` (with fractions).
   *
   * @returns how many are readable, or −errno (`-EINTR` after a signal).
   * @see ppoll(2)
   */
  wait(timeoutMs: number): number {
    const waitMs = Math.max(0, timeoutMs);
    const seconds = Math.min(Math.floor(waitMs / 1e3), MAX_SECONDS);
    this.#timeout[0] = seconds;
    this.#timeout[2] = Math.floor((waitMs % 1e3) * 1e6);
    for (let at = 1; at < this.#pollfds.length; at += 2) this.#pollfds[at] = POLLIN;
    const count = this.#descriptors.length;
    return answer(libc.ppoll(this.#bytes, count, this.#timeoutBytes, null));
  }

  /** Whether the last wait found `fd` readable, in error or closed. */
  isReady(fd: Fd): boolean {
    const at = 2 * this.#descriptors.indexOf(fd) + 1;
    return this.#pollfds[at]! >>> 16 !== 0;
  }
}

/** Nobody waits longer than half a century. */
const MAX_SECONDS = 2 ** 31 - 1;

/** The lower half of the second word is what is asked for, the upper half what happened. */
const POLLIN = 0x1;
