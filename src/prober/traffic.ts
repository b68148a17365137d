/**
 * How the connections of clients to a server have fared since somebody last looked. Reads what the
 * data plane counts; changes nothing of it.
 */

import type { Traffic } from "../core/health/passive.ts";
import { Counters, type CountersShape } from "../memory/counters.ts";
import type { Row } from "../memory/server_table.ts";
import { SERVER_COUNTERS } from "../memory/traffic.ts";

/** Remembers where each server's counters stood. */
export class TrafficWatch {
  readonly #counters: Counters;
  readonly #seen = new Map<Row, { connected: number; reset: number; failed: number }>();

  /** @param shape of the counters with the columns SERVER_COUNTERS. */
  constructor(shape: CountersShape) {
    this.#counters = new Counters(shape);
  }

  /** The next look at this row is the first. */
  forget(row: Row): void {
    this.#seen.delete(row);
  }

  /** What has happened since the last look at this server; nothing at the first. */
  look(row: Row): Traffic {
    const total = (column: number) => this.#counters.total(row, column);
    const failed = FAILED.reduce((sum, column) => sum + total(column), 0);
    const now = { connected: total(CONNECTED), reset: total(RESET), failed };
    const before = this.#seen.get(row) ?? now;
    this.#seen.set(row, now);
    const resets = now.reset - before.reset;
    return {
      // They count from nothing again once the row is another server's.
      errors: Math.max(0, now.failed - before.failed + resets),
      // A connection that is reset before its server has said a word was no success.
      successes: Math.max(0, now.connected - before.connected - resets),
    };
  }
}

const CONNECTED = SERVER_COUNTERS.indexOf("connections");
const RESET = SERVER_COUNTERS.indexOf("earlyReset");
/** Not `connectNoPort`: a server is not down because we have no port left. */
const FAILED = (["connectTimeout", "connectRefused", "connectUnreachable", "connectError"] as const)
  .map((column) => SERVER_COUNTERS.indexOf(column));
