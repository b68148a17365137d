/**
 * Which of many TLS server names a client has asked for: exact names before wildcards, of which one
 * covers one label. Found by hash, without making text of bytes: a thousand routes cost as much as
 * one.
 */

/** A name (`git.example.com`) or a wildcard (`*.example.com`), in lower case, and its value. */
export interface NamedValue {
  readonly name: string;
  /** ≥ 0. */
  readonly value: number;
}

/** An immutable table of names. */
export class ServerNames {
  readonly #exact: Names;
  /** By what follows the first label, with its dot. */
  readonly #wildcards: Names;

  /** @param entries each name once. */
  constructor(entries: readonly NamedValue[]) {
    const isWildcard = ({ name }: NamedValue) => name.startsWith("*.");
    this.#exact = new Names(entries.filter((entry) => !isWildcard(entry)));
    this.#wildcards = new Names(
      entries.filter(isWildcard).map(({ name, value }) => ({ name: name.slice(1), value })),
    );
  }

  /** The value of the name in the first `length` bytes, in lower case; NO_ROUTE if it has none. */
  find(name: Uint8Array, length: number): number {
    const exact = this.#exact.find(name, 0, length);
    if (exact !== NO_ROUTE) return exact;
    let dot = 0;
    while (dot < length && name[dot] !== DOT) dot++;
    // A wildcard stands for a label, not for nothing.
    return dot === 0 || dot === length ? NO_ROUTE : this.#wildcards.find(name, dot, length);
  }
}

/** Open addressing: a name is in the first free place from its hash on. */
class Names {
  readonly #mask: number;
  readonly #names: readonly (Uint8Array | undefined)[];
  readonly #values: Int32Array;

  constructor(entries: readonly NamedValue[]) {
    let places = 2;
    // At most half full, so that searches are short and end.
    while (places < 2 * entries.length) places *= 2;
    const names = new Array<Uint8Array | undefined>(places).fill(undefined);
    this.#mask = places - 1;
    this.#values = new Int32Array(places);
    for (const { name, value } of entries) {
      const bytes = Uint8Array.from(name, (character) => character.charCodeAt(0));
      let place = hash(bytes, 0, bytes.length) & this.#mask;
      while (names[place] !== undefined) place = (place + 1) & this.#mask;
      names[place] = bytes;
      this.#values[place] = value;
    }
    this.#names = names;
  }

  find(bytes: Uint8Array, from: number, to: number): number {
    let place = hash(bytes, from, to) & this.#mask;
    for (;;) {
      const name = this.#names[place];
      if (name === undefined) return NO_ROUTE;
      if (isSame(name, bytes, from, to)) return this.#values[place]!;
      place = (place + 1) & this.#mask;
    }
  }
}

function isSame(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let at = 0; at < name.length; at++) {
    if (name[at] !== bytes[from + at]) return false;
  }
  return true;
}

/** FNV-1a. Its keys are the operator's: nobody else can make them collide. */
function hash(bytes: Uint8Array, from: number, to: number): number {
  let value = 0x811c9dc5;
  for (let at = from; at < to; at++) value = Math.imul(value ^ bytes[at]!, 0x01000193);
  return value ^ (value >>> 15);
}

/** No name fits. */
export const NO_ROUTE = -1;

const DOT = 0x2e;
