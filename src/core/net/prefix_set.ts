/**
 * Whether an address lies in one of many prefixes, in as many steps as an address has bits: a trie
 * for each family. It says nothing of which prefix it was.
 */

import { isMapped } from "./address.ts";
import type { Prefix } from "./prefix.ts";

/** A fixed set of prefixes. */
export class PrefixSet {
  /** The two children of each node, one after the other; 0 for none. Nodes 0 and 1 are roots. */
  readonly #children: Int32Array;
  /** By node: 1 if all that begins like this is in the set. */
  readonly #isWhole: Uint8Array;
  #nodes = 2;

  constructor(prefixes: readonly Prefix[]) {
    const most = prefixes.reduce((sum, { length }) => sum + length, this.#nodes);
    this.#children = new Int32Array(2 * most);
    this.#isWhole = new Uint8Array(most);
    for (const prefix of prefixes) this.#add(unmapped(prefix));
  }

  /** Whether the address of `length` bytes that begins at `at` is in the set. */
  has(bytes: Uint8Array, at: number, length: 4 | 16): boolean {
    if (length === 16 && isMapped(bytes, at)) return this.#find(IPV4, bytes, at + 12, 4);
    return this.#find(length === 4 ? IPV4 : IPV6, bytes, at, length);
  }

  #find(root: number, bytes: Uint8Array, at: number, length: number): boolean {
    let node = root;
    for (let index = 0; index < length; index++) {
      const byte = bytes[at + index]!;
      for (let bit = 7; bit >= 0; bit--) {
        if (this.#isWhole[node] === 1) return true;
        node = this.#children[2 * node + (byte >> bit & 1)]!;
        if (node === 0) return false;
      }
    }
    return this.#isWhole[node] === 1;
  }

  #add({ bytes, length }: Prefix): void {
    let node = bytes.length === 4 ? IPV4 : IPV6;
    for (let bit = 0; bit < length; bit++) {
      const side = 2 * node + (bytes[bit >> 3]! >> (7 - (bit & 7)) & 1);
      if (this.#children[side] === 0) this.#children[side] = this.#nodes++;
      node = this.#children[side]!;
    }
    this.#isWhole[node] = 1;
  }
}

/** IPv4 addresses mapped into IPv6 are IPv4 addresses: RFC 4291, section 2.5.5.2. */
function unmapped(prefix: Prefix): Prefix {
  const { bytes, length } = prefix;
  if (bytes.length === 4 || length < 96 || !isMapped(bytes, 0)) return prefix;
  return { family: 4, bytes: bytes.slice(12), length: length - 96 };
}

const IPV4 = 0;
const IPV6 = 1;
