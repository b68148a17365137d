/**
 * The kernel's clocks, which all threads share (`performance.now()` starts anew in each worker).
 */

import { libc } from "./libc.ts";

/**
 * Milliseconds on CLOCK_MONOTONIC, with fractions: never set, never steps, stops in suspend.
 *
 * @see clock_gettime(2)
 */
export function monotonicMs(): number {
  libc.clock_gettime(CLOCK_MONOTONIC, timespecBytes);
  // Little-endian halves: reading 64-bit cells would allocate a BigInt each time.
  return (timespec[1]! * 0x1_0000_0000 + timespec[0]!) * 1e3 + timespec[2]! / 1e6;
}

const CLOCK_MONOTONIC = 1;

/** `struct timespec { time_t tv_sec; long tv_nsec; }` */
const timespec = new Uint32Array(4);
const timespecBytes = new Uint8Array(timespec.buffer);
