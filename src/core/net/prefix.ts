/**
 * Address prefixes in CIDR notation, and the endpoints (address and port) of transport protocols.
 */

import { type Family, formatAddress, parseAddress } from "./address.ts";

/** An address with a prefix length: `10.0.0.1/24`. The host bits are kept. */
export interface Prefix {
  readonly family: Family;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly length: number;
}

/** An address and a port; `port` is `undefined` where the text had none. */
export interface Endpoint {
  readonly address: string;
  readonly family: Family;
  readonly port: number | undefined;
}

/**
 * Reads `ADDRESS/LENGTH`, or a bare address as a host prefix (/32, /128); `undefined` if it is
 * neither.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  const bits = address.bytes.length * 8;
  const tail = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(tail) || Number(tail) > bits) return undefined;
  return { ...address, length: Number(tail) };
}

/** Writes a prefix as `ADDRESS/LENGTH`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.bytes)}/${prefix.length}`;
}

/** Whether `address` lies in the network of `prefix`. */
export function contains(prefix: Prefix, address: Uint8Array): boolean {
  if (address.length !== prefix.bytes.length) return false;
  const whole = prefix.length >> 3;
  for (let at = 0; at < whole; at++) {
    if (address[at] !== prefix.bytes[at]) return false;
  }
  const rest = prefix.length & 7;
  if (rest === 0) return true;
  const mask = 0xff << (8 - rest);
  return ((address[whole]! ^ prefix.bytes[whole]!) & mask & 0xff) === 0;
}

/** Reads `ADDRESS`, `ADDRESS:PORT`, `[IPV6]` or `[IPV6]:PORT`, with a port of 1 to 65535. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = bracketed ?? /^([^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [text, text, undefined];
  const address = parseAddress(plain[1]!);
  const port = plain[2] === undefined ? undefined : Number(plain[2]);
  if (!address || (bracketed && address.family === 4)) return undefined;
  if (port !== undefined && (port < 1 || port > 65535)) return undefined;
  return { address: formatAddress(address.bytes), family: address.family, port };
}

/** Writes an address and a port, IPv6 in brackets. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
