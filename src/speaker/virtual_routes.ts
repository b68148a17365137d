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
  priorityOf,
  removeRoute,
  removeRule,
  type Route,
} from "../core/wire/rtroute.ts";
import { EEXIST, ENOENT, ESRCH } from "../linux/errno.ts";
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
      const same = before.find(({ key, held }) => held && key === one.key);
      one.held = same !== undefined;
      one.priority = same?.priority ?? null;
    }
    const kept = new Set(this.#held.map(({ key }) => key));
    return this.#take(before.filter(({ key }) => !kept.has(key)));
  }

  /** Installs what is not here because of us. @returns what the kernel refuses. */
  add(): readonly RouteProblem[] {
    return this.#each((one) => {
      if (one.held) return 0;
      const result = this.#install(one);
      one.held = result === 0;
      return result;
    });
  }

  /**
   * Installs again what somebody else has taken away meanwhile, or the kernel: with an address, or
   * with the link that a route leads by. What is still there stays untouched.
   *
   * @returns what was missing, in words, and what the kernel refuses.
   */
  restore(): {
    readonly restored: readonly string[];
    readonly problems: readonly RouteProblem[];
  } {
    const restored: string[] = [];
    const problems = this.#each((one) => {
      if (!one.held) return 0;
      const result = this.#install(one);
      if (result === 0) restored.push(one.text);
      return result === -EEXIST ? 0 : result;
    });
    return { restored, problems };
  }

  /** Takes away what we have installed. */
  remove(): readonly RouteProblem[] {
    return this.#take(this.#held);
  }

  /** A rule that the kernel has given a priority keeps it for as long as it is held. */
  #install(one: Held): number {
    return this.#route.request(one.add(this.#index, one.priority), (told) => {
      one.priority = priorityOf(told) ?? one.priority;
    });
  }

  #take(held: readonly Held[]): readonly RouteProblem[] {
    return this.#each((one) => {
      if (!one.held) return 0;
      one.held = false;
      one.priority = null;
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
  readonly add: (index: number, priority: number | null) => Uint8Array<ArrayBuffer>;
  readonly remove: Uint8Array<ArrayBuffer>;
  /** Whether it is there because of us. */
  held: boolean;
  /** Of a rule, where the plan leaves it to the kernel and that has said so. */
  priority: number | null;
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
    priority: null,
  };
}

function heldRule(plan: RulePlan): Held {
  const rule = {
    ...plan,
    from: plan.from === null ? null : destinationOf(plan.from),
    to: plan.to === null ? null : destinationOf(plan.to),
  };
  const ends = [plan.from && `from ${plan.from}`, plan.to && `to ${plan.to}`].filter(Boolean);
  return {
    key: JSON.stringify(plan),
    text: `the rule ${ends.join(" ")} for table ${plan.table}`,
    add: (_index, priority) => addRule({ ...rule, priority: rule.priority ?? priority }),
    remove: removeRule(rule),
    held: false,
    priority: null,
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
