/**
 * Which server a connection goes to, and under which address. It reads what the tables say and
 * changes nothing but the balancers' turns.
 */

import type { Balancer, Tried } from "../core/balance/balancer.ts";
import { LeastConnections } from "../core/balance/least_connections.ts";
import { RoundRobin } from "../core/balance/round_robin.ts";
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
  readonly #balancers: readonly Balancer[];
  readonly #addresses: readonly (readonly Uint8Array<ArrayBuffer>[])[];
  readonly #tried: TriedServers;

  constructor(start: StartOrder, table: ConnectionTable) {
    const states = new ServerTable(start.servers);
    this.#table = table;
    this.#states = states;
    this.#defaults = Int32Array.from(start.frontends, (frontend) => frontend.backend);
    this.#backends = start.backends;
    this.#balancers = start.backends.map(({ balance, rows }) =>
      new BALANCERS[balance](rows, states, start.worker)
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
    return this.#balancers[this.backendOf(slot)]!.pick(this.#tried);
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

  /** Adds to the active connections of a row. */
  addActive(row: number, change: number): void {
    this.#states.addActive(row as Row, change);
  }

  /** The address to connect to, valid until it is asked for again. */
  address(slot: number): Uint8Array<ArrayBuffer> {
    const server = this.#table.server[slot]!;
    const address = this.#addresses[this.backendOf(slot)]![server]!;
    if (this.backend(slot).servers[server]!.port === null) {
      const port = this.#ports[this.#table.listener[slot]!]!;
      // sin_port and sin6_port are at the same place, in network byte order.
      address[2] = port >> 8;
      address[3] = port & 0xff;
    }
    return address;
  }
}

/** The servers that a slot has tried in vain: the last few, which is as many as usual retries. */
class TriedServers implements Tried {
  readonly #servers: Int32Array;
  #from = 0;
  #to = 0;

  constructor(capacity: number) {
    this.#servers = new Int32Array(capacity * REMEMBERED);
  }

  /** Turns to a slot that has failed so many times. */
  look(slot: number, failures: number): void {
    this.#from = slot * REMEMBERED;
    this.#to = this.#from + Math.min(failures, REMEMBERED);
  }

  add(slot: number, failures: number, server: number): void {
    this.#servers[slot * REMEMBERED + failures % REMEMBERED] = server;
  }

  has(server: number): boolean {
    for (let at = this.#from; at < this.#to; at++) {
      if (this.#servers[at] === server) return true;
    }
    return false;
  }
}

const REMEMBERED = 4;
const BALANCERS = { roundrobin: RoundRobin, leastconn: LeastConnections } as const;
