/**
 * Compiles what limits connections: who may come in, and from which address servers are connected
 * to.
 */

import { canonicalAddress, parseAddress } from "../core/net/address.ts";
import { formatPrefix, parsePrefix } from "../core/net/prefix.ts";
import type { FrontendLimits, SourceAddressPlan } from "../core/plan/limits.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { type Compilation, unknownName } from "./compilation.ts";
import type { FullBackend, FullConfig } from "./defaults.ts";
import type { Path } from "./problem.ts";

/** The limits of one frontend. */
export function compileLimits(
  { maxConnections, connectionRate, allow, deny }: FullConfig["frontends"][string],
): FrontendLimits {
  return {
    maxConnections: maxConnections ?? null,
    connectionRate: connectionRate ?? null,
    allow: allow?.map(canonicalPrefix) ?? null,
    deny: deny?.map(canonicalPrefix) ?? null,
  };
}

/** The address that the servers of a backend see. */
export function compileSourceAddress(
  compilation: Compilation,
  path: Path,
  { sourceAddress }: Pick<FullBackend, "sourceAddress">,
  virtualRouters: readonly VirtualRouterPlan[],
): SourceAddressPlan {
  const { config, node, report } = compilation;
  const virtual = virtualRouters.flatMap(({ addresses, excludedAddresses }) =>
    [...addresses, ...excludedAddresses].map(({ address }) => address)
  );
  if (sourceAddress === "auto") {
    const own = (config.nodes?.[node]?.addresses ?? []).map(canonicalAddress);
    return { ...byFamily(own), insteadOf: virtual.filter((address) => !own.includes(address)) };
  }
  const perNode = typeof sourceAddress === "string" ? {} : sourceAddress;
  const nodes = config.nodes ?? {};
  for (const name of Object.keys(perNode)) {
    if (Object.hasOwn(nodes, name) || name === node) continue;
    report.problem([...path, name], unknownName(compilation, "node", "nodes", name));
  }
  const written = typeof sourceAddress === "string" ? sourceAddress : perNode[node];
  if (written === undefined) {
    report.problem(path, `it names no address of node ${node}: add one, or leave it to auto`);
    return NO_ADDRESS;
  }
  const address = canonicalAddress(written);
  if (virtual.includes(address)) {
    const place = typeof sourceAddress === "string" ? path : [...path, node];
    report.problem(
      place,
      `${address} is a virtual address, which may leave this node while connections last: name ` +
        "an address that stays",
    );
  }
  return { ...byFamily([address]), insteadOf: null };
}

function byFamily(addresses: readonly string[]): Pick<SourceAddressPlan, "ipv4" | "ipv6"> {
  const of = (family: 4 | 6) =>
    addresses.find((address) => parseAddress(address)?.family === family) ?? null;
  return { ipv4: of(4), ipv6: of(6) };
}

function canonicalPrefix(text: string): string {
  const prefix = parsePrefix(text);
  return prefix ? formatPrefix(prefix) : text;
}

const NO_ADDRESS: SourceAddressPlan = { ipv4: null, ipv6: null, insteadOf: null };
