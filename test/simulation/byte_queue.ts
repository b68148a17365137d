/**
 * Bytes in the order they came.
 */

/** A queue of bytes. */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  length = 0;

  /** Appends a copy. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes.slice());
    this.length += bytes.length;
  }

  /** Copies the first bytes into `target`. @returns how many. */
  look(target: Uint8Array): number {
    let at = 0;
    for (const chunk of this.#chunks) {
      if (at === target.length) break;
      const part = chunk.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
    }
    return at;
  }

  /** Moves the first bytes into `target`. @returns how many. */
  take(target: Uint8Array): number {
    const count = this.look(target);
    let rest = count;
    while (rest > 0) {
      const chunk = this.#chunks[0]!;
      if (chunk.length > rest) this.#chunks[0] = chunk.subarray(rest);
      else this.#chunks.shift();
      rest -= Math.min(rest, chunk.length);
    }
    this.length -= count;
    return count;
  }
}
