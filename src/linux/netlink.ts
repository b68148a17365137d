/**
 * rtnetlink sockets: requests with their answers, and notifications.
 *
 * @see netlink(7), rtnetlink(7)
 */

import {
  messagesOf,
  type NetlinkMessage,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  resultOf,
  setSequence,
} from "../core/wire/netlink.ts";
import {
  addressDump,
  type InterfaceAddress,
  type Link,
  linkDump,
  parseRouteEvent,
  type RouteEvent,
} from "../core/wire/rtnetlink.ts";
import { routeEventFilter } from "../core/wire/bpf.ts";
import { EBUSY, must } from "./errno.ts";
import type { Fd } from "./libc.ts";
import { attachFilter } from "./raw_ip.ts";
import { AF_NETLINK, bind, close, recvfrom, sendto, SOCK_RAW, socket } from "./socket.ts";

/**
 * A socket for requests to the network namespace the thread was in when it was made.
 *
 * The kernel works on a request inside `sendto`, so its answer is there when that returns and
 * nothing here ever waits. A request may be kept and sent again: sending writes only its sequence
 * number.
 */
export class RouteSocket implements Disposable {
  readonly #fd: Fd;
  readonly #inbox = new Inbox();
  #sequence = 0;

  /** @throws {SystemError} when the kernel gives no socket. */
  constructor() {
    this.#fd = openRoute(0);
  }

  /**
   * Sends a request that asks for an acknowledgement (`NLM_F_ACK`).
   *
   * @param take given what the kernel tells before that, to a request with `NLM_F_ECHO`.
   * @returns 0, or −errno: the kernel's refusal, or that of the socket itself.
   */
  request(message: Uint8Array<ArrayBuffer>, take?: (told: NetlinkMessage) => void): number {
    const sent = this.#send(message);
    if (sent < 0) return sent;
    for (;;) {
      const length = this.#inbox.receive(this.#fd);
      if (length < 0) return length;
      const result = this.#inbox.acknowledgement(this.#sequence);
      if (result !== undefined) return result;
      if (take) { for (const told of this.#inbox.messages()) take(told); }
    }
  }

  /** All links, or −errno. */
  links(): Link[] | number {
    const links: Link[] = [];
    const result = this.#dump(linkDump(), () => links.length = 0, (event) => {
      if (event.kind === "link") links.push(event.link);
    });
    return result < 0 ? result : links;
  }

  /** All addresses of both families, or −errno. */
  addresses(): InterfaceAddress[] | number {
    const addresses: InterfaceAddress[] = [];
    const result = this.#dump(addressDump(), () => addresses.length = 0, (event) => {
      if (event.kind === "address") addresses.push(event.address);
    });
    return result < 0 ? result : addresses;
  }

  /** @see close(2) */
  [Symbol.dispose](): void {
    close(this.#fd);
  }

  /** Lists once more, a few times, when what is listed changed in between (`NLM_F_DUMP_INTR`). */
  #dump(
    message: Uint8Array<ArrayBuffer>,
    restart: () => void,
    take: (event: RouteEvent) => void,
  ): number {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      restart();
      const result = this.#dumpOnce(message, take);
      if (result <= 0) return result;
    }
    return -EBUSY;
  }

  /** @returns 0, 1 when the list is not consistent, or −errno. */
  #dumpOnce(message: Uint8Array<ArrayBuffer>, take: (event: RouteEvent) => void): number {
    const sent = this.#send(message);
    if (sent < 0) return sent;
    let interrupted = 0;
    for (;;) {
      const length = this.#inbox.receive(this.#fd);
      if (length < 0) return length;
      for (const part of this.#inbox.messages()) {
        if (part.sequence !== this.#sequence) continue;
        if (part.flags & NLM_F_DUMP_INTR) interrupted = 1;
        if (part.type === NLMSG_ERROR || part.type === NLMSG_DONE) {
          const result = resultOf(part);
          return result < 0 ? result : interrupted;
        }
        const event = parseRouteEvent(part);
        if (event) take(event);
      }
    }
  }

  #send(message: Uint8Array<ArrayBuffer>): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    setSequence(message, this.#sequence);
    return sendto(this.#fd, message, message.length, KERNEL);
  }
}

/** A socket that receives what changes about links and addresses, and about routes of ours. */
export class RouteEvents implements Disposable {
  /** To wait on: readable when there is something to {@linkcode read}. */
  readonly fd: Fd;
  readonly #inbox = new Inbox();

  /**
   * @param mark of addresses with this mark (`IFA_PROTO`) only what is removed is told; and that
   *   is told of routes with this mark too, and of rules.
   * @throws {SystemError} when the kernel gives no socket.
   */
  constructor(mark?: number) {
    const groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    this.fd = openRoute(mark === undefined ? groups : groups | RTMGRP_ROUTES);
    if (mark !== undefined) {
      must("setsockopt(SO_ATTACH_FILTER)", attachFilter(this.fd, routeEventFilter(mark)));
    }
  }

  /**
   * Takes one datagram, and hands over each event in it.
   *
   * @returns its length, or −errno: `-EAGAIN` when nothing waits; `-ENOBUFS` when events were lost
   * (once for each loss; list everything anew, then go on reading).
   */
  read(take: (event: RouteEvent) => void): number {
    const length = this.#inbox.receive(this.fd);
    if (length < 0) return length;
    for (const message of this.#inbox.messages()) {
      const event = parseRouteEvent(message);
      if (event) take(event);
    }
    return length;
  }

  /** @see close(2) */
  [Symbol.dispose](): void {
    close(this.fd);
  }
}

/** The buffers of one socket's incoming datagrams. */
class Inbox {
  readonly #bytes = new Uint8Array(INBOX_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #sender = new Uint8Array(SOCKADDR_NL_BYTES);
  readonly #senderView = new DataView(this.#sender.buffer);
  readonly #senderLength = new Uint32Array(1);
  #length = 0;

  /** Receives the next datagram that the kernel sent; other processes may write to us as well. */
  receive(fd: Fd): number {
    for (;;) {
      this.#senderLength[0] = SOCKADDR_NL_BYTES;
      const length = recvfrom(fd, this.#bytes, this.#sender, this.#senderLength);
      this.#length = Math.max(0, Math.min(length, this.#bytes.length));
      if (length < 0 || this.#senderView.getUint32(4, true) === 0) return length;
    }
  }

  messages(): Generator<NetlinkMessage> {
    return messagesOf(this.#bytes.subarray(0, this.#length));
  }

  /**
   * The result in the acknowledgement of request `sequence`, if this is it. Reads the one message
   * in place, since the speaker comes here four times a second for each address it holds.
   */
  acknowledgement(sequence: number): number | undefined {
    if (this.#length < ACKNOWLEDGEMENT_BYTES) return undefined;
    if (this.#view.getUint16(4, true) !== NLMSG_ERROR) return undefined;
    return this.#view.getUint32(8, true) === sequence ? this.#view.getInt32(16, true) : undefined;
  }
}

/**
 * ```c
 * struct sockaddr_nl { sa_family_t nl_family; unsigned short nl_pad; pid_t nl_pid;
 *                      __u32 nl_groups; };
 * ```
 */
function netlinkAddress(groups: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint32Array.of(AF_NETLINK, 0, groups).buffer);
}

function openRoute(groups: number): Fd {
  const fd = must("socket(AF_NETLINK)", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  must("bind(AF_NETLINK)", bind(fd, netlinkAddress(groups)));
  return fd;
}

const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV6_IFADDR = 0x100;
/** Routes and rules of both families; the last is `RTNLGRP_IPV6_RULE` as a bit. */
const RTMGRP_ROUTES = 0x40 | 0x400 | 0x80 | 1 << 18;

const SOCKADDR_NL_BYTES = 12;
/** The kernel fills datagrams of a dump up to 32 KiB. */
const INBOX_BYTES = 64 * 1024;
const ACKNOWLEDGEMENT_BYTES = 20;
const DUMP_ATTEMPTS = 5;

const KERNEL = netlinkAddress(0);
