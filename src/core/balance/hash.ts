/**
 * Numbers that stand for clients and servers, the same ones on every node. Not for secrets.
 */

import { isMapped } from "../net/address.ts";

/**
 * The key of a client: a hash of its address, never 0. IPv4 has one key, also where it is mapped
 * into IPv6. `at` is where the address begins.
 */
export function clientKey(bytes: Uint8Array, at: number, length: 4 | 16): number {
  let start = at;
  let rest: number = length;
  if (length === 16 && isMapped(bytes, at)) {
    start += 12;
    rest = 4;
  }
  let hash = SEED;
  for (let index = start; index < start + rest; index++) hash = step(hash, bytes[index]!);
  return finish(hash) || 1;
}

/** A hash of a name; another `salt` is another hash. */
export function nameHash(name: string, salt: number): number {
  let hash = step(SEED, salt);
  for (let at = 0; at < name.length; at++) hash = step(hash, name.charCodeAt(at));
  return finish(hash);
}

/** Another number for the same key, the `turn`th; all bits of both count. */
export function rehash(key: number, turn: number): number {
  return finish((key + Math.imul(turn, GOLDEN)) | 0);
}

function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, PRIME);
}

/** Spreads what differs in a few bits over all of them. @returns 0 to 2³² − 1. */
function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, MIX_1);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, MIX_2);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Of the FNV hash. */
const SEED = 0x811c_9dc5 | 0;
const PRIME = 0x0100_0193;
/** Odd multipliers that move every bit to about half of the others. */
const MIX_1 = 0x7feb_352d;
const MIX_2 = 0x846c_a68b | 0;
/** 2³² divided by the golden ratio: multiples of it are far apart. */
const GOLDEN = 0x9e37_79b9 | 0;
