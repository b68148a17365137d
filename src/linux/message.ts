/**
 * Datagrams with what the kernel tells beside them: their sender and ancillary data.
 *
 * @see recvmsg(2), cmsg(3)
 */

import { EMSGSIZE } from "./errno.ts";
import { answer, type Fd, libc } from "./libc.ts";

/**
 * Room for one incoming datagram. All of it lies in one piece of memory, since the kernel is given
 * addresses in it that must stay what they are.
 *
 * ```c
 * struct msghdr  { void *name; socklen_t namelen; struct iovec *iov; size_t iovlen;
 *                  void *control; size_t controllen; int flags; };
 * struct iovec   { void *base; size_t len; };
 * struct cmsghdr { size_t len; int level; int type; };   // and the data, to a multiple of 8
 * ```
 */
export class IncomingMessage {
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #payloadBytes: number;

  constructor(payloadBytes: number) {
    this.#payloadBytes = payloadBytes;
    this.#memory = new Uint8Array(PAYLOAD + payloadBytes);
    const view = this.#view = new DataView(this.#memory.buffer);
    const base = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#memory));
    const pointer = (at: number, target: number) =>
      view.setBigUint64(at, base + BigInt(target), true);
    pointer(0, NAME);
    pointer(16, IOVEC);
    view.setBigUint64(24, 1n, true);
    pointer(32, CONTROL);
    pointer(IOVEC, PAYLOAD);
    view.setBigUint64(IOVEC + 8, BigInt(payloadBytes), true);
  }

  /**
   * Receives the next datagram without blocking.
   *
   * @returns its length, or −errno; `-EMSGSIZE` for one that did not fit.
   * @see recvmsg(2)
   */
  receive(fd: Fd): number {
    this.#view.setUint32(8, NAME_BYTES, true);
    this.#view.setUint32(40, CONTROL_BYTES, true);
    const length = answer(libc.recvmsg(fd, this.#memory, MSG_DONTWAIT));
    if (length < 0) return length;
    const flags = this.#view.getInt32(48, true);
    return flags & (MSG_TRUNC | MSG_CTRUNC) || length > this.#payloadBytes ? -EMSGSIZE : length;
  }

  /** The sender's socket address. */
  get sender(): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(NAME, NAME + NAME_BYTES);
  }

  /** The datagram, valid until the next one is received. */
  payload(length: number): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(PAYLOAD, PAYLOAD + length);
  }

  /** The ancillary data of one kind, if it came. @see cmsg(3) */
  ancillary(level: number, type: number): Uint8Array<ArrayBuffer> | undefined {
    const end = CONTROL + this.#view.getUint32(40, true);
    for (let at = CONTROL; at + CMSG_BYTES <= end;) {
      const length = this.#view.getUint32(at, true);
      if (length < CMSG_BYTES || at + length > end) return undefined;
      const isWanted = this.#view.getInt32(at + 8, true) === level &&
        this.#view.getInt32(at + 12, true) === type;
      if (isWanted) return this.#memory.subarray(at + CMSG_BYTES, at + length);
      at += (length + 7) & ~7;
    }
    return undefined;
  }
}

const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

const NAME_BYTES = 28;
const CONTROL_BYTES = 128;
const CMSG_BYTES = 16;

const MSGHDR_BYTES = 56;
const IOVEC = MSGHDR_BYTES;
const NAME = IOVEC + 16;
const CONTROL = NAME + 32;
const PAYLOAD = CONTROL + CONTROL_BYTES;
