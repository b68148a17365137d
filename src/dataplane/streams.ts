/**
 * Bytes on their way through the buffers of a ring: what was received from each side and is not yet
 * sent to the other one. A side has one send under way at most; what comes meanwhile queues behind
 * it, so that nothing is overtaken.
 */

import { addressOf, type Ring } from "../linux/io_uring.ts";
import type { Fd } from "../linux/libc.ts";
import type { ProvidedBuffers } from "../linux/provided_buffers.ts";

/** The queues of all sides. Buffers go back to the group by themselves. */
export class Streams {
  readonly #ring: Ring;
  readonly #buffers: ProvidedBuffers;
  /** By side: the first and the last buffer of its queue; NONE for none. */
  readonly #head: Int32Array;
  readonly #tail: Int32Array;
  /** By side: how many buffers are in its queue. */
  readonly #count: Uint16Array;
  /** By buffer: the one behind it in a queue or a send, the bytes in it. */
  readonly #next: Int32Array;
  readonly #length: Int32Array;
  /** By the first buffer of a send: whose it is. */
  readonly #owner: Int32Array;
  /** Message headers with their vectors, for the sends of several buffers; reused in turn. */
  readonly #messages: Int32Array<ArrayBuffer>;
  readonly #messageLow: Int32Array;
  readonly #messageHigh: Int32Array;
  #message = 0;

  constructor(ring: Ring, buffers: ProvidedBuffers, sides: number) {
    this.#ring = ring;
    this.#buffers = buffers;
    this.#head = new Int32Array(sides).fill(NONE);
    this.#tail = new Int32Array(sides).fill(NONE);
    this.#count = new Uint16Array(sides);
    this.#next = new Int32Array(buffers.count).fill(NONE);
    this.#length = new Int32Array(buffers.count);
    this.#owner = new Int32Array(buffers.count);
    this.#messages = new Int32Array(MESSAGES * MESSAGE_WORDS);
    this.#messageLow = new Int32Array(MESSAGES);
    this.#messageHigh = new Int32Array(MESSAGES);
    for (let message = 0; message < MESSAGES; message++) {
      const at = message * MESSAGE_WORDS;
      const header = addressOf(this.#messages.subarray(at));
      [this.#messageLow[message], this.#messageHigh[message]] = header;
      const vectors = addressOf(this.#messages.subarray(at + HEADER_WORDS));
      [this.#messages[at + MSG_IOV], this.#messages[at + MSG_IOV + 1]] = vectors;
    }
  }

  /** How many buffers of a side wait to be sent. */
  queued(side: number): number {
    return this.#count[side]!;
  }

  /** Queues a buffer that has just been filled from a side. */
  add(side: number, buffer: number, length: number): void {
    this.#length[buffer] = length;
    this.#next[buffer] = NONE;
    if (this.#head[side] === NONE) this.#head[side] = buffer;
    else this.#next[this.#tail[side]!] = buffer;
    this.#tail[side] = buffer;
    this.#count[side]!++;
  }

  /** Gives all back that waits to be sent. */
  drop(side: number): void {
    if (this.#head[side] === NONE) return;
    this.#giveBack(this.#head[side]!);
    this.#head[side] = NONE;
    this.#tail[side] = NONE;
    this.#count[side] = 0;
  }

  /** How many bytes are in the first buffer that waits to be sent of a side. */
  firstLength(side: number): number {
    return this.#length[this.#head[side]!]!;
  }

  /**
   * Sends what is queued of a side, or the first of it. There is something, and no send is under
   * way.
   *
   * @returns the first buffer, which is the lower half of the name of the completion.
   */
  send(side: number, target: Fd, flags: number, high: number): number {
    const first = this.#head[side]!;
    this.#owner[first] = side;
    const { addressLow, addressHigh } = this.#buffers;
    if (this.#next[first] === NONE) {
      this.#head[side] = NONE;
      this.#tail[side] = NONE;
      this.#count[side] = 0;
      const length = this.#length[first]!;
      this.#ring.send(
        target,
        addressLow[first]!,
        addressHigh[first]!,
        length,
        flags | MSG_WAITALL | MSG_NOSIGNAL,
        first,
        high,
      );
    } else {
      this.#sendMany(side, first, target, flags | MSG_WAITALL | MSG_NOSIGNAL, high);
    }
    return first;
  }

  /** The side whose send has the first buffer of this number. */
  owner(first: number): number {
    return this.#owner[first]!;
  }

  /** A send is over: its buffers go back. @returns how many bytes it was of. */
  sent(first: number): number {
    return this.#giveBack(first);
  }

  /** How many bytes a send was of that is over; its buffers are still to go back. */
  lengthOf(first: number): number {
    let total = 0;
    for (let buffer = first; buffer !== NONE; buffer = this.#next[buffer]!) {
      total += this.#length[buffer]!;
    }
    return total;
  }

  /** A send is over that has sent some of its bytes: the others are the next to be sent. */
  sentSome(first: number, sent: number): void {
    const side = this.#owner[first]!;
    let rest = first;
    let done = sent;
    while (done >= this.#length[rest]!) {
      const next = this.#next[rest]!;
      done -= this.#length[rest]!;
      this.#buffers.give(rest);
      rest = next;
    }
    this.#buffers.view(rest).copyWithin(0, done, this.#length[rest]!);
    this.#length[rest]! -= done;
    let last = rest;
    let count = 1;
    for (; this.#next[last] !== NONE; last = this.#next[last]!) count++;
    this.#next[last] = this.#head[side]!;
    if (this.#head[side] === NONE) this.#tail[side] = last;
    this.#head[side] = rest;
    this.#count[side]! += count;
  }

  #sendMany(side: number, first: number, target: Fd, flags: number, high: number): void {
    // Headers are read when they are handed over, and may be overwritten from then on.
    if (this.#message === MESSAGES || this.#ring.pending === 0) {
      if (this.#message === MESSAGES) this.#ring.enter(0);
      this.#message = 0;
    }
    const message = this.#message++;
    const words = this.#messages;
    const { addressLow, addressHigh } = this.#buffers;
    const vectors = message * MESSAGE_WORDS + HEADER_WORDS;
    let count = 0;
    let last = first;
    for (let buffer = first; buffer !== NONE && count < VECTORS; buffer = this.#next[buffer]!) {
      const at = vectors + count * VECTOR_WORDS;
      words[at] = addressLow[buffer]!;
      words[at + 1] = addressHigh[buffer]!;
      words[at + 2] = this.#length[buffer]!;
      last = buffer;
      count++;
    }
    words[message * MESSAGE_WORDS + MSG_IOVLEN] = count;
    this.#head[side] = this.#next[last]!;
    if (this.#head[side] === NONE) this.#tail[side] = NONE;
    this.#count[side]! -= count;
    this.#next[last] = NONE;
    const low = this.#messageLow[message]!;
    this.#ring.sendMessage(target, low, this.#messageHigh[message]!, flags, first, high);
  }

  #giveBack(first: number): number {
    let total = 0;
    for (let buffer = first; buffer !== NONE;) {
      const next = this.#next[buffer]!;
      total += this.#length[buffer]!;
      this.#buffers.give(buffer);
      buffer = next;
    }
    return total;
  }
}

const NONE = -1;
const MSG_WAITALL = 0x100;
const MSG_NOSIGNAL = 0x4000;
/** Something follows at once that is to share a segment with the last of these bytes. */
export const MSG_MORE = 0x8000;

/**
 * `struct msghdr { void *name; socklen_t namelen; struct iovec *iov; size_t iovlen; … }` and its
 * `struct iovec { void *base; size_t len; }`, in words.
 */
const MSG_IOV = 4;
const MSG_IOVLEN = 6;
const HEADER_WORDS = 16;
const VECTOR_WORDS = 4;
const VECTORS = 16;
const MESSAGE_WORDS = HEADER_WORDS + VECTORS * VECTOR_WORDS;
const MESSAGES = 256;
