/**
 * VRRP advertisements, versions 2 (RFC 3768, section 5.3) and 3 (RFC 9568, section 5.2), as bytes
 * and as values. Keeps no state; bytes that are no advertisement for us come out as a named reason,
 * and never as an exception.
 */

import { isLinkLocal, sameAddress } from "../net/address.ts";
import { CHECKSUM_VALID, checksumOf, onesComplementSum } from "../net/checksum.ts";
import type { Packet } from "./ipv4.ts";

/** A valid advertisement. */
export interface Advertisement {
  readonly vrid: number;
  readonly priority: number;
  /** Max Advertise Interval, in milliseconds. */
  readonly intervalMs: number;
  /** The sender's primary address. */
  readonly source: Uint8Array<ArrayBuffer>;
  /** What the checksum covers. */
  readonly checksum: ChecksumForm;
  /** Whether it lists the same addresses as we do, in whatever order. */
  readonly sameAddresses: boolean;
}

/**
 * What a checksum covers besides the message: nothing, a pseudo-header, or a pseudo-header with the
 * multicast group as destination although the packet was unicast (keepalived until 1.3.6).
 */
export type ChecksumForm = "plain" | "pseudoHeader" | "group";

/**
 * Why an advertisement is not taken, and the virtual router it was meant for, if that is one of
 * ours.
 */
export interface Rejection {
  readonly rejected: RejectionReason;
  readonly vrid: number | undefined;
}

/** What a virtual router expects of the advertisements it hears. */
export interface Expectation {
  readonly vrid: number;
  readonly version: 2 | 3;
  readonly intervalMs: number;
  /** The virtual addresses. */
  readonly addresses: readonly Uint8Array[];
  readonly owner: boolean;
  /** Our own primary address. */
  readonly source: Uint8Array;
  /** Advertisements come to this address: a multicast group, or our own in unicast. */
  readonly destination: Uint8Array;
  /** 255 unless routers may lie between (RFC 9568, section 5.1.1.3). */
  readonly minTtl: number;
  /** Whoever else sends is refused; `null` takes all. */
  readonly peers: readonly Uint8Array[] | null;
  /** Authentication data of version 2, eight octets; `null` means none. */
  readonly password: Uint8Array | null;
  /** The one form of checksum that is taken in version 3 over IPv4; `null` takes all. */
  readonly checksum: ChecksumForm | null;
  /** What becomes of an advertisement with some of our addresses, or with more. */
  readonly otherAddresses: "ignore" | "drop";
}

/** What is sent. */
export interface OutgoingAdvertisement {
  readonly version: 2 | 3;
  readonly vrid: number;
  readonly priority: number;
  readonly intervalMs: number;
  readonly addresses: readonly Uint8Array[];
  /** Covered by the checksum in version 3, unless `checksum` is plain. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly checksum: "plain" | "pseudoHeader";
  /** Authentication data of version 2 (RFC 2338, section 5.3.10.1); `null` means none. */
  readonly password: Uint8Array | null;
}

/**
 * Reads an advertisement. The first rule that is broken names the rejection.
 *
 * @param expectations of the virtual routers on the interface and in the family it came by.
 */
export function parseAdvertisement(
  packet: Packet,
  expectations: ReadonlyMap<number, Expectation>,
): Advertisement | Rejection {
  const message = packet.payload;
  const vrid = message[VRID];
  const expected = vrid === undefined ? undefined : expectations.get(vrid);
  const form = message.length < HEADER_BYTES ? undefined : checksumForm(packet);
  const rejected = brokenBytes(packet, expected, form) ??
    (expected ? brokenRule(packet, expected) : "vrid");
  if (rejected || !expected || !form) {
    return { rejected: rejected ?? "length", vrid: expected?.vrid };
  }
  return {
    vrid: expected.vrid,
    priority: message[PRIORITY]!,
    intervalMs: intervalOf(message),
    source: packet.source.slice(),
    checksum: form,
    sameAddresses: commonAddresses(message, packet.source.length, expected) === "same",
  };
}

/**
 * Writes an advertisement.
 *
 * @param at where the message starts in `target`.
 * @returns its length in bytes.
 */
export function writeAdvertisement(
  target: Uint8Array,
  at: number,
  advertisement: OutgoingAdvertisement,
): number {
  const { version, vrid, priority, intervalMs, addresses, source, destination } = advertisement;
  const addressBytes = source.length;
  const length = messageBytes(version, addresses.length, addressBytes);
  const message = target.subarray(at, at + length);
  message.fill(0);
  message[VERSION_TYPE] = (version << 4) | TYPE_ADVERTISEMENT;
  message[VRID] = vrid;
  message[PRIORITY] = priority;
  message[COUNT] = addresses.length;
  const interval = Math.round(intervalMs / INTERVAL_UNIT_MS[version]);
  message[INTERVAL] = version === 3 ? interval >> 8 : 0;
  message[INTERVAL + 1] = interval;
  for (const [index, address] of addresses.entries()) {
    message.set(address, HEADER_BYTES + index * addressBytes);
  }
  if (version === 2 && advertisement.password) {
    message[AUTH_TYPE] = AUTH_TYPE_PASSWORD;
    message.set(advertisement.password, length - AUTHENTICATION_BYTES);
  }
  const covered = version === 3 && (addressBytes === 16 || advertisement.checksum !== "plain");
  const initial = covered ? pseudoHeaderSum(source, destination, length) : 0;
  const checksum = checksumOf(onesComplementSum(message, 0, length, initial));
  message[CHECKSUM] = checksum >> 8;
  message[CHECKSUM + 1] = checksum;
  return length;
}

/**
 * A password as version 2 sends it: padded with zeros, and cut at eight octets (RFC 2338, section
 * 5.3.10.1).
 */
export function authenticationData(password: string): Uint8Array {
  const data = new Uint8Array(AUTHENTICATION_BYTES);
  data.set(new TextEncoder().encode(password).subarray(0, AUTHENTICATION_BYTES));
  return data;
}

/** Length of a message with so many addresses of `addressBytes` octets. */
export function messageBytes(version: 2 | 3, addresses: number, addressBytes: number): number {
  return HEADER_BYTES + addresses * addressBytes + (version === 2 ? AUTHENTICATION_BYTES : 0);
}

/** Whether the bytes are an advertisement at all; `undefined` if so. */
function brokenBytes(
  packet: Packet,
  expected: Expectation | undefined,
  form: ChecksumForm | undefined,
): RejectionReason | undefined {
  const message = packet.payload;
  if (message.length < HEADER_BYTES) return "length";
  const isMulticast = packet.destination[0]! >> 4 === 0xe || packet.destination[0] === 0xff;
  const minTtl = expected?.minTtl ?? (isMulticast ? MAX_TTL : 0);
  if (packet.ttl < minTtl) return "ttl";
  const version = message[VERSION_TYPE]! >> 4;
  if (version !== 2 && version !== 3 || expected && version !== expected.version) return "version";
  if (version === 2 && packet.source.length === 16) return "version";
  if ((message[VERSION_TYPE]! & 0x0f) !== TYPE_ADVERTISEMENT) return "type";
  if (message.length !== messageBytes(version, message[COUNT]!, packet.source.length)) {
    return "length";
  }
  const covered = version === 3 && packet.source.length === 4;
  if (covered && expected?.checksum && form !== expected.checksum) return "checksum";
  return form ? undefined : "checksum";
}

/**
 * Whether an advertisement may reach the state machine of its virtual router; `undefined` if so.
 */
function brokenRule(packet: Packet, expected: Expectation): RejectionReason | undefined {
  const message = packet.payload;
  const { version } = expected;
  if (message[COUNT] === 0) return "addressCount";
  const unauthentic = version === 2 ? brokenAuthentication(message, expected) : undefined;
  if (unauthentic) return unauthentic;
  const intervalMs = intervalOf(message);
  if (intervalMs === 0 || version === 2 && intervalMs !== expected.intervalMs) return "interval";
  const isIpv6 = packet.source.length === 16;
  if (isIpv6 && !isLinkLocal(message.subarray(HEADER_BYTES, HEADER_BYTES + 16))) {
    return "addressList";
  }
  // Who speaks to the group does so from its link-local address (RFC 9568, section 5.1.2.1).
  if (isIpv6 && packet.destination[0] === 0xff && !isLinkLocal(packet.source)) {
    return "addressList";
  }
  if (sameAddress(packet.source, expected.source)) return "ownAddress";
  if (version === 2 && expected.owner && message[PRIORITY] === PRIORITY_OWNER) {
    return "ownerConflict";
  }
  if (!sameAddress(packet.destination, expected.destination)) return "destination";
  if (expected.peers && !expected.peers.some((peer) => sameAddress(peer, packet.source))) {
    return "unknownPeer";
  }
  const common = commonAddresses(message, packet.source.length, expected);
  if (common === "same") return undefined;
  // None of ours: somebody else's virtual router, which must not make us give ours up.
  if (common === "none" || expected.otherAddresses === "drop") return "addressList";
  return version === 3 || message[PRIORITY] === PRIORITY_OWNER ? undefined : "addressList";
}

/** Version 2: RFC 3768, section 7.1; passwords are RFC 2338, section 5.3.6.1. */
function brokenAuthentication(
  message: Uint8Array,
  { password }: Expectation,
): RejectionReason | undefined {
  const type = message[AUTH_TYPE]!;
  // RFC 3768 reserves types 1 and 2 of RFC 2338 and knows no others.
  if (type > AUTH_TYPE_LAST) return "authenticationType";
  if (type !== (password ? AUTH_TYPE_PASSWORD : AUTH_TYPE_NONE)) return "authenticationMismatch";
  if (!password) return undefined;
  // Always all octets, so that the time it takes tells nothing.
  const start = message.length - AUTHENTICATION_BYTES;
  let difference = 0;
  for (let at = 0; at < AUTHENTICATION_BYTES; at++) {
    difference |= message[start + at]! ^ password[at]!;
  }
  return difference === 0 ? undefined : "authenticationFailure";
}

/** Which bytes the checksum of a message covers; `undefined` if it is wrong in every form. */
function checksumForm({ source, destination, payload }: Packet): ChecksumForm | undefined {
  const length = payload.length;
  const sum = onesComplementSum(payload);
  const isVersion2 = payload[VERSION_TYPE]! >> 4 === 2;
  if (isVersion2) return sum === CHECKSUM_VALID ? "plain" : undefined;
  const valid = (group: Uint8Array) =>
    onesComplementSum(payload, 0, length, pseudoHeaderSum(source, group, length)) ===
      CHECKSUM_VALID;
  if (valid(destination)) return "pseudoHeader";
  if (source.length === 16) return undefined;
  if (sum === CHECKSUM_VALID) return "plain";
  return valid(GROUP_IPV4) ? "group" : undefined;
}

/** RFC 9568, section 5.2.8; RFC 8200, section 8.1: addresses, length and protocol. */
function pseudoHeaderSum(source: Uint8Array, destination: Uint8Array, length: number): number {
  const sum = onesComplementSum(destination, 0, destination.length, onesComplementSum(source));
  return sum + length + PROTOCOL_VRRP;
}

function intervalOf(message: Uint8Array): number {
  const isVersion2 = message[VERSION_TYPE]! >> 4 === 2;
  if (isVersion2) return message[INTERVAL + 1]! * INTERVAL_UNIT_MS[2];
  // The upper nibble is reserved, and ignored (RFC 9568, section 5.2.6).
  return (((message[INTERVAL]! & 0x0f) << 8) | message[INTERVAL + 1]!) * INTERVAL_UNIT_MS[3];
}

/** How many of the listed addresses are ours, as far as it matters. */
function commonAddresses(
  message: Uint8Array,
  addressBytes: number,
  { addresses }: Expectation,
): "same" | "some" | "none" {
  const count = message[COUNT]!;
  let common = 0;
  for (const address of addresses) {
    for (let index = 0; index < count; index++) {
      const at = HEADER_BYTES + index * addressBytes;
      if (sameAddress(message.subarray(at, at + addressBytes), address)) {
        common++;
        break;
      }
    }
  }
  if (common === 0) return "none";
  return common === addresses.length && count === addresses.length ? "same" : "some";
}

/**
 * Every reason to reject an advertisement, in the order of the checks (RFC 9568, section 7.1;
 * RFC 3768, section 7.1).
 */
export const REJECTION_REASONS = [
  /** Shorter than its header says, or longer: no trailing octets are tolerated. */
  "length",
  "ttl",
  /** Another version than configured. */
  "version",
  "type",
  "checksum",
  /** A virtual router that is not ours. */
  "vrid",
  /** No address at all (erratum 8299). */
  "addressCount",
  /** An authentication type nobody has defined. */
  "authenticationType",
  /** Authentication where none is configured, or none where it is. */
  "authenticationMismatch",
  /** Another password than ours. */
  "authenticationFailure",
  /** Version 2: not ours; version 3: zero (erratum 8301). */
  "interval",
  /** It has our own source address: a reflection, or somebody has taken it. */
  "ownAddress",
  /** Version 2: we own the addresses, and so does the sender. */
  "ownerConflict",
  /** Multicast where unicast is configured, or the reverse. */
  "destination",
  /** Not one of the configured unicast peers. */
  "unknownPeer",
  /** None of our addresses, so another virtual router; version 2: any other list than ours. */
  "addressList",
] as const;

/** One of {@linkcode REJECTION_REASONS}. */
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** IP protocol number (RFC 9568, section 5.1.1.4). */
export const PROTOCOL_VRRP = 112;

/** 224.0.0.18 (RFC 9568, section 5.1.1.2). */
export const GROUP_IPV4 = Uint8Array.of(224, 0, 0, 18);

/** ff02::12 (RFC 9568, section 5.1.2.2). */
export const GROUP_IPV6 = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12);

/** TTL or hop limit of every multicast advertisement (RFC 9568, section 5.1.1.3). */
export const MAX_TTL = 255;

const TYPE_ADVERTISEMENT = 1;
const PRIORITY_OWNER = 255;
const AUTH_TYPE_NONE = 0;
const AUTH_TYPE_PASSWORD = 1;
const AUTH_TYPE_LAST = 2;
const AUTHENTICATION_BYTES = 8;
/** Version 2 counts seconds, version 3 centiseconds. */
const INTERVAL_UNIT_MS = { 2: 1000, 3: 10 } as const;

const HEADER_BYTES = 8;
const VERSION_TYPE = 0;
const VRID = 1;
const PRIORITY = 2;
const COUNT = 3;
/**
 * Version 3: four reserved bits, then the interval in twelve. Version 2: auth type, then interval.
 */
const INTERVAL = 4;
const AUTH_TYPE = 4;
const CHECKSUM = 6;
