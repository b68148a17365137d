/**
 * What raw IPv4 sockets need besides `socket.ts`: one interface, one group, and nothing received on
 * those that only send.
 *
 * @see raw(7), ip(7), socket(7)
 */

import { INSTRUCTION_BYTES } from "../core/wire/bpf.ts";
import type { Fd } from "./libc.ts";
import {
  IP_ADD_MEMBERSHIP,
  IP_MULTICAST_IF,
  IPPROTO_IP,
  setOptionBytes,
  SO_ATTACH_FILTER,
  SO_BINDTODEVICE,
  SOL_SOCKET,
} from "./socket.ts";

/** Sends and receives by one interface only. @see socket(7), SO_BINDTODEVICE */
export function bindToDevice(fd: Fd, name: string): number {
  return setOptionBytes(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${name}\0`));
}

/** Joins a multicast group on one interface. @see ip(7), IP_ADD_MEMBERSHIP */
export function joinGroup(fd: Fd, group: Uint8Array, index: number): number {
  return setOptionBytes(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, membership(group, index));
}

/** Sends multicast by one interface, whatever the routes say. @see ip(7), IP_MULTICAST_IF */
export function setMulticastInterface(fd: Fd, index: number): number {
  return setOptionBytes(fd, IPPROTO_IP, IP_MULTICAST_IF, membership(new Uint8Array(4), index));
}

/** Refuses whatever would be received: a socket that only sends would fill up with its own kind. */
export function attachDropAll(fd: Fd): number {
  return attachFilter(fd, DROP_ALL);
}

/**
 * Lets a classic BPF program decide what is received; it replaces the one before it.
 *
 * ```c
 * struct sock_fprog { unsigned short len; struct sock_filter *filter; };
 * ```
 *
 * @see socket(7), SO_ATTACH_FILTER
 */
export function attachFilter(fd: Fd, filter: Uint8Array<ArrayBuffer>): number {
  // In memory that neither moves nor goes meanwhile: the kernel is told its place.
  place = new Uint8Array(new ArrayBuffer(filter.length));
  place.set(filter);
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, filter.length / INSTRUCTION_BYTES, true);
  program.setBigUint64(8, Deno.UnsafePointer.value(Deno.UnsafePointer.of(place)), true);
  return setOptionBytes(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(program.buffer));
}

/**
 * ```c
 * struct ip_mreqn { struct in_addr imr_multiaddr, imr_address; int imr_ifindex; };
 * ```
 */
function membership(group: Uint8Array, index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12);
  bytes.set(group);
  new DataView(bytes.buffer).setInt32(8, index, true);
  return bytes;
}

/** `BPF_RET | BPF_K`: with k = 0, take no byte. */
const BPF_RET_K = 6;

/** A program of one instruction. */
const DROP_ALL = Uint8Array.of(BPF_RET_K, 0, 0, 0, 0, 0, 0, 0);

/** The program that was attached last. */
let place = DROP_ALL;
