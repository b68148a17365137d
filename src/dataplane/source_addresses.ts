/**
 * From which address of this node servers are connected to: a configured one, or the kernel's
 * choice. A virtual address is never it: it may leave this node while the connection lasts, and the
 * server's answers with it.
 */

import type { SourceAddressPlan } from "../core/plan/limits.ts";
import type { Fd } from "../linux/libc.ts";
import { inetAddressOf, readInetAddress, SOCKADDR_IN6_BYTES } from "../linux/sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  IP_BIND_ADDRESS_NO_PORT,
  IPPROTO_IP,
  SOCK_DGRAM,
} from "../linux/socket.ts";
import type { Kernel } from "./kernel.ts";

/** What binding takes of the kernel. */
export type SourceIo = Pick<
  Kernel,
  "bind" | "close" | "connect" | "localName" | "setOption" | "socket"
>;

/** The addresses of each backend. */
export class SourceAddresses {
  readonly #io: SourceIo;
  /** By backend. */
  #plans: readonly SourceAddressPlan[] = [];
  #ipv4: readonly (Uint8Array<ArrayBuffer> | null)[] = [];
  #ipv6: readonly (Uint8Array<ArrayBuffer> | null)[] = [];
  /** By a server's address: what the kernel has last chosen for it, and when. */
  readonly #chosen = new Map<Uint8Array, { isVirtual: boolean; at: number }>();
  readonly #own: Uint8Array<ArrayBuffer> = new Uint8Array(SOCKADDR_IN6_BYTES);

  constructor(plans: readonly SourceAddressPlan[], io: SourceIo) {
    this.#io = io;
    this.plan(plans);
  }

  /** Goes on with these addresses. Sockets that are bound stay so. */
  plan(plans: readonly SourceAddressPlan[]): void {
    this.#chosen.clear();
    this.#plans = plans;
    this.#ipv4 = plans.map(({ ipv4 }) => ipv4 === null ? null : inetAddressOf(ipv4, 0));
    this.#ipv6 = plans.map(({ ipv6 }) => ipv6 === null ? null : inetAddressOf(ipv6, 0));
  }

  /**
   * Gives a socket its own address, where that is not left to the kernel.
   *
   * @param server the address that it is about to be connected to; one array for each server.
   * @returns ≥ 0, or −errno.
   */
  bind(fd: Fd, backend: number, server: Uint8Array<ArrayBuffer>, now: number): number {
    const own = (server[0] === AF_INET ? this.#ipv4 : this.#ipv6)[backend]!;
    if (own === null || !this.#isNeeded(backend, server, now)) return 0;
    // The port is found when the other end is known: the same one serves for many servers.
    this.#io.setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    return this.#io.bind(fd, own);
  }

  #isNeeded(backend: number, server: Uint8Array<ArrayBuffer>, now: number): boolean {
    const { insteadOf } = this.#plans[backend]!;
    if (insteadOf === null) return true;
    if (insteadOf.length === 0) return false;
    const known = this.#chosen.get(server);
    if (known && now - known.at < VALID_MS) return known.isVirtual;
    const isVirtual = insteadOf.includes(this.#kernelsChoice(server));
    this.#chosen.set(server, { isVirtual, at: now });
    return isVirtual;
  }

  /** Asked by a datagram socket that sends nothing. */
  #kernelsChoice(server: Uint8Array<ArrayBuffer>): string {
    const fd = this.#io.socket(server[0] === AF_INET ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
    if (fd < 0) return "";
    const isKnown = this.#io.connect(fd, server) >= 0 && this.#io.localName(fd, this.#own) >= 0;
    this.#io.close(fd);
    return isKnown ? readInetAddress(this.#own).address : "";
  }
}

/** Addresses come and go; the kernel is asked again after so long a time. */
const VALID_MS = 1000;
