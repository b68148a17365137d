/**
 * Smooth weighted round robin: over one cycle each server is chosen as often as its weight says,
 * and the choices of a heavy server lie between those of the others rather than in a row.
 */

import { type Balancer, NO_SERVER, type ServerStates, type Tried } from "./balancer.ts";

/** Servers in turn, by weight. */
export class RoundRobin implements Balancer {
  readonly #rows: Int32Array;
  readonly #states: ServerStates;
  readonly #first: number;
  /** What each server is owed: it grows by the weight at each pick, the chosen one pays the sum. */
  readonly #credits: Int32Array;
  /** The weight at the last pick; 0 for a server that took no connections. */
  readonly #weights: Int32Array;

  /**
   * @param rows the servers' rows in `states`.
   * @param first where the first cycle begins: workers begin at different servers, or few
   * connections over many workers would all meet at one.
   */
  constructor(rows: readonly number[], states: ServerStates, first: number) {
    this.#rows = Int32Array.from(rows);
    this.#states = states;
    this.#first = rows.length === 0 ? 0 : first % rows.length;
    this.#credits = new Int32Array(rows.length);
    this.#weights = new Int32Array(rows.length);
  }

  pick(tried: Tried): number {
    this.#refresh();
    const count = this.#rows.length;
    let chosen = NO_SERVER;
    let sum = 0;
    for (let step = 0, server = this.#first; step < count; step++) {
      const weight = this.#weights[server]!;
      if (weight > 0 && !tried.has(server)) {
        sum += weight;
        const credit = this.#credits[server]! + weight;
        this.#credits[server] = credit;
        if (chosen === NO_SERVER || credit > this.#credits[chosen]!) chosen = server;
      }
      if (++server === count) server = 0;
    }
    if (chosen !== NO_SERVER) this.#credits[chosen]! -= sum;
    return chosen;
  }

  /**
   * Reads the weights. Credits earned under other weights are void, so that new ones hold at once.
   */
  #refresh(): void {
    let changed = false;
    for (let server = 0; server < this.#rows.length; server++) {
      const row = this.#rows[server]!;
      const weight = this.#states.takesConnections(row) ? this.#states.weight(row) : 0;
      if (weight === this.#weights[server]) continue;
      this.#weights[server] = weight;
      changed = true;
    }
    if (changed) this.#credits.fill(0);
  }
}
