/**
 * The UDP sessions of one worker: who is talking to which server, found by the client's address and
 * port and the listener's. A struct of arrays, allocated at the start. Pure: it knows no sockets,
 * no clock and no plan.
 */

import { Lists } from "./lists.ts";

/** Fixed-size table of sessions with a hash index, and a queue of each backend by idleness. */
export class SessionTable {
  readonly capacity: number;
  /**
   * By slot, KEY_WORDS each: the client's socket address, the local address, the listener. What a
   * socket address does not use is 0.
   */
  readonly keys: Int32Array;
  readonly backend: Int32Array;
  /** By slot: the row of its server. */
  readonly row: Int32Array;
  /** By slot: the socket that talks to its server; NONE while the slot is free. */
  readonly socket: Int32Array;
  /** By slot: answers that the client is waiting for, where it is known how many there will be. */
  readonly awaited: Int32Array;
  readonly frontend: Int32Array;
  /** By slot: when the last datagram came, either way. */
  readonly lastActiveAt: Float64Array;

  readonly #seed: number;
  readonly #mask: number;
  /** By hash: the first slot. */
  readonly #buckets: Int32Array;
  /** By slot: the next one of the same bucket. */
  readonly #chain: Int32Array;
  readonly #hash: Int32Array;
  /** By backend: its sessions, the one that is idle longest first. */
  readonly #idle: Lists;
  #backends: number;
  readonly #free: Int32Array;
  #available: number;
  /** What is looked for or taken next. */
  readonly #wanted = new Int32Array(KEY_WORDS);
  #wantedHash = 0;

  /** @param seed secret, so that nobody can choose addresses that meet in one bucket. */
  constructor(capacity: number, backends: number, seed: number) {
    this.capacity = capacity;
    this.keys = new Int32Array(capacity * KEY_WORDS);
    this.backend = new Int32Array(capacity);
    this.row = new Int32Array(capacity);
    this.socket = new Int32Array(capacity).fill(NONE);
    this.awaited = new Int32Array(capacity);
    this.frontend = new Int32Array(capacity);
    this.lastActiveAt = new Float64Array(capacity);
    this.#seed = seed | 0;
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#mask = buckets - 1;
    this.#buckets = new Int32Array(buckets).fill(NONE);
    this.#chain = new Int32Array(capacity);
    this.#hash = new Int32Array(capacity);
    this.#idle = new Lists(capacity, backends);
    this.#backends = backends;
    this.#free = Int32Array.from({ length: capacity }, (_, place) => capacity - 1 - place);
    this.#available = capacity;
  }

  /** From now on there are so many backends; never fewer than before. */
  growTo(backends: number): void {
    for (; this.#backends < backends; this.#backends++) this.#idle.add();
  }

  /** How many more sessions there is room for. */
  get available(): number {
    return this.#available;
  }

  /** How many sessions there are. */
  get open(): number {
    return this.capacity - this.#available;
  }

  /**
   * Looks for a session, which a `take` right after it is for.
   *
   * @param name where the client's socket address is in `words`.
   * @param local where the local address is in `words`; −1 for that of the listener.
   * @returns its slot; NONE (−1) if there is none.
   */
  find(words: Int32Array, name: number, local: number, listener: number): number {
    const wanted = this.#wanted;
    let hash = this.#seed;
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      hash = mix(hash, wanted[word] = words[name + word]!);
    }
    for (let word = 0; word < LOCAL_WORDS; word++) {
      hash = mix(hash, wanted[LOCAL + word] = local < 0 ? 0 : words[local + word]!);
    }
    wanted[LISTENER] = listener;
    hash = mix(hash, listener);
    hash ^= hash >>> 15;
    this.#wantedHash = hash;
    let slot = this.#buckets[hash & this.#mask]!;
    while (slot !== NONE && !this.#isWanted(slot)) slot = this.#chain[slot]!;
    return slot;
  }

  /** Takes a slot for the session that was looked for last, and was not there. One is available. */
  take(backend: number, now: number): number {
    const slot = this.#free[--this.#available]!;
    this.keys.set(this.#wanted, slot * KEY_WORDS);
    this.backend[slot] = backend;
    this.awaited[slot] = 0;
    this.lastActiveAt[slot] = now;
    this.#hash[slot] = this.#wantedHash;
    const bucket = this.#wantedHash & this.#mask;
    this.#chain[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot;
    this.#idle.append(backend, slot);
    return slot;
  }

  /** Notes a datagram of a session. */
  touch(slot: number, now: number): void {
    this.lastActiveAt[slot] = now;
    this.#idle.remove(slot);
    this.#idle.append(this.backend[slot]!, slot);
  }

  /** The session of a backend that is idle longest; NONE (−1) if it has none. */
  idlest(backend: number): number {
    return this.#idle.first(backend);
  }

  /** Gives a slot back. */
  release(slot: number): void {
    this.#idle.remove(slot);
    const bucket = this.#hash[slot]! & this.#mask;
    const next = this.#chain[slot]!;
    let before = this.#buckets[bucket]!;
    if (before === slot) {
      this.#buckets[bucket] = next;
    } else {
      while (this.#chain[before] !== slot) before = this.#chain[before]!;
      this.#chain[before] = next;
    }
    this.socket[slot] = NONE;
    this.#free[this.#available++] = slot;
  }

  /** Where the client's socket address of a session is in `keys`. */
  client(slot: number): number {
    return slot * KEY_WORDS;
  }

  /** Where the local address of a session is in `keys`. */
  local(slot: number): number {
    return slot * KEY_WORDS + LOCAL;
  }

  /** The listener of a session. */
  listener(slot: number): number {
    return this.keys[slot * KEY_WORDS + LISTENER]!;
  }

  #isWanted(slot: number): boolean {
    if (this.#hash[slot] !== this.#wantedHash) return false;
    const at = slot * KEY_WORDS;
    for (let word = 0; word < KEY_WORDS; word++) {
      if (this.keys[at + word] !== this.#wanted[word]) return false;
    }
    return true;
  }
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e37_79b1 | 0);
  return mixed ^ (mixed >>> 13);
}

/** There is none. */
export const NONE = -1;

const ADDRESS_WORDS = 7;
const LOCAL = ADDRESS_WORDS;
const LOCAL_WORDS = 4;
const LISTENER = LOCAL + LOCAL_WORDS;
const KEY_WORDS = LISTENER + 1;
