/**
 * Which server a connection goes to, and under which address; a place at a server is claimed and
 * given back here, and nowhere else.
 */

import {
  type Members,
  NOTHING_TRIED,
  Roster,
  type ServerStates,
  type Tried,
} from "../core/balance/roster.ts";
import { NO_SERVER } from "../core/balance/balancer.ts";
import { inetAddressOf } from "../linux/sockaddr.ts";
import { QueueTable } from "../memory/queue_table.ts";
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
    const states = statesOf(this.#states, new QueueTable(start.queues));
    this.#rosters = start.backends.map((backend) =>
      new Roster(membersOf(backend), states, start.worker, random)
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

  /** Whether some server of a backend can be chosen, be there a place or not. */
  hasUsable(backend: number): boolean {
    return this.#rosters[backend]!.hasUsable();
  }

  /** Whether a server of a backend has a place, as far as is known; for NO_SERVER, any of them. */
  hasPlace(backend: number, server: number): boolean {
    return this.#rosters[backend]!.hasPlace(server);
  }

  /**
   * Claims a place for a slot at a server that it has not tried in vain.
   *
   * @returns the server, which counts the connection from now on; NO_SERVER if none has a place.
   */
  claim(slot: number): number {
    this.#tried.look(slot, this.#table.failures[slot]!);
    return this.#claim(this.backendOf(slot), this.#table.clientKey[slot]!, this.#tried);
  }

  /**
   * Claims a place at a server of a backend for what is no connection of the table; given back by
   * {@linkcode release}.
   *
   * @param key stands for the client: see `clientKey`.
   */
  claimFor(backend: number, key: number): number {
    return this.#claim(backend, key, NOTHING_TRIED);
  }

  /** Claims a place at the slot's own server. @returns whether there was one. */
  claimAgain(slot: number): boolean {
    const row = this.row(slot);
    if (!this.#states.claim(row)) return false;
    this.look(row);
    return true;
  }

  /** Chooses a server for a slot to wait for; NO_SERVER if no queue has room for it. */
  chooseQueue(slot: number): number {
    this.#tried.look(slot, this.#table.failures[slot]!);
    return this.#rosters[this.backendOf(slot)]!.pickQueue(
      this.#table.clientKey[slot]!,
      this.#tried,
    );
  }

  /** The index of the backend that the server of a row is in. */
  backendOfRow(row: number): number {
    return this.#backendOfRow[row]!;
  }

  /** The index of the server of a row in its backend. */
  serverOfRow(row: number): number {
    return this.#serverOfRow[row]!;
  }

  /** Gives a place at the server of a row back; nobody is told. */
  release(row: number): void {
    this.#states.addActive(row as Row, -1);
    this.look(row);
  }

  /** Something has changed about the connections of a row, or about those who wait for it. */
  look(row: number): void {
    this.#rosters[this.#backendOfRow[row]!]!.look(this.#serverOfRow[row]!);
  }

  /** Notes that the attempt to connect to the slot's server was in vain. */
  failed(slot: number): void {
    this.#tried.add(slot, this.#table.failures[slot]!, this.#table.server[slot]!);
    this.#table.failures[slot]!++;
  }

  /** Another number after each change of who may be chosen. */
  version(): number {
    return this.#states.version();
  }

  /** Whether the slot's server may still be given a connection. */
  isUsable(slot: number): boolean {
    return this.#states.takesConnections(this.row(slot));
  }

  /** The row of the slot's server. */
  row(slot: number): Row {
    return this.backend(slot).rows[this.#table.server[slot]!]!;
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

  #claim(backend: number, key: number, tried: Tried): number {
    const roster = this.#rosters[backend]!;
    const { balance, rows } = this.#backends[backend]!;
    for (let turn = 0; turn < CLAIMS; turn++) {
      const server = roster.pick(key, tried);
      if (server === NO_SERVER) return NO_SERVER;
      const claimed = this.#states.claim(rows[server]!);
      roster.look(server);
      if (claimed) return server;
      // Others were faster; a client that has a server of its own waits for that one.
      if (balance === "source") return NO_SERVER;
    }
    return NO_SERVER;
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

function membersOf({ balance, maxQueue, servers, rows }: Backend): Members {
  return {
    balance,
    names: servers.map(({ name }) => name),
    rows,
    areBackups: servers.map(({ backup }) => backup),
    maxQueue,
  };
}

function statesOf(table: ServerTable, queues: QueueTable): ServerStates {
  return {
    version: () => table.version(),
    takesConnections: (row) => table.takesConnections(row as Row),
    weight: (row) => table.weight(row as Row),
    limit: (row) => table.limit(row as Row),
    active: (row) => table.active(row as Row),
    queued: (row) => queues.queued(row),
  };
}

const REMEMBERED = 4;
/** More often than that others are not faster in a row. */
const CLAIMS = 16;
