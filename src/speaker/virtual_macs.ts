/**
 * Virtual router MAC addresses (RFC 9568, section 7.3): a macvlan link for each virtual router that
 * wants one. Neighbours then never learn another MAC address, whoever is Active. The links exist
 * only while this speaker runs; one that is killed leaves them to its successor, each with a remark
 * of what it has changed beside it.
 */

import { sameAddress } from "../core/net/address.ts";
import { virtualRouterMac } from "../core/net/mac.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { addMacvlan, removeLink, setLinkAlias } from "../core/wire/rtlink.ts";
import { IFF_RUNNING, IFF_UP, type Link, setLinkFlags } from "../core/wire/rtnetlink.ts";
import { errorName } from "../linux/errno.ts";
import { interfaceIndex } from "../linux/interface.ts";
import type { RouteSocket } from "../linux/netlink.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";
import type { NoPlace, Place } from "./place.ts";

/** The macvlan links of one speaker. */
export class VirtualMacs implements Disposable {
  readonly #route: Pick<RouteSocket, "request">;
  /** Links that we have made, by name, and on which links they are. */
  readonly #made = new Map<string, { readonly index: number; readonly base: string }>();
  /** Kernel parameters of other links as they were, by path. */
  readonly #changed = new Map<string, string>();

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
    if (!link || this.#made.get(name)?.index !== link.index) {
      return this.#make(plan, place.link, link);
    }
    if ((link.flags & IFF_UP) === 0 || (link.flags & IFF_RUNNING) === 0) {
      return { down: true, why: `interface ${name} for the virtual MAC address is not up` };
    }
    return { ...place, link: plan.unicast ? place.link : link, home: link };
  }

  /** Removes what a killed predecessor has left for these virtual routers. @returns the names. */
  clearLeftOvers(plans: readonly VirtualRouterPlan[], links: readonly Link[]): readonly string[] {
    return plans.flatMap((plan) => {
      const name = nameOf(plan);
      const left = links.find((link) => link.name === name && isOurs(link, plan));
      if (!left) return [];
      this.#route.request(removeLink(left.index));
      for (const [path, was] of Object.entries(remarkOf(left))) writeSysctl(path.split("/"), was);
      return [name];
    });
  }

  /** Removes the link of a virtual router that is no more; what it needed, unless others do. */
  release(plan: VirtualRouterPlan): void {
    const name = nameOf(plan);
    const made = plan.virtualMac ? this.#made.get(name) : undefined;
    if (!made) return;
    this.#route.request(removeLink(made.index));
    this.#made.delete(name);
    if ([...this.#made.values()].some(({ base }) => base === made.base)) return;
    for (const [path, was] of this.#changed) {
      if (path.split("/").at(-2) !== made.base) continue;
      writeSysctl(path.split("/"), was);
      this.#changed.delete(path);
    }
  }

  /** Removes the links, and sets parameters of other links back. */
  [Symbol.dispose](): void {
    for (const { index } of this.#made.values()) this.#route.request(removeLink(index));
    for (const [path, was] of this.#changed) writeSysctl(path.split("/"), was);
    this.#made.clear();
    this.#changed.clear();
  }

  #make(plan: VirtualRouterPlan, base: Link, found: Link | undefined): NoPlace {
    const name = nameOf(plan);
    // One from before the base was made anew goes, with all that is on it.
    if (found && isOurs(found, plan)) this.#route.request(removeLink(found.index));
    const mac = virtualRouterMac(plan.family, plan.vrid);
    const failed = this.#route.request(addMacvlan(name, base.index, mac));
    if (failed < 0) {
      const why = `interface ${name} for the virtual MAC address cannot be made: ` +
        errorName(-failed);
      return { down: true, why };
    }
    const index = interfaceIndex(name);
    this.#made.set(name, { index, base: base.name });
    if (plan.family === 4) this.#changeBase(index, base.name);
    this.#prepare(plan, name);
    this.#route.request(setLinkFlags(index, IFF_UP, IFF_UP));
    const why = `interface ${name} for the virtual MAC address is being made`;
    return { down: true, why, soon: true };
  }

  /** Each of the two links answers for its own addresses only, with its own MAC address. */
  #prepare({ family }: VirtualRouterPlan, name: string): void {
    const ipv4 = (parameter: string) => ["net", "ipv4", "conf", name, parameter];
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
  }

  /**
   * The base answers for its own addresses only; and a request of ours in the name of a virtual
   * address would teach neighbours the wrong MAC address. What was before is remarked on the link
   * first, in case we are killed.
   */
  #changeBase(index: number, base: string): void {
    const wanted = [["arp_ignore", ARP_IGNORE_OTHERS], [
      "arp_announce",
      ARP_ANNOUNCE_BEST,
    ]] as const;
    for (const [parameter, value] of wanted) {
      const path = ["net", "ipv4", "conf", base, parameter];
      const was = readSysctl(path);
      const key = path.join("/");
      if (was === undefined || Number(was) >= value || this.#changed.has(key)) continue;
      this.#changed.set(key, was);
    }
    // On each link, as each may outlive the others.
    this.#route.request(setLinkAlias(index, JSON.stringify(Object.fromEntries(this.#changed))));
    for (const [parameter, value] of wanted) {
      const path = ["net", "ipv4", "conf", base, parameter];
      if (this.#changed.has(path.join("/"))) writeSysctl(path, value);
    }
  }
}

/** Whether a link is what we would make for a virtual router. */
function isOurs(link: Link, plan: VirtualRouterPlan): boolean {
  return sameAddress(link.mac, virtualRouterMac(plan.family, plan.vrid));
}

/** What a predecessor has remarked: kernel parameters as they were, by path. */
function remarkOf({ alias = "{}" }: Link): Record<string, string> {
  try {
    const remark: unknown = JSON.parse(alias);
    const entries = Object.entries(typeof remark === "object" && remark !== null ? remark : {});
    return Object.fromEntries(
      entries.filter(([path, was]) => REMARKED.test(path) && /^\d$/.test(was)),
    );
  } catch {
    return {};
  }
}

/** As keepalived names them. */
function nameOf({ family, vrid }: VirtualRouterPlan): string {
  return family === 4 ? `vrrp.${vrid}` : `vrrp6.${vrid}`;
}

/** What may be set back, so that nobody else's remark makes us change anything else. */
const REMARKED = /^net\/ipv4\/conf\/[^/]+\/arp_(ignore|announce)$/;

const ADDR_GEN_NONE = 1;
const ARP_IGNORE_OTHERS = 1;
const ARP_ANNOUNCE_BEST = 2;
const RP_FILTER_LOOSE = 2;
