/**
 * Waking a thread that sleeps in a system call.
 *
 * @see eventfd(2)
 */

import { answer, type Fd, libc } from "./libc.ts";

/** Creates an event counter, non-blocking and close-on-exec. @see eventfd(2) */
export function eventfd(): Fd {
  return answer(libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) as Fd;
}

/** Adds one: whoever waits for the descriptor to become readable wakes. @see write(2) */
export function signal(fd: Fd): number {
  return answer(libc.write(fd, ONE, ONE.byteLength));
}

/**
 * Takes the count back to zero.
 *
 * @returns 8, or −errno (`-EAGAIN` when it was zero).
 * @see read(2)
 */
export function clear(fd: Fd): number {
  return answer(libc.read(fd, count, count.byteLength));
}

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

const ONE = new Uint8Array(BigUint64Array.of(1n).buffer);
const count = new Uint8Array(8);
