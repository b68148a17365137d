/**
 * What one worker counts, in its own stripe of the shared counters.
 */

import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  ENETUNREACH,
  ETIMEDOUT,
} from "../linux/errno.ts";
import { Counters } from "../memory/counters.ts";
import { Histogram } from "../memory/histogram.ts";
import { FRONTEND_COUNTERS, SERVER_COUNTERS } from "../memory/traffic.ts";
import { type ConnectionTable, NO_ROW } from "./connection_table.ts";
import type { StartOrder } from "./orders.ts";

/** A column of a server's counters. */
export type ServerColumn = (typeof SERVER_COUNTERS)[number];
/** A column of a frontend's counters. */
export type FrontendColumn = (typeof FRONTEND_COUNTERS)[number];

/** Counts by name; bytes are collected in the table and counted now and then. */
export class Tally {
  readonly #worker: number;
  readonly #servers: Counters;
  readonly #frontends: Counters;
  readonly #connectDurations: Histogram;
  readonly #lag: Histogram;

  constructor(start: StartOrder) {
    this.#worker = start.worker;
    this.#servers = new Counters(start.serverCounters);
    this.#frontends = new Counters(start.frontendCounters);
    this.#connectDurations = new Histogram(start.connectDurations);
    this.#lag = new Histogram(start.workerLag);
  }

  /** Counts one event of a server, or something else in units of `amount`. */
  server(row: number, column: ServerColumn, amount = 1): void {
    this.#servers.add(this.#worker, row, SERVER_COLUMNS[column], amount);
  }

  /** Counts one event of a frontend, or something else in units of `amount`. */
  frontend(frontend: number, column: FrontendColumn, amount = 1): void {
    this.#frontends.add(this.#worker, frontend, FRONTEND_COLUMNS[column], amount);
  }

  /** A connection to a server has been made. */
  connected(row: number, backend: number, durationMs: number): void {
    this.#servers.add(this.#worker, row, SERVER_COLUMNS.connections, 1);
    this.#connectDurations.observe(this.#worker, backend, durationMs);
  }

  /** The loop came back so much later than it wanted to. */
  late(lagMs: number): void {
    this.#lag.observe(this.#worker, this.#worker, Math.max(0, lagMs));
  }

  /** Counts the bytes that a connection has moved since it was last asked. */
  moved(table: ConnectionTable, slot: number): void {
    const row = table.row(slot);
    if (row === NO_ROW) return;
    const frontend = table.frontend(slot);
    this.#bytes(table, 2 * slot, row, "sentBytes", frontend, "receivedBytes");
    this.#bytes(table, 2 * slot + 1, row, "receivedBytes", frontend, "sentBytes");
  }

  #bytes(
    table: ConnectionTable,
    side: number,
    row: number,
    serverColumn: ServerColumn,
    frontend: number,
    frontendColumn: FrontendColumn,
  ): void {
    while (table.moved[side]! > 0) {
      // Counters take less than 2³¹ at a time.
      const bytes = Math.min(table.moved[side]!, 2 ** 30);
      this.#servers.add(this.#worker, row, SERVER_COLUMNS[serverColumn], bytes);
      this.#frontends.add(this.#worker, frontend, FRONTEND_COLUMNS[frontendColumn], bytes);
      table.moved[side]! -= bytes;
      table.counted[side]! += bytes;
    }
  }
}

/** Under which reason a server counts an attempt to connect, or to send, that met an error. */
export function failureOf(error: number): ServerColumn {
  switch (error) {
    case ETIMEDOUT:
      return "connectTimeout";
    case ECONNREFUSED:
      return "connectRefused";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "connectUnreachable";
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case EAGAIN:
      return "connectNoPort";
    default:
      return "connectError";
  }
}

const SERVER_COLUMNS: Readonly<Record<ServerColumn, number>> = {
  connections: SERVER_COUNTERS.indexOf("connections"),
  receivedBytes: SERVER_COUNTERS.indexOf("receivedBytes"),
  sentBytes: SERVER_COUNTERS.indexOf("sentBytes"),
  connectTimeout: SERVER_COUNTERS.indexOf("connectTimeout"),
  connectRefused: SERVER_COUNTERS.indexOf("connectRefused"),
  connectUnreachable: SERVER_COUNTERS.indexOf("connectUnreachable"),
  connectError: SERVER_COUNTERS.indexOf("connectError"),
  connectNoPort: SERVER_COUNTERS.indexOf("connectNoPort"),
  retries: SERVER_COUNTERS.indexOf("retries"),
  redispatches: SERVER_COUNTERS.indexOf("redispatches"),
  clientReset: SERVER_COUNTERS.indexOf("clientReset"),
  serverReset: SERVER_COUNTERS.indexOf("serverReset"),
  earlyReset: SERVER_COUNTERS.indexOf("earlyReset"),
  idleTimeout: SERVER_COUNTERS.indexOf("idleTimeout"),
};

const FRONTEND_COLUMNS: Readonly<Record<FrontendColumn, number>> = {
  opened: FRONTEND_COUNTERS.indexOf("opened"),
  closed: FRONTEND_COUNTERS.indexOf("closed"),
  receivedBytes: FRONTEND_COUNTERS.indexOf("receivedBytes"),
  sentBytes: FRONTEND_COUNTERS.indexOf("sentBytes"),
  evicted: FRONTEND_COUNTERS.indexOf("evicted"),
  deniedNoServer: FRONTEND_COUNTERS.indexOf("deniedNoServer"),
  deniedLimit: FRONTEND_COUNTERS.indexOf("deniedLimit"),
  deniedAddress: FRONTEND_COUNTERS.indexOf("deniedAddress"),
  deniedQueueFull: FRONTEND_COUNTERS.indexOf("deniedQueueFull"),
  deniedQueueTimeout: FRONTEND_COUNTERS.indexOf("deniedQueueTimeout"),
  deniedShortage: FRONTEND_COUNTERS.indexOf("deniedShortage"),
  deniedProxyHeader: FRONTEND_COUNTERS.indexOf("deniedProxyHeader"),
  deniedClientHello: FRONTEND_COUNTERS.indexOf("deniedClientHello"),
  deniedServerName: FRONTEND_COUNTERS.indexOf("deniedServerName"),
  deniedPrefaceTimeout: FRONTEND_COUNTERS.indexOf("deniedPrefaceTimeout"),
};
