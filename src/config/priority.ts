/**
 * The priorities that the nodes of a file have for its virtual routers.
 */

import type { Compilation } from "./compilation.ts";
import type { FullConfig } from "./defaults.ts";

/** A node and its priority for one virtual router. */
export interface NodePriority {
  readonly node: string;
  readonly priority: number;
}

/** Every node that has the virtual router, with its priority, in the order of the file. */
export function prioritiesOf(
  { configs }: Pick<Compilation, "configs">,
  router: string,
): NodePriority[] {
  return [...configs].flatMap(([node, config]) =>
    Object.hasOwn(config.virtualRouters, router)
      ? [{ node, priority: priorityOf(config, node, router) }]
      : []
  );
}

/** The priority of a node, as its own view of the file has it. */
export function priorityOf(config: FullConfig, node: string, router: string): number {
  const general = config.nodes?.[node]?.priority ?? DEFAULT_PRIORITY;
  const priority = config.virtualRouters[router]?.priority;
  if (typeof priority === "object") return priority[node] ?? general;
  return priority ?? general;
}

/** Of the owner of the addresses: nothing changes it. */
export const OWNER = 255;

const DEFAULT_PRIORITY = 100;
