/**
 * Gratuitous ARP (RFC 826; RFC 5227, section 3): tells a network which MAC address holds an IPv4
 * address now; and who else says so. Builds the one frame VRRP needs; asks and answers nothing.
 */

/**
 * Writes an Ethernet frame with an ARP request from and for `address` (RFC 9568, section 6.4.1 with
 * errata 7947 and 7949: sender and target protocol address are both the virtual one). A request,
 * since some stacks take no notice of an answer nobody asked for; broadcast as its target too, like
 * keepalived.
 *
 * @param target has room for `GRATUITOUS_ARP_BYTES`.
 */
export function writeGratuitousArp(
  target: Uint8Array,
  mac: Uint8Array,
  address: Uint8Array,
): void {
  target.set(BROADCAST_MAC, DESTINATION_MAC);
  target.set(mac, SOURCE_MAC);
  target.set(ARP_REQUEST_HEADER, ETHER_TYPE);
  target.set(mac, SENDER_MAC);
  target.set(address, SENDER_ADDRESS);
  target.set(BROADCAST_MAC, TARGET_MAC);
  target.set(address, TARGET_ADDRESS);
}

/**
 * Reads which MAC address an Ethernet frame with an ARP packet gives its sender's IPv4 address,
 * request or answer; `undefined` for any other frame, and for a probe, which claims nothing yet
 * (RFC 5227, section 1.1).
 */
export function parseArpClaim(
  frame: Uint8Array<ArrayBuffer>,
):
  | { readonly address: Uint8Array<ArrayBuffer>; readonly mac: Uint8Array<ArrayBuffer> }
  | undefined {
  if (frame.length < GRATUITOUS_ARP_BYTES) return undefined;
  // All but the operation.
  for (let at = 0; at < ARP_REQUEST_HEADER.length - 2; at++) {
    if (frame[ETHER_TYPE + at] !== ARP_REQUEST_HEADER[at]) return undefined;
  }
  const address = frame.slice(SENDER_ADDRESS, SENDER_ADDRESS + 4);
  if (address.every((octet) => octet === 0)) return undefined;
  return { address, mac: frame.slice(SENDER_MAC, SENDER_MAC + 6) };
}

/** Length of the frame without padding, which the driver adds. */
export const GRATUITOUS_ARP_BYTES = 42;

/** `ff:ff:ff:ff:ff:ff`. */
export const BROADCAST_MAC = new Uint8Array(6).fill(0xff);

/** EtherType 0x0806; Ethernet, IPv4, addresses of 6 and 4 octets, operation 1. */
const ARP_REQUEST_HEADER = Uint8Array.of(8, 6, 0, 1, 8, 0, 6, 4, 0, 1);

const DESTINATION_MAC = 0;
const SOURCE_MAC = 6;
const ETHER_TYPE = 12;
const SENDER_MAC = 22;
const SENDER_ADDRESS = 28;
const TARGET_MAC = 32;
const TARGET_ADDRESS = 38;
