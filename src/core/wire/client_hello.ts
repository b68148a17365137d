/**
 * The server name that a TLS client asks for (RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section
 * 3), read from the records it sends first. Judges no more of the ClientHello than leads there, and
 * terminates nothing.
 */

/** What the first bytes of a client are. */
export type ClientHelloResult =
  | typeof HELLO_MORE
  | typeof HELLO_NAMED
  | typeof HELLO_NAMELESS
  | typeof HELLO_NOT_TLS
  | typeof HELLO_INVALID;

/** More bytes must arrive before anything can be said. */
export const HELLO_MORE = 0;
/** A ClientHello with a server name. */
export const HELLO_NAMED = 1;
/** A ClientHello without one. */
export const HELLO_NAMELESS = 2;
/** Something else than TLS. */
export const HELLO_NOT_TLS = 3;
/** TLS, but no ClientHello that holds, or one that is too long. */
export const HELLO_INVALID = 4;

/** Reads one ClientHello after the other; keeps nothing but the last name. */
export class ClientHelloReader {
  /** The last name that was found, in lower case, in the first `nameBytes`. */
  readonly name: Uint8Array<ArrayBuffer> = new Uint8Array(MAX_NAME_BYTES);
  nameBytes = 0;
  /** A handshake message that came in several records, without their headers. */
  readonly #gathered: Uint8Array<ArrayBuffer> = new Uint8Array(MAX_HELLO_BYTES);
  /** What is being read: from `at` to before `end`. */
  #message: Uint8Array = this.#gathered;
  #at = 0;
  #end = 0;

  /** Reads what a client has sent so far: the bytes from `start` to before `end`. */
  read(bytes: Uint8Array, start: number, end: number): ClientHelloResult {
    // Who sends byte by byte has us look at each record's header again, but copy nothing.
    const header = this.#gathered;
    let gathered = 0;
    let at = start;
    for (;;) {
      const verdict = judgeRecord(bytes, at, end);
      if (verdict !== RECORD) {
        return at > start && verdict === HELLO_NOT_TLS ? HELLO_INVALID : verdict;
      }
      const from = at + RECORD_HEADER_BYTES;
      at = from + recordBytes(bytes, at);
      const size = Math.min(at, end) - from;
      for (let octet = 0; octet < size && gathered + octet < MESSAGE_HEADER_BYTES; octet++) {
        header[gathered + octet] = bytes[from + octet]!;
      }
      gathered += size;
      if (gathered > 0 && header[0] !== CLIENT_HELLO) return HELLO_INVALID;
      if (gathered >= MESSAGE_HEADER_BYTES) {
        const length = MESSAGE_HEADER_BYTES + (header[1]! << 16 | header[2]! << 8 | header[3]!);
        if (length > MAX_HELLO_BYTES) return HELLO_INVALID;
        // Almost always one record has all of it.
        if (gathered === size && size >= length) return this.#readMessage(bytes, from, length);
        if (gathered >= length) {
          this.#gather(bytes, start, length);
          return this.#readMessage(this.#gathered, 0, length);
        }
      }
      if (at - start > MAX_WIRE_BYTES) return HELLO_INVALID;
      if (at > end) return HELLO_MORE;
    }
  }

  /** Copies a whole message out of its records. */
  #gather(bytes: Uint8Array, start: number, length: number): void {
    let at = start;
    let gathered = 0;
    while (gathered < length) {
      const from = at + RECORD_HEADER_BYTES;
      at = from + recordBytes(bytes, at);
      for (let octet = from; octet < at && gathered < length; octet++) {
        this.#gathered[gathered++] = bytes[octet]!;
      }
    }
  }

  /** RFC 8446, section 4.1.2. */
  #readMessage(message: Uint8Array, from: number, length: number): ClientHelloResult {
    this.#message = message;
    this.#at = from + MESSAGE_HEADER_BYTES + FIXED_BYTES;
    this.#end = from + length;
    if (!this.#skip(1) || !this.#skip(2) || !this.#skip(1)) return HELLO_INVALID;
    // Before TLS 1.3 there may be no extensions at all.
    if (this.#at === this.#end) return HELLO_NAMELESS;
    const extensions = this.#length(2);
    if (extensions < 0 || this.#at + extensions !== this.#end) return HELLO_INVALID;
    while (this.#at < this.#end) {
      if (this.#at + 2 > this.#end) return HELLO_INVALID;
      const type = this.#u16(this.#at);
      this.#at += 2;
      const size = this.#length(2);
      if (size < 0) return HELLO_INVALID;
      if (type === SERVER_NAME) return this.#readNames(this.#at + size);
      this.#at += size;
    }
    return HELLO_NAMELESS;
  }

  /** RFC 6066, section 3: a list of names, of which one at most is a host's. */
  #readNames(end: number): ClientHelloResult {
    this.#end = end;
    const list = this.#length(2);
    if (list < 0 || this.#at + list !== end) return HELLO_INVALID;
    while (this.#at < end) {
      const type = this.#message[this.#at++];
      const size = this.#length(2);
      if (size < 0) return HELLO_INVALID;
      if (type === HOST_NAME) return this.#keepName(size);
      this.#at += size;
    }
    return HELLO_NAMELESS;
  }

  #keepName(size: number): ClientHelloResult {
    if (size === 0 || size > MAX_NAME_BYTES) return HELLO_INVALID;
    for (let octet = 0; octet < size; octet++) {
      const character = this.#message[this.#at + octet]!;
      if (character <= 0x20 || character > 0x7e) return HELLO_INVALID;
      const isCapital = character >= 0x41 && character <= 0x5a;
      this.name[octet] = isCapital ? character | 0x20 : character;
    }
    this.nameBytes = size;
    return HELLO_NAMED;
  }

  /** Passes over a vector whose length takes up so many bytes. */
  #skip(lengthBytes: 1 | 2): boolean {
    const size = this.#length(lengthBytes);
    if (size < 0) return false;
    this.#at += size;
    return true;
  }

  /** The length of the vector that begins here, which must fit; −1 where it does not. */
  #length(lengthBytes: 1 | 2): number {
    const from = this.#at + lengthBytes;
    if (from > this.#end) return -1;
    const size = lengthBytes === 1 ? this.#message[this.#at]! : this.#u16(this.#at);
    this.#at = from;
    return from + size > this.#end ? -1 : size;
  }

  #u16(at: number): number {
    return this.#message[at]! << 8 | this.#message[at + 1]!;
  }
}

/**
 * The fatal alert for a name that nobody here answers to (RFC 6066, section 3; RFC 8446, section
 * 6): a record that every version of TLS can read.
 */
export const UNRECOGNIZED_NAME_ALERT: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x15, 3, 3, 0, 2],
  ...[2, 112],
);

/** RFC 8446, section 5.1: each byte of a record's header is judged as soon as it is there. */
function judgeRecord(
  bytes: Uint8Array,
  at: number,
  end: number,
): typeof RECORD | Exclude<ClientHelloResult, typeof HELLO_NAMED | typeof HELLO_NAMELESS> {
  if (at >= end) return HELLO_MORE;
  if (bytes[at] !== HANDSHAKE) return HELLO_NOT_TLS;
  if (at + 1 >= end) return HELLO_MORE;
  if (bytes[at + 1] !== 3) return HELLO_NOT_TLS;
  if (at + RECORD_HEADER_BYTES > end) return HELLO_MORE;
  const length = recordBytes(bytes, at);
  // Fragments of a handshake message are never empty.
  return length === 0 || length > MAX_RECORD_BYTES ? HELLO_INVALID : RECORD;
}

/** How long the fragment of the record at `at` is. */
function recordBytes(bytes: Uint8Array, at: number): number {
  return bytes[at + 3]! << 8 | bytes[at + 4]!;
}

/** A whole header of a record of the handshake. */
const RECORD = -1;

/** No longer ClientHello is read, its header of four bytes counted. */
export const MAX_HELLO_BYTES = 16384;
/**
 * Records, their headers counted, that end beyond here are no longer read: fragments of a few bytes
 * each would be several times as much to keep as they are worth.
 */
export const MAX_WIRE_BYTES = 2 * MAX_HELLO_BYTES;

const MAX_RECORD_BYTES = 16384;
const MAX_NAME_BYTES = 255;

const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
/** Version and random. */
const FIXED_BYTES = 34;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
