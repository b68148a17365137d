/**
 * Asks a LAN by ARP (RFC 826) who has an address, and hears everybody who answers: the kernel would
 * keep but one of them.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { delay } from "../../scripts/lab/wait.ts";
import { parseAddress } from "../../src/core/net/address.ts";
import { formatMac } from "../../src/core/net/mac.ts";
import { BROADCAST_MAC } from "../../src/core/wire/arp.ts";
import { must } from "../../src/linux/errno.ts";
import { ETH_P_ARP, packetAddress, packetSocket } from "../../src/linux/packet.ts";
import { AF_PACKET, close, recv, sendto, SOCK_RAW, socket } from "../../src/linux/socket.ts";

/**
 * The hosts among `candidates` that answer for `address` on the LAN of `asker`'s eth0, by name; a
 * hardware address that belongs to none of them stands for itself.
 */
export async function answerers(
  asker: Host,
  address: string,
  candidates: readonly Host[],
): Promise<string[]> {
  const { index, mac } = asker.links.find("eth0");
  // In network byte order.
  const protocol = (ETH_P_ARP & 0xff) << 8 | ETH_P_ARP >> 8;
  const listener = asker.inside(() => must("socket", socket(AF_PACKET, SOCK_RAW, protocol)));
  const sender = asker.inside(() => must("socket", packetSocket()));
  try {
    const wanted = bytesOf(address);
    const request = frame(mac, bytesOf(ownAddress(asker)), wanted);
    must("sendto", sendto(sender, request, request.length, packetAddress(index, ETH_P_ARP)));
    await delay(PATIENCE_MS);
    const names = new Map(candidates.map((host) => [host.links.mac("eth0"), host.name]));
    const found = new Set<string>();
    const inbox = new Uint8Array(2048);
    while (recv(listener, inbox) > 0) {
      if (inbox[OPERATION + 1] !== REPLY || !startsWith(inbox.subarray(SENDER + 6), wanted)) {
        continue;
      }
      const from = formatMac(inbox.subarray(SENDER, SENDER + 6));
      found.add(names.get(from) ?? from);
    }
    return [...found].toSorted();
  } finally {
    close(listener);
    close(sender);
  }
}

function frame(mac: Uint8Array, from: Uint8Array, wanted: Uint8Array): Uint8Array<ArrayBuffer> {
  const hardware = [8, 6, 0, 1, 8, 0, 6, 4, 0, REQUEST];
  const nobody = new Uint8Array(6);
  return Uint8Array.of(
    ...BROADCAST_MAC,
    ...mac,
    ...hardware,
    ...mac,
    ...from,
    ...nobody,
    ...wanted,
  );
}

function ownAddress(host: Host): string {
  const own = host.addresses().find(({ prefix }) => !prefix.includes(":"));
  if (!own) throw new Error(`${host.name} has no IPv4 address`);
  return own.prefix.split("/")[0]!;
}

function bytesOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (!address) throw new Error(`cannot read the address ${text}`);
  return address.bytes;
}

function startsWith(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return beginning.every((byte, at) => bytes[at] === byte);
}

const PATIENCE_MS = 60;
const OPERATION = 20;
const SENDER = 22;
const REQUEST = 1;
const REPLY = 2;
