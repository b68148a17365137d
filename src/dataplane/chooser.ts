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
import { isAlike } from "./alike.ts";
import type { ConnectionTable } from "./connection_table.ts";
import type { Backend, StartOrder } from "./orders.ts";

/** Chooses servers for the slots of a connection table. */
export class Chooser {
  readonly #table: ConnectionTable;
  readonly #states: ServerTable;
  /** By listener. */
  readonly #ports: number[] = [];
  readonly #newRoster: (members: Members) => Roster;
  /** By frontend. */
  #defaults = new Int32Array();
  /** By backend, each. */
  #backends: readonly Backend[] = [];
  #rosters: readonly Roster[] = [];
  /** By row: its backend, and its index there. */
  #backendOfRow = new Int32Array();
  #serverOfRow = new Int32Array();
  #addresses: readonly (readonly Uint8Array<ArrayBuffer>[])[] = [];
  readonly #tried: TriedServers;

  /** @param random numbers from 0 to below 1. */
  constructor(start: StartOrder, table: ConnectionTable, random = Math.random) {
    this.#table = table;
    this.#states = new ServerTable(start.servers);
    const states = statesOf(this.#states, new QueueTable(start.queues));
    this.#newRoster = (members) => new Roster(members, states, start.worker, random);
    this.#tried = new TriedServers(table.capacity);
    this.plan(start);
  }

  /**
   * Goes on with these frontends and backends. Whose turn it is in a backend is forgotten only
   * where its servers, or how they are chosen, have changed.
   *
   * @returns the rows of servers that are to be met elsewhere, or from elsewhere, than before.
   */
  plan({ frontends, backends }: Pick<StartOrder, "frontends" | "backends">): Set<number> {
    const former = this.#backends;
    const moved = new Set<number>();
    this.#defaults = Int32Array.from(frontends, (frontend) => frontend.backend);
    this.#rosters = backends.map((backend, index) => {
      const members = membersOf(backend);
      const before = former[index];
      const isSame = before !== undefined && isAlike(membersOf(before), members);
      return isSame ? this.#rosters[index]! : this.#newRoster(members);
    });
    this.#addresses = backends.map((backend, index) => {
      const before = former[index];
      const isSame = before && isAlike(before.sourceAddress, backend.sourceAddress);
      return backend.servers.map(({ address, port }, server) => {
        const other = before?.servers[server];
        const known = this.#addresses[index]?.[server];
        if (known && isSame && other?.address === address && other.port === port) return known;
        if (known) moved.add(backend.rows[server]!);
        return inetAddressOf(address, port ?? 0);
      });
    });
    this.#backends = backends;
    this.#findRows();
    return moved;
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

  #findRows(): void {
    const rows = this.#backends.reduce((most, backend) => Math.max(most, ...backend.rows), -1) + 1;
    // Rows that no backend has any more stay those of the last one that had them.
    this.#backendOfRow = grown(this.#backendOfRow, rows);
    this.#serverOfRow = grown(this.#serverOfRow, rows);
    this.#backends.forEach((backend, index) =>
      backend.rows.forEach((row, server) => {
        this.#backendOfRow[row] = index;
        this.#serverOfRow[row] = server;
      })
    );
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

function grown(cells: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.max(cells.length, length));
  more.set(cells);
  return more;
}

function membersOf({ balance, inPlan, maxQueue, servers, rows }: Backend): Members {
  return {
    balance,
    names: servers.map(({ name }) => name),
    rows,
    areBackups: servers.map(({ backup }) => backup),
    inPlan,
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
