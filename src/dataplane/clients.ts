/**
 * Who is at the client's end of each connection, and whom they have connected to: as the kernel has
 * it, or as a PROXY header says that was believed.
 */

import { clientKey } from "../core/balance/hash.ts";
import { isMapped } from "../core/net/address.ts";
import { Endpoints } from "../core/wire/proxy_protocol.ts";
import type { Fd } from "../linux/libc.ts";
import { AF_INET, AF_INET6 } from "../linux/socket.ts";
import { SOCKADDR_IN6_BYTES } from "../linux/sockaddr.ts";
import type { ConnectionTable } from "./connection_table.ts";
import type { Kernel } from "./kernel.ts";

/** The clients of the slots of a table. */
export class Clients {
  readonly #kernel: Pick<Kernel, "localName" | "peerName">;
  readonly #table: ConnectionTable;
  /** By slot: what was believed, as in `Endpoints`; a family of 0 where nothing was. */
  #believed = new Uint8Array();
  readonly #ends = new Endpoints();
  readonly #sockaddr: Uint8Array<ArrayBuffer> = new Uint8Array(SOCKADDR_IN6_BYTES);

  constructor(kernel: Pick<Kernel, "localName" | "peerName">, table: ConnectionTable) {
    this.#kernel = kernel;
    this.#table = table;
  }

  /** From now on somebody may be believed. */
  remember(): void {
    if (this.#believed.length > 0) return;
    // Untouched memory is not resident.
    this.#believed = new Uint8Array(this.#table.capacity * BELIEVED_BYTES);
  }

  /**
   * Both ends of a slot's connection, as they concern its server.
   *
   * @returns whether they are known: a client that is gone has no address any more.
   */
  read(slot: number, into: Endpoints): boolean {
    const at = slot * BELIEVED_BYTES;
    const family = this.#believed[at];
    if (family !== 4 && family !== 6) return this.connecting(slot, into);
    for (let octet = 0; octet < 16; octet++) {
      into.source[octet] = this.#believed[at + 1 + octet]!;
      into.destination[octet] = this.#believed[at + 17 + octet]!;
    }
    into.sourcePort = this.#believed[at + 33]! << 8 | this.#believed[at + 34]!;
    into.destinationPort = this.#believed[at + 35]! << 8 | this.#believed[at + 36]!;
    into.family = family;
    return true;
  }

  /** Both ends of a slot's connection to us. @returns as {@linkcode Clients.read}. */
  connecting(slot: number, into: Endpoints): boolean {
    const client = this.#table.fd[2 * slot]! as Fd;
    if (this.#kernel.peerName(client, this.#sockaddr) < 0) return false;
    into.family = this.#copyAddress(into.source);
    into.sourcePort = this.#port();
    if (this.#kernel.localName(client, this.#sockaddr) < 0) return false;
    this.#copyAddress(into.destination);
    into.destinationPort = this.#port();
    return true;
  }

  /** The key of a slot's client, the same for all its connections; 1 when it is gone. */
  key(slot: number): number {
    if (!this.read(slot, this.#ends)) return 1;
    return clientKey(this.#ends.source, 0, this.#ends.family === 4 ? 4 : 16);
  }

  /** From now on the slot's ends are these. */
  believe(slot: number, ends: Endpoints): void {
    const at = slot * BELIEVED_BYTES;
    this.#believed[at] = ends.family;
    this.#believed.set(ends.source, at + 1);
    this.#believed.set(ends.destination, at + 17);
    this.#believed[at + 33] = ends.sourcePort >> 8;
    this.#believed[at + 34] = ends.sourcePort & 0xff;
    this.#believed[at + 35] = ends.destinationPort >> 8;
    this.#believed[at + 36] = ends.destinationPort & 0xff;
    this.#publish(slot, ends);
  }

  /** The slot has another client from now on. */
  forget(slot: number): void {
    if (this.#believed.length > 0) this.#believed[slot * BELIEVED_BYTES] = 0;
  }

  /** Whoever lists or logs the connection is to see who was believed, as a socket address. */
  #publish(slot: number, { family, source, sourcePort }: Endpoints): void {
    const { clients } = this.#table;
    const at = SOCKADDR_IN6_BYTES * slot;
    const isIpv4 = family === 4;
    clients[at] = isIpv4 ? AF_INET : AF_INET6;
    clients[at + 1] = 0;
    clients[at + 2] = sourcePort >> 8;
    clients[at + 3] = sourcePort & 0xff;
    for (let octet = 0; octet < (isIpv4 ? 4 : 16); octet++) {
      clients[at + (isIpv4 ? 4 : 8) + octet] = source[octet]!;
    }
  }

  /** The address of the `sockaddr_in` or `sockaddr_in6`. @returns its family. */
  #copyAddress(target: Uint8Array): 4 | 6 {
    const from = this.#sockaddr;
    const isIpv6 = from[0] !== AF_INET;
    const isIpv4 = !isIpv6 || isMapped(from, 8);
    const at = !isIpv6 ? 4 : isIpv4 ? 20 : 8;
    const length = isIpv4 ? 4 : 16;
    for (let octet = 0; octet < length; octet++) target[octet] = from[at + octet]!;
    return length === 4 ? 4 : 6;
  }

  #port(): number {
    return this.#sockaddr[2]! << 8 | this.#sockaddr[3]!;
  }
}

/** Family, two addresses of 16 bytes, two ports. */
const BELIEVED_BYTES = 37;
