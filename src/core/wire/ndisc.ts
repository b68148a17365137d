/**
 * Neighbour advertisements (RFC 4861, section 4.4): tell a network which MAC address holds an IPv6
 * address now, and read who else says so. Solicits and answers nothing.
 */

import { checksumOf, onesComplementSum } from "../net/checksum.ts";
import type { Packet } from "./ipv4.ts";
import { IPV6_HEADER_BYTES, writeIpv6Header } from "./ipv6.ts";

/**
 * Writes an Ethernet frame with an unsolicited neighbour advertisement for `address` to all nodes
 * (RFC 9568, section 6.4.1): Override set, Solicited clear, the target's link-layer address in it.
 *
 * @param target has room for `NEIGHBOUR_ADVERTISEMENT_BYTES`.
 * @param isRouter whether the interface forwards, which neighbours must not be told wrongly.
 */
export function writeNeighbourAdvertisement(
  target: Uint8Array,
  mac: Uint8Array,
  address: Uint8Array,
  isRouter: boolean,
): void {
  target.set(ALL_NODES_MAC, DESTINATION_MAC);
  target.set(mac, SOURCE_MAC);
  target[ETHER_TYPE] = ETHER_TYPE_IPV6 >> 8;
  target[ETHER_TYPE + 1] = ETHER_TYPE_IPV6 & 0xff;
  writeIpv6Header(target.subarray(IP, MESSAGE), {
    trafficClass: 0,
    hopLimit: HOP_LIMIT,
    nextHeader: PROTOCOL_ICMPV6,
    source: address,
    destination: ALL_NODES,
  }, MESSAGE_BYTES);
  const message = target.subarray(MESSAGE, MESSAGE + MESSAGE_BYTES);
  message.fill(0);
  message[0] = TYPE_NEIGHBOUR_ADVERTISEMENT;
  message[FLAGS] = FLAG_OVERRIDE | (isRouter ? FLAG_ROUTER : 0);
  message.set(address, TARGET);
  message[OPTIONS] = OPTION_TARGET_MAC;
  message[OPTIONS + 1] = 1;
  message.set(mac, OPTIONS + 2);
  const checksum = checksumOf(sum(message, address, ALL_NODES));
  message[CHECKSUM] = checksum >> 8;
  message[CHECKSUM + 1] = checksum & 0xff;
}

/**
 * Reads which MAC address a neighbour advertisement gives an IPv6 address, as a raw ICMPv6 socket
 * receives it: the kernel has verified its checksum.
 *
 * @returns `undefined` for any other message and for one that RFC 4861, section 7.1.2, has
 *   discarded; `mac` is `null` where the sender's own MAC address is meant.
 */
export function parseNeighbourAdvertisement({ payload: message, ttl }: Packet): {
  readonly address: Uint8Array<ArrayBuffer>;
  readonly mac: Uint8Array<ArrayBuffer> | null;
} | undefined {
  if (ttl !== HOP_LIMIT || message.length < OPTIONS) return undefined;
  if (message[0] !== TYPE_NEIGHBOUR_ADVERTISEMENT || message[1] !== 0) return undefined;
  let mac: Uint8Array<ArrayBuffer> | null = null;
  for (let at = OPTIONS; at < message.length;) {
    const length = 8 * (message[at + 1] ?? 0);
    if (length === 0 || at + length > message.length) return undefined;
    if (message[at] === OPTION_TARGET_MAC) mac = message.slice(at + 2, at + 8);
    at += length;
  }
  return { address: message.slice(TARGET, TARGET + 16), mac };
}

/** RFC 4443, section 2.3: the pseudo-header and the message. */
function sum(message: Uint8Array, source: Uint8Array, destination: Uint8Array): number {
  const addresses = onesComplementSum(destination, 0, 16, onesComplementSum(source));
  const initial = addresses + message.length + PROTOCOL_ICMPV6;
  return onesComplementSum(message, 0, message.length, initial);
}

const MESSAGE_BYTES = 32;
const IP = 14;
const MESSAGE = IP + IPV6_HEADER_BYTES;

/** Length of the frame. */
export const NEIGHBOUR_ADVERTISEMENT_BYTES = MESSAGE + MESSAGE_BYTES;

/** EtherType of IPv6. */
export const ETHER_TYPE_IPV6 = 0x86dd;

/** IPv6 next header of ICMPv6. */
export const PROTOCOL_ICMPV6 = 58;

/** ICMPv6 type (RFC 4861, section 4.4). */
export const TYPE_NEIGHBOUR_ADVERTISEMENT = 136;

/** `33:33:00:00:00:01`, which `ff02::1` is sent to. */
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const ALL_NODES = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
/** So that nobody from beyond the link is believed (RFC 4861, section 7.1.2). */
const HOP_LIMIT = 255;
const FLAG_ROUTER = 0x80;
const FLAG_OVERRIDE = 0x20;
const OPTION_TARGET_MAC = 2;

const DESTINATION_MAC = 0;
const SOURCE_MAC = 6;
const ETHER_TYPE = 12;
const CHECKSUM = 2;
const FLAGS = 4;
const TARGET = 8;
const OPTIONS = 24;
