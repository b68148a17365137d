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
import { EADDRNOTAVAIL, EEXIST, ENODEV, errorName } from "../linux/errno.ts";
import type { RouteSocket } from "../linux/netlink.ts";
import { removeLeftRoutes, VirtualRoutes } from "./virtual_routes.ts";

/** The virtual addresses of one virtual router, and the routes that go with them. */
export class VirtualAddresses {
  #plan: VirtualRouterPlan;
  #listed: Listed;
  /** Where they belong; 0 before that is known. */
  #index = 0;
  readonly #route: Pick<RouteSocket, "request">;
  readonly #routes: VirtualRoutes;
  #requests: readonly Requests[] = [];

  constructor(plan: VirtualRouterPlan, route: Pick<RouteSocket, "request">) {
    this.#plan = plan;
    this.#route = route;
    this.#routes = new VirtualRoutes(plan, route);
    this.#listed = listedIn(plan);
  }

  /** Why the kernel has taken none that is advertised; `null` if one is there. */
  get refusal(): string | null {
    let errno = 0;
    for (let at = 0; at < this.#listed.bytes.length; at++) {
      errno = this.#requests[at]?.refusal ?? 0;
      if (errno === 0) return null;
    }
    return errno === 0 ? null : errorName(errno);
  }

  /** Whether the kernel would take one that is advertised. Tries, and leaves nothing behind. */
  isWelcome(): boolean {
    return this.#requests.slice(0, this.#listed.bytes.length).some(({ add, remove }) => {
      const result = this.#route.request(add);
      if (result === 0) this.#route.request(remove);
      return result === 0 || result === -EEXIST;
    });
  }

  /** In the order they are advertised. */
  get bytes(): readonly Uint8Array<ArrayBuffer>[] {
    return this.#listed.bytes;
  }

  /** Carried like these, but not advertised. */
  get excluded(): readonly Uint8Array<ArrayBuffer>[] {
    return this.#listed.excluded;
  }

  /** Both. */
  get all(): readonly Uint8Array<ArrayBuffer>[] {
    return this.#listed.all;
  }

  /** From now on the addresses belong on this interface. Not while any is held. */
  moveTo(index: number): void {
    this.#index = index;
    this.#routes.moveTo(index);
    this.#requests = this.#prepared();
  }

  /**
   * Goes by another plan. Takes away what it has no more; what is new, or is to live for another
   * time, is for {@linkcode add}.
   *
   * @returns what went wrong.
   */
  change(plan: VirtualRouterPlan): readonly AddressProblem[] {
    const problems = this.#routes.change(plan);
    const before = this.#requests;
    this.#plan = plan;
    this.#listed = listedIn(plan);
    if (this.#index === 0) return problems;
    this.#requests = this.#prepared();
    for (const one of this.#requests) {
      one.held = before.some(({ key, held }) => held && key === one.key);
    }
    const kept = new Set(this.#requests.map(({ key }) => key));
    return problems.concat(this.#take(before.filter(({ key }) => !kept.has(key))));
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
   * Puts back what somebody else has taken away, or what has expired: addresses, routes and rules.
   *
   * @returns what was missing, and what went wrong.
   */
  restore(): {
    readonly restored: readonly string[];
    /** Routes and rules, in words. */
    readonly routes: readonly string[];
    readonly problems: readonly AddressProblem[];
  } {
    const restored: string[] = [];
    const problems = this.#each((one) => {
      if (!one.held) return 0;
      const result = this.#route.request(one.add);
      one.refusal = refusalIn(result);
      if (result === 0) restored.push(one.text);
      return result === -EEXIST ? 0 : result;
    });
    const routes = this.#routes.restore();
    return { restored, routes: routes.restored, problems: problems.concat(routes.problems) };
  }

  /** Takes away what we have put there. */
  remove(): readonly AddressProblem[] {
    // First the routes: the kernel would drop those that prefer one of the addresses by itself.
    const problems = this.#routes.remove();
    return problems.concat(this.#take(this.#requests));
  }

  #prepared(): readonly Requests[] {
    const lifetime = lifetimeSeconds(this.#plan);
    return carried(this.#plan).map((one) => {
      const entry = entryFor(one, this.#index, lifetime);
      return {
        key: `${one.address}/${one.prefixLength}`,
        text: one.address,
        add: addAddress(entry, "refuse"),
        renew: addAddress(entry, "replace"),
        remove: removeAddress(entry),
        held: false,
        refusal: 0,
      };
    });
  }

  #take(requests: readonly Requests[]): readonly AddressProblem[] {
    return this.#each((one) => {
      one.refusal = 0;
      if (!one.held) return 0;
      one.held = false;
      const result = this.#route.request(one.remove);
      return result === -EADDRNOTAVAIL || result === -ENODEV ? 0 : result;
    }, requests);
  }

  #put(one: Requests): number {
    // Replaced, one of ours comes back if it has just expired, and does not blink if it has not.
    const result = this.#route.request(one.held ? one.renew : one.add);
    // One that is there is there until it expires.
    if (!one.held) one.refusal = refusalIn(result);
    one.held ||= result === 0;
    // An owner's addresses are there before us.
    return result === -EEXIST && this.#plan.priority === PRIORITY_OWNER ? 0 : result;
  }

  #each(
    request: (one: Requests) => number,
    requests = this.#requests,
  ): readonly AddressProblem[] {
    let problems: AddressProblem[] | undefined;
    for (const one of requests) {
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
 * @param running what others hold at this moment: it is not left over.
 * @returns what was there, each with the kernel's answer: 0, or −errno.
 */
export function removeLeftOvers(
  plans: readonly VirtualRouterPlan[],
  addresses: readonly InterfaceAddress[],
  route: Pick<RouteSocket, "request">,
  running: readonly VirtualRouterPlan[] = [],
): readonly { readonly address: string; readonly result: number }[] {
  const routes = plans.flatMap((plan) => removeLeftRoutes(plan, route, running))
    .map((address) => ({ address, result: 0 }));
  const others = running.flatMap((plan) => listedIn(plan).all);
  const virtual = plans.filter(({ priority }) => priority !== PRIORITY_OWNER)
    .flatMap((plan) => carried(plan).map(({ address }) => ({ plan, bytes: bytesOf(address) })));
  const left = addresses.filter(({ address, protocol }) =>
    !others.some((one) => sameAddress(one, address)) &&
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
  readonly key: string;
  readonly text: string;
  readonly add: Uint8Array<ArrayBuffer>;
  readonly renew: Uint8Array<ArrayBuffer>;
  readonly remove: Uint8Array<ArrayBuffer>;
  /** Whether it is there because of us. */
  held: boolean;
  /** The errno by which the kernel has refused to put it there, or 0. */
  refusal: number;
}

/** What was there before is no refusal: it is there. */
function refusalIn(result: number): number {
  return result < 0 && result !== -EEXIST ? -result : 0;
}

/** The addresses of a plan as the kernel has them. */
interface Listed {
  readonly bytes: readonly Uint8Array<ArrayBuffer>[];
  readonly excluded: readonly Uint8Array<ArrayBuffer>[];
  readonly all: readonly Uint8Array<ArrayBuffer>[];
}

function listedIn({ addresses, excludedAddresses }: VirtualRouterPlan): Listed {
  const bytes = addresses.map(({ address }) => bytesOf(address));
  const excluded = excludedAddresses.map(({ address }) => bytesOf(address));
  return { bytes, excluded, all: [...bytes, ...excluded] };
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
