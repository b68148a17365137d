/**
 * A file with every default filled in, as YAML. Secrets that stand in the file itself are not
 * printed; references to them are.
 */

import { stringify } from "yaml";
import type { FullConfig } from "./defaults.ts";
import { nodeAt, type TreeNode } from "./tree.ts";

/** Writes the file for one node; its overrides are merged, so no overrides are printed. */
export function resolvedText(config: FullConfig, tree: TreeNode): string {
  const { nodes, admin, virtualRouters, frontends, backends, ...rest } = config;
  const ownNodes = nodes && Object.fromEntries(
    Object.entries(nodes).map(([name, { addresses, priority }]) => [name, { addresses, priority }]),
  );
  const tokens = admin.tokens?.map((token, at) => ({
    ...token,
    secret: secretReference(tree, at),
  }));
  const whole = {
    ...(ownNodes && { nodes: ownNodes }),
    ...rest,
    admin: { ...admin, ...(tokens && { tokens }) },
    virtualRouters,
    frontends,
    backends,
  };
  // Nothing is repeated by an alias, and no line is folded.
  return stringify(whole, { lineWidth: 0, aliasDuplicateObjects: false });
}

function secretReference(tree: TreeNode, at: number): string {
  const node = nodeAt(tree, ["admin", "tokens", at, "secret"]);
  const shown = node?.kind === "scalar" ? node.shown : "";
  return /^(?:file:|\$\{[A-Za-z0-9_]+\}$)/.test(shown) ? shown : "(not shown)";
}
