/**
 * Least connections: the server that would have the fewest for its weight with one more, and among
 * equals each in turn. Those that wait for a server count as well.
 */

import { type Balancer, NO_SERVER } from "./balancer.ts";
import { Tournament } from "./tournament.ts";

/** The least busy server, by weight. */
export class LeastConnections implements Balancer {
  readonly #weights: Int32Array;
  readonly #loads: Int32Array;
  /** When each was chosen last: equals take turns. */
  readonly #chosenAt: Float64Array;
  readonly #servers: Tournament;
  #picks = 0;

  /** @param first the server that is preferred among equals at the first pick. */
  constructor(servers: number, first: number) {
    this.#weights = new Int32Array(servers);
    this.#loads = new Int32Array(servers);
    this.#chosenAt = Float64Array.from(
      { length: servers },
      (_, server) => ((server - first) % servers + servers) % servers - servers,
    );
    this.#servers = new Tournament(servers, (server, other) => this.#isBefore(server, other));
  }

  set(server: number, isIn: boolean, weight: number, load: number): void {
    const willBeIn = isIn && weight > 0;
    const isSame = willBeIn === this.#servers.has(server) && weight === this.#weights[server] &&
      load === this.#loads[server];
    if (isSame) return;
    this.#weights[server] = weight;
    this.#loads[server] = load;
    this.#servers.set(server, willBeIn);
  }

  pick(): number {
    const server = this.#servers.first;
    if (server === NO_SERVER) return NO_SERVER;
    this.#chosenAt[server] = this.#picks++;
    this.#servers.set(server, true);
    return server;
  }

  #isBefore(server: number, other: number): boolean {
    const left = (this.#loads[server]! + 1) * this.#weights[other]!;
    const right = (this.#loads[other]! + 1) * this.#weights[server]!;
    return left < right || left === right && this.#chosenAt[server]! < this.#chosenAt[other]!;
  }
}
