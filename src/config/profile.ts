/**
 * Named sets of defaults for backends. They are laid under what the user wrote, before anything is
 * checked; what they contain that is not supported yet is left out until it is.
 */

import {
  fromValue,
  type MapNode,
  nodeAt,
  type TreeNode,
  underlay,
  type Value,
  withEntry,
} from "./tree.ts";

/** The file with the defaults of each backend's profile filled in. */
export function applyProfiles(tree: TreeNode): TreeNode {
  const backends = nodeAt(tree, ["backends"]);
  if (tree.kind !== "map" || backends?.kind !== "map") return tree;
  let filled = backends;
  for (const [name, { value }] of backends.entries) {
    if (value.kind === "map") filled = withEntry(filled, name, applyProfile(value));
  }
  return withEntry(tree, "backends", filled);
}

function applyProfile(backend: MapNode): MapNode {
  const named = nodeAt(backend, ["profile"]);
  const profile = named?.kind === "scalar" ? PROFILES.get(String(named.value)) : undefined;
  if (!named || !profile) return backend;
  const { check, ...rest } = profile;
  const defaults = { ...rest, check: checkUnder(backend, check) };
  const filled = underlay(fromValue(defaults, named.place), backend);
  return filled.kind === "map" ? filled : backend;
}

/** The part of a profile's check that fits the check the user asks for. */
function checkUnder(backend: MapNode, check: { [key: string]: Value }): Value {
  const type = nodeAt(backend, ["check", "type"]);
  const otherType = type?.kind === "scalar" && type.value !== check.type;
  const trusts = nodeAt(backend, ["check", "ca"]) !== undefined;
  const left = Object.entries(check).filter(([key]) =>
    !(otherType && BY_TYPE.has(key)) && !(trusts && key === "verify")
  );
  return Object.fromEntries(left);
}

/** Keys that only make sense with the type of check they were written for. */
const BY_TYPE: ReadonlySet<string> = new Set(["type", "path", "status", "verify"]);

const PROFILES: ReadonlyMap<
  string,
  { readonly check: { [key: string]: Value } } & { [key: string]: Value }
> = new Map([
  ["kube-apiserver", {
    balance: "leastconn",
    check: {
      type: "https",
      path: "/readyz",
      status: 200,
      verify: "none",
      interval: "3s",
      fastInterval: "1s",
      rise: 2,
      fall: 2,
    },
    timeouts: { idle: "24h" },
    onMarkedDown: "shutdown-connections",
    slowStart: "30s",
  }],
]);
