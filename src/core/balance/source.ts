/**
 * Source: each client has its server, as long as that one can be chosen. A table of places is
 * divided among the servers by name and weight, so that all nodes and workers agree, and a change
 * of one server moves few clients of the others (Maglev: Eisenbud et al., NSDI 2016, section 3.4).
 *
 * The table does not depend on who can be chosen at the moment: the clients of a server that is
 * down are spread, nobody else moves, and they come back to it.
 */

import { type Balancer, NO_SERVER } from "./balancer.ts";
import { nameHash, rehash } from "./hash.ts";

/** The server of a client. */
export class Source implements Balancer {
  readonly #weights: Int32Array;
  readonly #isIn: Uint8Array;
  /** By place: the server that has it. */
  readonly #places: Int32Array;
  /** Those who can be chosen, in the order of names; for when few can. */
  readonly #present: Int32Array;
  /** In the order of names. */
  readonly #servers: readonly { readonly name: string; readonly index: number }[];
  #presentCount = 0;
  #isStale = true;
  #areStale = true;

  /** @param names of the servers: they decide which clients belong to which. */
  constructor(names: readonly string[]) {
    this.#weights = new Int32Array(names.length);
    this.#isIn = new Uint8Array(names.length);
    this.#places = new Int32Array(names.length <= FEW ? PLACES_OF_FEW : PLACES);
    this.#present = new Int32Array(names.length);
    this.#servers = names.map((name, index) => ({ name, index }))
      .sort((left, right) => left.name < right.name ? -1 : 1);
  }

  set(server: number, isIn: boolean, weight: number): void {
    const flag = isIn && weight > 0 ? 1 : 0;
    if (weight !== this.#weights[server]) this.#isStale = true;
    if (flag !== this.#isIn[server]) this.#areStale = true;
    this.#weights[server] = weight;
    this.#isIn[server] = flag;
  }

  pick(key: number): number {
    if (this.#isStale) this.#divide();
    if (this.#areStale) this.#count();
    if (this.#presentCount === 0) return NO_SERVER;
    for (let turn = 0; turn < TURNS; turn++) {
      const server = this.#places[rehash(key, turn) % this.#places.length]!;
      if (server !== NO_SERVER && this.#isIn[server] === 1) return server;
    }
    return this.#present[rehash(key, TURNS) % this.#presentCount]!;
  }

  #count(): void {
    this.#areStale = false;
    this.#presentCount = 0;
    for (const { index } of this.#servers) {
      if (this.#isIn[index] === 1) this.#present[this.#presentCount++] = index;
    }
  }

  /** Lets the servers choose places in turn, each in its own order of preference. */
  #divide(): void {
    this.#isStale = false;
    const places = this.#places;
    places.fill(NO_SERVER);
    const heaviest = this.#weights.reduce((most, weight) => Math.max(most, weight), 0);
    if (heaviest === 0) return;
    const wishes = this.#servers.filter(({ index }) => this.#weights[index]! > 0)
      .map(({ name, index }) => ({
        server: index,
        share: this.#weights[index]! / heaviest,
        entitled: 0,
        taken: 0,
        place: nameHash(name, OFFSET) % places.length,
        skip: nameHash(name, SKIP) % (places.length - 1) + 1,
      }));
    for (let left = places.length; left > 0;) {
      for (const wish of wishes) {
        wish.entitled += wish.share;
        if (wish.taken + 1 > wish.entitled || left === 0) continue;
        while (places[wish.place] !== NO_SERVER) {
          wish.place = (wish.place + wish.skip) % places.length;
        }
        places[wish.place] = wish.server;
        wish.taken++;
        left--;
      }
    }
  }
}

/** Primes, so that every step leads to every place; a hundred places a server are even enough. */
const PLACES_OF_FEW = 4093;
const PLACES = 65521;
const FEW = 40;
/** After so many servers that cannot be chosen there can be only few that can. */
const TURNS = 32;
const OFFSET = 1;
const SKIP = 2;
