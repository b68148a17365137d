/**
 * Forged advertisements: bytes by their own rules, so that a mistake in the product's codec is not
 * repeated here, sent from any host under any source address.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { parseAddress } from "../../src/core/net/address.ts";
import { must } from "../../src/linux/errno.ts";
import { setMulticastInterface } from "../../src/linux/raw_ip.ts";
import { inetAddressOf } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  close,
  IP_HDRINCL,
  IPPROTO_IP,
  sendto,
  setOption,
  SOCK_RAW,
  socket,
} from "../../src/linux/socket.ts";

/** What is forged. Anything may be wrong. */
export interface Forged {
  readonly source: string;
  /** Default: 224.0.0.18. */
  readonly destination?: string;
  readonly ttl?: number;
  /** Default: 3. */
  readonly version?: number;
  readonly type?: number;
  readonly vrid: number;
  readonly priority: number;
  readonly addresses: readonly string[];
  /** As many as are said to follow; default: as many as do. */
  readonly count?: number;
  /** The two octets as they are: centiseconds, or authentication type and seconds. */
  readonly interval: readonly [number, number];
  /** What the checksum covers; `wrong` is off by one bit. */
  readonly checksum?: "pseudoHeader" | "plain" | "wrong";
  /** Octets after the message. */
  readonly trailing?: number;
  /** Cut to so many octets. */
  readonly cut?: number;
}

/** Sends one advertisement by the eth0 of a host. */
export function forge(host: Host, forged: Forged): void {
  const destination = forged.destination ?? "224.0.0.18";
  send(host, forged.source, destination, forged.ttl ?? 255, message(forged, destination));
}

/** Sends any octets as protocol 112. */
export function send(
  host: Host,
  source: string,
  destination: string,
  ttl: number,
  payload: Uint8Array,
): void {
  const packet = new Uint8Array(20 + payload.length);
  // The kernel fills in length, identification and checksum: raw(7).
  packet.set([0x45, 0xc0, 0, 0, 0, 0, 0, 0, ttl, 112, 0, 0]);
  packet.set(bytesOf(source), 12);
  packet.set(bytesOf(destination), 16);
  packet.set(payload, 20);
  const fd = host.inside(() => must("socket", socket(AF_INET, SOCK_RAW, 112)));
  try {
    must("IP_HDRINCL", setOption(fd, IPPROTO_IP, IP_HDRINCL, 1));
    must("IP_MULTICAST_IF", setMulticastInterface(fd, host.links.find("eth0").index));
    must("sendto", sendto(fd, packet, packet.length, inetAddressOf(destination, 0)));
  } finally {
    close(fd);
  }
}

function message(forged: Forged, destination: string): Uint8Array {
  const { version = 3, type = 1, addresses, checksum = "pseudoHeader" } = forged;
  const { trailing = 0, cut = Infinity, count = addresses.length } = forged;
  const authentication = version === 2 ? new Uint8Array(8) : [];
  const bytes = Uint8Array.of(
    ...[version << 4 | type, forged.vrid, forged.priority, count, ...forged.interval, 0, 0],
    ...addresses.flatMap((address) => [...bytesOf(address)]),
    ...authentication,
    ...new Uint8Array(trailing),
  );
  const covered = version === 3 && checksum !== "plain"
    ? [...bytesOf(forged.source), ...bytesOf(destination), 0, 112, 0, bytes.length, ...bytes]
    : [...bytes];
  const sum = internetChecksum(covered) ^ (checksum === "wrong" ? 1 : 0);
  bytes.set([sum >> 8, sum & 0xff], 6);
  return bytes.subarray(0, Math.min(cut, bytes.length));
}

/** RFC 1071. */
function internetChecksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return ~sum & 0xffff;
}

function bytesOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (!address) throw new Error(`cannot read the address ${text}`);
  return address.bytes;
}
