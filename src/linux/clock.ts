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
  return Number(timespec[0]!) * 1e3 + Number(timespec[1]!) / 1e6;
}

const CLOCK_MONOTONIC = 1;

const timespec = new BigInt64Array(2);
const timespecBytes = new Uint8Array(timespec.buffer);
