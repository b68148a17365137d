/**
 * Socket addresses as the kernel lays them out.
 *
 * @see sockaddr(3type), ip(7), ipv6(7), unix(7), packet(7), netlink(7)
 */

import { type Family, formatAddress, parseAddress } from "../core/net/address.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "./socket.ts";

/**
 * ```c
 * struct sockaddr_in  { sa_family_t family; in_port_t port; struct in_addr addr; char zero[8]; };
 * struct sockaddr_in6 { sa_family_t family; in_port_t port; uint32_t flowinfo;
 *                       struct in6_addr addr; uint32_t scope_id; };
 * ```
 *
 * @param scope interface index of a link-local address, else 0.
 */
export function inetAddress(
  address: Uint8Array,
  port: number,
  scope = 0,
): Uint8Array<ArrayBuffer> {
  const isIpv4 = address.length === 4;
  const bytes = new Uint8Array(isIpv4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, isIpv4 ? 4 : 8);
  if (!isIpv4) view.setUint32(24, scope, true);
  return bytes;
}

/** {@linkcode inetAddress} for an address as text, which must be valid. */
export function inetAddressOf(
  address: string,
  port: number,
  scope = 0,
): Uint8Array<ArrayBuffer> {
  return inetAddress(parseAddress(address)!.bytes, port, scope);
}

/**
 * ```c
 * struct sockaddr_un { sa_family_t family; char path[108]; };
 * ```
 *
 * @param path of at most 107 octets; one that begins with `@` is in the abstract namespace.
 */
export function unixAddress(path: string): Uint8Array<ArrayBuffer> {
  const isAbstract = path.startsWith("@");
  const name = new TextEncoder().encode(isAbstract ? `\0${path.slice(1)}` : `${path}\0`);
  const bytes = new Uint8Array(2 + name.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(name, 2);
  return bytes;
}

/** Reads a `sockaddr_in` or `sockaddr_in6`; an IPv4 address mapped into IPv6 comes out as IPv4. */
export function readInetAddress(bytes: Uint8Array<ArrayBuffer>): InetAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const port = view.getUint16(2);
  if (view.getUint16(0, true) === AF_INET) {
    return { family: 4, address: formatAddress(bytes.subarray(4, 8)), port };
  }
  const address = formatAddress(bytes.subarray(8, 24));
  return address.startsWith(MAPPED) && address.includes(".")
    ? { family: 4, address: address.slice(MAPPED.length), port }
    : { family: 6, address, port };
}

/** An address and a port, as the kernel reports them. */
export interface InetAddress {
  readonly family: Family;
  readonly address: string;
  readonly port: number;
}

export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;

const MAPPED = "::ffff:";
