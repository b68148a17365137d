/**
 * A UDP socket on a host of the lab, used from the test's own process: a client, or a server that
 * answers each datagram with its name or with what it was sent.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { EAGAIN, must } from "../../src/linux/errno.ts";
import { type InetAddress, inetAddressOf, readInetAddress } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  recvfrom,
  sendto,
  SOCK_DGRAM,
  socket,
} from "../../src/linux/socket.ts";

/** A datagram and who has sent it. */
export interface Received {
  readonly from: InetAddress;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Where a socket is made. */
export type Place = Pick<Host, "inside">;

/** This host. */
export const HERE: Place = { inside: (act) => act() };

/** A socket; `using` closes it. */
export class UdpPeer {
  readonly #fd;
  readonly #buffer = new Uint8Array(65_536);
  readonly #address = new Uint8Array(28);

  /** Binds it to an address of the host; port 0 is any. */
  constructor(host: Place, address: string, port = 0) {
    const family = address.includes(":") ? AF_INET6 : AF_INET;
    this.#fd = host.inside(() => must("socket", socket(family, SOCK_DGRAM, 0)));
    must("bind", bind(this.#fd, inetAddressOf(address, port)));
  }

  /** Sends a datagram, given as bytes or as text. */
  send(address: string, port: number, data: Uint8Array<ArrayBuffer> | string): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    // An earlier one may have been refused, which is told here.
    const target = inetAddressOf(address, port);
    const sent = sendto(this.#fd, bytes, bytes.length, target);
    if (sent < 0) must("sendto", sendto(this.#fd, bytes, bytes.length, target));
  }

  /** The next datagram, if it has come. */
  take(): Received | undefined {
    const length = Uint32Array.of(this.#address.length);
    const received = recvfrom(this.#fd, this.#buffer, this.#address, length);
    if (received === -EAGAIN || received < 0) return undefined;
    return { from: readInetAddress(this.#address), bytes: this.#buffer.slice(0, received) };
  }

  /** The next datagram; it is waited for. */
  async next(deadlineMs = 10_000): Promise<Received> {
    const wait = { deadlineMs, everyMs: 2 };
    const received = await eventually("a datagram comes", () => this.take(), wait);
    if (!received) throw new Error("no datagram has come");
    return received;
  }

  /** Sends a text and waits for the answer, which has to come from where it was sent to. */
  async ask(address: string, port: number, text: string): Promise<string> {
    this.send(address, port, text);
    const { from, bytes } = await this.next();
    if (from.address !== address || from.port !== port) {
      throw new Error(`asked ${address}:${port}, answered by ${from.address}:${from.port}`);
    }
    return new TextDecoder().decode(bytes);
  }

  /** Asks again and again, as clients do whose datagrams are lost. */
  async insist(address: string, port: number, text: string): Promise<string> {
    return await eventually(`${address}:${port} answers`, async () => {
      this.send(address, port, text);
      const { bytes } = await this.next(200);
      return new TextDecoder().decode(bytes);
    });
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

/** Answers each datagram, until it is disposed of. */
export class UdpAnswerer {
  /** How many datagrams have come. */
  count = 0;
  readonly #peer: UdpPeer;
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param answer what to send for each datagram, one or several times. */
  constructor(
    host: Place,
    address: string,
    port: number,
    answer: (bytes: Uint8Array<ArrayBuffer>) => readonly (Uint8Array<ArrayBuffer> | string)[],
  ) {
    this.#peer = new UdpPeer(host, address, port);
    this.#timer = setInterval(() => {
      for (let one = this.#peer.take(); one; one = this.#peer.take()) {
        this.count++;
        for (const reply of answer(one.bytes)) {
          this.#peer.send(one.from.address, one.from.port, reply);
        }
      }
    }, 2);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#peer[Symbol.dispose]();
  }
}
