/**
 * Real servers on loopback for the tests of probes, and the checks that meet them.
 */

import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import type { CheckPlan, CheckRequest } from "../../src/core/plan/plan.ts";
import { must } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inetAddressOf, readInetAddress } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  bind,
  close,
  connect,
  getsockname,
  listen,
  SOCK_STREAM,
  socket,
} from "../../src/linux/socket.ts";
import type { Row } from "../../src/memory/server_table.ts";
import type { CheckedServer } from "../../src/prober/orders.ts";
import type { Outcome, StartProbe } from "../../src/prober/probe.ts";

/** Servers that are closed together. */
export class Servers {
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Socket>();
  readonly #udp: UdpSocket[] = [];
  readonly #fds: Fd[] = [];

  /** Listens and treats each connection so. @returns the port. */
  async serve(treat: (connection: Socket) => void, host = "127.0.0.1"): Promise<number> {
    return await this.#listen(createServer((connection) => this.#take(connection, treat)), host);
  }

  /** The same over TLS. */
  async serveTls(
    options: TlsOptions,
    treat: (connection: Socket) => void,
  ): Promise<number> {
    const server = createTlsServer(options, (connection) => this.#take(connection, treat));
    server.on("tlsClientError", () => {});
    return await this.#listen(server, "127.0.0.1");
  }

  /** Treats each datagram; `reply` goes back to its sender. @returns the port. */
  async serveUdp(
    treat: (message: Uint8Array, reply: (answer: Uint8Array) => void) => void,
  ): Promise<number> {
    const udp = createSocket("udp4");
    this.#udp.push(udp);
    udp.on(
      "message",
      (message, { port, address }) => treat(message, (answer) => udp.send(answer, port, address)),
    );
    await new Promise<void>((bound) => udp.bind(0, "127.0.0.1", bound));
    return udp.address().port;
  }

  /** A port whose queue of connections is full, so that nothing answers a SYN. */
  serveNobody(): number {
    const listener = this.#open();
    must("bind", bind(listener, inetAddressOf("127.0.0.1", 0)));
    must("listen", listen(listener, 0));
    const address = new Uint8Array(16);
    must("getsockname", getsockname(listener, address));
    const { port } = readInetAddress(address);
    for (let at = 0; at < 4; at++) connect(this.#open(), inetAddressOf("127.0.0.1", port));
    return port;
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
    for (const connection of this.#connections) connection.destroy();
    for (const udp of this.#udp.splice(0)) udp.close();
    for (const fd of this.#fds.splice(0)) close(fd);
  }

  async #listen(server: Server, host: string): Promise<number> {
    this.#servers.push(server);
    await new Promise<void>((listening) => server.listen(0, host, listening));
    const address = server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  #take(connection: Socket, treat: (connection: Socket) => void): void {
    this.#connections.add(connection);
    connection.on("error", () => {});
    connection.on("close", () => this.#connections.delete(connection));
    treat(connection);
  }

  #open(): Fd {
    const fd = must("socket", socket(AF_INET, SOCK_STREAM, 0));
    this.#fds.push(fd);
    return fd;
  }
}

/** Answers once the request has come. */
export function answering(text: string): (connection: Socket) => void {
  return (connection) => connection.once("data", () => connection.end(text));
}

/** A server whose check goes to loopback, although the server itself would be elsewhere. */
export function checkedServer(port: number, check: Partial<CheckPlan>, row = 0): CheckedServer {
  return {
    row: row as Row,
    backend: "b",
    server: `s${row}`,
    address: "192.0.2.1",
    port: 9,
    check: {
      intervalMs: 1000,
      fastIntervalMs: 1000,
      downIntervalMs: 1000,
      timeoutMs: TIMEOUT_MS,
      rise: 1,
      fall: 1,
      address: "127.0.0.1",
      port,
      request: { type: "tcp" },
      passive: null,
      ...check,
    },
    proxyProtocol: null,
  };
}

/** One check, ended as the prober would end it. */
export function check(
  start: StartProbe,
  port: number,
  request: CheckRequest,
  address = "127.0.0.1",
): Promise<Outcome> {
  return new Promise((done) => {
    const timer = setTimeout(() => done(probe.timeOut()), TIMEOUT_MS);
    const probe = start(checkedServer(port, { request, address }), (outcome) => {
      clearTimeout(timer);
      done(outcome);
    });
  });
}

/** How long a check may take here. */
export const TIMEOUT_MS = 1_000;
