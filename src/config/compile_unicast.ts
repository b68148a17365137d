/**
 * Compiles `unicast`: to whom advertisements are sent, where not to the multicast group.
 */

import { canonicalAddress, type Family, parseAddress } from "../core/net/address.ts";
import type { UnicastPlan } from "../core/plan/plan.ts";
import type { Compilation } from "./compilation.ts";
import { type Addresses, nodeAddress, notOneHost } from "./compile_addresses.ts";
import type { Path } from "./problem.ts";
import type { RouterConfig } from "./schema/file.ts";

/** Compiles `unicast`; `null` means multicast. */
export function compileUnicast(
  compilation: Compilation,
  router: Path,
  { unicast }: RouterConfig,
  addresses: Addresses,
): UnicastPlan | null {
  const { config, report, node } = compilation;
  const { family } = addresses;
  if (unicast === false) return null;
  const path = [...router, "unicast"];
  if (typeof unicast === "object") {
    checkPeers(compilation, path, unicast, addresses);
    return {
      source: unicast.source === undefined
        ? nodeAddress(compilation, node, family)
        : canonicalAddress(unicast.source),
      peers: unicast.peers.map(canonicalAddress),
      ttl: unicast.ttl,
      minTtl: unicast.minTtl ?? null,
      checkSource: unicast.checkSource,
    };
  }
  const others = Object.keys(config.nodes ?? {}).filter((name) => name !== node);
  const peers = others.flatMap((name) => nodeAddress(compilation, name, family) ?? []);
  if (peers.length > 0) {
    const source = nodeAddress(compilation, node, family);
    return { source, peers, ttl: 255, minTtl: null, checkSource: true };
  }
  if (unicast === true) {
    report.problem(
      path,
      `there is no other node with an IPv${family} address to send to: list it in nodes, or name ` +
        "the peers here",
      [["nodes"], [...router, "addresses"]],
    );
  }
  return null;
}

function checkPeers(
  compilation: Compilation,
  path: Path,
  { source, peers }: { source?: string | undefined; peers: readonly string[] },
  { family, addresses, excludedAddresses }: Addresses,
): void {
  const { report, node } = compilation;
  const uses = [[...path.slice(0, -1), "addresses"]];
  const virtual = [...addresses, ...excludedAddresses].map(({ address }) => address);
  const own = source === undefined
    ? nodeAddress(compilation, node, family)
    : canonicalAddress(source);
  if (source !== undefined) {
    const fault = unfit(source, family);
    if (fault !== undefined) report.problem([...path, "source"], fault, uses);
  }
  for (const [at, peer] of peers.entries()) {
    const place = [...path, "peers", at];
    const text = canonicalAddress(peer);
    const fault = unfit(peer, family);
    if (fault !== undefined) report.problem(place, fault, uses);
    else if (text === own) {
      report.problem(place, `${peer} is this node's own address: name the other nodes only`);
    } else if (virtual.includes(text)) {
      report.problem(place, `${peer} is a virtual address: name the other nodes' own`, uses);
    } else if (peers.slice(0, at).some((before) => canonicalAddress(before) === text)) {
      report.problem(place, `${peer} stands here a second time: remove one of the two`);
    }
  }
}

function unfit(text: string, family: Family): string | undefined {
  const address = parseAddress(text);
  if (!address) return undefined;
  if (address.family !== family) {
    return `${text} is not IPv${family} as the virtual addresses are`;
  }
  return notOneHost(address.bytes) && `found ${text}; allowed: the address of one host`;
}
