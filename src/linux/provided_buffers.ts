/**
 * Buffers that the kernel takes from a ring whenever it receives something, so that none waits at a
 * connection that is silent. The kernel goes round and round the ring; so only some buffers are in
 * it, and those used last come back first: memory is touched only as far as it is needed at once.
 *
 * @see io_uring_register(2), IORING_REGISTER_PBUF_RING
 */

import { addressOf, type Ring } from "./io_uring.ts";
import { answer, libc } from "./libc.ts";

/** One group of buffers, all of one size, by number. */
export class ProvidedBuffers {
  /** How many there are. */
  readonly count: number;
  /** Bytes in each. */
  readonly bytes: number;
  /** By buffer: both halves of its address. */
  readonly addressLow: Int32Array;
  readonly addressHigh: Int32Array;
  readonly #memory: ArrayBuffer;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #shorts: Uint16Array<ArrayBuffer>;
  #tail = 0;
  /** Buffers that are not in the ring; those given back last are at the end. */
  readonly #spare: Int32Array;
  #spares = 0;
  /** How many are in the ring, and how many should be. */
  #offered = 0;
  #offer: number;

  private constructor(count: number, bytes: number, words: Int32Array<ArrayBuffer>) {
    this.count = count;
    this.bytes = bytes;
    this.#words = words;
    this.#shorts = new Uint16Array(words.buffer, words.byteOffset, 2 * words.length);
    // Untouched memory is not resident: only buffers that were ever needed cost anything.
    this.#memory = new ArrayBuffer(count * bytes);
    this.#spare = new Int32Array(count);
    this.#offer = Math.min(OFFER, count);
    this.addressLow = new Int32Array(count);
    this.addressHigh = new Int32Array(count);
    for (let buffer = 0; buffer < count; buffer++) {
      [this.addressLow[buffer], this.addressHigh[buffer]] = addressOf(this.view(buffer));
    }
  }

  /**
   * Registers `count` buffers, a power of two, as a group of a ring.
   *
   * @returns the group, or −errno.
   */
  static register(
    ring: Ring,
    group: number,
    count: number,
    bytes: number,
  ): ProvidedBuffers | number {
    // The kernel wants whole pages.
    const room = new Uint8Array(count * ENTRY_BYTES + PAGE_BYTES);
    const [low] = addressOf(room);
    const offset = -low & (PAGE_BYTES - 1);
    const words = new Int32Array(room.buffer, offset, count * ENTRY_WORDS);
    const registration = new Int32Array(REGISTRATION_WORDS);
    [registration[0], registration[1]] = addressOf(words);
    registration[2] = count;
    registration[3] = group;
    const registered = answer(libc.io_uring_register(
      SYS_IO_URING_REGISTER,
      ring.fd,
      IORING_REGISTER_PBUF_RING,
      registration,
      1,
    ));
    if (registered < 0) return registered;
    const buffers = new ProvidedBuffers(count, bytes, words);
    for (let buffer = count - 1; buffer >= 0; buffer--) buffers.give(buffer);
    buffers.publish();
    return buffers;
  }

  /** How many are not in use, as far as is known here. */
  get available(): number {
    return this.#offered + this.#spares;
  }

  /** The bytes of a buffer. */
  view(buffer: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory, buffer * this.bytes, this.bytes);
  }

  /** A completion has told that the kernel took one. */
  taken(): void {
    this.#offered--;
  }

  /** The kernel has found none: from now on it is offered more. */
  missed(): void {
    this.#offer = Math.min(2 * this.#offer, this.count);
  }

  /** Gives a buffer back. */
  give(buffer: number): void {
    this.#spare[this.#spares++] = buffer;
  }

  /** Lets the kernel take some of what was given back. To be called before each wait. */
  publish(): void {
    if (this.#offered >= this.#offer || this.#spares === 0) return;
    while (this.#offered < this.#offer && this.#spares > 0) this.#put(this.#spare[--this.#spares]!);
    Atomics.store(this.#shorts, TAIL_AT, this.#tail);
  }

  #put(buffer: number): void {
    const at = this.#tail & (this.count - 1);
    const words = this.#words;
    words[at * ENTRY_WORDS] = this.addressLow[buffer]!;
    words[at * ENTRY_WORDS + 1] = this.addressHigh[buffer]!;
    words[at * ENTRY_WORDS + 2] = this.bytes;
    this.#shorts[at * 2 * ENTRY_WORDS + 6] = buffer;
    this.#tail = (this.#tail + 1) & 0xffff;
    this.#offered++;
  }
}

/** As many as are usually used in one turn. */
const OFFER = 128;

const SYS_IO_URING_REGISTER = 427;
const IORING_REGISTER_PBUF_RING = 22;
const PAGE_BYTES = 4096;

/** `struct io_uring_buf { __u64 addr; __u32 len; __u16 bid; __u16 resv; }`. */
const ENTRY_BYTES = 16;
const ENTRY_WORDS = 4;
/** The ring's tail is in what is left over of the first entry. */
const TAIL_AT = 7;

/** `struct io_uring_buf_reg { __u64 ring_addr; __u32 ring_entries; __u16 bgid; … }`. */
const REGISTRATION_WORDS = 64;
