/**
 * Where on this host a virtual router belongs: which interface, and which address of it is ours.
 * Reads what the kernel has listed, and changes nothing.
 */

import { formatAddress, isLinkLocal, parseAddress, sameAddress } from "../core/net/address.ts";
import { contains } from "../core/net/prefix.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import {
  IFA_F_DADFAILED,
  IFA_F_SECONDARY,
  IFA_F_TENTATIVE,
  IFF_RUNNING,
  IFF_UP,
  type InterfaceAddress,
  type Link,
} from "../core/wire/rtnetlink.ts";
import { IFAPROT_VRRP } from "./addresses.ts";

/** An interface that works, and the address on it that advertisements come from. */
export interface Place {
  /** Where advertisements are sent and heard. */
  readonly link: Link;
  /** Where the addresses belong, if that is another link. */
  readonly home?: Link;
  readonly source: Uint8Array<ArrayBuffer>;
  /** Whether `peers` of a unicast router are all reached without a router in between. */
  readonly peersOnLink: boolean;
}

/** Why there is no place: for the log. */
export interface NoPlace {
  /** Whether the interface is missing or down; otherwise it has no address. */
  readonly down: boolean;
  readonly why: string;
  /** Whether it is about to be there, which is no news. */
  readonly soon?: boolean;
}

/**
 * Finds the place of a virtual router among all links and addresses of the host.
 *
 * @param plans of all virtual routers: what is virtual in one is no other's source.
 */
export function findPlace(
  plan: VirtualRouterPlan,
  links: readonly Link[],
  addresses: readonly InterfaceAddress[],
  plans: readonly VirtualRouterPlan[] = [plan],
): Place | NoPlace {
  const link = findLink(plan, links, addresses);
  if (!link) {
    const why = plan.interface === null
      ? `no interface has this node's address ${plan.nodeAddress ?? ""}`.trimEnd()
      : `there is no interface ${plan.interface}`;
    return { down: plan.interface !== null, why };
  }
  if ((link.flags & IFF_UP) === 0) return { down: true, why: `interface ${link.name} is down` };
  if ((link.flags & IFF_RUNNING) === 0) {
    return { down: true, why: `interface ${link.name} has no carrier` };
  }
  const ours = findSource(plan, addresses.filter(({ index }) => index === link.index), plans);
  if (!ours) {
    const source = plan.unicast?.source;
    const why = source
      ? `interface ${link.name} has no usable address ${source}, by which its peers know this node`
      : `interface ${link.name} has no ${kindOf(plan)} address of its own`;
    return { down: false, why };
  }
  const network = { family: ours.family, bytes: ours.address, length: ours.prefixLength };
  const peers = plan.unicast?.peers ?? [];
  const peersOnLink = peers.every((peer) => contains(network, bytesOf(peer)));
  return { link, source: ours.address, peersOnLink };
}

function findLink(
  plan: VirtualRouterPlan,
  links: readonly Link[],
  addresses: readonly InterfaceAddress[],
): Link | undefined {
  if (plan.interface !== null) return links.find(({ name }) => name === plan.interface);
  const own = addresses.find(({ address }) => formatAddress(address) === plan.nodeAddress);
  return links.find(({ index }) => index === own?.index);
}

/**
 * The address the plan names, if it is here; otherwise the first that is no virtual address, but
 * not where unicast peers know us by one: they would take nothing from another, and become Active
 * beside us. To the multicast group of IPv6 only a link-local one will do (RFC 9568, section
 * 5.1.2.1).
 */
function findSource(
  plan: VirtualRouterPlan,
  addresses: readonly InterfaceAddress[],
  plans: readonly VirtualRouterPlan[],
): InterfaceAddress | undefined {
  const named = plan.unicast?.source ?? plan.nodeAddress;
  const virtual = plans.filter(({ priority }) => priority !== PRIORITY_OWNER)
    .flatMap((one) => [...one.addresses, ...one.excludedAddresses])
    .map(({ address }) => bytesOf(address));
  const usable = addresses.filter(({ family, address, flags, protocol }) => {
    if (family !== plan.family || needsLinkLocal(plan) && !isLinkLocal(address)) return false;
    // The kernel neither sends from nor answers at an address it is not sure of yet.
    if (family === 6 && (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0) return false;
    return protocol !== IFAPROT_VRRP && !virtual.some((one) => sameAddress(one, address));
  });
  const found = usable.find(({ address }) => formatAddress(address) === named);
  if (found || plan.unicast?.source) return found;
  return usable.find(({ flags }) => (flags & IFA_F_SECONDARY) === 0) ?? usable[0];
}

function needsLinkLocal({ family, unicast }: VirtualRouterPlan): boolean {
  return family === 6 && unicast === null;
}

function kindOf(plan: VirtualRouterPlan): string {
  return needsLinkLocal(plan) ? "link-local IPv6" : `IPv${plan.family}`;
}

/** The plan's addresses are valid text. */
function bytesOf(address: string): Uint8Array<ArrayBuffer> {
  return parseAddress(address)?.bytes ?? new Uint8Array(0);
}
