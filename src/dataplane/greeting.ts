/**
 * Tells a server that has just been connected who its client is, by a PROXY header, where its
 * configuration says so.
 */

import { Endpoints, MAX_WRITTEN_BYTES, writeProxyHeader } from "../core/wire/proxy_protocol.ts";
import type { Fd } from "../linux/libc.ts";
import type { Chooser } from "./chooser.ts";
import type { Clients } from "./clients.ts";
import { CLOSING, type Closing } from "./closing.ts";
import { type ConnectionTable, SENT } from "./connection_table.ts";
import type { Kernel } from "./kernel.ts";
import { sendSmall } from "./small_send.ts";

/** Greets the servers of the slots of a table. */
export class Greeting {
  readonly #kernel: Pick<Kernel, "send">;
  readonly #table: ConnectionTable;
  readonly #chooser: Chooser;
  readonly #clients: Clients;
  readonly #ends = new Endpoints();
  readonly #header: Uint8Array<ArrayBuffer> = new Uint8Array(MAX_WRITTEN_BYTES);

  constructor(
    kernel: Pick<Kernel, "send">,
    table: ConnectionTable,
    chooser: Chooser,
    clients: Clients,
  ) {
    this.#kernel = kernel;
    this.#table = table;
    this.#chooser = chooser;
    this.#clients = clients;
  }

  /**
   * Sends what the slot's server is to hear before anything else.
   *
   * @returns GREETED, or why the connection cannot go on.
   */
  greet(slot: number): typeof GREETED | Closing {
    const table = this.#table;
    const { proxyProtocol } = this.#chooser.backend(slot).servers[table.server[slot]!]!;
    if (proxyProtocol === null) return GREETED;
    if (!this.#clients.read(slot, this.#ends)) return CLOSING.clientReset;
    const version = proxyProtocol === "v1" ? 1 : 2;
    const length = writeProxyHeader(version, this.#ends, this.#header);
    // What the client has said already shares its segment.
    const more = table.buffered[2 * slot]! > 0;
    const server = table.fd[2 * slot + 1]! as Fd;
    if (!sendSmall(this.#kernel, server, this.#header, length, more)) return CLOSING.serverReset;
    table.flags[2 * slot]! |= SENT;
    return GREETED;
  }
}

/** Relaying may begin. */
export const GREETED = -1;
