/**
 * Virtual router MAC addresses (RFC 9568, section 7.3): a macvlan link for each virtual router that
 * wants one. Neighbours then never learn another MAC address, whoever is Active. The links exist
 * only while this speaker runs.
 */

import { sameAddress } from "../core/net/address.ts";
import { virtualRouterMac } from "../core/net/mac.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { addMacvlan, removeLink } from "../core/wire/rtlink.ts";
import { IFF_RUNNING, IFF_UP, type Link, setLinkFlags } from "../core/wire/rtnetlink.ts";
import { errorName } from "../linux/errno.ts";
import { interfaceIndex } from "../linux/interface.ts";
import type { RouteSocket } from "../linux/netlink.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";
import type { NoPlace, Place } from "./place.ts";

/** The macvlan links of one speaker. */
export class VirtualMacs implements Disposable {
  readonly #route: Pick<RouteSocket, "request">;
  /** Indexes of links that we have made, by name. */
  readonly #made = new Map<string, number>();
  /** Kernel parameters of other links as they were. */
  readonly #changed = new Map<string, { readonly path: readonly string[]; readonly was: string }>();

  constructor(route: Pick<RouteSocket, "request">) {
    this.#route = route;
  }

  /**
   * Moves a virtual router onto its own link: its addresses always, and its advertisements unless
   * they are unicast, since what peers send to our primary address comes by the other link. Makes
   * the link if it is not there yet; then there is no place for it until the kernel tells of it.
   */
  settle(
    plan: VirtualRouterPlan,
    place: Place | NoPlace,
    links: readonly Link[],
  ): Place | NoPlace {
    if (!plan.virtualMac || !("link" in place)) return place;
    const name = nameOf(plan);
    const link = links.find((one) => one.name === name);
    if (!link || this.#made.get(name) !== link.index) return this.#make(plan, place.link, link);
    if ((link.flags & IFF_UP) === 0 || (link.flags & IFF_RUNNING) === 0) {
      return { down: true, why: `interface ${name} for the virtual MAC address is not up` };
    }
    return { ...place, link: plan.unicast ? place.link : link, home: link };
  }

  /** Removes the links, and sets parameters of other links back. */
  [Symbol.dispose](): void {
    for (const index of this.#made.values()) this.#route.request(removeLink(index));
    for (const { path, was } of this.#changed.values()) writeSysctl(path, was);
    this.#made.clear();
    this.#changed.clear();
  }

  #make(plan: VirtualRouterPlan, base: Link, found: Link | undefined): NoPlace {
    const name = nameOf(plan);
    const mac = virtualRouterMac(plan.family, plan.vrid);
    // One that a killed predecessor has left behind goes, with all that is on it.
    if (found && sameAddress(found.mac, mac)) this.#route.request(removeLink(found.index));
    const failed = this.#route.request(addMacvlan(name, base.index, mac));
    if (failed < 0) {
      const why = `interface ${name} for the virtual MAC address cannot be made: ` +
        errorName(-failed);
      return { down: true, why };
    }
    const index = interfaceIndex(name);
    this.#made.set(name, index);
    this.#prepare(plan, name, base);
    this.#route.request(setLinkFlags(index, IFF_UP, IFF_UP));
    const why = `interface ${name} for the virtual MAC address is being made`;
    return { down: true, why, soon: true };
  }

  /** Each of the two links answers for its own addresses only, with its own MAC address. */
  #prepare({ family }: VirtualRouterPlan, name: string, base: Link): void {
    const ipv4 = (parameter: string, link = name) => ["net", "ipv4", "conf", link, parameter];
    const ipv6 = (parameter: string) => ["net", "ipv6", "conf", name, parameter];
    // No address of its own: one from the shared MAC address would be on every node.
    writeSysctl(ipv6("addr_gen_mode"), ADDR_GEN_NONE);
    writeSysctl(ipv6("accept_ra"), 0);
    writeSysctl(ipv6("autoconf"), 0);
    writeSysctl(ipv6("accept_dad"), 0);
    writeSysctl(ipv4("arp_ignore"), ARP_IGNORE_OTHERS);
    if (family === 6) return;
    writeSysctl(ipv4("accept_local"), 1);
    // Answers leave by the other link, so only the loose check is of use where one is imposed.
    const isStrict = readSysctl(["net", "ipv4", "conf", "all", "rp_filter"]) !== "0";
    writeSysctl(ipv4("rp_filter"), isStrict ? RP_FILTER_LOOSE : 0);
    this.#change(ipv4("arp_ignore", base.name), ARP_IGNORE_OTHERS);
    // A request of ours in the name of a virtual address would teach neighbours the wrong one.
    this.#change(ipv4("arp_announce", base.name), ARP_ANNOUNCE_BEST);
  }

  #change(path: readonly string[], value: number): void {
    const was = readSysctl(path);
    const key = path.join("/");
    if (was === undefined || Number(was) >= value || this.#changed.has(key)) return;
    if (writeSysctl(path, value)) this.#changed.set(key, { path, was });
  }
}

/** As keepalived names them. */
function nameOf({ family, vrid }: VirtualRouterPlan): string {
  return family === 4 ? `vrrp.${vrid}` : `vrrp6.${vrid}`;
}

const ADDR_GEN_NONE = 1;
const ARP_IGNORE_OTHERS = 1;
const ARP_ANNOUNCE_BEST = 2;
const RP_FILTER_LOOSE = 2;
