/**
 * A file with every default filled in, as YAML. Secrets that stand in the file itself are not
 * printed; references to them are.
 */

import { Document } from "yaml";
import type { FullConfig } from "./defaults.ts";
import type { Path } from "./problem.ts";
import { nodeAt, type TreeNode } from "./tree.ts";

/**
 * Writes the file for one node; its overrides are merged, so no overrides are printed.
 *
 * @param refused where defaults stand that a file must not name.
 */
export function resolvedText(
  config: FullConfig,
  tree: TreeNode,
  refused: readonly Path[] = [],
): string {
  const { nodes, admin, trackers, virtualRouters, syncGroups, frontends, backends, ...rest } =
    config;
  const ownNodes = nodes && Object.fromEntries(
    Object.entries(nodes).map(([name, { addresses, priority }]) => [name, { addresses, priority }]),
  );
  const tokens = admin.tokens?.map((token, at) => ({
    ...token,
    secret: secretReference(tree, ["admin", "tokens", at, "secret"]),
  }));
  const routers = Object.entries(virtualRouters).map(([name, router]) => {
    const path = ["virtualRouters", name, "authentication", "password"];
    const authentication = router.authentication && { password: secretReference(tree, path) };
    const { notify } = router;
    const hook = ["virtualRouters", name, "notify", "webhook"];
    // Its path may be all that lets somebody post there.
    const told = notify?.webhook && { ...notify, webhook: secretReference(tree, hook) };
    return [name, {
      ...router,
      ...(authentication && { authentication }),
      ...(told && { notify: told }),
    }];
  });
  const checked = Object.entries(backends).map(([name, backend]) => {
    if (backend.check === "none" || backend.check.token === undefined) return [name, backend];
    const token = secretReference(tree, ["backends", name, "check", "token"]);
    return [name, { ...backend, check: { ...backend.check, token } }];
  });
  const whole = {
    ...(ownNodes && { nodes: ownNodes }),
    ...rest,
    admin: { ...admin, ...(tokens && { tokens }) },
    trackers,
    virtualRouters: Object.fromEntries(routers),
    syncGroups,
    frontends,
    backends: Object.fromEntries(checked),
  };
  // Nothing is repeated by an alias, and no line is folded.
  const document = new Document(whole, { aliasDuplicateObjects: false });
  for (const path of refused) document.deleteIn(path);
  return document.toString({ lineWidth: 0 });
}

function secretReference(tree: TreeNode, path: Path): string {
  const node = nodeAt(tree, path);
  const shown = node?.kind === "scalar" ? node.shown : "";
  return /^(?:file:|\$\{[A-Za-z0-9_]+\}$)/.test(shown) ? shown : "(not shown)";
}
