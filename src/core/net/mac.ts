/**
 * MAC addresses as bytes and as text.
 */

import type { Family } from "./address.ts";

/** Writes a MAC address as `00:00:5e:00:01:33`. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Reads six octets in hexadecimal, separated by colons; `undefined` if it is anything else. */
export function parseMac(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
  return Uint8Array.from(text.split(":"), (octet) => Number.parseInt(octet, 16));
}

/** The Virtual Router MAC address (RFC 9568, section 7.3). */
export function virtualRouterMac(family: Family, vrid: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(0x00, 0x00, 0x5e, 0x00, family === 4 ? 0x01 : 0x02, vrid);
}
