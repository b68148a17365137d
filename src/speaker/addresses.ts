/**
 * The virtual addresses of one virtual router on this host: put there, renewed and taken away. What
 * was there before us, and what the host owns, keeps its lifetime and stays.
 */

import { formatAddress, parseAddress, sameAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import {
  addAddress,
  type InterfaceAddress,
  removeAddress,
  SCOPE_UNIVERSE,
} from "../core/wire/rtnetlink.ts";
import { EADDRNOTAVAIL, ENODEV } from "../linux/errno.ts";
import type { RouteSocket } from "../linux/netlink.ts";

/** The virtual addresses of one virtual router. */
export class VirtualAddresses {
  /** In the order they are advertised. */
  readonly bytes: readonly Uint8Array<ArrayBuffer>[];
  readonly #plan: VirtualRouterPlan;
  readonly #route: RouteSocket;
  #requests: readonly Requests[] = [];

  constructor(plan: VirtualRouterPlan, route: RouteSocket) {
    this.#plan = plan;
    this.#route = route;
    this.bytes = plan.addresses.map(({ address }) => bytesOf(address));
  }

  /** From now on the addresses belong on this interface. Not while any is held. */
  moveTo(index: number): void {
    this.#requests = this.#plan.addresses.map(({ prefixLength }, at) => {
      const address = this.bytes[at] ?? new Uint8Array(0);
      const lifetime = lifetimeSeconds(this.#plan);
      const entry: InterfaceAddress = {
        index,
        family: this.#plan.family,
        address,
        prefixLength,
        scope: SCOPE_UNIVERSE,
        flags: 0,
        protocol: IFAPROT_VRRP,
        validSeconds: lifetime,
        preferredSeconds: lifetime,
      };
      return {
        text: formatAddress(address),
        add: addAddress(entry, "refuse"),
        renew: addAddress(entry, "replace"),
        remove: removeAddress(entry),
        held: false,
      };
    });
  }

  /** Puts the addresses on the interface. @returns what went wrong, for the log. */
  add(): readonly AddressProblem[] {
    return this.#each((one) => {
      // Replaced, one of ours comes back if it has just expired, and does not blink if it has not.
      const result = this.#route.request(one.held ? one.renew : one.add);
      one.held ||= result === 0;
      return result;
    });
  }

  /** Starts the lifetime of the addresses anew; nothing to do where they have none. */
  renew(): readonly AddressProblem[] {
    if (lifetimeSeconds(this.#plan) === Infinity) return [];
    return this.#each((one) => one.held ? this.#route.request(one.renew) : 0);
  }

  /** Takes away what we have put there. */
  remove(): readonly AddressProblem[] {
    return this.#each((one) => {
      if (!one.held) return 0;
      one.held = false;
      const result = this.#route.request(one.remove);
      return result === -EADDRNOTAVAIL || result === -ENODEV ? 0 : result;
    });
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

/** The kernel has refused to change an address: `EEXIST` if it was there before us. */
export interface AddressProblem {
  readonly address: string;
  readonly errno: number;
}

/**
 * Removes from every interface the virtual addresses of `plans` that a predecessor has left behind:
 * those with our mark, unless this node owns them. An address that somebody else put there stays.
 *
 * @returns the addresses that were there, each with the kernel's answer: 0, or −errno.
 */
export function removeLeftOvers(
  plans: readonly VirtualRouterPlan[],
  addresses: readonly InterfaceAddress[],
  route: RouteSocket,
): readonly { readonly address: string; readonly result: number }[] {
  const virtual = plans.filter(({ priority }) => priority !== PRIORITY_OWNER)
    .flatMap((plan) => plan.addresses.map(({ address }) => bytesOf(address)));
  return addresses
    .filter(({ protocol }) => protocol === IFAPROT_VRRP)
    .filter(({ address }) => virtual.some((one) => sameAddress(one, address)))
    .map((found) => ({
      address: formatAddress(found.address),
      result: route.request(removeAddress(found)),
    }));
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
