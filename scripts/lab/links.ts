/**
 * The links, addresses and routes of one namespace, by name and by our own rtnetlink. Every failure
 * throws: a lab that is not what the test asked for is worth nothing.
 */

import { formatAddress, parseAddress } from "../../src/core/net/address.ts";
import { formatMac } from "../../src/core/net/mac.ts";
import { parsePrefix } from "../../src/core/net/prefix.ts";
import {
  MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from "../../src/core/wire/netlink.ts";
import {
  addAddress,
  IFA_F_NODAD,
  IFF_UP,
  IFLA_IFNAME,
  IFLA_MASTER,
  type Link,
  linkMessage,
  removeAddress,
  RTM_DELLINK,
  RTM_NEWLINK,
  SCOPE_UNIVERSE,
  setLinkFlags,
} from "../../src/core/wire/rtnetlink.ts";
import { must } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inNetworkNamespace } from "../../src/linux/namespace.ts";
import { RouteSocket } from "../../src/linux/netlink.ts";

/** An address as a test wants to see it. */
export interface AddressSeen {
  readonly interface: string;
  /** `172.16.0.2/24`. */
  readonly prefix: string;
  /** `IFA_PROTO`. */
  readonly protocol: number;
  readonly flags: number;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
}

/** How an address is put on an interface. */
export interface AddressOptions {
  readonly protocol?: number;
  /** Default: for ever. */
  readonly lifetimeSeconds?: number;
}

/** The links of one namespace. */
export class Links implements Disposable {
  readonly #socket: RouteSocket;

  constructor(namespace: Fd) {
    this.#socket = inNetworkNamespace(namespace, () => new RouteSocket());
  }

  /** All links. */
  list(): Link[] {
    const links = this.#socket.links();
    if (typeof links === "number") throw new Error(`listing links: errno ${-links}`);
    return links;
  }

  /** The link of that name. */
  find(name: string): Link {
    const link = this.list().find((candidate) => candidate.name === name);
    if (!link) throw new Error(`no interface ${name} in this namespace`);
    return link;
  }

  /** A link's hardware address as text. */
  mac(name: string): string {
    return formatMac(this.find(name).mac);
  }

  /** Makes a pair of virtual Ethernet links, the other end in `peerNamespace`. */
  addVeth(name: string, peerNamespace: Fd, peerName: string): void {
    const writer = linkMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    writer.attributeText(IFLA_IFNAME, name).nest(IFLA_LINKINFO, () => {
      writer.attributeText(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, () => {
        writer.nest(VETH_INFO_PEER, () => {
          writer.zeros(IFINFO_BYTES)
            .attributeText(IFLA_IFNAME, peerName)
            .attributeU32(IFLA_NET_NS_FD, peerNamespace);
        });
      });
    });
    this.#request(`adding veth ${name}`, writer.finish());
  }

  /** Makes a bridge and sets it up. */
  addBridge(name: string): void {
    const writer = linkMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    writer.attributeText(IFLA_IFNAME, name).nest(IFLA_LINKINFO, () => {
      writer.attributeText(IFLA_INFO_KIND, "bridge");
    });
    this.#request(`adding bridge ${name}`, writer.finish());
    this.up(name);
  }

  /** Puts a link into a bridge, or takes it out of the one it is in. */
  enslave(name: string, bridge: string | null): void {
    const controller = bridge === null ? 0 : this.find(bridge).index;
    const message = linkMessage(RTM_NEWLINK, 0, this.find(name).index)
      .attributeU32(IFLA_MASTER, controller);
    this.#request(`putting ${name} into ${bridge}`, message.finish());
  }

  /** Deletes a link, and with it the other end of a pair. */
  remove(name: string): void {
    this.#request(
      `deleting ${name}`,
      linkMessage(RTM_DELLINK, 0, this.find(name).index).finish(),
    );
  }

  /** Sets a link up. */
  up(name: string): void {
    this.#request(`setting ${name} up`, setLinkFlags(this.find(name).index, IFF_UP, IFF_UP));
  }

  /** Sets a link down. */
  down(name: string): void {
    this.#request(`setting ${name} down`, setLinkFlags(this.find(name).index, IFF_UP, 0));
  }

  /** All addresses, but for those of the loopback. */
  addresses(): AddressSeen[] {
    const addresses = this.#socket.addresses();
    if (typeof addresses === "number") throw new Error(`listing addresses: errno ${-addresses}`);
    const names = new Map(this.list().map((link) => [link.index, link.name]));
    return addresses.map(({ index, address, prefixLength, ...rest }) => ({
      interface: names.get(index) ?? `#${index}`,
      prefix: `${formatAddress(address)}/${prefixLength}`,
      protocol: rest.protocol,
      flags: rest.flags,
      validSeconds: rest.validSeconds,
      preferredSeconds: rest.preferredSeconds,
    })).filter((seen) => seen.interface !== "lo");
  }

  /** Whether any interface but the loopback carries an address. */
  holds(address: string): boolean {
    return this.addresses().some(({ prefix }) => prefix.startsWith(`${address}/`));
  }

  /** Puts `ADDRESS/LENGTH` on a link. */
  addAddress(name: string, prefix: string, options: AddressOptions = {}): void {
    const seconds = options.lifetimeSeconds ?? Infinity;
    const message = addAddress({
      ...this.#place(name, prefix),
      scope: SCOPE_UNIVERSE,
      flags: prefix.includes(":") ? IFA_F_NODAD : 0,
      protocol: options.protocol ?? 0,
      validSeconds: seconds,
      preferredSeconds: seconds,
    }, "refuse");
    this.#request(`adding ${prefix} to ${name}`, message);
  }

  /** Takes `ADDRESS/LENGTH` off a link. */
  removeAddress(name: string, prefix: string): void {
    this.#request(`removing ${prefix} from ${name}`, removeAddress(this.#place(name, prefix)));
  }

  /** Adds a route to `prefix` (`0.0.0.0/0` for the default) by way of `gateway`. */
  addRoute(prefix: string, gateway: string): void {
    const to = parsePrefix(prefix);
    const via = parseAddress(gateway);
    if (!to || !via) throw new Error(`cannot read the route ${prefix} via ${gateway}`);
    const family = to.family === 4 ? AF_INET : AF_INET6;
    // struct rtmsg { family, dst_len, src_len, tos, table, protocol, scope, type; unsigned flags; }
    const message = new MessageWriter(
      RTM_NEWROUTE,
      NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    )
      .raw(Uint8Array.of(family, to.length, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST))
      .u32(0);
    if (to.length > 0) message.attribute(RTA_DST, to.bytes);
    message.attribute(RTA_GATEWAY, via.bytes);
    this.#request(`adding a route to ${prefix} via ${gateway}`, message.finish());
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #place(name: string, prefix: string) {
    const parsed = parsePrefix(prefix);
    if (!parsed) throw new Error(`cannot read the address ${prefix}`);
    const { family, bytes: address, length: prefixLength } = parsed;
    return { index: this.find(name).index, family, address, prefixLength };
  }

  #request(what: string, message: Uint8Array<ArrayBuffer>): void {
    must(what, this.#socket.request(message));
  }
}

const AF_INET = 2;
const AF_INET6 = 10;
const IFINFO_BYTES = 16;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const RTM_NEWROUTE = 24;
const RTA_DST = 1;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RTN_UNICAST = 1;
