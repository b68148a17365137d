/**
 * Sockets: one function per system call, answering as the kernel does: ≥ 0, or −errno.
 */

import { answer, type Fd, libc } from "./libc.ts";

/**
 * Creates a socket, non-blocking and close-on-exec.
 *
 * @see socket(2)
 */
export function socket(domain: number, type: number, protocol: number): Fd {
  return answer(libc.socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)) as Fd;
}

/** @see bind(2) */
export function bind(fd: Fd, address: Uint8Array<ArrayBuffer>): number {
  return answer(libc.bind(fd, address, address.byteLength));
}

/** @see listen(2) */
export function listen(fd: Fd, backlog: number): number {
  return answer(libc.listen(fd, backlog));
}

/**
 * Takes the next connection from a listener's queue, non-blocking and close-on-exec.
 *
 * @returns the connection's descriptor, or −errno (`-EAGAIN` when none waits).
 * @see accept4(2)
 */
export function accept(listener: Fd): Fd {
  return answer(libc.accept4(listener, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC)) as Fd;
}

/**
 * Starts to connect.
 *
 * @returns 0, or −errno (`-EINPROGRESS` while the handshake is under way).
 * @see connect(2)
 */
export function connect(fd: Fd, address: Uint8Array<ArrayBuffer>): number {
  return answer(libc.connect(fd, address, address.byteLength));
}

/**
 * Receives into `target` without blocking.
 *
 * @returns bytes received, 0 at end of stream, or −errno (`-EAGAIN` when nothing has arrived).
 * @see recv(2)
 */
export function recv(fd: Fd, target: Uint8Array<ArrayBuffer>): number {
  return answer(libc.recv(fd, target, target.byteLength, MSG_DONTWAIT));
}

/** As {@linkcode recv}, but leaves the bytes where they are. @see recv(2), MSG_PEEK */
export function peek(fd: Fd, target: Uint8Array<ArrayBuffer>): number {
  return answer(libc.recv(fd, target, target.byteLength, MSG_DONTWAIT | MSG_PEEK));
}

/** Takes `length` bytes off a TCP socket without copying them. @see tcp(7), MSG_TRUNC */
export function discard(fd: Fd, length: number): number {
  return answer(libc.recv(fd, null, length, MSG_DONTWAIT | MSG_TRUNC));
}

/**
 * Sends the first `length` bytes of `source` without blocking, and without SIGPIPE.
 *
 * @param more something follows at once that is to share a segment with the last of these bytes.
 * @returns bytes accepted by the kernel, or −errno (`-EAGAIN` when its buffer is full).
 * @see send(2)
 */
export function send(
  fd: Fd,
  source: Uint8Array<ArrayBuffer>,
  length: number,
  more = false,
): number {
  return answer(libc.send(fd, source, length, more ? SEND_FLAGS | MSG_MORE : SEND_FLAGS));
}

/**
 * Sends one datagram to `address`.
 *
 * @see sendto(2)
 */
export function sendto(
  fd: Fd,
  datagram: Uint8Array<ArrayBuffer>,
  length: number,
  address: Uint8Array<ArrayBuffer>,
): number {
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  return answer(libc.sendto(fd, datagram, length, flags, address, address.byteLength));
}

/**
 * Receives one datagram and its sender.
 *
 * @param addressLength in: room in `address`; out: bytes used.
 * @returns the datagram's true length (which may exceed `target`), or −errno.
 * @see recvfrom(2)
 */
export function recvfrom(
  fd: Fd,
  target: Uint8Array<ArrayBuffer>,
  address: Uint8Array<ArrayBuffer>,
  addressLength: Uint32Array<ArrayBuffer>,
): number {
  const flags = MSG_DONTWAIT | MSG_TRUNC;
  return answer(libc.recvfrom(fd, target, target.byteLength, flags, address, addressLength));
}

/**
 * Ends one or both directions of a connection.
 *
 * @see shutdown(2)
 */
export function shutdown(fd: Fd, how: number): number {
  return answer(libc.shutdown(fd, how));
}

/** @see close(2) */
export function close(fd: Fd): number {
  return answer(libc.close(fd));
}

/**
 * Another descriptor of the same open file.
 *
 * @see fcntl(2), F_DUPFD_CLOEXEC
 */
export function duplicate(fd: Fd): Fd {
  return answer(libc.fcntl(fd, F_DUPFD_CLOEXEC, 0)) as Fd;
}

/**
 * Sets an option that takes an `int`.
 *
 * @see setsockopt(2), socket(7), ip(7), ipv6(7), tcp(7)
 */
export function setOption(fd: Fd, level: number, name: number, value: number): number {
  intOption[0] = value;
  return answer(libc.setsockopt(fd, level, name, intOption, Int32Array.BYTES_PER_ELEMENT));
}

/**
 * Sets an option that takes a structure or a string.
 *
 * @see setsockopt(2)
 */
export function setOptionBytes(
  fd: Fd,
  level: number,
  name: number,
  value: Uint8Array<ArrayBuffer>,
): number {
  return answer(libc.setsockopt(fd, level, name, value, value.byteLength));
}

/**
 * Reads an option that holds an `int`.
 *
 * @returns the value (options read here are never negative), or −errno.
 * @see getsockopt(2)
 */
export function getOption(fd: Fd, level: number, name: number): number {
  optionLength[0] = Int32Array.BYTES_PER_ELEMENT;
  const result = answer(libc.getsockopt(fd, level, name, intOption, optionLength));
  return result < 0 ? result : intOption[0]!;
}

/** Who opened the other end of a unix socket's connection. */
export interface Credentials {
  /** 0 where the process is not of this PID namespace. */
  readonly pid: number;
  readonly uid: number;
}

/**
 * Who was at the other end of a unix socket when it was connected.
 *
 * ```c
 * struct ucred { pid_t pid; uid_t uid; gid_t gid; };
 * ```
 *
 * @returns `undefined` for a descriptor that is no such socket.
 * @see unix(7), SO_PEERCRED
 */
export function peerCredentials(fd: Fd): Credentials | undefined {
  const ucred = new Uint32Array(3);
  optionLength[0] = ucred.byteLength;
  const result = answer(libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, optionLength));
  const [pid = 0, uid = NO_UID] = ucred;
  // Sockets of other families are answered too: by nobody.
  return result < 0 || uid === NO_UID ? undefined : { pid, uid };
}

/**
 * Writes the local address of a socket into `address`.
 *
 * @returns the address's length, or −errno.
 * @see getsockname(2)
 */
export function getsockname(fd: Fd, address: Uint8Array<ArrayBuffer>): number {
  optionLength[0] = address.byteLength;
  const result = answer(libc.getsockname(fd, address, optionLength));
  return result < 0 ? result : optionLength[0]!;
}

/**
 * Writes the address of the other end of a connection into `address`.
 *
 * @returns the address's length, or −errno (`-ENOTCONN` once the connection is gone).
 * @see getpeername(2)
 */
export function getpeername(fd: Fd, address: Uint8Array<ArrayBuffer>): number {
  optionLength[0] = address.byteLength;
  const result = answer(libc.getpeername(fd, address, optionLength));
  return result < 0 ? result : optionLength[0]!;
}

/**
 * Makes the next `close` of a connection send a reset instead of an orderly end.
 *
 * @see socket(7), SO_LINGER
 */
export function lingerReset(fd: Fd): number {
  return setOptionBytes(fd, SOL_SOCKET, SO_LINGER, LINGER_RESET);
}

const intOption = new Int32Array(1);
const optionLength = new Uint32Array(1);
/** `(uid_t) -1` */
const NO_UID = 0xffff_ffff;
/** From linux/fcntl.h. */
const F_DUPFD_CLOEXEC = 1030;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_PEERCRED = 17;
export const SO_RCVLOWAT = 18;
export const SO_BINDTODEVICE = 25;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;

export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;
export const IP_TOS = 1;
export const IP_HDRINCL = 3;
export const IP_PKTINFO = 8;
export const IP_RECVERR = 11;
export const IP_FREEBIND = 15;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_MULTICAST_ALL = 49;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_FREEBIND = 78;

export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_DEFER_ACCEPT = 9;
export const TCP_INFO = 11;
export const TCP_QUICKACK = 12;
export const TCP_USER_TIMEOUT = 18;

/** The state of a connection whose other end has sent its end: see `tcpi_state` of TCP_INFO. */
export const TCP_CLOSE_WAIT = 8;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

const MSG_PEEK = 0x2;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;

/** `struct linger { int l_onoff; int l_linger; }`: on, for no time. */
const LINGER_RESET = new Uint8Array(Int32Array.of(1, 0).buffer);
