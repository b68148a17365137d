/**
 * One interface as the speaker uses it: a socket that hears advertisements, one that sends them and
 * one for gratuitous ARP. Decides nothing, and knows virtual routers only to tell whose a packet
 * is.
 */

import type { Family } from "../core/net/address.ts";

import type { Expectation } from "../core/wire/vrrp.ts";
import { GROUP_IPV4, GROUP_IPV6, PROTOCOL_VRRP } from "../core/wire/vrrp.ts";
import { type Packet, parseIpv4 } from "../core/wire/ipv4.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import { ENOBUFS } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { IncomingMessage } from "../linux/message.ts";
import { packetSocket } from "../linux/packet.ts";
import { attachDropAll, bindToDevice, joinGroup, setMulticastInterface } from "../linux/raw_ip.ts";
import {
  askForHeader,
  IPV6_HDRINCL,
  IPV6_MULTICAST_ALL,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  IPV6_RECVERR,
  joinGroupIpv6,
  receiveIpv6,
} from "../linux/raw_ipv6.ts";
import {
  AF_INET,
  AF_INET6,
  close,
  IP_HDRINCL,
  IP_MULTICAST_ALL,
  IP_MULTICAST_LOOP,
  IP_RECVERR,
  IPPROTO_IP,
  IPPROTO_IPV6,
  recv,
  sendto,
  setOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_RAW,
  socket,
  SOL_SOCKET,
} from "../linux/socket.ts";
import { Claims } from "./claims.ts";
import { Senders } from "./senders.ts";

/** The sockets of one interface and family. */
export class Lan implements Disposable {
  readonly link: Link;
  readonly family: Family;
  /** To wait on: readable when an advertisement has come. */
  readonly receiver: Fd;
  /** What the virtual routers on this interface expect to hear, by VRID. */
  readonly expectations = new Map<number, Expectation>();
  readonly #claims: Claims[];
  /** The MAC addresses of those who advertise. */
  readonly senders: Senders;
  readonly #sender: Fd;
  readonly #announcer: Fd;
  readonly #inbox = new Uint8Array(INBOX_BYTES);
  readonly #message = new IncomingMessage(INBOX_BYTES);

  private constructor(
    link: Link,
    family: Family,
    [receiver, sender, announcer]: readonly [Fd, Fd, Fd],
    claims: Claims,
  ) {
    this.link = link;
    this.family = family;
    this.receiver = receiver;
    this.#claims = [claims];
    this.senders = new Senders(link);
    this.#sender = sender;
    this.#announcer = announcer;
  }

  /** Opens the sockets; −errno if the interface is gone or the kernel refuses. */
  static open(link: Link, family: Family): Lan | number {
    const opened: Fd[] = [];
    const sockets = family === 4
      ? openReceiver(opened, link) || openSender(opened, link)
      : openReceiverIpv6(opened, link) || openSenderIpv6(opened, link);
    const failed = sockets || keep(opened, packetSocket());
    const [receiver, sender, announcer] = opened;
    const claims = failed || Claims.open(link, family);
    if (
      typeof claims === "number" || receiver === undefined || sender === undefined ||
      announcer === undefined
    ) {
      for (const fd of opened) close(fd);
      return Number(claims);
    }
    return new Lan(link, family, [receiver, sender, announcer], claims);
  }

  /** Who else claims the virtual addresses, in each family there are some of. */
  get claims(): readonly Claims[] {
    return this.#claims;
  }

  /** From now on claims of these addresses are heard. */
  watch(addresses: readonly Uint8Array[]): void {
    const isIpv4 = this.family === 4;
    const [, others] = this.#claims;
    if (!others && addresses.some(({ length }) => length !== (isIpv4 ? 4 : 16))) {
      const opened = Claims.open(this.link, isIpv4 ? 6 : 4);
      // It is tried again with the next survey, and of no more use than to tell of a mistake.
      if (typeof opened !== "number") this.#claims.push(opened);
    }
    for (const claims of this.#claims) claims.watch(addresses);
  }

  /**
   * Takes one packet, which stays valid until the next call.
   *
   * @returns `undefined` for one that is not readable as IP; −errno, `-EAGAIN` when none waits.
   */
  receive(): Packet | undefined | number {
    if (this.family === 6) return receiveIpv6(this.receiver, this.#message);
    const length = recv(this.receiver, this.#inbox);
    return length < 0 ? length : parseIpv4(this.#inbox.subarray(0, length));
  }

  /** Sends a packet, IP header and all. @returns −errno if the kernel refuses. */
  send(
    packet: Uint8Array<ArrayBuffer>,
    length: number,
    destination: Uint8Array<ArrayBuffer>,
  ): number {
    const result = sendto(this.#sender, packet, length, destination);
    if (result >= 0 || result === -ENOBUFS) return result;
    // It may be what became of an earlier packet, told by ICMP, which has kept this one back.
    return sendto(this.#sender, packet, length, destination);
  }

  /**
   * Sends a frame.
   *
   * @param target which link it leaves by, as `packetAddress()` gives it.
   * @returns −errno if the kernel refuses.
   */
  announce(frame: Uint8Array<ArrayBuffer>, target: Uint8Array<ArrayBuffer>): number {
    return sendto(this.#announcer, frame, frame.length, target);
  }

  /** @see close(2) */
  [Symbol.dispose](): void {
    close(this.receiver);
    close(this.#sender);
    close(this.#announcer);
    for (const claims of this.#claims) claims[Symbol.dispose]();
    this.senders[Symbol.dispose]();
  }
}

/**
 * Hears multicast of the one group by the one interface only, and unicast that came by it. The
 * group also where everybody is to use unicast: a peer that does not is worth being told of.
 */
function openReceiver(opened: Fd[], { name, index }: Link): number {
  const fd = socket(AF_INET, SOCK_RAW, PROTOCOL_VRRP);
  return keep(opened, fd) || failure(bindToDevice(fd, name)) || failure(makeRoom(fd)) ||
    failure(setOption(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)) ||
    failure(joinGroup(fd, GROUP_IPV4, index));
}

/** Without `IP_RECVERR` the kernel would be silent of packets that a full queue has refused. */
function openSender(opened: Fd[], { name, index }: Link): number {
  const fd = socket(AF_INET, SOCK_RAW, PROTOCOL_VRRP);
  return keep(opened, fd) || failure(attachDropAll(fd)) || failure(bindToDevice(fd, name)) ||
    failure(setOption(fd, IPPROTO_IP, IP_HDRINCL, 1)) ||
    failure(setOption(fd, IPPROTO_IP, IP_RECVERR, 1)) ||
    failure(setMulticastInterface(fd, index)) ||
    failure(setOption(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0));
}

/**
 * Checksums are not left to the kernel (`IPV6_CHECKSUM`), which would drop what is wrong without
 * our counting it.
 */
function openReceiverIpv6(opened: Fd[], { name, index }: Link): number {
  const fd = socket(AF_INET6, SOCK_RAW, PROTOCOL_VRRP);
  return keep(opened, fd) || failure(bindToDevice(fd, name)) || failure(makeRoom(fd)) ||
    failure(askForHeader(fd)) || failure(setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)) ||
    failure(joinGroupIpv6(fd, GROUP_IPV6, index));
}

function openSenderIpv6(opened: Fd[], { name, index }: Link): number {
  const fd = socket(AF_INET6, SOCK_RAW, PROTOCOL_VRRP);
  return keep(opened, fd) || failure(attachDropAll(fd)) || failure(bindToDevice(fd, name)) ||
    failure(setOption(fd, IPPROTO_IPV6, IPV6_HDRINCL, 1)) ||
    failure(setOption(fd, IPPROTO_IPV6, IPV6_RECVERR, 1)) ||
    failure(setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index)) ||
    failure(setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0));
}

/**
 * One socket hears every virtual router of an interface, and they may all speak at once. Beyond the
 * host's usual bound only a capability outside of user namespaces leads; without it, up to there.
 */
function makeRoom(fd: Fd): number {
  const forced = setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
  return forced === 0 ? 0 : setOption(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
}

/** Remembers an opened descriptor. @returns 0, or the −errno it is instead. */
function keep(opened: Fd[], fd: Fd): number {
  if (fd >= 0) opened.push(fd);
  return failure(fd);
}

function failure(result: number): number {
  return Math.min(result, 0);
}

/** An advertisement is far smaller, and what is larger is none. */
const INBOX_BYTES = 8192;
const RECEIVE_BUFFER_BYTES = 1 << 20;
