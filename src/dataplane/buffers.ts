/**
 * Buffers for bytes that one side has sent and the other does not take yet. There are so many and
 * no more; who finds none must leave the bytes in the kernel.
 */

/** A fixed number of buffers of {@linkcode BUFFER_BYTES}, lent by number. */
export class Buffers {
  /** How many there are. */
  readonly count: number;
  readonly #views: readonly Uint8Array<ArrayBuffer>[];
  readonly #free: Int32Array;
  #available: number;

  constructor(count: number) {
    this.count = count;
    // Untouched memory is not resident: only buffers that were ever needed cost anything.
    const memory = new ArrayBuffer(count * BUFFER_BYTES);
    this.#views = Array.from(
      { length: count },
      (_, buffer) => new Uint8Array(memory, buffer * BUFFER_BYTES, BUFFER_BYTES),
    );
    this.#free = Int32Array.from({ length: count }, (_, place) => count - 1 - place);
    this.#available = count;
  }

  /** How many may still be taken. */
  get available(): number {
    return this.#available;
  }

  /** Lends a buffer; NO_BUFFER when none is left. */
  take(): number {
    return this.#available === 0 ? NO_BUFFER : this.#free[--this.#available]!;
  }

  /** Takes a buffer back. */
  give(buffer: number): void {
    this.#free[this.#available++] = buffer;
  }

  /** The bytes of a buffer that is lent. */
  view(buffer: number): Uint8Array<ArrayBuffer> {
    return this.#views[buffer]!;
  }
}

/** What one read takes at most, so that a buffer holds whatever a write has left. */
export const BUFFER_BYTES = 65536;

/** Not a buffer. */
export const NO_BUFFER = -1;
