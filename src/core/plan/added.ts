/**
 * Servers that are added while the appliance runs: what they make of the plan that the file leads
 * to. It keeps no list of them.
 */

import type { AddedServer, OverrideFact } from "./override.ts";
import type { BackendPlan, Plan, ServerPlan } from "./plan.ts";

/**
 * The file's plan with the servers that some facts add behind those of their backends. A fact of a
 * backend that the plan does not have, or of a server that it has, adds nothing.
 */
export function withAdded(plan: Plan, facts: readonly OverrideFact[]): Plan {
  const backends = plan.backends.map((backend) => {
    const added = facts.flatMap((fact) =>
      fact.field === "server" && fact.backend === backend.name && !has(backend, fact.server)
        ? [serverPlan(backend, fact.server, fact.value)]
        : []
    );
    return added.length === 0 ? backend : { ...backend, servers: [...backend.servers, ...added] };
  });
  return { ...plan, backends };
}

/** Why a server cannot be added to a backend; `undefined` if it can. */
export function whyNotAddable(
  backend: BackendPlan,
  server: string,
  { port }: Pick<AddedServer, "port">,
): string | undefined {
  if (has(backend, server)) {
    return `the file defines server ${backend.name}/${server}: change it there`;
  }
  const { check } = backend;
  if (port !== null || !check || check.port !== null || check.request.type === "script") {
    return undefined;
  }
  return `the check of backend ${backend.name} needs a port: name it (ADDRESS:PORT)`;
}

/** A server as it is where it is added. */
export function serverPlan(
  { serverDefaults }: BackendPlan,
  name: string,
  { address, family, port, weight }: AddedServer,
): ServerPlan {
  const said = { name, address, family, port, weight };
  return { ...serverDefaults, ...said, backup: false, state: "ready" };
}

function has({ servers }: BackendPlan, server: string): boolean {
  return servers.some(({ name }) => name === server);
}
