/**
 * First: the first server of the file that has a place left, so that as few as possible are busy.
 * Without limits on its connections that is always the same one.
 */

import type { Balancer } from "./balancer.ts";
import { Tournament } from "./tournament.ts";

/** The first server that may be chosen. */
export class First implements Balancer {
  readonly #servers: Tournament;

  constructor(servers: number) {
    this.#servers = new Tournament(servers, (server, other) => server < other);
  }

  set(server: number, isIn: boolean, weight: number): void {
    const willBeIn = isIn && weight > 0;
    if (willBeIn !== this.#servers.has(server)) this.#servers.set(server, willBeIn);
  }

  pick(): number {
    return this.#servers.first;
  }
}
