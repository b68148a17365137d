/**
 * rtnetlink messages about links and addresses (rtnetlink(7)), as bytes and as values. Opens no
 * socket and keeps no state; a message it cannot read comes out as `undefined`, never as a throw.
 */

import type { Family } from "../net/address.ts";
import {
  attributesOf,
  MessageWriter,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  textOf,
  u32Of,
  viewOf,
} from "./netlink.ts";

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Six bytes on Ethernet; empty where the link has no hardware address. */
  readonly mac: Uint8Array<ArrayBuffer>;
  /** `IFF_UP` and the others. */
  readonly flags: number;
  /** RFC 2863 state: `OPERSTATE_UP`, or `OPERSTATE_UNKNOWN` for links that cannot tell. */
  readonly operstate: number;
  readonly mtu: number;
  /** Index of the bridge or bond the link belongs to; 0 for none. */
  readonly controller: number;
  /** How often the carrier has come or gone. */
  readonly carrierChanges: number;
  /** What a notification is about beside the above: 0, or a reason such as a bond's failover. */
  readonly event: number;
  /** A remark that goes with the link, if somebody has made one. */
  readonly alias?: string;
}

/** An address on an interface. */
export interface InterfaceAddress {
  /** Index of the interface. */
  readonly index: number;
  readonly family: Family;
  /** The local address, in network byte order. */
  readonly address: Uint8Array<ArrayBuffer>;
  readonly prefixLength: number;
  /** `SCOPE_UNIVERSE`, `SCOPE_LINK` or `SCOPE_HOST`. */
  readonly scope: number;
  /** `IFA_F_PERMANENT` and the others. */
  readonly flags: number;
  /** Who put it there (`IFA_PROTO`, since Linux 5.18); 0 where nobody said. */
  readonly protocol: number;
  /** Seconds until the kernel removes it; `Infinity` for never. */
  readonly validSeconds: number;
  /** Seconds until it is no longer chosen as a source; `Infinity` for never. */
  readonly preferredSeconds: number;
}

/** What a notification, or one entry of a dump, says. */
export type RouteEvent =
  | { readonly kind: "link" | "linkGone"; readonly link: Link }
  | { readonly kind: "address" | "addressGone"; readonly address: InterfaceAddress }
  /** A route or a rule. */
  | { readonly kind: "routeGone" };

/** Asks for all links. */
export function linkDump(): Uint8Array<ArrayBuffer> {
  return new MessageWriter(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP).zeros(IFINFO_BYTES).finish();
}

/** Asks for all addresses of both families. */
export function addressDump(): Uint8Array<ArrayBuffer> {
  return new MessageWriter(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP).zeros(IFADDR_BYTES).finish();
}

/**
 * Puts an address on an interface.
 *
 * @param existing `refuse` answers −EEXIST if it is there; `replace` gives it these flags,
 *   lifetimes and protocol, and adds it if it is not there.
 */
export function addAddress(
  address: InterfaceAddress,
  existing: "refuse" | "replace",
): Uint8Array<ArrayBuffer> {
  const how = existing === "refuse" ? NLM_F_EXCL : NLM_F_REPLACE;
  const writer = new MessageWriter(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | how);
  writeAddressHeader(writer, address);
  writer.attributeU32(IFA_FLAGS, address.flags);
  if (address.protocol !== 0) writer.attribute(IFA_PROTO, Uint8Array.of(address.protocol));
  if (address.validSeconds !== Infinity || address.preferredSeconds !== Infinity) {
    writer.attribute(IFA_CACHEINFO, cacheinfo(address));
  }
  return writer.finish();
}

/** Removes an address from an interface; −EADDRNOTAVAIL if it is not there. */
export function removeAddress(
  address: Pick<InterfaceAddress, "index" | "family" | "address" | "prefixLength">,
): Uint8Array<ArrayBuffer> {
  const writer = new MessageWriter(RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK);
  writeAddressHeader(writer, { ...address, scope: SCOPE_UNIVERSE });
  return writer.finish();
}

/** Sets `flags` of a link to the bits of `value` (`IFF_UP`: up or down). */
export function setLinkFlags(
  index: number,
  flags: number,
  value: number,
): Uint8Array<ArrayBuffer> {
  return linkMessage(RTM_NEWLINK, 0, index, value, flags).finish();
}

/**
 * A message that starts with
 * ```c
 * struct ifinfomsg { unsigned char family; unsigned short type; int index;
 *                    unsigned flags, change; };
 * ```
 * and is still to be given its attributes.
 */
export function linkMessage(
  type: number,
  messageFlags: number,
  index: number,
  flags = 0,
  change = 0,
): MessageWriter {
  return new MessageWriter(type, NLM_F_REQUEST | NLM_F_ACK | messageFlags)
    .u32(0).u32(index).u32(flags).u32(change);
}

/** Reads a message about a link, an address or a route that goes; `undefined` for any other. */
export function parseRouteEvent(message: NetlinkMessage): RouteEvent | undefined {
  if (message.type === RTM_NEWLINK || message.type === RTM_DELLINK) {
    const link = parseLink(message.body);
    return link && { kind: message.type === RTM_NEWLINK ? "link" : "linkGone", link };
  }
  if (message.type === RTM_NEWADDR || message.type === RTM_DELADDR) {
    const address = parseInterfaceAddress(message.body);
    return address && { kind: message.type === RTM_NEWADDR ? "address" : "addressGone", address };
  }
  if (message.type === RTM_DELROUTE || message.type === RTM_DELRULE) return { kind: "routeGone" };
  return undefined;
}

/**
 * ```c
 * struct ifaddrmsg { __u8 family, prefixlen, flags, scope; __u32 index; };
 * ```
 */
function writeAddressHeader(
  writer: MessageWriter,
  address: Pick<InterfaceAddress, "index" | "family" | "address" | "prefixLength" | "scope">,
): void {
  const family = address.family === 4 ? AF_INET : AF_INET6;
  writer.raw(Uint8Array.of(family, address.prefixLength, 0, address.scope)).u32(address.index);
  writer.attribute(IFA_LOCAL, address.address).attribute(IFA_ADDRESS, address.address);
}

/**
 * ```c
 * struct ifa_cacheinfo { __u32 ifa_prefered, ifa_valid, cstamp, tstamp; };
 * ```
 */
function cacheinfo(address: InterfaceAddress): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = viewOf(bytes);
  view.setUint32(0, lifetime(address.preferredSeconds), true);
  view.setUint32(4, lifetime(address.validSeconds), true);
  return bytes;
}

function lifetime(seconds: number): number {
  return seconds === Infinity ? FOREVER : seconds;
}

function parseLink(body: Uint8Array<ArrayBuffer>): Link | undefined {
  if (body.length < IFINFO_BYTES) return undefined;
  const view = viewOf(body);
  const attributes = attributesOf(body.subarray(IFINFO_BYTES));
  const alias = attributes.get(IFLA_IFALIAS);
  return {
    index: view.getInt32(4, true),
    name: textOf(attributes.get(IFLA_IFNAME)),
    mac: attributes.get(IFLA_ADDRESS)?.slice() ?? new Uint8Array(0),
    flags: view.getUint32(8, true),
    operstate: attributes.get(IFLA_OPERSTATE)?.[0] ?? OPERSTATE_UNKNOWN,
    mtu: u32Of(attributes.get(IFLA_MTU)) ?? 0,
    controller: u32Of(attributes.get(IFLA_MASTER)) ?? 0,
    carrierChanges: u32Of(attributes.get(IFLA_CARRIER_CHANGES)) ?? 0,
    event: u32Of(attributes.get(IFLA_EVENT)) ?? 0,
    ...(alias && { alias: textOf(alias) }),
  };
}

function parseInterfaceAddress(body: Uint8Array<ArrayBuffer>): InterfaceAddress | undefined {
  if (body.length < IFADDR_BYTES) return undefined;
  const view = viewOf(body);
  const family = body[0] === AF_INET ? 4 : body[0] === AF_INET6 ? 6 : undefined;
  const attributes = attributesOf(body.subarray(IFADDR_BYTES));
  // On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL, where there is one, is ours.
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (!family || address?.length !== (family === 4 ? 4 : 16)) return undefined;
  const cache = attributes.get(IFA_CACHEINFO);
  return {
    index: view.getUint32(4, true),
    family,
    address: address.slice(),
    prefixLength: body[1]!,
    scope: body[3]!,
    // The header has room for eight bits only; newer kernels send all of them as an attribute.
    flags: u32Of(attributes.get(IFA_FLAGS)) ?? body[2]!,
    protocol: attributes.get(IFA_PROTO)?.[0] ?? 0,
    validSeconds: seconds(u32Of(cache?.subarray(4))),
    preferredSeconds: seconds(u32Of(cache)),
  };
}

function seconds(value: number | undefined): number {
  return value === undefined || value === FOREVER ? Infinity : value;
}

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;

export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
export const IFF_RUNNING = 0x40;
export const IFF_PROMISC = 0x100;
export const IFF_ALLMULTI = 0x200;
export const OPERSTATE_UNKNOWN = 0;
export const OPERSTATE_UP = 6;

export const IFA_F_SECONDARY = 0x01;
export const IFA_F_NODAD = 0x02;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_DEPRECATED = 0x20;
export const IFA_F_TENTATIVE = 0x40;
export const IFA_F_PERMANENT = 0x80;
export const IFA_F_NOPREFIXROUTE = 0x200;

export const SCOPE_UNIVERSE = 0;
export const SCOPE_LINK = 253;
export const SCOPE_HOST = 254;

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MASTER = 10;
export const IFLA_IFALIAS = 20;

const IFINFO_BYTES = 16;
const IFADDR_BYTES = 8;
const FOREVER = 0xffffffff;

const AF_INET = 2;
const AF_INET6 = 10;

const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_DELROUTE = 25;
const RTM_DELRULE = 33;

const IFLA_MTU = 4;
const IFLA_OPERSTATE = 16;
const IFLA_CARRIER_CHANGES = 35;
const IFLA_EVENT = 44;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;
