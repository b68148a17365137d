/**
 * rtnetlink messages that make and remove macvlan links (rtnetlink(7), ip-link(8)), as bytes to be
 * sent. Reads none.
 */

import { NLM_F_CREATE, NLM_F_EXCL } from "./netlink.ts";
import {
  IFLA_ADDRESS,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  linkMessage,
  RTM_DELLINK,
  RTM_NEWLINK,
} from "./rtnetlink.ts";

/**
 * Makes a link of its own MAC address on top of another; −EEXIST if there is one of that name. Its
 * mode is private: what it sends does not come back to others on the same link.
 */
export function addMacvlan(
  name: string,
  base: number,
  mac: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const writer = linkMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
  writer.attributeText(IFLA_IFNAME, name)
    .attribute(IFLA_ADDRESS, mac)
    .attributeU32(IFLA_LINK, base)
    .nest(IFLA_LINKINFO, () => {
      writer.attributeText(IFLA_INFO_KIND, "macvlan").nest(IFLA_INFO_DATA, () => {
        writer.attributeU32(IFLA_MACVLAN_MODE, MACVLAN_MODE_PRIVATE);
      });
    });
  return writer.finish();
}

/** Makes a remark that goes with a link and with it alone. */
export function setLinkAlias(index: number, alias: string): Uint8Array<ArrayBuffer> {
  const writer = linkMessage(RTM_NEWLINK, 0, index);
  writer.attribute(IFLA_IFALIAS, new TextEncoder().encode(alias));
  return writer.finish();
}

/** Removes a link, and all addresses on it; −ENODEV if it is gone. */
export function removeLink(index: number): Uint8Array<ArrayBuffer> {
  return linkMessage(RTM_DELLINK, 0, index).finish();
}

const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const MACVLAN_MODE_PRIVATE = 1;
