/**
 * Least connections: the server that would have the fewest for its weight with one more, and among
 * equals each in turn.
 */

import { type Balancer, NO_SERVER, type ServerStates, type Tried } from "./balancer.ts";

/** The least busy server, by weight. */
export class LeastConnections implements Balancer {
  readonly #rows: Int32Array;
  readonly #states: ServerStates;
  /** Where the search begins: behind the server chosen last, so that equals take turns. */
  #next: number;

  /**
   * @param rows the servers' rows in `states`.
   * @param first the server that is preferred among equals at the first pick.
   */
  constructor(rows: readonly number[], states: ServerStates, first: number) {
    this.#rows = Int32Array.from(rows);
    this.#states = states;
    this.#next = rows.length === 0 ? 0 : first % rows.length;
  }

  pick(tried: Tried): number {
    const count = this.#rows.length;
    let chosen = NO_SERVER;
    let chosenLoad = 0;
    let chosenWeight = 1;
    for (let step = 0, server = this.#next; step < count; step++) {
      const row = this.#rows[server]!;
      if (this.#states.takesConnections(row) && !tried.has(server)) {
        const load = this.#states.active(row) + 1;
        // The weight may fall to 0 between the two reads; then the server is as good as any other.
        const weight = Math.max(1, this.#states.weight(row));
        if (chosen === NO_SERVER || load * chosenWeight < chosenLoad * weight) {
          chosen = server;
          chosenLoad = load;
          chosenWeight = weight;
        }
      }
      if (++server === count) server = 0;
    }
    if (chosen !== NO_SERVER) this.#next = (chosen + 1) % count;
    return chosen;
  }
}
