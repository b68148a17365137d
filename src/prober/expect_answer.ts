/**
 * The answer to a tcp check that expects something: whether the text is in it. Whatever arrives, in
 * whatever pieces, little is kept. Does no I/O and keeps no time.
 */

import type { Answer, Outcome } from "./probe.ts";

/** Looks for a text in what arrives. */
export class ExpectAnswer implements Answer {
  readonly #expected: Uint8Array;
  /** The start of the answer, to be quoted. */
  #start = new Uint8Array();
  /** The end of what has arrived, in which the text may have begun. */
  #rest = new Uint8Array();
  #length = 0;

  constructor(expected: string) {
    this.#expected = new TextEncoder().encode(expected);
  }

  feed(piece: Uint8Array): Outcome | undefined {
    this.#length += piece.length;
    this.#start = join(this.#start, piece.subarray(0, QUOTED_BYTES - this.#start.length));
    const window = join(this.#rest, piece);
    if (contains(window, this.#expected)) return { code: "L7OK", text: "" };
    this.#rest = window.slice(Math.max(0, window.length - this.#expected.length + 1));
    return this.#length < LIMIT_BYTES ? undefined : this.#missing(`in ${this.#length} bytes`);
  }

  end(reason: string): Outcome {
    return this.#missing(`before: ${reason}`);
  }

  timeOut(): Outcome {
    const text = this.#length === 0
      ? "no answer in time"
      : `the expected text did not come in time, but ${this.#quoted()}`;
    return { code: "L7TOUT", text };
  }

  #missing(where: string): Outcome {
    const found = this.#length === 0 ? "nothing" : this.#quoted();
    return { code: "L7RSP", text: `the expected text did not come ${where}; found ${found}` };
  }

  #quoted(): string {
    return JSON.stringify(LATIN_1.decode(this.#start));
  }
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  const last = bytes.length - part.length;
  for (
    let at = bytes.indexOf(part[0]!);
    at >= 0 && at <= last;
    at = bytes.indexOf(part[0]!, at + 1)
  ) {
    if (part.every((octet, index) => bytes[at + index] === octet)) return true;
  }
  return false;
}

/** Who has not said it by then does not mean to. */
const LIMIT_BYTES = 65_536;
const QUOTED_BYTES = 60;
const LATIN_1 = new TextDecoder("latin1");
