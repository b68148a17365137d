/**
 * Reads a configuration file for a node of this host, and judges it as `check` does. It complains
 * to nobody and runs nothing.
 */

import { hostProblems } from "../config/host.ts";
import type { HostFacts } from "../config/host.ts";
import {
  loadConfig,
  type Loaded,
  type Refused,
  resolvedConfig,
  type Source,
} from "../config/load.ts";
import { OWNER } from "../config/priority.ts";
import { sortProblems } from "../config/problem.ts";
import type { Plan } from "../core/plan/plan.ts";

/** Loads a file's text: by itself, and beside the host. */
export function loadOnHost(
  text: string,
  { file, node, facts }: {
    readonly file: string;
    readonly node: string | undefined;
    readonly facts: HostFacts;
  },
): Loaded | Refused {
  const loaded = loadConfig(text, sourceOf(file, node, facts));
  if (!loaded.plan) return loaded;
  const { problems, warnings } = hostProblems(loaded.plan, facts, loaded.locate);
  const all = sortProblems([...loaded.warnings, ...warnings]);
  return problems.length > 0
    ? { plan: null, problems, warnings: all }
    : { ...loaded, warnings: all };
}

/** The file with every default filled in, as YAML without secrets; empty if it does not load. */
export function resolvedOnHost(text: string, file: string, node: string): string {
  const resolved = resolvedConfig(text, sourceOf(file, node, null));
  return "text" in resolved ? resolved.text : "";
}

/**
 * The facts as they are to an appliance that runs this plan: its virtual addresses are its own,
 * also on kernels that keep no mark of who put them there.
 */
export function ownFacts(facts: HostFacts, { virtualRouters }: Plan): HostFacts {
  const own = new Set(
    virtualRouters.flatMap(({ addresses, excludedAddresses, priority }) =>
      priority === OWNER ? [] : [...addresses, ...excludedAddresses].map(({ address }) => address)
    ),
  );
  const addresses = facts.addresses.map((one) =>
    own.has(one.address) ? { ...one, ours: true } : one
  );
  return { ...facts, addresses };
}

function sourceOf(file: string, node: string | undefined, host: HostFacts | null): Source {
  return { file, env: Deno.env.toObject(), readFile: Deno.readTextFileSync, host, node };
}
