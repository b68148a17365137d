/**
 * Moving bytes between a socket and a pipe without copying them to user space.
 */

import { answer, type Fd, libc } from "./libc.ts";

/**
 * Moves up to `length` bytes; one of the two must be a pipe. Never blocks.
 *
 * @returns bytes moved, 0 at end of stream, or −errno.
 * @see splice(2)
 */
export function splice(source: Fd, target: Fd, length: number): number {
  return answer(libc.splice(source, null, target, null, length, SPLICE_FLAGS));
}

/**
 * Creates a pipe, non-blocking and close-on-exec, into `ends`: [reading, writing].
 *
 * @see pipe(2)
 */
export function pipe(ends: Int32Array<ArrayBuffer>): number {
  return answer(libc.pipe2(ends, O_NONBLOCK | O_CLOEXEC));
}

/**
 * Asks for a pipe buffer of `bytes`.
 *
 * @returns the size given, or −errno (`-EPERM` above the user's limit).
 * @see fcntl(2), F_SETPIPE_SZ
 */
export function setPipeSize(pipe: Fd, bytes: number): number {
  return answer(libc.fcntl(pipe, F_SETPIPE_SZ, bytes));
}

const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;
const SPLICE_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
const F_SETPIPE_SZ = 1031;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
