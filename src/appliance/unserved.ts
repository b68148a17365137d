/**
 * Why this node is not ready: frontends whose clients would be refused, and what the servers lack.
 */

import { backendsOf, type FrontendPlan } from "../core/plan/plan.ts";
import type { Frontends } from "./frontends.ts";
import type { Servers } from "./servers.ts";

/**
 * A sentence about each required frontend with a listener that should be bound and cannot be, and
 * about each without a server that takes connections.
 */
export function unserved(
  frontends: readonly FrontendPlan[],
  servers: Pick<Servers, "usable" | "states">,
  listeners: Pick<Frontends, "unbound">,
): string[] {
  // Many frontends may share a backend of many servers: it is looked at once.
  const isUsable = once((backend) => servers.usable(backend) > 0);
  const states = once((backend) => servers.states(backend));
  return frontends.flatMap((frontend) => {
    const backends = backendsOf(frontend);
    if (!frontend.required) return [];
    const unbound = listeners.unbound([frontend.name]);
    const deaf = unbound.length === 0
      ? []
      : [`frontend ${frontend.name}: not listening on ${unbound.join(", ")}`];
    // One that leads nowhere refuses its clients on purpose.
    if (backends.length === 0 || backends.some(isUsable)) return deaf;
    const all = backends.flatMap(states);
    const more = all.length <= MOST_NAMED ? "" : `, and ${all.length - MOST_NAMED} more`;
    return [
      ...deaf,
      `frontend ${frontend.name}: no server of backend ${backends.join(", ")} takes connections ` +
      `(${all.slice(0, MOST_NAMED).join(", ")}${more})`,
    ];
  });
}

function once<Answer>(ask: (backend: string) => Answer): (backend: string) => Answer {
  const known = new Map<string, Answer>();
  return (backend) => {
    const answer = known.get(backend) ?? ask(backend);
    known.set(backend, answer);
    return answer;
  };
}

/** A thousand servers in one sentence would help nobody. */
const MOST_NAMED = 10;
