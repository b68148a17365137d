/**
 * Many datagrams with one system call, and with each the address that it was sent to or is to be
 * sent from.
 *
 * @see recvmmsg(2), sendmmsg(2), cmsg(3), ip(7), ipv6(7)
 */

import { answer, type Fd, libc } from "./libc.ts";
import { AF_INET, IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO } from "./socket.ts";

/**
 * Room for so many datagrams. All of it lies in one piece of memory, since the kernel is given
 * addresses in it that must stay what they are; only what is used becomes memory.
 *
 * A place has a payload and two headers. One is received into, with its sender and, where the
 * socket asks for it, the local address; the other one sends the same payload somewhere else.
 *
 * ```c
 * struct mmsghdr  { struct msghdr hdr; unsigned int len; };
 * struct msghdr   { void *name; socklen_t namelen; struct iovec *iov; size_t iovlen;
 *                   void *control; size_t controllen; int flags; };
 * struct iovec    { void *base; size_t len; };
 * struct cmsghdr  { size_t len; int level; int type; };   // and the data, to a multiple of 8
 * struct in_pktinfo  { int ifindex; struct in_addr spec_dst; struct in_addr addr; };
 * struct in6_pktinfo { struct in6_addr addr; unsigned int ifindex; };
 * ```
 */
export class Datagrams {
  readonly capacity: number;
  /** All of it but the payloads, word by word. */
  readonly words: Int32Array<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** By place: the headers from there on. */
  readonly #incoming: Uint8Array<ArrayBuffer>[] = [];
  readonly #outgoing: Uint8Array<ArrayBuffer>[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#bytes = new Uint8Array(capacity * (PLACE_BYTES + PAYLOAD_BYTES));
    this.words = new Int32Array(this.#bytes.buffer, 0, capacity * PLACE_BYTES / 4);
    const base = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#bytes));
    const view = new DataView(this.#bytes.buffer);
    const incoming = 0;
    const outgoing = capacity * HEADER_BYTES;
    for (let place = 0; place < capacity; place++) {
      const rest = 2 * capacity * HEADER_BYTES + place * REST_BYTES;
      const payload = base + BigInt(capacity * PLACE_BYTES + place * PAYLOAD_BYTES);
      this.#incoming.push(this.#bytes.subarray(incoming + place * HEADER_BYTES, outgoing));
      this.#outgoing.push(this.#bytes.subarray(outgoing + place * HEADER_BYTES));
      for (const [side, heads] of [incoming, outgoing].entries()) {
        const header = heads + place * HEADER_BYTES;
        const at = rest + side * SIDE_BYTES;
        view.setBigUint64(header, base + BigInt(at + NAME), true);
        view.setBigUint64(header + 16, base + BigInt(at + IOVEC), true);
        view.setBigUint64(header + 24, 1n, true);
        view.setBigUint64(header + 32, base + BigInt(at + CONTROL), true);
        view.setBigUint64(at + IOVEC, payload, true);
        view.setBigUint64(at + IOVEC + 8, BigInt(MAX_DATAGRAM_BYTES), true);
      }
    }
  }

  /**
   * Receives what has arrived, without blocking, into the places from `first` on.
   *
   * @param limit so many datagrams at most; there are as many places behind `first`.
   * @returns how many have arrived, or −errno (`-EAGAIN` for none).
   * @see recvmmsg(2)
   */
  receive(fd: Fd, first: number, limit: number): number {
    const { words } = this;
    for (let place = first; place < first + limit; place++) {
      const header = place * HEADER_WORDS;
      words[header + NAME_LENGTH] = NAME_BYTES;
      words[header + CONTROL_LENGTH] = CONTROL_BYTES;
    }
    return answer(libc.recvmmsg(fd, this.#incoming[first]!, limit, MSG_DONTWAIT, null));
  }

  /** The length of the datagram received in a place. */
  length(place: number): number {
    return this.words[place * HEADER_WORDS + MESSAGE_LENGTH]!;
  }

  /**
   * Where the sender of a received datagram is in `words`: NAME_WORDS of a socket address, of which
   * those that its family does not use are 0.
   */
  sender(place: number): number {
    const at = this.#rest(place, 0) + NAME / 4;
    if ((this.words[at]! & 0xffff) === AF_INET) this.words.fill(0, at + 2, at + NAME_WORDS);
    return at;
  }

  /**
   * Where the local address that a received datagram was sent to is in `words`, and nothing behind
   * an IPv4 address; −1 where the socket does not ask for it.
   */
  local(place: number): number {
    const { words } = this;
    if (words[place * HEADER_WORDS + CONTROL_LENGTH]! < CMSG_BYTES) return -1;
    const at = this.#rest(place, 0) + CONTROL / 4;
    const data = at + CMSG_BYTES / 4;
    const [level, type] = [words[at + 2], words[at + 3]];
    if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) return data;
    if (level !== IPPROTO_IP || type !== IP_PKTINFO) return -1;
    words.fill(0, data + 2, data + 5);
    return data + 1;
  }

  /** Makes the datagram received in a place ready to be sent by a connected socket. */
  pass(place: number): void {
    const header = this.#outgoingHeader(place);
    this.words[header + NAME_LENGTH] = 0;
    this.words[header + CONTROL_LENGTH] = 0;
    this.#setLength(place, this.length(place));
  }

  /**
   * Makes the datagram received in a place ready to be sent to an address, as `sender` has given
   * it.
   *
   * @param local the four words of the address to send it from, in `source` too; −1 for the one
   * that the socket is bound to.
   */
  direct(place: number, source: Int32Array, name: number, local: number): void {
    const { words } = this;
    const header = this.#outgoingHeader(place);
    const at = this.#rest(place, 1);
    const isIpv4 = (source[name]! & 0xffff) === AF_INET;
    for (let word = 0; word < NAME_WORDS; word++) {
      words[at + NAME / 4 + word] = source[name + word]!;
    }
    words[header + NAME_LENGTH] = isIpv4 ? 16 : 28;
    this.#setLength(place, this.length(place));
    words[header + CONTROL_LENGTH] = 0;
    if (local < 0) return;
    const control = at + CONTROL / 4;
    const data = control + CMSG_BYTES / 4;
    words[control] = CMSG_BYTES + (isIpv4 ? 12 : 20);
    words[control + 2] = isIpv4 ? IPPROTO_IP : IPPROTO_IPV6;
    words[control + 3] = isIpv4 ? IP_PKTINFO : IPV6_PKTINFO;
    if (isIpv4) {
      words[data] = 0;
      words[data + 1] = source[local]!;
      words[data + 2] = 0;
    } else {
      for (let word = 0; word < 4; word++) words[data + word] = source[local + word]!;
      words[data + 4] = 0;
    }
    words[header + CONTROL_LENGTH] = isIpv4 ? 32 : 40;
  }

  /**
   * Sends the datagrams in the places from `first` on, which are ready, without blocking.
   *
   * @returns how many the kernel has taken, or −errno of the first one.
   * @see sendmmsg(2)
   */
  send(fd: Fd, first: number, count: number): number {
    return answer(libc.sendmmsg(fd, this.#outgoing[first]!, count, MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  /** The datagram received in a place, valid until another one is. */
  payload(place: number): Uint8Array<ArrayBuffer> {
    const at = this.capacity * PLACE_BYTES + place * PAYLOAD_BYTES;
    return this.#bytes.subarray(at, at + this.length(place));
  }

  #setLength(place: number, bytes: number): void {
    this.words[this.#rest(place, 1) + IOVEC / 4 + 2] = bytes;
  }

  #outgoingHeader(place: number): number {
    return (this.capacity + place) * HEADER_WORDS;
  }

  #rest(place: number, side: number): number {
    return (2 * this.capacity * HEADER_BYTES + place * REST_BYTES + side * SIDE_BYTES) / 4;
  }
}

/** Words of a socket address of either family. */
export const NAME_WORDS = 7;

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

const NAME_BYTES = 28;
const CONTROL_BYTES = 64;
const CMSG_BYTES = 16;
const HEADER_BYTES = 64;
const HEADER_WORDS = HEADER_BYTES / 4;
/** Words of a header. */
const NAME_LENGTH = 2;
const CONTROL_LENGTH = 10;
const MESSAGE_LENGTH = 14;

/** What belongs to one header of a place. */
const NAME = 0;
const IOVEC = 32;
const CONTROL = 48;
const SIDE_BYTES = CONTROL + CONTROL_BYTES;
const REST_BYTES = 2 * SIDE_BYTES;
const PLACE_BYTES = 2 * HEADER_BYTES + REST_BYTES;

const MAX_DATAGRAM_BYTES = 65_535;
/** Not a power of two: else the beginnings of all payloads would share few lines of the cache. */
const PAYLOAD_BYTES = 65_536 + 192;
