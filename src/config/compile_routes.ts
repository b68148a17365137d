/**
 * Compiles the routes and rules that go with a virtual router. Whether the host has a way to the
 * gateway is not judged here.
 */

import { canonicalAddress, type Family, parseAddress } from "../core/net/address.ts";
import { formatPrefix, parsePrefix, type Prefix } from "../core/net/prefix.ts";
import type { RoutePlan, RulePlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import type { Compilation } from "./compilation.ts";
import { type Addresses, notOneHost } from "./compile_addresses.ts";
import type { Path } from "./problem.ts";
import type { RouterConfig } from "./schema/file.ts";

/** Compiles `virtualRoutes`. */
export function compileRoutes(
  compilation: Compilation,
  router: Path,
  { virtualRoutes }: RouterConfig,
  addresses: Addresses,
): RoutePlan[] {
  return virtualRoutes.map((route, at) => {
    const path = [...router, "virtualRoutes", at];
    const to = route.to === "default"
      ? DEFAULT[familyOf(route.via) ?? addresses.family]
      : network(compilation, [...path, "to"], route.to);
    if (to) checkRoute(compilation, path, route, to, addresses);
    return {
      to: to ? formatPrefix(to) : route.to,
      via: route.via === undefined ? null : canonicalAddress(route.via),
      interface: route.interface ?? null,
      source: route.source === undefined ? null : canonicalAddress(route.source),
      table: route.table,
      metric: route.metric ?? null,
    };
  });
}

/** Compiles `virtualRules`. */
export function compileRules(
  compilation: Compilation,
  router: Path,
  { virtualRules }: RouterConfig,
): RulePlan[] {
  return virtualRules.map((rule, at) => {
    const path = [...router, "virtualRules", at];
    const from = rule.from === undefined
      ? undefined
      : network(compilation, [...path, "from"], rule.from);
    const to = rule.to === undefined ? undefined : network(compilation, [...path, "to"], rule.to);
    if (rule.from === undefined && rule.to === undefined) {
      compilation.report.problem(
        path,
        "missing the key from or to: the rule would catch every packet",
      );
    }
    if (from && to && from.family !== to.family) {
      compilation.report.problem(
        [...path, "to"],
        `${rule.to} is not IPv${from.family} as ${rule.from} is`,
      );
    }
    return {
      family: from?.family ?? to?.family ?? 4,
      from: from ? formatPrefix(from) : null,
      to: to ? formatPrefix(to) : null,
      table: rule.table,
      priority: rule.priority ?? null,
    };
  });
}

/** Refuses a route or rule that two virtual routers have: the first to leave would take it away. */
export function refuseSharedRoutes(
  { report }: Compilation,
  routers: readonly VirtualRouterPlan[],
): void {
  const holders = new Map<string, string>();
  const take = (path: Path, name: string, id: readonly unknown[]) => {
    const key = JSON.stringify(id);
    const holder = holders.get(key);
    if (holder !== undefined) {
      const whose = holder === name ? "stands here a second time" : `is also one of ${holder}`;
      report.problem(path, `this ${id[0]} ${whose}: remove one of the two`, [
        ["virtualRouters", holder],
      ]);
    }
    holders.set(key, holder ?? name);
  };
  for (const { name, routes, rules } of routers) {
    const path = ["virtualRouters", name];
    for (const [at, { to, table, metric }] of routes.entries()) {
      take([...path, "virtualRoutes", at], name, ["route", to, table, metric]);
    }
    for (const [at, { from, to, table, priority }] of rules.entries()) {
      take([...path, "virtualRules", at], name, ["rule", from, to, table, priority]);
    }
  }
}

function network({ report }: Compilation, path: Path, text: string): Prefix | undefined {
  const prefix = parsePrefix(text);
  if (!prefix) {
    report.problem(path, `found ${text}; allowed: a network such as 10.1.0.0/16`);
    return undefined;
  }
  const base = prefix.bytes.map((byte, at) => byte & maskOf(prefix.length - 8 * at));
  if (base.some((byte, at) => byte !== prefix.bytes[at])) {
    const meant = formatPrefix({ ...prefix, bytes: base });
    report.problem(path, `${text} is an address within a network; did you mean ${meant}?`);
  }
  return prefix;
}

/** The mask of one byte of which so many bits belong to the network. */
function maskOf(bits: number): number {
  return bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff00 >> bits) & 0xff;
}

function checkRoute(
  { report }: Compilation,
  path: Path,
  { via, source }: RouterConfig["virtualRoutes"][number],
  { family }: Prefix,
  { addresses, excludedAddresses }: Addresses,
): void {
  const uses = [[...path, "to"]];
  for (const [key, text] of Object.entries({ via, source })) {
    const address = text === undefined ? undefined : parseAddress(text);
    if (!address) continue;
    const fault = notOneHost(address.bytes);
    if (address.family !== family) {
      report.problem([...path, key], `${text} is not IPv${family} as the destination is`, uses);
    } else if (fault !== undefined) {
      report.problem([...path, key], `found ${text}; allowed: the address of one host`);
    }
  }
  const gateway = via === undefined ? undefined : canonicalAddress(via);
  if ([...addresses, ...excludedAddresses].some(({ address }) => address === gateway)) {
    report.problem([...path, "via"], `${via} is a virtual address: name another host's`);
  }
}

function familyOf(text: string | undefined): Family | undefined {
  return text === undefined ? undefined : parseAddress(text)?.family;
}

/** What `default` means in each family. */
const DEFAULT: Readonly<Record<Family, Prefix>> = {
  4: { family: 4, bytes: new Uint8Array(4), length: 0 },
  6: { family: 6, bytes: new Uint8Array(16), length: 0 },
};
