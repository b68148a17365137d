/**
 * The virtual addresses of one virtual router on this host: put there, renewed and taken away. What
 * was there before us, and what the host owns, keeps its lifetime and stays.
 */

import { formatAddress, isLinkLocal, parseAddress, sameAddress } from "../core/net/address.ts";
import type { AddressPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import {
  addAddress,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  type InterfaceAddress,
  removeAddress,
  SCOPE_LINK,
  SCOPE_UNIVERSE,
} from "../core/wire/rtnetlink.ts";
import { EADDRNOTAVAIL, EEXIST, ENODEV } from "../linux/errno.ts";
import type { RouteSocket } from "../linux/netlink.ts";
import { removeLeftRoutes, VirtualRoutes } from "./virtual_routes.ts";

/** The virtual addresses of one virtual router, and the routes that go with them. */
export class VirtualAddresses {
  /** In the order they are advertised. */
  readonly bytes: readonly Uint8Array<ArrayBuffer>[];
  /** Carried like these, but not advertised. */
  readonly excluded: readonly Uint8Array<ArrayBuffer>[];
  /** Both. */
  readonly all: readonly Uint8Array<ArrayBuffer>[];
  readonly #plan: VirtualRouterPlan;
  readonly #route: Pick<RouteSocket, "request">;
  readonly #routes: VirtualRoutes;
  #requests: readonly Requests[] = [];

  constructor(plan: VirtualRouterPlan, route: Pick<RouteSocket, "request">) {
    this.#plan = plan;
    this.#route = route;
    this.#routes = new VirtualRoutes(plan, route);
    this.bytes = plan.addresses.map(({ address }) => bytesOf(address));
    this.excluded = plan.excludedAddresses.map(({ address }) => bytesOf(address));
    this.all = [...this.bytes, ...this.excluded];
  }

  /** From now on the addresses belong on this interface. Not while any is held. */
  moveTo(index: number): void {
    this.#routes.moveTo(index);
    this.#requests = carried(this.#plan).map((one) => {
      const entry = entryFor(one, index, lifetimeSeconds(this.#plan));
      return {
        text: one.address,
        add: addAddress(entry, "refuse"),
        renew: addAddress(entry, "replace"),
        remove: removeAddress(entry),
        held: false,
      };
    });
  }

  /** Puts the addresses on the interface. @returns what went wrong, for the log. */
  add(): readonly AddressProblem[] {
    return this.#each((one) => this.#put(one)).concat(this.#routes.add());
  }

  /**
   * Starts the lifetime of the addresses anew, and tries again to put those there that could not
   * be.
   */
  renew(): readonly AddressProblem[] {
    return this.#each((one) => this.#put(one)).concat(this.#routes.add());
  }

  /**
   * Puts back what somebody else has taken away, or what has expired: addresses, and the routes
   * that the kernel dropped with them.
   *
   * @returns the addresses that were missing, and what went wrong.
   */
  restore(): {
    readonly restored: readonly string[];
    readonly problems: readonly AddressProblem[];
  } {
    const restored: string[] = [];
    const problems = this.#each((one) => {
      if (!one.held) return 0;
      const result = this.#route.request(one.add);
      if (result === 0) restored.push(one.text);
      return result === -EEXIST ? 0 : result;
    });
    return {
      restored,
      problems: restored.length > 0 ? problems.concat(this.#routes.restore()) : problems,
    };
  }

  /** Takes away what we have put there. */
  remove(): readonly AddressProblem[] {
    // First the routes: the kernel would drop those that prefer one of the addresses by itself.
    const problems = this.#routes.remove();
    return problems.concat(this.#each((one) => {
      if (!one.held) return 0;
      one.held = false;
      const result = this.#route.request(one.remove);
      return result === -EADDRNOTAVAIL || result === -ENODEV ? 0 : result;
    }));
  }

  #put(one: Requests): number {
    // Replaced, one of ours comes back if it has just expired, and does not blink if it has not.
    const result = this.#route.request(one.held ? one.renew : one.add);
    one.held ||= result === 0;
    // An owner's addresses are there before us.
    return result === -EEXIST && this.#plan.priority === PRIORITY_OWNER ? 0 : result;
  }

  #each(request: (one: Requests) => number): readonly AddressProblem[] {
    let problems: AddressProblem[] | undefined;
    for (const one of this.#requests) {
      const result = request(one);
      if (result < 0) (problems ??= []).push({ address: one.text, errno: -result });
    }
    return problems ?? NO_PROBLEMS;
  }
}

/** The kernel has refused to change something: `EEXIST` if it was there before us. */
export interface AddressProblem {
  /** The address, or the route or rule in words. */
  readonly address: string;
  readonly errno: number;
}

/**
 * Removes from every interface the virtual addresses of `plans` that a predecessor has left behind:
 * those with our mark, unless this node owns them; and its routes and rules. An address that
 * somebody else put there stays, unless the plan says expressly that it is to go.
 *
 * @returns what was there, each with the kernel's answer: 0, or −errno.
 */
export function removeLeftOvers(
  plans: readonly VirtualRouterPlan[],
  addresses: readonly InterfaceAddress[],
  route: Pick<RouteSocket, "request">,
): readonly { readonly address: string; readonly result: number }[] {
  const routes = plans.flatMap((plan) => removeLeftRoutes(plan, route))
    .map((address) => ({ address, result: 0 }));
  const virtual = plans.filter(({ priority }) => priority !== PRIORITY_OWNER)
    .flatMap((plan) => carried(plan).map(({ address }) => ({ plan, bytes: bytesOf(address) })));
  const left = addresses.filter(({ address, protocol }) =>
    virtual.some(({ plan, bytes }) =>
      (protocol === IFAPROT_VRRP || plan.existingAddress === "remove") &&
      sameAddress(bytes, address)
    )
  );
  return routes.concat(left.map((found) => ({
    address: formatAddress(found.address),
    result: route.request(removeAddress(found)),
  })));
}

/** The requests about one address, ready to be sent again and again. */
interface Requests {
  readonly text: string;
  readonly add: Uint8Array<ArrayBuffer>;
  readonly renew: Uint8Array<ArrayBuffer>;
  readonly remove: Uint8Array<ArrayBuffer>;
  /** Whether it is there because of us. */
  held: boolean;
}

/** All addresses that a virtual router brings along. */
function carried(plan: VirtualRouterPlan): readonly AddressPlan[] {
  return [...plan.addresses, ...plan.excludedAddresses];
}

/**
 * An IPv6 address must be of use at once, so nobody is asked whether it is taken (RFC 9568, section
 * 8.2.2, leaves that to us): with the former Active still answering it would never be usable.
 * It is deprecated from the start, so that no connection of this host's own starts from it, and its
 * expiry must not take along the route to the network it shares with others.
 */
function entryFor(
  { address: text, prefixLength }: AddressPlan,
  index: number,
  lifetime: number,
): InterfaceAddress {
  const address = bytesOf(text);
  const isIpv4 = address.length === 4;
  const routeless = prefixLength === 128 || lifetime !== Infinity ? IFA_F_NOPREFIXROUTE : 0;
  return {
    index,
    family: isIpv4 ? 4 : 6,
    address,
    prefixLength,
    scope: isLinkLocal(address) ? SCOPE_LINK : SCOPE_UNIVERSE,
    flags: isIpv4 ? 0 : IFA_F_NODAD | routeless,
    protocol: IFAPROT_VRRP,
    validSeconds: lifetime,
    preferredSeconds: isIpv4 ? lifetime : 0,
  };
}

/** Gone this long after the last renewal, the kernel's own delay of up to a second included. */
function lifetimeSeconds({ deadmanMs, priority }: VirtualRouterPlan): number {
  return deadmanMs === null || priority === PRIORITY_OWNER ? Infinity : deadmanMs / 1e3 - 1;
}

/** The plan's addresses are valid text. */
function bytesOf(address: string): Uint8Array<ArrayBuffer> {
  return parseAddress(address)?.bytes ?? new Uint8Array(0);
}

const NO_PROBLEMS: readonly AddressProblem[] = [];

/**
 * Marks an address as ours (`IFA_PROTO`), by the number VRRP daemons have among route protocols.
 */
export const IFAPROT_VRRP = 18;
