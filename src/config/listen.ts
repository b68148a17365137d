/**
 * Addresses to listen on, as text: `*:80`, `[::]:443`, `vip:api:6443-6450`. Opens nothing and does
 * not know whether an address or a virtual router exists.
 */

import { formatAddress, parseAddress } from "../core/net/address.ts";
import type { Protocol } from "../core/plan/plan.ts";

/** What a `listen:` text says. */
export interface Listen {
  readonly host: ListenHost;
  /** First and last port, the same where it is one. */
  readonly ports: readonly [first: number, last: number];
  readonly protocol: Protocol;
}

/** Every address (`*`), one address, or those of a virtual router. */
export type ListenHost =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "virtualRouter"; readonly name: string };

/** Reads `HOST:PORT[-PORT][/udp]`; a text instead says what is wrong. */
export function parseListen(text: string): Listen | string {
  const [, rest = "", suffix] = /^([^/]*)(?:\/(.*))?$/s.exec(text) ?? [];
  if (suffix !== undefined && suffix !== "udp") {
    return `found /${suffix}; allowed: /udp, or nothing for TCP`;
  }
  const [, host, first, last] = /^(.*):(\d{1,5})(?:-(\d{1,5}))?$/s.exec(rest) ?? [];
  if (host === undefined || first === undefined) {
    return /^\d+$/.test(rest)
      ? `found "${text}"; a port needs an address before it: "*:${rest}"`
      : `found "${text}"; allowed: HOST:PORT[-PORT][/udp]`;
  }
  const ports = [Number(first), Number(last ?? first)] as const;
  if (ports.some((port) => port < 1 || port > 65535) || ports[0] > ports[1]) {
    return `found "${text}"; allowed: ports from 1 to 65535, the lower one first`;
  }
  const where = parseHost(host);
  if (typeof where === "string") return where;
  return { host: where, ports, protocol: suffix === "udp" ? "udp" : "tcp" };
}

/** Whether two listening addresses cannot both have the same port. */
export function listenersOverlap(left: string, right: string): boolean {
  if (left === right || left === "*" || right === "*") return true;
  const sameFamily = left.includes(":") === right.includes(":");
  return sameFamily && [left, right].some((address) => address === "0.0.0.0" || address === "::");
}

/** Whether an address never leaves this host. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function parseHost(host: string): ListenHost | string {
  if (host === "*") return { kind: "address", address: "*" };
  if (host.startsWith("vip:")) return { kind: "virtualRouter", name: host.slice(4) };
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  const address = parseAddress(bracketed ?? host);
  if (address?.family === 6 && bracketed === undefined) {
    return `found "${host}"; an IPv6 address stands in brackets: "[${host}]:PORT"`;
  }
  if (!address || (bracketed !== undefined && address.family === 4)) {
    return `found the host "${host}"; allowed: "*", an IPv4 address, "[IPv6]" or vip:ROUTER`;
  }
  return { kind: "address", address: formatAddress(address.bytes) };
}
