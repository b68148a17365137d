/**
 * The PROXY protocol, versions 1 and 2: what a proxy says of the client before the client's own
 * bytes (HAProxy, doc/proxy-protocol.txt, sections 2.1 and 2.2). Reads and writes headers; whom to
 * believe is not decided here. What TLVs say is passed over.
 */

import { parseAddress } from "../net/address.ts";

/** Both ends of a connection, to be filled in anew for each: nothing is allocated. */
export class Endpoints {
  /** 0 means that nothing is known of the ends. */
  family: 0 | 4 | 6 = 0;
  /** Who has connected: the first four bytes, or all, in network byte order. */
  readonly source: Uint8Array<ArrayBuffer> = new Uint8Array(16);
  sourcePort = 0;
  /** Whom they have connected to. */
  readonly destination: Uint8Array<ArrayBuffer> = new Uint8Array(16);
  destinationPort = 0;
}

/** More bytes must arrive before anything can be said. */
export const MORE = 0;
/** These bytes are no header, and what follows will not make them one. */
export const INVALID = -1;

/**
 * Reads the header at the beginning of the first `length` bytes.
 *
 * @param into is given both ends; its family is 0 where the header says nothing of them (`UNKNOWN`,
 *   `LOCAL`, or a protocol that is not TCP): those of the connection itself hold then.
 * @returns how many bytes the header has; or MORE or INVALID, which leave `into` undefined.
 */
export function readProxyHeader(
  bytes: Uint8Array,
  length: number,
  into: Endpoints,
): number {
  if (length === 0) return MORE;
  return bytes[0] === SIGNATURE_2[0]
    ? readVersion2(bytes, length, into)
    : readVersion1(bytes, length, into);
}

/**
 * Whether a header begins here, good or bad, for clients that are not to send one.
 *
 * @returns MORE where the bytes are too few to tell, INVALID where they are something else, and the
 *   length of the signature where they are meant for a header.
 */
export function findProxySignature(bytes: Uint8Array, length: number): number {
  if (length === 0) return MORE;
  return matchSignature(bytes, length, bytes[0] === SIGNATURE_2[0] ? SIGNATURE_2 : SIGNATURE_1);
}

/**
 * Writes a header of version 1 or 2 to the beginning of `target`. Without a family it says that
 * nothing is known of the ends: `UNKNOWN`, or `LOCAL` in version 2.
 *
 * @param target has room for MAX_WRITTEN_BYTES.
 * @returns how many bytes were written.
 */
export function writeProxyHeader(version: 1 | 2, ends: Endpoints, target: Uint8Array): number {
  return version === 1 ? writeVersion1(ends, target) : writeVersion2(ends, target);
}

/** Section 2.1: one line, 107 bytes at most, with a CRLF. */
function readVersion1(bytes: Uint8Array, length: number, into: Endpoints): number {
  const signature = matchSignature(bytes, length, SIGNATURE_1);
  if (signature <= 0) return signature;
  let end = signature;
  for (; end < length && bytes[end] !== CR; end++) {
    if (end >= MAX_LINE_BYTES - 2 || bytes[end]! < 0x20 || bytes[end]! > 0x7e) return INVALID;
  }
  if (end + 1 >= length) return MORE;
  if (bytes[end + 1] !== LF) return INVALID;
  // Rare enough to be read as text.
  let line = "";
  for (let at = signature; at < end; at++) line += String.fromCharCode(bytes[at]!);
  return readLine(line, into) ? end + 2 : INVALID;
}

/** All between the signature and the end of the line. */
function readLine(line: string, into: Endpoints): boolean {
  into.family = 0;
  const [protocol, source = "", destination = "", from = "", to = "", ...rest] = line.split(" ");
  if (protocol === "UNKNOWN") return true;
  const family = protocol === "TCP4" ? 4 : protocol === "TCP6" ? 6 : 0;
  if (family === 0 || rest.length > 0 || !PORT.test(from) || !PORT.test(to)) return false;
  const [left, right] = [parseAddress(source), parseAddress(destination)];
  if (left?.family !== family || right?.family !== family) return false;
  into.sourcePort = Number(from);
  into.destinationPort = Number(to);
  if (into.sourcePort > 65535 || into.destinationPort > 65535) return false;
  into.source.set(left.bytes);
  into.destination.set(right.bytes);
  into.family = family;
  return true;
}

/** Section 2.2: twelve bytes of signature, then version and command, family, length. */
function readVersion2(bytes: Uint8Array, length: number, into: Endpoints): number {
  const signature = matchSignature(bytes, length, SIGNATURE_2);
  if (signature < 0) return INVALID;
  // Each byte is judged as soon as it is there.
  const command = length > COMMAND ? bytes[COMMAND]! : VERSION_2;
  if (command !== VERSION_2 && command !== (VERSION_2 | PROXY)) return INVALID;
  // LOCAL has us pass over the protocol.
  const protocol = length > PROTOCOL && command !== VERSION_2 ? bytes[PROTOCOL]! : 0;
  if (protocol >> 4 > MAX_FAMILY || (protocol & 0x0f) > MAX_TRANSPORT) return INVALID;
  if (length < HEADER_BYTES) return MORE;
  const block = bytes[LENGTH]! << 8 | bytes[LENGTH + 1]!;
  const needed = blockBytes(protocol);
  const total = HEADER_BYTES + block;
  if (block < needed || total > MAX_HEADER_BYTES) return INVALID;
  if (length < total) return MORE;
  into.family = needed === 0 ? 0 : protocol === TCP_OVER_IPV4 ? 4 : 6;
  if (into.family === 0) return total;
  const size = into.family === 4 ? 4 : 16;
  let at = HEADER_BYTES;
  for (let octet = 0; octet < size; octet++) into.source[octet] = bytes[at++]!;
  for (let octet = 0; octet < size; octet++) into.destination[octet] = bytes[at++]!;
  into.sourcePort = bytes[at]! << 8 | bytes[at + 1]!;
  into.destinationPort = bytes[at + 2]! << 8 | bytes[at + 3]!;
  return total;
}

/** What the addresses and ports take up; 0 where they are none that we know. */
function blockBytes(protocol: number): number {
  if (protocol === TCP_OVER_IPV4) return 12;
  return protocol === TCP_OVER_IPV6 ? 36 : 0;
}

function matchSignature(bytes: Uint8Array, length: number, signature: Uint8Array): number {
  const compared = Math.min(length, signature.length);
  for (let at = 0; at < compared; at++) {
    if (bytes[at] !== signature[at]) return INVALID;
  }
  return compared < signature.length ? MORE : signature.length;
}

function writeVersion1(ends: Endpoints, target: Uint8Array): number {
  const { family, source, destination, sourcePort, destinationPort } = ends;
  target.set(SIGNATURE_1);
  let at = writeText(target, SIGNATURE_1.length, family === 0 ? UNKNOWN : TCP);
  if (family !== 0) {
    target[at++] = 0x30 + family;
    target[at++] = SPACE;
    at = writeAddress(target, at, family, source);
    at = writeAddress(target, at, family, destination);
    at = writeNumber(target, at, sourcePort, 10);
    target[at++] = SPACE;
    at = writeNumber(target, at, destinationPort, 10);
  }
  target[at++] = CR;
  target[at++] = LF;
  return at;
}

/** An address and a space. Section 2.1 asks for no compression of IPv6. */
function writeAddress(target: Uint8Array, at: number, family: 4 | 6, address: Uint8Array): number {
  for (let part = 0; part < (family === 4 ? 4 : 8); part++) {
    if (part > 0) target[at++] = family === 4 ? DOT : COLON;
    at = family === 4
      ? writeNumber(target, at, address[part]!, 10)
      : writeNumber(target, at, address[2 * part]! << 8 | address[2 * part + 1]!, 16);
  }
  target[at++] = SPACE;
  return at;
}

function writeNumber(target: Uint8Array, at: number, value: number, base: number): number {
  if (value >= base) at = writeNumber(target, at, Math.floor(value / base), base);
  target[at] = DIGITS[value % base]!;
  return at + 1;
}

function writeText(target: Uint8Array, at: number, text: Uint8Array): number {
  target.set(text, at);
  return at + text.length;
}

function writeVersion2(ends: Endpoints, target: Uint8Array): number {
  const { family, source, destination, sourcePort, destinationPort } = ends;
  const isLocal = family === 0;
  const size = isLocal ? 0 : family === 4 ? 4 : 16;
  const block = isLocal ? 0 : 2 * size + 4;
  target.set(SIGNATURE_2);
  target[COMMAND] = isLocal ? VERSION_2 : VERSION_2 | PROXY;
  target[PROTOCOL] = isLocal ? 0 : family === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
  target[LENGTH] = 0;
  target[LENGTH + 1] = block;
  if (isLocal) return HEADER_BYTES;
  let at = HEADER_BYTES;
  for (let octet = 0; octet < size; octet++) target[at++] = source[octet]!;
  for (let octet = 0; octet < size; octet++) target[at++] = destination[octet]!;
  target[at++] = sourcePort >> 8;
  target[at++] = sourcePort & 0xff;
  target[at++] = destinationPort >> 8;
  target[at++] = destinationPort & 0xff;
  return at;
}

/** No header that we write is longer. */
export const MAX_WRITTEN_BYTES = 107;

/**
 * No header that we read is longer; those met are a few hundred bytes with a certificate's names.
 */
export const MAX_HEADER_BYTES = 4096;

/** "PROXY ". */
const SIGNATURE_1 = Uint8Array.of(0x50, 0x52, 0x4f, 0x58, 0x59, 0x20);
/** "\r\n\r\n\0\r\nQUIT\n". */
const SIGNATURE_2 = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);
const UNKNOWN = Uint8Array.from("UNKNOWN", (character) => character.charCodeAt(0));
const TCP = Uint8Array.from("TCP", (character) => character.charCodeAt(0));
const DIGITS = Uint8Array.from("0123456789abcdef", (character) => character.charCodeAt(0));

const MAX_LINE_BYTES = 107;
const PORT = /^(?:0|[1-9]\d{0,4})$/;
const LF = 10;
const CR = 13;
const SPACE = 0x20;
const DOT = 0x2e;
const COLON = 0x3a;

const COMMAND = 12;
const PROTOCOL = 13;
const LENGTH = 14;
const HEADER_BYTES = 16;
/** Version in the upper half; the lower one is the command, LOCAL (0) or PROXY (1). */
const VERSION_2 = 0x20;
const PROXY = 1;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/** AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX. */
const MAX_FAMILY = 3;
/** UNSPEC, STREAM, DGRAM. */
const MAX_TRANSPORT = 2;
