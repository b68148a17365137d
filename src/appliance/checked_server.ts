/**
 * What the prober is told of one server: its check, and the agent beside it. Nothing where there is
 * none.
 */

import type { AskedAgent, CheckedServer } from "../prober/orders.ts";
import type { Entry } from "./shown_server.ts";

type Placed = Pick<Entry, "row" | "backend" | "plan">;

/** The check of a server. */
export function checkedServer({ row, backend, plan }: Placed): CheckedServer | undefined {
  const { check } = backend;
  if (!check) return undefined;
  const { name: server, address } = plan;
  // Without any port configuration has refused a check, unless it is a script's.
  const port = plan.port ?? check.port ?? 0;
  // Who is checked at another place is not asked what it makes of clients.
  const isSame = check.port === null && check.address === null;
  const proxyProtocol = isSame ? plan.proxyProtocol : null;
  return { row, backend: backend.name, server, address, port, check, proxyProtocol };
}

/** The agent of a server. */
export function askedAgent({ row, backend, plan }: Placed): AskedAgent | undefined {
  const { name, agentCheck } = backend;
  if (!agentCheck) return undefined;
  const address = agentCheck.address ?? plan.address;
  return { ...agentCheck, row, backend: name, server: plan.name, address };
}
