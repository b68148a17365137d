/**
 * The calling thread's scheduling and capabilities. Each is the thread's own, not the process's.
 */

import { answer, libc } from "./libc.ts";

/**
 * Makes the calling thread real-time, round robin.
 *
 * @returns 0, or −errno (`-EPERM` without CAP_SYS_NICE).
 * @see sched_setscheduler(2)
 */
export function scheduleRealTime(priority: number): number {
  return answer(libc.sched_setscheduler(0, SCHED_RR, Int32Array.of(priority)));
}

/** Whether a capability is in the calling thread's permitted set. @see capget(2) */
export function mayHave(capability: number): boolean {
  const sets = readSets();
  return sets !== undefined && (sets[wordOf(capability) + PERMITTED]! & bitOf(capability)) !== 0;
}

/**
 * Puts permitted capabilities of the calling thread into effect; those not permitted are left out.
 *
 * @returns 0, or −errno.
 * @see capset(2), capabilities(7)
 */
export function raise(...capabilities: readonly number[]): number {
  const sets = readSets();
  if (!sets) return -1;
  for (const capability of capabilities) {
    const at = wordOf(capability);
    sets[at + EFFECTIVE]! |= sets[at + PERMITTED]! & bitOf(capability);
  }
  return answer(libc.capset(CAPABILITY_HEADER.slice(), sets));
}

/**
 * ```c
 * struct __user_cap_data_struct { __u32 effective; __u32 permitted; __u32 inheritable; }[2];
 * ```
 */
function readSets(): Uint32Array<ArrayBuffer> | undefined {
  const sets = new Uint32Array(2 * CAPABILITY_WORDS);
  return answer(libc.capget(CAPABILITY_HEADER.slice(), sets)) < 0 ? undefined : sets;
}

function wordOf(capability: number): number {
  return (capability >> 5) * CAPABILITY_WORDS;
}

function bitOf(capability: number): number {
  return 1 << (capability & 31);
}

export const CAP_NET_BIND_SERVICE = 10;
export const CAP_NET_ADMIN = 12;
export const CAP_NET_RAW = 13;
export const CAP_SYS_NICE = 23;

const SCHED_RR = 2;
const EFFECTIVE = 0;
const PERMITTED = 1;
const CAPABILITY_WORDS = 3;

/** `struct __user_cap_header_struct { __u32 version; int pid; }`: version 3, the calling thread. */
const CAPABILITY_HEADER = Uint32Array.of(0x20080522, 0);
