/**
 * Peers that do with a connection what programs seldom do: reset it, stop reading, count what fits.
 * They are bare sockets; whatever they wait for, they ask for again and again.
 */

import { EAGAIN, must } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inetAddressOf, readInetAddress, SOCKADDR_IN6_BYTES } from "../../src/linux/sockaddr.ts";
import {
  accept,
  AF_INET,
  AF_INET6,
  bind,
  close,
  connect,
  getpeername,
  getsockname,
  IPPROTO_TCP,
  lingerReset,
  listen,
  recv,
  send,
  setOption,
  SHUT_WR,
  shutdown,
  SO_REUSEADDR,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
} from "../../src/linux/socket.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";

/** One end of a connection. */
export class Peer implements Disposable {
  readonly #fd: Fd;
  #isOpen = true;

  constructor(fd: Fd) {
    this.#fd = fd;
  }

  /** Connects to a port of the loopback, from one of its addresses. */
  static dial(port: number, from?: string, to = "127.0.0.1"): Peer {
    const family = to.includes(":") ? AF_INET6 : AF_INET;
    const fd = must("socket", socket(family, SOCK_STREAM, IPPROTO_TCP));
    if (from !== undefined) must("bind", bind(fd, inetAddressOf(from, 0)));
    // It is under way: errno says so, but in a process as young as this may be another call's.
    connect(fd, inetAddressOf(to, port));
    return new Peer(fd);
  }

  /** Sends what the kernel takes. @returns how much, or −errno. */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    return send(this.#fd, bytes, bytes.length);
  }

  /** Sends all, in time. */
  async sendAll(text: string): Promise<void> {
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) {
      const sent = this.send(rest);
      // ENOTCONN and EAGAIN: the connection is not made yet, or full.
      if (sent > 0) rest = rest.slice(sent);
      else await delay(1);
    }
  }

  /** As {@linkcode next}, of what is there already; −EAGAIN for nothing. */
  peek(): number {
    return recv(this.#fd, new Uint8Array(1));
  }

  /** What comes next: bytes, an end (0) or an error (−errno). */
  async next(target = new Uint8Array(65_536)): Promise<number> {
    let result = -EAGAIN;
    await eventually("something arrives", () => (result = recv(this.#fd, target)) !== -EAGAIN, {
      everyMs: 1,
    });
    return result;
  }

  /** All text up to the end; throws on a reset. */
  async text(): Promise<string> {
    const bytes = new Uint8Array(65_536);
    let text = "";
    for (let count = await this.next(bytes); count !== 0; count = await this.next(bytes)) {
      text += new TextDecoder().decode(bytes.subarray(0, must("recv", count)));
    }
    return text;
  }

  /** The address at the other end. */
  get remote(): string {
    const address = new Uint8Array(SOCKADDR_IN6_BYTES);
    must("getpeername", getpeername(this.#fd, address));
    return readInetAddress(address).address;
  }

  /** Ends what it sends. */
  end(): void {
    must("shutdown", shutdown(this.#fd, SHUT_WR));
  }

  /** Resets the connection. */
  reset(): void {
    if (this.#isOpen) lingerReset(this.#fd);
    this.close();
  }

  close(): void {
    if (this.#isOpen) close(this.#fd);
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A server whose connections are taken one by one. */
export class PeerListener implements Disposable {
  readonly port: number;
  readonly #fd: Fd;

  constructor(address = "127.0.0.1", port = 0, backlog = 1024) {
    const family = address.includes(":") ? AF_INET6 : AF_INET;
    this.#fd = must("socket", socket(family, SOCK_STREAM, IPPROTO_TCP));
    // Connections of an earlier one may not be quite over.
    must("setsockopt", setOption(this.#fd, SOL_SOCKET, SO_REUSEADDR, 1));
    must("bind", bind(this.#fd, inetAddressOf(address, port)));
    must("listen", listen(this.#fd, backlog));
    const own = new Uint8Array(SOCKADDR_IN6_BYTES);
    must("getsockname", getsockname(this.#fd, own));
    this.port = readInetAddress(own).port;
  }

  /** The next connection. */
  async next(): Promise<Peer> {
    let next: Peer | null = null;
    const isThere = () => (next = this.take()) !== null;
    await eventually("somebody connects", isThere, { everyMs: 1 });
    return next!;
  }

  /** The next connection, if there is one already. */
  take(): Peer | null {
    const fd = accept(this.#fd);
    return fd < 0 ? null : new Peer(fd);
  }

  /** Whether nobody waits. */
  get isIdle(): boolean {
    return accept(this.#fd) === -EAGAIN;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}
