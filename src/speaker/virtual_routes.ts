/**
 * The routes and rules that go with a virtual router: installed while it is Active, and gone
 * otherwise. What somebody else has installed stays as it is.
 */

import { parseAddress } from "../core/net/address.ts";
import { parsePrefix } from "../core/net/prefix.ts";
import type { RoutePlan, RulePlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import {
  addRoute,
  addRule,
  type Destination,
  removeRoute,
  removeRule,
  type Route,
} from "../core/wire/rtroute.ts";
import { ENOENT, ESRCH } from "../linux/errno.ts";
import type { RouteSocket } from "../linux/netlink.ts";
import { interfaceIndex } from "../linux/interface.ts";

/** The routes and rules of one virtual router. */
export class VirtualRoutes {
  readonly #route: Pick<RouteSocket, "request">;
  #index = 0;
  #held: readonly Held[];

  constructor(plan: VirtualRouterPlan, route: Pick<RouteSocket, "request">) {
    this.#route = route;
    this.#held = entriesOf(plan);
  }

  /** From now on this is the interface of the virtual router. Not while any route is held. */
  moveTo(index: number): void {
    this.#index = index;
  }

  /** Goes by another plan: takes away what it has no more. @returns what the kernel refuses. */
  change(plan: VirtualRouterPlan): readonly RouteProblem[] {
    const before = this.#held;
    this.#held = entriesOf(plan);
    for (const one of this.#held) {
      one.held = before.some(({ key, held }) => held && key === one.key);
    }
    const kept = new Set(this.#held.map(({ key }) => key));
    return this.#take(before.filter(({ key }) => !kept.has(key)));
  }

  /** Installs what is not here because of us. @returns what the kernel refuses. */
  add(): readonly RouteProblem[] {
    return this.#each((one) => {
      if (one.held) return 0;
      const result = this.#route.request(one.add(this.#index));
      one.held = result === 0;
      return result;
    });
  }

  /** Installs again what the kernel has taken away meanwhile, as it does with an address. */
  restore(): readonly RouteProblem[] {
    this.remove();
    return this.add();
  }

  /** Takes away what we have installed. */
  remove(): readonly RouteProblem[] {
    return this.#take(this.#held);
  }

  #take(held: readonly Held[]): readonly RouteProblem[] {
    return this.#each((one) => {
      if (!one.held) return 0;
      one.held = false;
      return goneIsGood(this.#route.request(one.remove));
    }, held);
  }

  #each(request: (one: Held) => number, held = this.#held): readonly RouteProblem[] {
    let problems: RouteProblem[] | undefined;
    for (const one of held) {
      const result = request(one);
      if (result < 0) (problems ??= []).push({ address: one.text, errno: -result });
    }
    return problems ?? NO_PROBLEMS;
  }
}

/** The kernel has refused to change a route or rule. */
export interface RouteProblem {
  /** In words: `the route to 10.1.0.0/16`. */
  readonly address: string;
  readonly errno: number;
}

/**
 * Removes the routes and rules of a virtual router that a predecessor has left behind: only those
 * that have our mark, and that nobody holds who is running.
 *
 * @returns those that were there.
 */
export function removeLeftRoutes(
  plan: VirtualRouterPlan,
  route: Pick<RouteSocket, "request">,
  running: readonly VirtualRouterPlan[] = [],
): readonly string[] {
  const held = new Set(running.flatMap(entriesOf).map(({ key }) => key));
  return entriesOf(plan).filter(({ key, remove }) => !held.has(key) && route.request(remove) === 0)
    .map(({ text }) => text);
}

/** A route or rule, and the requests about it. */
interface Held {
  readonly key: string;
  readonly text: string;
  readonly add: (index: number) => Uint8Array<ArrayBuffer>;
  readonly remove: Uint8Array<ArrayBuffer>;
  /** Whether it is there because of us. */
  held: boolean;
}

/** Routes first, so that no rule leads into an empty table. */
function entriesOf({ routes, rules }: VirtualRouterPlan): readonly Held[] {
  return [...routes.map(heldRoute), ...rules.map(heldRule)];
}

function heldRoute(plan: RoutePlan): Held {
  const to = destinationOf(plan.to);
  const route: Route = {
    family: to.bytes.length === 4 ? 4 : 6,
    to,
    via: plan.via === null ? null : parseAddress(plan.via)?.bytes ?? null,
    index: null,
    source: plan.source === null ? null : parseAddress(plan.source)?.bytes ?? null,
    table: plan.table,
    metric: plan.metric,
  };
  return {
    key: JSON.stringify(plan),
    text: `the route to ${plan.to}`,
    add: (index) =>
      addRoute({ ...route, index: plan.interface ? interfaceIndex(plan.interface) : index }),
    remove: removeRoute(route),
    held: false,
  };
}

function heldRule(plan: RulePlan): Held {
  const rule = {
    ...plan,
    from: plan.from === null ? null : destinationOf(plan.from),
    to: plan.to === null ? null : destinationOf(plan.to),
  };
  const ends = [plan.from && `from ${plan.from}`, plan.to && `to ${plan.to}`].filter(Boolean);
  const add = addRule(rule);
  return {
    key: JSON.stringify(plan),
    text: `the rule ${ends.join(" ")} for table ${plan.table}`,
    add: () => add,
    remove: removeRule(rule),
    held: false,
  };
}

/** The plan's networks are valid text. */
function destinationOf(text: string): Destination {
  return parsePrefix(text) ?? { bytes: new Uint8Array(4), length: 0 };
}

/** With its interface or its preferred source the kernel drops a route by itself. */
function goneIsGood(result: number): number {
  return result === -ESRCH || result === -ENOENT ? 0 : result;
}

const NO_PROBLEMS: readonly RouteProblem[] = [];
