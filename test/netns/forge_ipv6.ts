/**
 * Forged IPv6 advertisements, sent as whole frames: a raw socket would fill in what is to be wrong.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { parseAddress } from "../../src/core/net/address.ts";
import { must } from "../../src/linux/errno.ts";
import { packetAddress, packetSocket } from "../../src/linux/packet.ts";
import { close, sendto } from "../../src/linux/socket.ts";

/** What is forged. Anything may be wrong. */
export interface ForgedIpv6 {
  readonly source: string;
  /** Default: ff02::12. */
  readonly destination?: string;
  /** Default: 255. */
  readonly hopLimit?: number;
  /** Default: 3. */
  readonly version?: number;
  readonly vrid: number;
  readonly priority: number;
  readonly addresses: readonly string[];
  /** The two octets of the interval as they are. */
  readonly interval: readonly [number, number];
  /** A bit of the checksum that is wrong. */
  readonly flippedBit?: number;
  /** Octets after the message. */
  readonly trailing?: number;
  /** Cut to so many octets. */
  readonly cut?: number;
}

/** Sends one advertisement by the eth0 of a host. */
export function forgeIpv6(host: Host, forged: ForgedIpv6): void {
  const { destination = "ff02::12", hopLimit = 255 } = forged;
  const payload = message(forged, destination);
  const { index, mac } = host.links.find("eth0");
  const frame = Uint8Array.of(
    ...[0x33, 0x33, 0, 0, 0, 0x12],
    ...mac,
    ...[0x86, 0xdd, 0x6c, 0, 0, 0, payload.length >> 8, payload.length & 0xff, 112, hopLimit],
    ...bytesOf(forged.source),
    ...bytesOf(destination),
    ...payload,
  );
  const fd = host.inside(() => must("socket", packetSocket()));
  try {
    must("sendto", sendto(fd, frame, frame.length, packetAddress(index, 0x86dd)));
  } finally {
    close(fd);
  }
}

function message(forged: ForgedIpv6, destination: string): Uint8Array<ArrayBuffer> {
  const { version = 3, vrid, priority, addresses, trailing = 0, cut = Infinity } = forged;
  const bytes = Uint8Array.of(
    ...[version << 4 | 1, vrid, priority, addresses.length, ...forged.interval, 0, 0],
    ...addresses.flatMap((address) => [...bytesOf(address)]),
    ...new Uint8Array(trailing),
  );
  const length = [0, 0, bytes.length >> 8, bytes.length & 0xff, 0, 0, 0, 112];
  const covered = [...bytesOf(forged.source), ...bytesOf(destination), ...length, ...bytes];
  let sum = 0;
  for (let at = 0; at < covered.length; at += 2) {
    sum += covered[at]! << 8 | (covered[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const checksum = ~sum & 0xffff ^
    (forged.flippedBit === undefined ? 0 : 1 << forged.flippedBit);
  bytes.set([checksum >> 8, checksum & 0xff], 6);
  return bytes.subarray(0, Math.min(cut, bytes.length));
}

function bytesOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (!address) throw new Error(`cannot read the address ${text}`);
  return address.bytes;
}
