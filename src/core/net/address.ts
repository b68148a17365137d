/**
 * IP addresses as bytes and as text. Knows nothing of sockets or interfaces.
 */

/** An IP version, 4 or 6. */
export type Family = 4 | 6;

/** An IP address: four bytes or sixteen, in network byte order. */
export interface IpAddress {
  readonly family: Family;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads dotted-quad IPv4 or RFC 4291 IPv6 text, without zone or prefix; `undefined` if it is
 * neither.
 */
export function parseAddress(text: string): IpAddress | undefined {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes && fromBytes(bytes);
}

/** Wraps four or sixteen bytes. */
export function fromBytes(bytes: Uint8Array<ArrayBuffer>): IpAddress {
  return { family: bytes.length === 4 ? 4 : 6, bytes };
}

/** Writes an address as text, IPv6 as RFC 5952 wants it. */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join(".") : formatIpv6(bytes);
}

/** One spelling for each address, so that texts can be compared; other text stays as it is. */
export function canonicalAddress(text: string): string {
  const address = parseAddress(text);
  return address ? formatAddress(address.bytes) : text;
}

/** Orders two addresses of one family as unsigned integers: negative, zero or positive. */
export function compareAddresses(left: Uint8Array, right: Uint8Array): number {
  for (let at = 0; at < left.length; at++) {
    if (left[at] !== right[at]) return left[at]! - right[at]!;
  }
  return 0;
}

/** Whether two addresses are the same, family and bytes. */
export function sameAddress(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && compareAddresses(left, right) === 0;
}

/** Whether an IPv6 address is link-local, fe80::/10 (RFC 4291, section 2.4). */
export function isLinkLocal(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/**
 * Whether the IPv6 address at `at` holds an IPv4 address: ::ffff:0:0/96 (RFC 4291, section
 * 2.5.5.2).
 */
export function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let index = at; index < at + 10; index++) if (bytes[index] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

function parseIpv4(text: string): Uint8Array<ArrayBuffer> | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [at, part] of parts.entries()) {
    // A leading zero means octal to some programs and decimal to others: refuse it.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[at] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array<ArrayBuffer> | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!);
  const tail = halves.length === 2 ? parseGroups(halves[1]!) : [];
  // An embedded IPv4 address is the end of the text, or it is nothing.
  if (!head || !tail || (halves.length === 2 && halves[0]!.includes("."))) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  for (const [at, group] of groups.entries()) {
    bytes[2 * at] = group >> 8;
    bytes[2 * at + 1] = group & 0xff;
  }
  return bytes;
}

/** The 16-bit groups of one side of `::`; the last may be an embedded IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    if (at === parts.length - 1 && part.includes(".")) {
      const embedded = parseIpv4(part);
      if (!embedded) return undefined;
      groups.push((embedded[0]! << 8) | embedded[1]!, (embedded[2]! << 8) | embedded[3]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, at) => (bytes[2 * at]! << 8) | bytes[2 * at + 1]!);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12).join(".")}`;
  }
  const { start, length } = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
