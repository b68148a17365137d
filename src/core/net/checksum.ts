/**
 * The Internet checksum (RFC 1071).
 */

/**
 * Adds `bytes` from `start` to `end` as big-endian 16-bit words to a running one's complement sum;
 * an odd byte at the end counts as if a zero byte followed it.
 */
export function onesComplementSum(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
  initial = 0,
): number {
  let sum = initial;
  let at = start;
  for (; at + 1 < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) sum += bytes[at]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/**
 * The checksum of a sum: its complement. Never normalised, since 0x0000 and 0xffff differ on the
 * wire.
 */
export function checksumOf(sum: number): number {
  return ~sum & 0xffff;
}

/** What a sum over a message that includes its own correct checksum comes to. */
export const CHECKSUM_VALID = 0xffff;
