/**
 * One interface as the speaker uses it: a socket that hears advertisements, one that sends them and
 * one for gratuitous ARP. Decides nothing, and knows virtual routers only to tell whose a packet
 * is.
 */

import type { Expectation } from "../core/wire/vrrp.ts";
import { GROUP_IPV4, PROTOCOL_VRRP } from "../core/wire/vrrp.ts";
import { type Packet, parseIpv4 } from "../core/wire/ipv4.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import type { Fd } from "../linux/libc.ts";
import { ETH_P_ARP, packetAddress, packetSocket } from "../linux/packet.ts";
import { attachDropAll, bindToDevice, joinGroup, setMulticastInterface } from "../linux/raw_ip.ts";
import {
  AF_INET,
  close,
  IP_HDRINCL,
  IP_MULTICAST_ALL,
  IP_MULTICAST_LOOP,
  IPPROTO_IP,
  recv,
  sendto,
  setOption,
  SOCK_RAW,
  socket,
} from "../linux/socket.ts";

/** The sockets of one interface, IPv4. */
export class Lan implements Disposable {
  readonly link: Link;
  /** To wait on: readable when an advertisement has come. */
  readonly receiver: Fd;
  /** What the virtual routers on this interface expect to hear, by VRID. */
  readonly expectations = new Map<number, Expectation>();
  readonly #sender: Fd;
  readonly #announcer: Fd;
  readonly #announceTo: Uint8Array<ArrayBuffer>;
  readonly #inbox = new Uint8Array(INBOX_BYTES);

  private constructor(link: Link, receiver: Fd, sender: Fd, announcer: Fd) {
    this.link = link;
    this.receiver = receiver;
    this.#sender = sender;
    this.#announcer = announcer;
    this.#announceTo = packetAddress(link.index, ETH_P_ARP);
  }

  /** Opens the sockets; −errno if the interface is gone or the kernel refuses. */
  static open(link: Link, multicast: boolean): Lan | number {
    const opened: Fd[] = [];
    const failed = openReceiver(opened, link, multicast) || openSender(opened, link) ||
      keep(opened, packetSocket());
    const [receiver, sender, announcer] = opened;
    if (failed || receiver === undefined || sender === undefined || announcer === undefined) {
      for (const fd of opened) close(fd);
      return failed;
    }
    return new Lan(link, receiver, sender, announcer);
  }

  /**
   * Takes one packet, which stays valid until the next call.
   *
   * @returns `undefined` for one that is not readable as IPv4; −errno, `-EAGAIN` when none waits.
   */
  receive(): Packet | undefined | number {
    const length = recv(this.receiver, this.#inbox);
    return length < 0 ? length : parseIpv4(this.#inbox.subarray(0, length));
  }

  /** Sends a packet, IPv4 header and all. @returns −errno if the kernel refuses. */
  send(
    packet: Uint8Array<ArrayBuffer>,
    length: number,
    destination: Uint8Array<ArrayBuffer>,
  ): number {
    return sendto(this.#sender, packet, length, destination);
  }

  /** Sends a frame. @returns −errno if the kernel refuses. */
  announce(frame: Uint8Array<ArrayBuffer>): number {
    return sendto(this.#announcer, frame, frame.length, this.#announceTo);
  }

  /** @see close(2) */
  [Symbol.dispose](): void {
    close(this.receiver);
    close(this.#sender);
    close(this.#announcer);
  }
}

/** Hears multicast of the one group by the one interface only, and unicast that came by it. */
function openReceiver(opened: Fd[], { name, index }: Link, multicast: boolean): number {
  const fd = socket(AF_INET, SOCK_RAW, PROTOCOL_VRRP);
  return keep(opened, fd) || failure(bindToDevice(fd, name)) ||
    failure(setOption(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)) ||
    (multicast ? failure(joinGroup(fd, GROUP_IPV4, index)) : 0);
}

function openSender(opened: Fd[], { name, index }: Link): number {
  const fd = socket(AF_INET, SOCK_RAW, PROTOCOL_VRRP);
  return keep(opened, fd) || failure(attachDropAll(fd)) || failure(bindToDevice(fd, name)) ||
    failure(setOption(fd, IPPROTO_IP, IP_HDRINCL, 1)) ||
    failure(setMulticastInterface(fd, index)) ||
    failure(setOption(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0));
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
const INBOX_BYTES = 2048;
