/**
 * What only the host can tell about a plan: whether its interfaces and addresses are here. The
 * facts are handed in; this module asks the kernel nothing. Free ports are the caller's to probe.
 */

import { canonicalAddress, isLinkLocal, parseAddress } from "../core/net/address.ts";
import { contains, parsePrefix } from "../core/net/prefix.ts";
import type { AddressPlan, Plan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { isLoopback } from "./listen.ts";
import { OWNER } from "./priority.ts";
import { type Path, type Problem, sortProblems } from "./problem.ts";

/** What the configuration may know of the machine. */
export interface HostFacts {
  /** Fully qualified where the host has such a name. */
  readonly hostname: string;
  /** The first label of `hostname`. */
  readonly shortHostname: string;
  /** Names of all interfaces, also of those without an address. */
  readonly interfaces: readonly string[];
  readonly addresses: readonly HostAddress[];
  readonly cpus: number;
  /** Why a program cannot be run; `null` if it can. */
  readonly whyNotRunnable: (path: string) => string | null;
}

/** An address that an interface of this host carries. */
export interface HostAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  /** Whether lintel put it there: it has our IFA_PROTO mark. */
  readonly ours: boolean;
}

/** Makes a problem at the place that a path has in the file. */
export type Locate = (path: Path, message: string) => Problem;

/** Problems and warnings, each in the order of the file. */
export interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Compares a plan with the host it is to run on. */
export function hostProblems(plan: Plan, facts: HostFacts, locate: Locate): Findings {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const host = new Host(facts);
  const vrids = new Map<string, string>();
  const problem = ([path, text]: Finding) => problems.push(locate(path, text));
  const warn = ([path, text]: Finding) => warnings.push(locate(path, text));
  for (const router of plan.virtualRouters) {
    const path = ["virtualRouters", router.name];
    const where = interfaceOf(router, host, plan.node);
    addressFaults(router, host).forEach(problem);
    addressRemarks(router, host).forEach(warn);
    routeFaults(router, host).forEach(problem);
    if ("fault" in where) {
      problem([where.path, where.fault]);
      continue;
    }
    // One VRID may stand for two virtual routers of one interface, one of each family.
    const id = `${where.name} IPv${router.family} ${router.vrid}`;
    const twin = vrids.get(id);
    if (twin !== undefined) {
      const text = `VRID ${router.vrid} is also that of ${twin} on ${where.name}: choose another`;
      problem([[...path, "vrid"], text]);
    }
    vrids.set(id, twin ?? router.name);
    unreachable(router, where.name, host).forEach(warn);
  }
  programFaults(plan, facts).forEach(problem);
  trackerRemarks(plan, host).forEach(warn);
  listenerFaults(plan, host).forEach(problem);
  return { problems: sortProblems(problems), warnings: sortProblems(warnings) };
}

/** What is to be said of a path. */
type Finding = readonly [path: Path, text: string];

/** The facts, ready to be asked. */
class Host {
  readonly interfaces: readonly string[];
  /** A link-local address may be on several interfaces. */
  readonly #addresses: readonly HostAddress[];

  constructor({ interfaces, addresses }: HostFacts) {
    this.interfaces = interfaces;
    this.#addresses = addresses.map((one) => ({ ...one, address: canonicalAddress(one.address) }));
  }

  find(address: string): HostAddress | undefined {
    const text = canonicalAddress(address);
    return this.#addresses.find((one) => one.address === text);
  }

  /** Whether an interface has a link-local IPv6 address of its own. */
  hasLinkLocal(name: string): boolean {
    return this.#addresses.some((one) =>
      one.interface === name && !one.ours && isOnEveryLink(one.address)
    );
  }

  /** Whether an interface carries an address. */
  has(name: string, address: string): boolean {
    const text = canonicalAddress(address);
    return this.#addresses.some((one) => one.interface === name && one.address === text);
  }

  /** Whether an address lies in a network of an interface that has any of its own. */
  reaches(name: string, address: string): boolean {
    const bytes = parseAddress(address)?.bytes;
    const own = this.#addresses.filter((one) => one.interface === name && !one.ours);
    return own.length === 0 || own.some((one) => {
      const network = parsePrefix(`${one.address}/${one.prefixLength}`);
      return bytes !== undefined && network !== undefined && contains(network, bytes);
    });
  }
}

/** The interface that `auto` leads to, or why it leads nowhere. */
function interfaceOf(
  { name, interface: named, nodeAddress }: VirtualRouterPlan,
  host: Host,
  node: string,
): { name: string } | { path: Path; fault: string } {
  if (named !== null) {
    if (host.interfaces.includes(named)) return { name: named };
    const fault = `this host has no interface ${named}; it has ${host.interfaces.join(", ")}`;
    return { path: ["virtualRouters", name, "interface"], fault };
  }
  const found = nodeAddress === null ? undefined : host.find(nodeAddress);
  if (found) return { name: found.interface };
  return {
    path: ["nodes", node, "addresses"],
    fault: `no interface of this host has the address ${nodeAddress} of node ${node}: is this ` +
      "another node? Name it with --node, or name the interface of the virtual router",
  };
}

function addressFaults(router: VirtualRouterPlan, host: Host): Finding[] {
  const path = ["virtualRouters", router.name];
  const faults = foreignAddresses(router, host).flatMap(([key, found]): Finding[] =>
    router.existingAddress === "remove" ? [] : [[
      [...path, key],
      `${found.address} is on ${found.interface} of this host, and lintel did not put it there: ` +
      "remove it there, leave out existingAddress: refuse, or set priority 255 for its owner",
    ]]
  );
  const source = router.unicast?.source;
  if (source && source !== router.nodeAddress && !host.find(source)) {
    const text = `no interface of this host has the source address ${source}`;
    faults.push([[...path, "unicast"], text]);
  }
  return faults;
}

function addressRemarks(router: VirtualRouterPlan, host: Host): Finding[] {
  if (router.existingAddress !== "remove") return [];
  return foreignAddresses(router, host).map(([key, found]) => [
    ["virtualRouters", router.name, key],
    `${found.address} is on ${found.interface} of this host and will be removed at start; ` +
    "existingAddress: refuse leaves it there and does not start",
  ]);
}

/** Virtual addresses that somebody else put on this host; an owner's belong there. */
function foreignAddresses(
  { addresses, excludedAddresses, priority }: VirtualRouterPlan,
  host: Host,
): [key: string, found: HostAddress][] {
  if (priority === OWNER) return [];
  const find = (key: string, list: readonly AddressPlan[]) =>
    list.flatMap(({ address }): [string, HostAddress][] => {
      const found = host.find(address);
      return found && !found.ours ? [[key, found]] : [];
    });
  return [...find("addresses", addresses), ...find("excludedAddresses", excludedAddresses)];
}

function routeFaults(router: VirtualRouterPlan, host: Host): Finding[] {
  const { name, addresses, excludedAddresses, routes } = router;
  const virtual = [...addresses, ...excludedAddresses].map(({ address }) => address);
  return routes.flatMap(({ interface: link, source }, at): Finding[] => {
    const path = ["virtualRouters", name, "virtualRoutes", at];
    const faults: Finding[] = [];
    if (link !== null && !host.interfaces.includes(link)) {
      const text = `this host has no interface ${link}; it has ${host.interfaces.join(", ")}`;
      faults.push([[...path, "interface"], text]);
    }
    if (source !== null && !virtual.includes(source) && !host.find(source)) {
      const text = `${source} is neither a virtual address nor on an interface of this host, so ` +
        "that the kernel refuses the route";
      faults.push([[...path, "source"], text]);
    }
    return faults;
  });
}

/** Addresses that no network of the interface holds, and what else it cannot do for want of one. */
function unreachable(router: VirtualRouterPlan, where: string, host: Host): Finding[] {
  const path = ["virtualRouters", router.name];
  const outside = router.addresses.filter(({ address }) =>
    !isOnEveryLink(address) && !host.reaches(where, address)
  );
  const mute = router.family === 6 && router.unicast === null && !host.hasLinkLocal(where);
  const gateways = router.routes.flatMap(({ via, interface: link }, at): Finding[] => {
    const name = link ?? where;
    if (via === null || host.reaches(name, via) || isWithin(router, via)) return [];
    const text = `${via} is in no network of ${name}, so that the kernel refuses the route`;
    return [[[...path, "virtualRoutes", at, "via"], text]];
  });
  const source = router.unicast?.source ?? null;
  const unknown = `${where} does not have ${source}, by which the peers know this node: it takes ` +
    "no part until it has; name the address to send from in unicast, or say unicast: false";
  const silence = `${where} has no link-local address to send advertisements from`;
  return [
    ...(mute ? [[path, silence] as const] : []),
    ...(source !== null && !host.has(where, source)
      ? [[[...path, "unicast"], unknown] as const]
      : []),
    ...outside.map(({ address }): Finding => [
      [...path, "addresses"],
      `${address} is in no network of ${where}: others need a route to it`,
    ]),
    ...gateways,
  ];
}

/** Whether an address lies in a network that comes with the virtual addresses, or on any link. */
function isWithin({ addresses, excludedAddresses }: VirtualRouterPlan, text: string): boolean {
  const bytes = parseAddress(text)?.bytes;
  if (!bytes) return false;
  return isOnEveryLink(text) || [...addresses, ...excludedAddresses].some((one) => {
    const network = parsePrefix(`${one.address}/${one.prefixLength}`);
    return network !== undefined && contains(network, bytes);
  });
}

function isOnEveryLink(text: string): boolean {
  const bytes = parseAddress(text)?.bytes;
  return bytes !== undefined && isLinkLocal(bytes);
}

function programFaults({ backends, trackers, virtualRouters }: Plan, facts: HostFacts): Finding[] {
  const programs = [
    ...backends.flatMap(({ name, check }): [Path, string][] =>
      check?.request.type === "script"
        ? [[["backends", name, "check", "command"], check.request.command[0] ?? ""]]
        : []
    ),
    ...trackers.flatMap((tracker): [Path, string][] =>
      tracker.type === "script"
        ? [[["trackers", tracker.name, "command"], tracker.command[0] ?? ""]]
        : []
    ),
    ...virtualRouters.flatMap(({ name, notify }): [Path, string][] =>
      notify?.command
        ? [[["virtualRouters", name, "notify", "command"], notify.command[0] ?? ""]]
        : []
    ),
  ];
  return programs.flatMap(([path, program]): Finding[] => {
    const cause = facts.whyNotRunnable(program);
    return cause === null ? [] : [[path, `${program} cannot be run: ${cause}`]];
  });
}

function trackerRemarks({ trackers }: Plan, host: Host): Finding[] {
  return trackers.flatMap((tracker): Finding[] => {
    if (tracker.type !== "interface" || host.interfaces.includes(tracker.interface)) return [];
    const text =
      `this host has no interface ${tracker.interface}, so that the tracker is bad; it ` +
      `has ${host.interfaces.join(", ")}`;
    return [[["trackers", tracker.name, "interface"], text]];
  });
}

function listenerFaults({ frontends, admin }: Plan, host: Host): Finding[] {
  const faults: Finding[] = [];
  const check = (path: Path, address: string) => {
    const anywhere = ["*", "0.0.0.0", "::"].includes(address);
    if (anywhere || isLoopback(address) || host.find(address)) return;
    faults.push([
      path,
      `no interface of this host has ${address}: for a virtual address listen on vip:ROUTER`,
    ]);
  };
  for (const { name, listeners } of frontends) {
    for (const { address, virtualRouter } of listeners) {
      if (virtualRouter === null) check(["frontends", name, "listen"], address);
    }
  }
  if (admin.probes) check(["admin", "probes"], admin.probes.address);
  return faults;
}
