/** Servers as a roster sees them; a weight of 0 takes no connections. Counts what it is asked. */

import type { ServerStates } from "../../../../src/core/balance/roster.ts";

export class Servers implements ServerStates {
  readonly connections: number[];
  readonly waiting: number[];
  readonly #weights: number[];
  readonly #limits: number[];
  #version = 0;
  /** How often anything was asked of a server. */
  reads = 0;

  constructor(weights: readonly number[], limits: readonly number[] = []) {
    this.#weights = [...weights];
    this.#limits = weights.map((_, row) => limits[row] ?? 0);
    this.connections = weights.map(() => 0);
    this.waiting = weights.map(() => 0);
  }

  setWeight(row: number, weight: number): void {
    this.#weights[row] = weight;
    this.#version++;
  }

  version(): number {
    return this.#version;
  }

  takesConnections(row: number): boolean {
    this.reads++;
    return (this.#weights[row] ?? 0) > 0;
  }

  weight(row: number): number {
    return this.#weights[row] ?? 0;
  }

  limit(row: number): number {
    return this.#limits[row] ?? 0;
  }

  active(row: number): number {
    return this.connections[row] ?? 0;
  }

  queued(row: number): number {
    return this.waiting[row] ?? 0;
  }
}

/** Numbers from 0 to below 1 that look random and are the same each time. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
