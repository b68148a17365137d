/**
 * Listening sockets. The appliance opens and closes them and lends them to workers, one to each:
 * the kernel spreads clients over them, and as long as they stay the same gives a client's
 * datagrams to the same one. This module accepts and receives nothing.
 */

import { formatAddress } from "../core/net/address.ts";
import type { KeepalivePlan, ListenerLink, ListenerPlan } from "../core/plan/plan.ts";
import { EAFNOSUPPORT, ENODEV } from "../linux/errno.ts";
import { interfaceIndex } from "../linux/interface.ts";
import type { Fd } from "../linux/libc.ts";
import { RouteSocket } from "../linux/netlink.ts";
import { inetAddressOf } from "../linux/sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  IP_FREEBIND,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV6_FREEBIND,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  listen,
  setOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_DGRAM,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
  TCP_DEFER_ACCEPT,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from "../linux/socket.ts";
import { keepAlive } from "./keepalive.ts";

/** What the clients of a TCP listener are given. */
export interface ClientOptions {
  readonly keepalive: KeepalivePlan;
  /** Whether they are handed over with their first bytes only. */
  readonly clientSpeaksFirst: boolean;
}

/**
 * Opens a listener beside others on the same address and port.
 *
 * @returns its descriptor, or −errno.
 */
export function openListener(listener: ListenerPlan, clients: ClientOptions): Fd {
  return listener.protocol === "udp" ? openUdp(listener) : openTcp(listener, clients);
}

/** The index of the interface that a listener is bound to, if it is opened now; 0 for none. */
export function scopeOf({ link }: Pick<ListenerPlan, "link">): number {
  return link ? indexOf(link) : 0;
}

/** Whether a listener takes clients at any address: who answers them then has to name it. */
export function isWildcard({ address }: Pick<ListenerPlan, "address">): boolean {
  return ["*", "0.0.0.0", "::"].includes(address);
}

function openUdp(listener: ListenerPlan): Fd {
  return open(listener, (fd) => {
    setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    // A worker may be busy for some milliseconds, and answers leave in batches.
    for (
      const [force, ask] of [[SO_RCVBUFFORCE, SO_RCVBUF], [SO_SNDBUFFORCE, SO_SNDBUF]] as const
    ) {
      // Without privileges there is less room.
      if (setOption(fd, SOL_SOCKET, force, ROOM_BYTES) < 0) {
        setOption(fd, SOL_SOCKET, ask, ROOM_BYTES);
      }
    }
    if (isWildcard(listener) && setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0) {
      setOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
    }
  }, () => 0);
}

/**
 * Has clients to come by a TCP listener treated in this way: accepted sockets inherit its options,
 * so that none need be set on them.
 */
export function setClientOptions(fd: Fd, { keepalive, clientSpeaksFirst }: ClientOptions): void {
  keepAlive({ setOption }, fd, keepalive);
  setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, keepalive.userTimeoutMs ?? 0);
  // Who says nothing is handed over all the same, some seconds later.
  setOption(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, clientSpeaksFirst ? 1 : 0);
}

function openTcp(listener: ListenerPlan, clients: ClientOptions): Fd {
  return open(listener, (fd) => {
    setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    setClientOptions(fd, clients);
  }, (fd) => listen(fd, BACKLOG));
}

/**
 * Whether a listener could be opened with nobody beside it. SO_REUSEPORT would hide another program
 * of the same user on the port; this asks without it, and keeps nothing open.
 *
 * @returns 0, or −errno: `-EADDRINUSE` if somebody has the port.
 */
export function probePort(listener: ListenerPlan): number {
  // Not listening, so that nobody can connect to what is about to be closed.
  const fd = open(listener, () => {}, () => 0);
  return fd < 0 ? fd : close(fd);
}

function open(
  listener: ListenerPlan,
  prepare: (fd: Fd) => void,
  finish: (fd: Fd) => number,
): Fd {
  const { protocol, address, port, virtualRouter, link } = listener;
  const [type, number] = protocol === "udp" ? UDP : TCP;
  const scope = scopeOf(listener);
  if (link && scope === 0) return -ENODEV as Fd;
  const sockaddr = inetAddressOf(address === "*" ? "::" : address, port, scope);
  const isIpv4 = sockaddr[0] === AF_INET;
  const fd = socket(isIpv4 ? AF_INET : AF_INET6, type, number);
  if (fd === -EAFNOSUPPORT && address === "*") {
    // A host without IPv6: all its addresses are IPv4.
    return open({ ...listener, address: "0.0.0.0" }, prepare, finish);
  }
  if (fd < 0) return fd;
  // Without it, connections of an earlier run that are not quite over would keep the port. Over
  // UDP it would let us in beside other programs.
  if (protocol === "tcp") setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!isIpv4) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, address === "*" ? 0 : 1);
  if (virtualRouter !== null) {
    // The address may be elsewhere at the moment.
    if (isIpv4) setOption(fd, IPPROTO_IP, IP_FREEBIND, 1);
    else setOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
  }
  prepare(fd);
  const bound = bind(fd, sockaddr);
  const finished = bound < 0 ? bound : finish(fd);
  if (finished >= 0) return fd;
  close(fd);
  return finished as Fd;
}

/** The index of the interface that a link-local address lies on; 0 if there is none now. */
function indexOf({ interface: name, nodeAddress }: ListenerLink): number {
  if (name !== null) return interfaceIndex(name);
  using route = new RouteSocket();
  const addresses = route.addresses();
  if (typeof addresses === "number") return 0;
  return addresses.find(({ address }) => formatAddress(address) === nodeAddress)?.index ?? 0;
}

const TCP = [SOCK_STREAM, IPPROTO_TCP] as const;
const UDP = [SOCK_DGRAM, IPPROTO_UDP] as const;

/** Some thousand datagrams. */
const ROOM_BYTES = 4 << 20;
/** The kernel takes net.core.somaxconn if that is less. */
const BACKLOG = 65535;
