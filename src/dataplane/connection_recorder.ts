/**
 * Writes down, for the connection log, each connection that ends: numbers into a ring, without a
 * single allocation. Words are for the reader.
 */

import { SOCKADDR_IN6_BYTES } from "../linux/sockaddr.ts";
import type { Fd } from "../linux/libc.ts";
import {
  ConnectionLog,
  type ConnectionLogShape,
  LOG_FIELDS,
  NO_ROOM,
} from "../memory/connection_log.ts";
import { Counters } from "../memory/counters.ts";
import { type Row, ServerTable } from "../memory/server_table.ts";
import { FRONTEND_COUNTERS } from "../memory/traffic.ts";
import type { Closing } from "./closing.ts";
import { type ConnectionTable, ENDED, NO_ROW } from "./connection_table.ts";
import type { Kernel } from "./kernel.ts";
import type { StartOrder } from "./orders.ts";

/** Writes the log of one worker. */
export class ConnectionRecorder {
  readonly #table: ConnectionTable;
  readonly #io: Pick<Kernel, "beganAt" | "peerName">;
  readonly #log: ConnectionLog;
  readonly #frontends: Counters;
  readonly #servers: ServerTable;
  readonly #address: Uint8Array<ArrayBuffer> = new Uint8Array(SOCKADDR_IN6_BYTES);

  constructor(
    start: StartOrder,
    shape: ConnectionLogShape,
    table: ConnectionTable,
    io: Pick<Kernel, "beganAt" | "peerName">,
  ) {
    this.#table = table;
    this.#io = io;
    this.#log = new ConnectionLog(shape);
    this.#frontends = new Counters(start.frontendCounters);
    this.#servers = new ServerTable(start.servers);
  }

  /** A client has been accepted: later, when it is gone, nobody could tell its address. */
  opened(slot: number): void {
    const { clients, fd } = this.#table;
    this.#address[0] = 0;
    this.#io.peerName(fd[2 * slot]! as Fd, this.#address);
    clients.set(this.#address, SOCKADDR_IN6_BYTES * slot);
  }

  /** A connection has ended; its slot still says all about it. */
  ended(slot: number, closing: Closing, now: number): void {
    const log = this.#log;
    const place = log.claim();
    if (place === NO_ROOM) return;
    const table = this.#table;
    const client = 2 * slot;
    const frontend = table.frontend(slot);
    const { [slot]: acceptedAt = 0 } = table.acceptedAt;
    const { [slot]: assignedAt = 0 } = table.assignedAt;
    const { [slot]: connectedAt = 0 } = table.connectedAt;
    const isConnected = connectedAt !== 0;
    const row = table.row(slot);
    log.put(place, FIELD.endedAt, this.#io.beganAt + now);
    log.put(place, FIELD.acceptedAt, this.#io.beganAt + acceptedAt);
    log.put(place, FIELD.queueMs, this.#queueMs(slot, now));
    log.put(place, FIELD.connectMs, isConnected ? connectedAt - assignedAt : -1);
    log.put(place, FIELD.frontend, frontend);
    log.put(place, FIELD.backend, table.backend[slot]!);
    log.put(place, FIELD.row, assignedAt === 0 ? NO_ROW : table.lastRow[slot]!);
    log.put(place, FIELD.closing, closing);
    log.put(place, FIELD.phase, table.phase[slot]!);
    log.put(place, FIELD.clientEnded, (table.flags[client]! & ENDED) === 0 ? 0 : 1);
    log.put(place, FIELD.received, table.counted[client]! + table.moved[client]!);
    log.put(place, FIELD.sent, table.counted[client + 1]! + table.moved[client + 1]!);
    const { [slot]: failures = 0 } = table.failures;
    log.put(place, FIELD.retries, isConnected ? failures : Math.max(0, failures - 1));
    log.put(place, FIELD.redispatched, table.redispatched[slot]!);
    log.put(place, FIELD.openWorker, table.open);
    log.put(place, FIELD.openFrontend, this.#openOf(frontend));
    log.put(place, FIELD.openServer, row === NO_ROW ? 0 : this.#servers.active(row as Row) - 1);
    log.put(place, FIELD.queuePlace, table.queuePlace[slot]!);
    log.put(place, FIELD.isOwnQueue, table.isOwnQueue[slot]!);
    log.putClient(place, table.clients, slot);
    log.commit();
  }

  /** Until the first attempt to connect, or the end; −1 where it neither waited nor tried. */
  #queueMs(slot: number, now: number): number {
    const { acceptedAt, assignedAt, queuePlace } = this.#table;
    if (assignedAt[slot]! > 0) return assignedAt[slot]! - acceptedAt[slot]!;
    return queuePlace[slot]! > 0 ? now - acceptedAt[slot]! : -1;
  }

  /** Connections of a frontend, of all workers. */
  #openOf(frontend: number): number {
    const closed = this.#frontends.total(frontend, CLOSED);
    return this.#frontends.total(frontend, OPENED) - closed;
  }
}

/** The place of each number in a record. */
const FIELD = {
  endedAt: LOG_FIELDS.indexOf("endedAt"),
  acceptedAt: LOG_FIELDS.indexOf("acceptedAt"),
  queueMs: LOG_FIELDS.indexOf("queueMs"),
  connectMs: LOG_FIELDS.indexOf("connectMs"),
  frontend: LOG_FIELDS.indexOf("frontend"),
  backend: LOG_FIELDS.indexOf("backend"),
  row: LOG_FIELDS.indexOf("row"),
  closing: LOG_FIELDS.indexOf("closing"),
  phase: LOG_FIELDS.indexOf("phase"),
  clientEnded: LOG_FIELDS.indexOf("clientEnded"),
  received: LOG_FIELDS.indexOf("received"),
  sent: LOG_FIELDS.indexOf("sent"),
  retries: LOG_FIELDS.indexOf("retries"),
  redispatched: LOG_FIELDS.indexOf("redispatched"),
  openWorker: LOG_FIELDS.indexOf("openWorker"),
  openFrontend: LOG_FIELDS.indexOf("openFrontend"),
  openServer: LOG_FIELDS.indexOf("openServer"),
  queuePlace: LOG_FIELDS.indexOf("queuePlace"),
  isOwnQueue: LOG_FIELDS.indexOf("isOwnQueue"),
} as const;

const OPENED = FRONTEND_COUNTERS.indexOf("opened");
const CLOSED = FRONTEND_COUNTERS.indexOf("closed");
