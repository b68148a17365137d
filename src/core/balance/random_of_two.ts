/**
 * Random of two: two servers are drawn by weight, and the less busy one is chosen. Workers and
 * nodes that know nothing of each other do not run at the same server together.
 */

import { type Balancer, NO_SERVER } from "./balancer.ts";

/** The less busy of two drawn servers. */
export class RandomOfTwo implements Balancer {
  readonly #random: () => number;
  readonly #weights: Int32Array;
  readonly #loads: Int32Array;
  /** Sums of weights; those of 2n and 2n + 1 are added up in n, all in 1. */
  readonly #sums: Int32Array;
  readonly #leaves: number;

  /** @param random numbers from 0 to below 1. */
  constructor(servers: number, random: () => number) {
    this.#random = random;
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, servers)));
    this.#weights = new Int32Array(servers);
    this.#loads = new Int32Array(servers);
    this.#sums = new Int32Array(2 * this.#leaves);
  }

  set(server: number, isIn: boolean, weight: number, load: number): void {
    this.#weights[server] = weight;
    this.#loads[server] = load;
    this.#share(server, isIn ? weight : 0);
  }

  pick(): number {
    const server = this.#draw();
    if (server === NO_SERVER) return NO_SERVER;
    // Without the first one, so that there are two whenever there can be.
    const share = this.#sums[this.#leaves + server]!;
    this.#share(server, 0);
    const other = this.#draw();
    this.#share(server, share);
    return other !== NO_SERVER && this.#isLess(other, server) ? other : server;
  }

  #share(server: number, share: number): void {
    const change = share - this.#sums[this.#leaves + server]!;
    if (change === 0) return;
    for (let at = this.#leaves + server; at > 0; at >>= 1) this.#sums[at]! += change;
  }

  #draw(): number {
    const sum = this.#sums[1]!;
    if (sum === 0) return NO_SERVER;
    let rest = Math.floor(this.#random() * sum);
    let at = 1;
    while (at < this.#leaves) {
      at *= 2;
      const left = this.#sums[at]!;
      if (rest >= left) {
        rest -= left;
        at++;
      }
    }
    return at - this.#leaves;
  }

  #isLess(server: number, other: number): boolean {
    return (this.#loads[server]! + 1) * this.#weights[other]! <
      (this.#loads[other]! + 1) * this.#weights[server]!;
  }
}
