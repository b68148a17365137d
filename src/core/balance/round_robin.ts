/**
 * Smooth weighted round robin: over one cycle each server is chosen as often as its weight says,
 * and the choices of a heavy server lie between those of the others rather than in a row.
 *
 * Every server has its turns at even distances on one time line, 1/weight apart; the next turn of
 * all is the next choice. The first turns are spread, or servers of one weight would all have
 * theirs at the same time, and a heavy one none in between.
 */

import { type Balancer, NO_SERVER } from "./balancer.ts";
import { Tournament } from "./tournament.ts";

/** Servers in turn, by weight. */
export class RoundRobin implements Balancer {
  readonly #weights: Int32Array;
  /** Where a server's turns begin on the time line. */
  readonly #base: Float64Array;
  /** Which part of the distance lies before its first turn. */
  readonly #phase: Float64Array;
  /** How many turns it has had since `base`. */
  readonly #taken: Float64Array;
  readonly #turns: Tournament;
  /** The place of the last choice on the time line. */
  #now = 0;

  /**
   * @param first the server whose turn comes first: workers begin at different servers, or few
   * connections over many workers would all meet at one.
   */
  constructor(servers: number, first: number) {
    this.#weights = new Int32Array(servers);
    this.#base = new Float64Array(servers);
    this.#phase = Float64Array.from(
      { length: servers },
      (_, server) => (((server - first) % servers + servers) % servers + 0.5) / servers,
    );
    this.#taken = new Float64Array(servers);
    this.#turns = new Tournament(servers, (server, other) => this.#isBefore(server, other));
  }

  set(server: number, isIn: boolean, weight: number): void {
    const willBeIn = isIn && weight > 0;
    const isSame = weight === this.#weights[server];
    if (isSame && willBeIn === this.#turns.has(server)) return;
    this.#weights[server] = weight;
    // Turns that it has missed meanwhile are not made up for; a new weight counts from now on.
    if (!isSame || willBeIn && this.#turn(server) < this.#now) this.#begin(server);
    this.#turns.set(server, willBeIn);
  }

  pick(): number {
    const server = this.#turns.first;
    if (server === NO_SERVER) return NO_SERVER;
    this.#now = this.#turn(server);
    this.#taken[server]!++;
    this.#turns.set(server, true);
    return server;
  }

  #begin(server: number): void {
    this.#base[server] = this.#now;
    this.#taken[server] = 0;
  }

  /** The place of a server's next turn, computed anew each time so that no error adds up. */
  #turn(server: number): number {
    const done = this.#taken[server]! + this.#phase[server]!;
    return this.#base[server]! + done / this.#weights[server]!;
  }

  #isBefore(server: number, other: number): boolean {
    const turn = this.#turn(server);
    const otherTurn = this.#turn(other);
    return turn < otherTurn || turn === otherTurn && this.#phase[server]! < this.#phase[other]!;
  }
}
