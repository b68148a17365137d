/**
 * What raw IPv6 sockets need besides `socket.ts`: one group, and for each packet received its
 * addresses and its hop limit, which the kernel takes off.
 *
 * @see raw(7), ipv6(7)
 */

import type { Packet } from "../core/wire/ipv4.ts";
import { EMSGSIZE } from "./errno.ts";
import type { Fd } from "./libc.ts";
import type { IncomingMessage } from "./message.ts";
import { IPPROTO_IPV6, setOption, setOptionBytes } from "./socket.ts";

/**
 * Joins a multicast group on one interface.
 *
 * ```c
 * struct ipv6_mreq { struct in6_addr multiaddr; int ifindex; };
 * ```
 *
 * @see ipv6(7), IPV6_ADD_MEMBERSHIP
 */
export function joinGroupIpv6(fd: Fd, group: Uint8Array, index: number): number {
  const bytes = new Uint8Array(20);
  bytes.set(group);
  new DataView(bytes.buffer).setInt32(16, index, true);
  return setOptionBytes(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, bytes);
}

/**
 * Passes one type of ICMPv6 message only: a bit that is set blocks a type.
 *
 * @see RFC 3542, section 3.2
 */
export function passIcmpv6(fd: Fd, type: number): number {
  const blocked = new Uint32Array(8).fill(0xffffffff);
  blocked[type >> 5]! &= ~(1 << (type & 31));
  return setOptionBytes(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, new Uint8Array(blocked.buffer));
}

/** Asks for the destination and the hop limit of each packet. @see ipv6(7), IPV6_RECVPKTINFO */
export function askForHeader(fd: Fd): number {
  return Math.min(
    setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1),
    setOption(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1),
  );
}

/**
 * Receives a packet from a socket that {@linkcode askForHeader} was called for. Its parts are views
 * on `message`.
 *
 * @returns `undefined` for one that came without what was asked for; or −errno.
 */
export function receiveIpv6(fd: Fd, message: IncomingMessage): Packet | undefined | number {
  const length = message.receive(fd);
  if (length === -EMSGSIZE) return undefined;
  if (length < 0) return length;
  const hopLimit = message.ancillary(IPPROTO_IPV6, IPV6_HOPLIMIT);
  const info = message.ancillary(IPPROTO_IPV6, IPV6_PKTINFO);
  if (!hopLimit || !info || info.length < 16) return undefined;
  return {
    source: message.sender.subarray(8, 24),
    destination: info.subarray(0, 16),
    ttl: hopLimit[0]!,
    payload: message.payload(length),
  };
}

export const IPV6_MULTICAST_IF = 17;
export const IPV6_MULTICAST_LOOP = 19;
export const IPV6_RECVERR = 25;
export const IPV6_MULTICAST_ALL = 29;
export const IPV6_HDRINCL = 36;

export const IPPROTO_ICMPV6 = 58;

const ICMPV6_FILTER = 1;
const IPV6_JOIN_GROUP = 20;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
