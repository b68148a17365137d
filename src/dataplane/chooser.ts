/**
 * Which server a connection goes to, and under which address; a place at a server is claimed and
 * given back here, and nowhere else.
 */

import { NO_SERVER } from "../core/balance/balancer.ts";
import {
  type Members,
  NOTHING_TRIED,
  Roster,
  type ServerStates,
  type Tried,
} from "../core/balance/roster.ts";
import { inetAddressOf } from "../linux/sockaddr.ts";
import { type Row, ServerTable } from "../memory/server_table.ts";
import type { ConnectionTable } from "./connection_table.ts";
import type { Backend, StartOrder } from "./orders.ts";

/** Chooses servers for the slots of a connection table. */
export class Chooser {
  readonly #table: ConnectionTable;
  readonly #states: ServerTable;
  /** By listener. */
  readonly #ports: number[] = [];
  /** By frontend. */
  readonly #defaults: Int32Array;
  /** By backend, each. */
  readonly #backends: readonly Backend[];
  readonly #rosters: readonly Roster[];
  /** By row: its backend, and its index there. */
  readonly #backendOfRow: Int32Array;
  readonly #serverOfRow: Int32Array;
  readonly #addresses: readonly (readonly Uint8Array<ArrayBuffer>[])[];
  readonly #tried: TriedServers;

  /** @param random numbers from 0 to below 1. */
  constructor(start: StartOrder, table: ConnectionTable, random = Math.random) {
    this.#table = table;
    this.#states = new ServerTable(start.servers);
    this.#defaults = Int32Array.from(start.frontends, (frontend) => frontend.backend);
    this.#backends = start.backends;
    this.#rosters = start.backends.map((backend) =>
      new Roster(membersOf(backend), statesOf(this.#states), start.worker, random)
    );
    const rows = start.backends.flatMap((backend) => backend.rows);
    this.#backendOfRow = new Int32Array(Math.max(0, ...rows) + 1);
    this.#serverOfRow = new Int32Array(this.#backendOfRow.length);
    start.backends.forEach((backend, index) =>
      backend.rows.forEach((row, server) => {
        this.#backendOfRow[row] = index;
        this.#serverOfRow[row] = server;
      })
    );
    this.#addresses = start.backends.map(({ servers }) =>
      servers.map(({ address, port }) => inetAddressOf(address, port ?? 0))
    );
    this.#tried = new TriedServers(table.capacity);
  }

  /** Makes the port of a listener known: servers without a port of their own have the same. */
  setPort(listener: number, port: number): void {
    this.#ports[listener] = port;
  }

  /** The index of the backend that a frontend's connections go to unless more is known of them. */
  defaultBackend(frontend: number): number {
    return this.#defaults[frontend]!;
  }

  /** The index of a slot's backend, once it has one. */
  backendOf(slot: number): number {
    return this.#table.backend[slot]!;
  }

  /** A slot's backend, once it has one. */
  backend(slot: number): Backend {
    return this.#backends[this.backendOf(slot)]!;
  }

  /** Chooses a server that the slot has not tried in vain; NO_SERVER if there is none. */
  choose(slot: number): number {
    this.#tried.look(slot, this.#table.failures[slot]!);
    return this.#rosters[this.backendOf(slot)]!.pick(0, this.#tried);
  }

  /**
   * Claims a place at a server of a backend for what is no connection of the table; given back by
   * {@linkcode release}.
   *
   * @param key stands for the client: see `clientKey`.
   */
  claimFor(backend: number, key: number): number {
    const server = this.#rosters[backend]!.pick(key, NOTHING_TRIED);
    if (server !== NO_SERVER) this.addActive(this.rowOf(backend, server), 1);
    return server;
  }

  /** Gives a place at the server of a row back. */
  release(row: number): void {
    this.addActive(row, -1);
  }

  /** Notes that the attempt to connect to the slot's server was in vain. */
  failed(slot: number): void {
    this.#tried.add(slot, this.#table.failures[slot]!, this.#table.server[slot]!);
    this.#table.failures[slot]!++;
  }

  /** Whether the slot's server may still be given a connection. */
  isUsable(slot: number): boolean {
    return this.#states.takesConnections(this.row(slot));
  }

  /** The row of the slot's server. */
  row(slot: number): Row {
    return this.backend(slot).rows[this.#table.server[slot]!]!;
  }

  /** Counts one more active connection of a row, or one less. */
  addActive(row: number, change: 1 | -1): void {
    this.#states.addActive(row as Row, change);
    this.#rosters[this.#backendOfRow[row]!]!.look(this.#serverOfRow[row]!);
  }

  /** The address to connect to, valid until it is asked for again. */
  address(slot: number): Uint8Array<ArrayBuffer> {
    const port = this.#ports[this.#table.listener[slot]!]!;
    return this.addressOf(this.backendOf(slot), this.#table.server[slot]!, port);
  }

  /**
   * The address of a server, valid until it is asked for again.
   *
   * @param port the one that the client used: servers without one of their own have the same.
   */
  addressOf(backend: number, server: number, port: number): Uint8Array<ArrayBuffer> {
    const address = this.#addresses[backend]![server]!;
    if (this.#backends[backend]!.servers[server]!.port === null) {
      // sin_port and sin6_port are at the same place, in network byte order.
      address[2] = port >> 8;
      address[3] = port & 0xff;
    }
    return address;
  }

  /** The row of a server. */
  rowOf(backend: number, server: number): Row {
    return this.#backends[backend]!.rows[server]!;
  }

  /** Whether the server of a row may keep the sessions it has. */
  keepsSessions(row: number): boolean {
    return this.#states.keepsSessions(row as Row);
  }
}

/** The servers that a slot has tried in vain: the last few, which is as many as usual retries. */
class TriedServers implements Tried {
  readonly #servers: Int32Array;
  #from = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#servers = new Int32Array(capacity * REMEMBERED);
  }

  get count(): number {
    return this.#count;
  }

  /** Turns to a slot that has failed so many times. */
  look(slot: number, failures: number): void {
    this.#from = slot * REMEMBERED;
    this.#count = Math.min(failures, REMEMBERED);
  }

  add(slot: number, failures: number, server: number): void {
    this.#servers[slot * REMEMBERED + failures % REMEMBERED] = server;
  }

  at(index: number): number {
    return this.#servers[this.#from + index]!;
  }

  has(server: number): boolean {
    for (let index = 0; index < this.#count; index++) {
      if (this.at(index) === server) return true;
    }
    return false;
  }
}

function membersOf({ balance, servers, rows }: Backend): Members {
  return {
    balance,
    names: servers.map(({ name }) => name),
    rows,
    areBackups: servers.map(() => false),
    maxQueue: null,
  };
}

function statesOf(table: ServerTable): ServerStates {
  return {
    version: () => table.version(),
    takesConnections: (row) => table.takesConnections(row as Row),
    weight: (row) => table.weight(row as Row),
    limit: (row) => table.limit(row as Row),
    active: (row) => table.active(row as Row),
    queued: () => 0,
  };
}

const REMEMBERED = 4;
