/**
 * The IPv4 header (RFC 791, section 3.1) as raw sockets show and want it. Knows no options and no
 * fragments: what is sent has neither, what is received has been reassembled by the kernel.
 */

import { checksumOf, onesComplementSum } from "../net/checksum.ts";

/** A received packet: what matters of its header, and its payload. */
export interface Packet {
  readonly source: Uint8Array<ArrayBuffer>;
  readonly destination: Uint8Array<ArrayBuffer>;
  /** TTL or hop limit. */
  readonly ttl: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a packet; its parts are views on `bytes`. The header's total length counts, not the number
 * of bytes received, which may include Ethernet padding.
 *
 * @returns `undefined` if the header contradicts itself or the packet is cut short.
 */
export function parseIpv4(bytes: Uint8Array<ArrayBuffer>): Packet | undefined {
  if (bytes.length < IPV4_HEADER_BYTES || bytes[VERSION_IHL]! >> 4 !== 4) return undefined;
  const headerBytes = (bytes[VERSION_IHL]! & 0x0f) * 4;
  const totalBytes = (bytes[TOTAL_LENGTH]! << 8) | bytes[TOTAL_LENGTH + 1]!;
  if (headerBytes < IPV4_HEADER_BYTES) return undefined;
  if (totalBytes < headerBytes || totalBytes > bytes.length) return undefined;
  return {
    source: bytes.subarray(SOURCE, SOURCE + 4),
    destination: bytes.subarray(DESTINATION, DESTINATION + 4),
    ttl: bytes[TTL]!,
    payload: bytes.subarray(headerBytes, totalBytes),
  };
}

/** Writes a header without options in front of `payloadBytes` that start at `IPV4_HEADER_BYTES`. */
export function writeIpv4Header(
  target: Uint8Array,
  header: Ipv4Header,
  payloadBytes: number,
): void {
  const totalBytes = IPV4_HEADER_BYTES + payloadBytes;
  target.fill(0, 0, IPV4_HEADER_BYTES);
  target[VERSION_IHL] = 0x45;
  target[TOS] = header.tos;
  target[TOTAL_LENGTH] = totalBytes >> 8;
  target[TOTAL_LENGTH + 1] = totalBytes;
  target[IDENTIFICATION] = header.identification >> 8;
  target[IDENTIFICATION + 1] = header.identification;
  target[TTL] = header.ttl;
  target[PROTOCOL] = header.protocol;
  target.set(header.source, SOURCE);
  target.set(header.destination, DESTINATION);
  const checksum = checksumOf(onesComplementSum(target, 0, IPV4_HEADER_BYTES));
  target[CHECKSUM] = checksum >> 8;
  target[CHECKSUM + 1] = checksum;
}

/** Changes the identification of a header; the kernel computes the checksum of what it sends. */
export function setIdentification(header: Uint8Array, identification: number): void {
  header[IDENTIFICATION] = identification >> 8;
  header[IDENTIFICATION + 1] = identification;
}

/** What a header says that is not the same in every one of ours. */
export interface Ipv4Header {
  readonly tos: number;
  /** Never 0 with IP_HDRINCL: the kernel would choose one itself. */
  readonly identification: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** Length of a header without options. */
export const IPV4_HEADER_BYTES = 20;

const VERSION_IHL = 0;
const TOS = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const TTL = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SOURCE = 12;
const DESTINATION = 16;
