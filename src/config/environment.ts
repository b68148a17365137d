/**
 * `${NAME}` in values is replaced from the environment. Keys are left alone, and so are the
 * overrides of other nodes, whose variables this host need not have.
 */

import type { Path } from "./problem.ts";
import type { Entry, ScalarNode, TreeNode } from "./tree.ts";
import { plainScalar } from "./yaml_tree.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Replaces every `${NAME}` below `node`.
 *
 * @param report is told of every variable that is not set.
 */
export function substitute(
  node: TreeNode,
  env: Environment,
  report: (path: Path, message: string) => void,
  path: Path = [],
): TreeNode {
  if (node.kind === "scalar") return substituteScalar(node, env, (name) => report(path, name));
  if (node.kind === "list") {
    const items = node.items.map((item, at) => substitute(item, env, report, [...path, at]));
    return { ...node, items };
  }
  const entries = [...node.entries].map(([key, entry]): [string, Entry] => {
    const below = [...path, key];
    if (isOverrides(below)) return [key, entry];
    return [key, { ...entry, value: substitute(entry.value, env, report, below) }];
  });
  return { ...node, entries: new Map(entries) };
}

function substituteScalar(
  scalar: ScalarNode,
  env: Environment,
  report: (message: string) => void,
): ScalarNode {
  if (typeof scalar.value !== "string" || !scalar.value.includes("${")) return scalar;
  const text = scalar.value.replaceAll(VARIABLE, (whole, name: string) => {
    const value = env[name];
    if (value !== undefined) return value;
    report(
      NAME.test(name)
        ? `the environment variable in ${whole} is not set: set ${name}, or write the value`
        : `found ${whole}; allowed: \${NAME}, with a name of letters, digits and _`,
    );
    return whole;
  });
  // What a variable holds is read as if it stood here unquoted: quotes are often needed around it.
  return { ...scalar, value: plainScalar(text), written: text };
}

function isOverrides(path: Path): boolean {
  return path.length === 3 && path[0] === "nodes" && path[2] === "overrides";
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const VARIABLE = /\$\{([^}]*)\}/g;
