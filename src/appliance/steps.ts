/**
 * The steps by which another plan comes to run, in their order: what may be refused first, what
 * workers do with it next, and what is no more last. Each part knows by itself what differs.
 */

import type { AdminServer } from "../admin/serve.ts";
import type { LogPlan, Plan } from "../core/plan/plan.ts";
import type { Step } from "./applying.ts";
import type { Availability } from "./availability.ts";
import type { ConnectionLogs } from "./connection_logs.ts";
import type { Engines } from "./engines.ts";
import type { Frontends } from "./frontends.ts";
import { configureLog } from "./log.ts";
import type { Overrides } from "./overrides.ts";
import type { Routers } from "./routers.ts";
import type { Servers } from "./servers.ts";
import { sleepUntil } from "./sleep.ts";
import type { Tables } from "./tables.ts";

/** The parts that are given another plan. */
export interface StepParts {
  readonly tables: Tables;
  readonly frontends: Frontends;
  readonly servers: Servers;
  readonly engines: Engines;
  readonly overrides: Pick<Overrides, "holding">;
  readonly connectionLogs: ConnectionLogs | undefined;
  readonly admin: Pick<AdminServer, "apply">;
  /** How the log is set up. */
  log: LogPlan;
  readonly routers: Pick<Routers, "apply">;
  readonly availability: Pick<Availability, "apply">;
}

/** The steps, in the order in which a plan is applied. */
export function stepsOf(parts: StepParts): Step[] {
  const { frontends, engines, admin, availability } = parts;
  const { dataplane } = engines;
  return [
    { name: "find room for everything", apply: (plan) => findRoom(parts, plan) },
    {
      name: "open the listeners",
      async apply(plan, isUndo) {
        frontends.open(plan);
        if (!isUndo) return;
        // What had been closed already is there again.
        dataplane.listen();
        await dataplane.closeUnwanted();
      },
    },
    { name: "open the listeners of the admin API", apply: (plan) => admin.apply(plan.admin) },
    { name: "change the servers", apply: (plan, isUndo) => changeServers(parts, plan, isUndo) },
    { name: "accept on new listeners", apply: () => dataplane.listen() },
    { name: "change the virtual routers", apply: (plan) => availability.apply(plan) },
    { name: "close listeners", apply: () => closeListeners(parts) },
    { name: "change the log", apply: (plan) => changeLog(parts, plan) },
  ];
}

function findRoom({ tables, routers, connectionLogs }: StepParts, plan: Plan): void {
  // Lines that have not been written yet name what they are about by its place.
  void connectionLogs?.drain();
  tables.apply(plan);
  routers.apply(plan);
}

/**
 * Who is new serves as soon as a worker knows him, and who goes until all do: there is no moment in
 * which a backend has nobody. Where all are new, they are checked before anybody hears of them.
 */
async function changeServers(
  { tables, servers, engines, overrides }: StepParts,
  plan: Plan,
  isUndo: boolean,
): Promise<void> {
  // On the way back the places are still those of the other plan.
  tables.apply(plan);
  const factsOf = (backend: string, server: string) =>
    overrides.holding(plan.backends, backend, server);
  servers.apply(plan.backends, factsOf, isUndo);
  await engines.planProber();
  if (!isUndo) await sleepUntil(() => !servers.awaitsChecks, FIRST_CHECKS_MS);
  await engines.dataplane.plan();
  servers.settle();
}

/** Until they are closed, clients come who are led to backends that have gone. */
async function closeListeners({ engines, servers }: StepParts): Promise<void> {
  await engines.dataplane.closeUnwanted();
  servers.leave();
}

async function changeLog(parts: StepParts, { log }: Plan): Promise<void> {
  const { connectionLogs } = parts;
  if (connectionLogs && log.connections !== "none") connectionLogs.format = log.connections;
  if (log.level === parts.log.level && log.format === parts.log.format) return;
  await configureLog(log);
  parts.log = log;
}

/** Checks of servers that are well take less. */
const FIRST_CHECKS_MS = 1_000;
