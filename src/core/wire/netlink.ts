/**
 * netlink messages (netlink(7)): headers and attributes, as bytes and as values. All integers are
 * in the host's byte order, which is little-endian on every platform we build for. Knows no family
 * of messages; bytes it cannot read end the walk, and never throw.
 */

/** One message of a datagram. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows the header. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Stamps a request with the number its answer will carry. */
export function setSequence(message: Uint8Array<ArrayBuffer>, sequence: number): void {
  message[8] = sequence;
  message[9] = sequence >>> 8;
  message[10] = sequence >>> 16;
  message[11] = sequence >>> 24;
}

/** The messages of a datagram, up to the first that is cut short. */
export function* messagesOf(datagram: Uint8Array<ArrayBuffer>): Generator<NetlinkMessage> {
  const view = viewOf(datagram);
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > datagram.length) return;
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: datagram.subarray(at + HEADER_BYTES, at + length),
    };
    at += align(length);
  }
}

/** The result an NLMSG_ERROR or NLMSG_DONE carries: 0, or −errno. */
export function resultOf(message: NetlinkMessage): number {
  return message.body.length < 4 ? 0 : viewOf(message.body).getInt32(0, true);
}

/** Builds one message. Grows as needed; only for messages that are built rarely. */
export class MessageWriter {
  #bytes = new Uint8Array(128);
  #length = HEADER_BYTES;

  constructor(type: number, flags: number) {
    const view = viewOf(this.#bytes);
    view.setUint16(4, type, true);
    view.setUint16(6, flags, true);
  }

  /** Appends bytes as they are. */
  raw(bytes: Uint8Array): this {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Appends a 32-bit integer. */
  u32(value: number): this {
    const at = this.#take(4);
    viewOf(this.#bytes).setUint32(at, value, true);
    return this;
  }

  /** Appends zero bytes. */
  zeros(count: number): this {
    this.#take(count);
    return this;
  }

  /** Appends an attribute, padded to four bytes. */
  attribute(type: number, value: Uint8Array): this {
    return this.nest(type, () => this.raw(value));
  }

  /** Appends an attribute that holds a 32-bit integer. */
  attributeU32(type: number, value: number): this {
    return this.nest(type, () => this.u32(value));
  }

  /** Appends an attribute that holds text and its terminating zero. */
  attributeText(type: number, text: string): this {
    return this.nest(type, () => this.raw(new TextEncoder().encode(text)).zeros(1));
  }

  /** Appends an attribute that holds whatever `write` appends. */
  nest(type: number, write: () => void): this {
    const at = this.#take(ATTRIBUTE_BYTES);
    write();
    const view = viewOf(this.#bytes);
    view.setUint16(at, this.#length - at, true);
    view.setUint16(at + 2, type, true);
    this.#take(align(this.#length) - this.#length);
    return this;
  }

  /** The message, its length filled in and its sequence number still 0. */
  finish(): Uint8Array<ArrayBuffer> {
    viewOf(this.#bytes).setUint32(0, this.#length, true);
    return this.#bytes.slice(0, this.#length);
  }

  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return at;
  }
}

/** The attributes up to the first that is cut short; of equal ones the last. */
export function attributesOf(bytes: Uint8Array<ArrayBuffer>): Map<number, Uint8Array<ArrayBuffer>> {
  const attributes = new Map<number, Uint8Array<ArrayBuffer>>();
  const view = viewOf(bytes);
  for (let at = 0; at + ATTRIBUTE_BYTES <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_BYTES || at + length > bytes.length) break;
    const type = view.getUint16(at + 2, true) & NLA_TYPE_MASK;
    attributes.set(type, bytes.subarray(at + ATTRIBUTE_BYTES, at + length));
    at += align(length);
  }
  return attributes;
}

/** The 32-bit integer an attribute starts with, if it is there and long enough. */
export function u32Of(bytes: Uint8Array<ArrayBuffer> | undefined): number | undefined {
  return bytes && bytes.length >= 4 ? viewOf(bytes).getUint32(0, true) : undefined;
}

/** The text an attribute holds; empty without one. */
export function textOf(bytes: Uint8Array<ArrayBuffer> | undefined): string {
  return bytes ? new TextDecoder().decode(bytes).split("\0", 1)[0]! : "";
}

/** A view on the same bytes. */
export function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function align(length: number): number {
  return (length + 3) & ~3;
}

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_ECHO = 0x8;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;

const HEADER_BYTES = 16;
const ATTRIBUTE_BYTES = 4;
const NLA_TYPE_MASK = 0x3fff;
