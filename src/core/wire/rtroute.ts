/**
 * rtnetlink messages about routes and rules (rtnetlink(7), ip-route(8), ip-rule(8)), as bytes to be
 * sent. Reads hardly any: what is removed is named, and marked as ours.
 */

import type { Family } from "../net/address.ts";
import {
  attributesOf,
  MessageWriter,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  u32Of,
} from "./netlink.ts";
import { SCOPE_LINK, SCOPE_UNIVERSE } from "./rtnetlink.ts";

/** A route to a network. */
export interface Route {
  readonly family: Family;
  /** Destination. Of `bytes` only the network's part counts; length 0 is the default route. */
  readonly to: Destination;
  /** The gateway, of either family; `null` means on the link. */
  readonly via: Uint8Array | null;
  /** Index of the outgoing interface; `null` leaves it to the kernel. */
  readonly index: number | null;
  /** Preferred source address. */
  readonly source: Uint8Array | null;
  readonly table: number;
  /** `null` leaves it to the kernel. */
  readonly metric: number | null;
}

/** Which packets look into a routing table. */
export interface Rule {
  readonly family: Family;
  readonly from: Destination | null;
  readonly to: Destination | null;
  readonly table: number;
  /** `null` means before all others. */
  readonly priority: number | null;
}

/** A network. */
export interface Destination {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Adds a route with our mark; −EEXIST if there is one to the same place already. */
export function addRoute(route: Route): Uint8Array<ArrayBuffer> {
  const writer = routeMessage(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  if (route.index !== null) writer.attributeU32(RTA_OIF, route.index);
  if (route.via && route.via.length === route.to.bytes.length) {
    writer.attribute(RTA_GATEWAY, route.via);
  } else if (route.via) {
    // struct rtvia { __kernel_sa_family_t family; __u8 addr[]; }
    const family = route.via.length === 4 ? AF_INET : AF_INET6;
    writer.attribute(RTA_VIA, Uint8Array.of(family, 0, ...route.via));
  }
  if (route.source) writer.attribute(RTA_PREFSRC, route.source);
  return writer.finish();
}

/** Removes a route of ours; −ESRCH if there is none. Without our mark it stays. */
export function removeRoute(route: Route): Uint8Array<ArrayBuffer> {
  return routeMessage(RTM_DELROUTE, 0, route).finish();
}

/**
 * Adds a rule with our mark; −EEXIST if there is such a one already. That holds of a known priority
 * only: without one the kernel adds as many as it is asked for, so it is to tell which it has
 * given: see {@linkcode priorityOf}.
 */
export function addRule(rule: Rule): Uint8Array<ArrayBuffer> {
  const echo = rule.priority === null ? NLM_F_ECHO : 0;
  return ruleMessage(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL | echo, rule);
}

/** The priority of a rule that the kernel tells of; `undefined` for any other message. */
export function priorityOf({ type, body }: NetlinkMessage): number | undefined {
  if (type !== RTM_NEWRULE || body.length < FIB_RULE_BYTES) return undefined;
  return u32Of(attributesOf(body.subarray(FIB_RULE_BYTES)).get(FRA_PRIORITY)) ?? 0;
}

/** Removes a rule of ours; −ENOENT if there is none. */
export function removeRule(rule: Rule): Uint8Array<ArrayBuffer> {
  return ruleMessage(RTM_DELRULE, 0, rule);
}

/**
 * ```c
 * struct rtmsg { unsigned char rtm_family, rtm_dst_len, rtm_src_len, rtm_tos, rtm_table,
 *                rtm_protocol, rtm_scope, rtm_type; unsigned rtm_flags; };
 * ```
 */
function routeMessage(type: number, flags: number, route: Route): MessageWriter {
  const { family, to, via, table, metric } = route;
  // Without a gateway, what IPv4 reaches is on the link; a request to remove must say the same.
  const scope = family === 4 && via === null ? SCOPE_LINK : SCOPE_UNIVERSE;
  const header = [afOf(family), to.length, 0, 0, tableOctet(table), PROTOCOL, scope, RTN_UNICAST];
  const writer = new MessageWriter(type, NLM_F_REQUEST | NLM_F_ACK | flags)
    .raw(Uint8Array.from(header)).u32(0);
  if (to.length > 0) writer.attribute(RTA_DST, networkOf(to));
  writer.attributeU32(RTA_TABLE, table);
  if (metric !== null) writer.attributeU32(RTA_PRIORITY, metric);
  return writer;
}

/**
 * ```c
 * struct fib_rule_hdr { __u8 family, dst_len, src_len, tos, table, res1, res2, action;
 *                       __u32 flags; };
 * ```
 */
function ruleMessage(type: number, flags: number, rule: Rule): Uint8Array<ArrayBuffer> {
  const { family, from, to, table, priority } = rule;
  const lengths = [to?.length ?? 0, from?.length ?? 0];
  const header = [afOf(family), ...lengths, 0, tableOctet(table), 0, 0, FR_ACT_TO_TBL];
  const writer = new MessageWriter(type, NLM_F_REQUEST | NLM_F_ACK | flags)
    .raw(Uint8Array.from(header)).u32(0);
  if (to && to.length > 0) writer.attribute(FRA_DST, networkOf(to));
  if (from && from.length > 0) writer.attribute(FRA_SRC, networkOf(from));
  writer.attributeU32(FRA_TABLE, table);
  if (priority !== null) writer.attributeU32(FRA_PRIORITY, priority);
  return writer.attribute(FRA_PROTOCOL, Uint8Array.of(PROTOCOL)).finish();
}

/** The kernel refuses host bits. */
function networkOf({ bytes, length }: Destination): Uint8Array {
  return bytes.map((byte, at) => {
    const bits = Math.min(Math.max(length - 8 * at, 0), 8);
    return byte & (0xff << (8 - bits));
  });
}

/** The header has one octet for a table; greater ones are an attribute only. */
function tableOctet(table: number): number {
  return table < 256 ? table : RT_TABLE_UNSPEC;
}

function afOf(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** Marks routes and rules as ours: the number VRRP daemons have (`RTPROT_KEEPALIVED`). */
const PROTOCOL = 18;

const AF_INET = 2;
const AF_INET6 = 10;

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWRULE = 32;
const RTM_DELRULE = 33;

const RT_TABLE_UNSPEC = 0;
const RTN_UNICAST = 1;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
const RTA_VIA = 18;

const FIB_RULE_BYTES = 12;
const FR_ACT_TO_TBL = 1;
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_PRIORITY = 6;
const FRA_TABLE = 15;
const FRA_PROTOCOL = 21;
