/**
 * Which entry of `nodes` this host is. Reads the tree before it is checked, as the node decides
 * which overrides are part of what is checked.
 */

import { canonicalAddress } from "../core/net/address.ts";
import type { HostFacts } from "./host.ts";
import { nearest } from "./nearest.ts";
import { nodeAt, type TreeNode } from "./tree.ts";

/** The names of all nodes, in the order of the file; empty for a file without `nodes`. */
export function nodeNames(tree: TreeNode): string[] {
  const nodes = nodeAt(tree, ["nodes"]);
  return nodes?.kind === "map" ? [...nodes.entries.keys()] : [];
}

/** What names the node before the host is asked. */
export interface NodeChoice {
  /** `--node`. */
  readonly asked: string | undefined;
  /** LINTEL_NODE. */
  readonly environment: string | undefined;
  readonly host: HostFacts | null;
}

/** The node's name, or what is wrong: the candidates are named. */
export function chooseNode(
  tree: TreeNode,
  { asked, environment, host }: NodeChoice,
): { name: string } | { problem: string } {
  const names = nodeNames(tree);
  const [named, by] = asked ? [asked, "--node"] : [environment, "LINTEL_NODE"];
  if (names.length === 0) {
    return { name: named || host?.hostname || "localhost" };
  }
  if (named) {
    if (names.includes(named)) return { name: named };
    const meant = nearest(named, names);
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    return { problem: `${by} names ${named}, but the nodes are ${names.join(", ")}${hint}` };
  }
  const found = host && byHost(tree, names, host);
  if (found) return { name: found };
  const remedy = `name it with --node or LINTEL_NODE: ${names.join(", ")}`;
  return {
    problem: host
      ? `no single node has an address of this host, and none is called ${host.hostname}; ${remedy}`
      : `which node is this? ${remedy}`,
  };
}

function byHost(tree: TreeNode, names: readonly string[], host: HostFacts): string | undefined {
  const here = new Set(host.addresses.map(({ address }) => canonicalAddress(address)));
  const present = names.filter((name) =>
    addressesOf(tree, name).some((address) => here.has(canonicalAddress(address)))
  );
  if (present.length === 1) return present[0];
  return [host.hostname, host.shortHostname].find((name) => names.includes(name));
}

function addressesOf(tree: TreeNode, node: string): string[] {
  const list = nodeAt(tree, ["nodes", node, "addresses"]);
  if (list?.kind !== "list") return [];
  return list.items.flatMap((item) => item.kind === "scalar" ? [item.written] : []);
}
