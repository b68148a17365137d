/**
 * The way back to the file: what was said of servers is forgotten, and servers that were added go
 * by the rules of their removal. It decides neither who may ask nor what those rules are.
 */

import type { RemoveServerWish } from "../admin/appliance.ts";
import type { OverrideFact } from "../core/plan/override.ts";
import type { Overrides } from "./overrides.ts";

/** What the way back works with. */
export interface ClearingParts {
  readonly overrides: Pick<Overrides, "facts" | "clear">;
  /** Removes a server that was added, or refuses. A dry run only refuses. */
  readonly remove: (backend: string, server: string, wish: RemoveServerWish) => Promise<void>;
  /** Told in one line of each fact that is over. */
  readonly tell: (message: string) => void;
}

/**
 * Goes back to the file where these facts are.
 *
 * @returns what still differs.
 * @throws {Conflict} where one of the servers may not be removed; nothing has changed then.
 */
export async function clearFacts(
  facts: readonly OverrideFact[],
  wish: RemoveServerWish,
  { overrides, remove, tell }: ClearingParts,
): Promise<readonly OverrideFact[]> {
  const added = facts.filter(({ field }) => field === "server");
  // What is refused is refused before anything has changed.
  for (const { backend, server } of added) await remove(backend, server, { ...wish, dryRun: true });
  if (wish.dryRun) {
    const isGone = (fact: OverrideFact) => facts.includes(fact) || added.some(isOfSame(fact));
    return overrides.facts.filter((fact) => !isGone(fact));
  }
  for (const { backend, server } of added) await remove(backend, server, wish);
  // What was said of a server has gone with it.
  const rest = overrides.facts.filter((fact) => facts.includes(fact));
  await overrides.clear(rest);
  for (const { backend, server, field } of rest) {
    tell(`server ${backend}/${server}: its ${field} is as in the file again`);
  }
  return overrides.facts;
}

function isOfSame({ backend, server }: OverrideFact): (other: OverrideFact) => boolean {
  return (other) => other.backend === backend && other.server === server;
}
