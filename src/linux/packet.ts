/**
 * Ethernet frames, sent and received as they are.
 *
 * @see packet(7)
 */

import type { Fd } from "./libc.ts";
import { attachFilter } from "./raw_ip.ts";
import { AF_PACKET, bind, close, SOCK_RAW, socket } from "./socket.ts";

/** A socket that sends frames and, having no protocol, receives none. @see packet(7) */
export function packetSocket(): Fd {
  return socket(AF_PACKET, SOCK_RAW, 0);
}

/**
 * A socket that receives the frames of one EtherType by one interface that `filter` passes, and no
 * others even for an instant.
 *
 * @returns the descriptor, or −errno.
 * @see packet(7)
 */
export function packetListener(
  index: number,
  etherType: number,
  filter: Uint8Array<ArrayBuffer>,
): Fd {
  const fd = packetSocket();
  if (fd < 0) return fd;
  const failed = Math.min(attachFilter(fd, filter), bind(fd, packetAddress(index, etherType)));
  if (failed >= 0) return fd;
  close(fd);
  return failed as Fd;
}

/**
 * Where a frame goes: out of one interface. Its addresses are in the frame itself.
 *
 * ```c
 * struct sockaddr_ll { unsigned short family; __be16 protocol; int ifindex; unsigned short hatype;
 *                      unsigned char pkttype, halen, addr[8]; };
 * ```
 *
 * @see packet(7)
 */
export function packetAddress(index: number, etherType: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, etherType);
  view.setInt32(4, index, true);
  return bytes;
}

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPV6 = 0x86dd;
