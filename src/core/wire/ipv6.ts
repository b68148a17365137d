/**
 * The IPv6 header (RFC 8200, section 3) as raw sockets want it. Knows no extension headers; raw
 * sockets take the header off what is received.
 */

/** Writes a header in front of `payloadBytes` that start at `IPV6_HEADER_BYTES`. */
export function writeIpv6Header(
  target: Uint8Array,
  header: Ipv6Header,
  payloadBytes: number,
): void {
  const { trafficClass, hopLimit, nextHeader, source, destination } = header;
  target.fill(0, 0, IPV6_HEADER_BYTES);
  target[VERSION] = 0x60 | trafficClass >> 4;
  target[VERSION + 1] = trafficClass << 4;
  target[PAYLOAD_LENGTH] = payloadBytes >> 8;
  target[PAYLOAD_LENGTH + 1] = payloadBytes;
  target[NEXT_HEADER] = nextHeader;
  target[HOP_LIMIT] = hopLimit;
  target.set(source, SOURCE);
  target.set(destination, DESTINATION);
}

/** What a header says that is not the same in every one of ours. */
export interface Ipv6Header {
  readonly trafficClass: number;
  readonly hopLimit: number;
  readonly nextHeader: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** Length of the header. */
export const IPV6_HEADER_BYTES = 40;

const VERSION = 0;
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;
