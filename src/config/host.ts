/**
 * What only the host can tell about a plan: whether its interfaces and addresses are here. The
 * facts are handed in; this module asks the kernel nothing. Free ports are the caller's to probe.
 */

import { formatAddress, parseAddress } from "../core/net/address.ts";
import { contains, parsePrefix } from "../core/net/prefix.ts";
import type { Plan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { isLoopback } from "./listen.ts";
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
  for (const router of plan.virtualRouters) {
    const path = ["virtualRouters", router.name];
    const where = interfaceOf(router, host, plan.node);
    problems.push(...routerFaults(router, host).map(([key, text]) => locate([...path, key], text)));
    if ("fault" in where) {
      problems.push(locate(where.path, where.fault));
      continue;
    }
    const twin = vrids.get(`${where.name} ${router.vrid}`);
    if (twin !== undefined) {
      const text = `VRID ${router.vrid} is also that of ${twin} on ${where.name}: choose another`;
      problems.push(locate([...path, "vrid"], text));
    }
    vrids.set(`${where.name} ${router.vrid}`, router.name);
    const foreign = router.addresses.filter(({ address }) => !host.reaches(where.name, address));
    for (const { address } of foreign) {
      const text = `${address} is in no network of ${where.name}: others need a route to it`;
      warnings.push(locate([...path, "addresses"], text));
    }
  }
  problems.push(...listenerFaults(plan, host).map(([path, text]) => locate(path, text)));
  return { problems: sortProblems(problems), warnings: sortProblems(warnings) };
}

/** The facts, ready to be asked. */
class Host {
  readonly interfaces: readonly string[];
  readonly #addresses: ReadonlyMap<string, HostAddress>;

  constructor({ interfaces, addresses }: HostFacts) {
    this.interfaces = interfaces;
    this.#addresses = new Map(addresses.map((one) => [canonical(one.address), one]));
  }

  find(address: string): HostAddress | undefined {
    return this.#addresses.get(canonical(address));
  }

  /** Whether an address lies in a network of an interface that has any of its own. */
  reaches(name: string, address: string): boolean {
    const bytes = parseAddress(address)?.bytes;
    const own = [...this.#addresses.values()].filter((one) => one.interface === name && !one.ours);
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

function routerFaults(router: VirtualRouterPlan, host: Host): [key: string, text: string][] {
  const faults: [string, string][] = [];
  for (const { address } of router.addresses) {
    const found = host.find(address);
    if (!found || found.ours || router.priority === 255) continue;
    faults.push([
      "addresses",
      `${address} is on ${found.interface} of this host, and lintel did not put it there: remove ` +
      "it there, or set priority 255 for its owner",
    ]);
  }
  const source = router.unicast?.source;
  if (source && source !== router.nodeAddress && !host.find(source)) {
    faults.push(["unicast", `no interface of this host has the source address ${source}`]);
  }
  return faults;
}

function listenerFaults({ frontends, admin }: Plan, host: Host): [path: Path, text: string][] {
  const faults: [Path, string][] = [];
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

function canonical(text: string): string {
  const address = parseAddress(text);
  return address ? formatAddress(address.bytes) : text;
}
