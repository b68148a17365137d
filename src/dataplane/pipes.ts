/**
 * Pipes for the directions that move most: bytes pass through them without being copied to user
 * space. They are few, and everything works without them.
 */

import type { Fd } from "../linux/libc.ts";
import type { PipeIo } from "./kernel.ts";

/** A fixed number of pipes, opened when first needed, lent by number, kept for the next. */
export class Pipes {
  readonly #io: PipeIo;
  /** Both ends of each pipe; 0 while it is not open. */
  readonly #ends: Int32Array<SharedArrayBuffer>;
  readonly #free: Int32Array;
  #available: number;
  /** No pipe is asked of the kernel before: it has just refused one. */
  #refusedUntil = 0;
  readonly #created = new Int32Array(2);

  /** @param ends zeroed, two cells for each pipe. */
  constructor(io: PipeIo, ends: Int32Array<SharedArrayBuffer>) {
    const count = ends.length / 2;
    this.#io = io;
    this.#ends = ends;
    this.#free = Int32Array.from({ length: count }, (_, place) => count - 1 - place);
    this.#available = count;
  }

  /** Lends an empty pipe; NO_PIPE when there is none to be had. */
  take(now: number): number {
    if (this.#available === 0) return NO_PIPE;
    const pipe = this.#free[this.#available - 1]!;
    if (this.#ends[2 * pipe] === 0) {
      if (now < this.#refusedUntil) return NO_PIPE;
      if (!this.#open(pipe)) {
        this.#refusedUntil = now + REFUSED_MS;
        return NO_PIPE;
      }
    }
    this.#available--;
    return pipe;
  }

  /** Takes a pipe back; one with bytes in it is of no use to others and closed. */
  give(pipe: number, isEmpty: boolean): void {
    if (!isEmpty) this.#close(pipe);
    this.#free[this.#available++] = pipe;
  }

  /** The end that is read from. */
  source(pipe: number): Fd {
    return this.#ends[2 * pipe]! as Fd;
  }

  /** The end that is written to. */
  target(pipe: number): Fd {
    return this.#ends[2 * pipe + 1]! as Fd;
  }

  /** Closes all, lent or not. */
  close(): void {
    for (let pipe = 0; pipe < this.#ends.length / 2; pipe++) this.#close(pipe);
  }

  #open(pipe: number): boolean {
    if (this.#io.pipe(this.#created) < 0) return false;
    this.#ends[2 * pipe] = this.#created[0]!;
    this.#ends[2 * pipe + 1] = this.#created[1]!;
    // Above the user's limit the kernel gives pipes of one page, which are worse than none.
    for (let bytes = PIPE_BYTES; bytes >= PIPE_BYTES_MIN; bytes /= 2) {
      if (this.#io.setPipeSize(this.target(pipe), bytes) >= bytes) return true;
    }
    this.#close(pipe);
    return false;
  }

  #close(pipe: number): void {
    if (this.#ends[2 * pipe] === 0) return;
    this.#io.close(this.source(pipe));
    this.#io.close(this.target(pipe));
    this.#ends[2 * pipe] = 0;
    this.#ends[2 * pipe + 1] = 0;
  }
}

/** Not a pipe. */
export const NO_PIPE = -1;

const PIPE_BYTES = 1 << 20;
const PIPE_BYTES_MIN = 1 << 16;
const REFUSED_MS = 1000;
