/** Servers as balancers see them; a weight of 0 takes no connections. */

import type { ServerStates } from "../../../../src/core/balance/balancer.ts";

export class Servers implements ServerStates {
  readonly weights: number[];
  readonly connections: number[];

  constructor(weights: readonly number[]) {
    this.weights = [...weights];
    this.connections = weights.map(() => 0);
  }

  takesConnections(row: number): boolean {
    return this.weight(row) > 0;
  }

  weight(row: number): number {
    return this.weights[row] ?? 0;
  }

  active(row: number): number {
    return this.connections[row] ?? 0;
  }
}
