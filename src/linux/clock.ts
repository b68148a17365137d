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
  return read(CLOCK_MONOTONIC);
}

/**
 * Whole milliseconds on CLOCK_MONOTONIC since a whole second: numbers that V8 need not allocate
 * (31 bits and a sign) for 24 days from then on.
 *
 * @see clock_gettime(2)
 */
export function monotonicMsSince(second: number): number {
  libc.clock_gettime(CLOCK_MONOTONIC, timespecBytes);
  // The upper half of the seconds is 0 for 136 years.
  return (timespec[0]! - second) * 1e3 + ((timespec[2]! / 1e6) | 0);
}

/**
 * Milliseconds on CLOCK_BOOTTIME, with fractions: as {@linkcode monotonicMs}, but runs on in
 * suspend.
 *
 * @see clock_gettime(2)
 */
export function boottimeMs(): number {
  return read(CLOCK_BOOTTIME);
}

function read(clock: number): number {
  libc.clock_gettime(clock, timespecBytes);
  // Little-endian halves: reading 64-bit cells would allocate a BigInt each time.
  return (timespec[1]! * 0x1_0000_0000 + timespec[0]!) * 1e3 + timespec[2]! / 1e6;
}

const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;

/** `struct timespec { time_t tv_sec; long tv_nsec; }` */
const timespec = new Uint32Array(4);
const timespecBytes = new Uint8Array(timespec.buffer);
