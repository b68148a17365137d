/**
 * One server as the appliance knows it, and how it is shown. It changes nothing.
 */

import type { Agent, Health, Override, Server } from "../admin/model.ts";
import { type AgentState, asAgentHas, SILENT } from "../core/plan/agent.ts";
import { overridden, type OverrideFact } from "../core/plan/override.ts";
import type { BackendPlan, ServerPlan } from "../core/plan/plan.ts";
import type { Row } from "../memory/server_table.ts";
import { SERVER_COUNTERS, SERVER_FAILURES } from "../memory/traffic.ts";
import type { CheckResult } from "../prober/orders.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { wallTime } from "./time.ts";

/** One server, as the appliance knows it. */
export interface Entry {
  readonly row: Row;
  backend: BackendPlan;
  plan: ServerPlan;
  /** What is said of it beside the file. */
  facts: readonly OverrideFact[];
  /** What its agent has said. */
  agent: AgentState;
  lastCheck: CheckResult | null;
  /** The last check that failed; kept when later ones succeed, since it tells why. */
  lastFailure: CheckResult | null;
  /** Monotonic; `null` until a check has changed the health. */
  healthChangedAt: number | null;
  /** Since when its share grows, monotonic; `null` while it has all of it. */
  rampSince: number | null;
  /** Whether it has been away since the start: then it comes back slowly. */
  wasAway: boolean;
}

/** What checks have said of a server. */
export interface Known {
  readonly health: Health["state"];
  /** Rise and fall as `core/health` counts them; `undefined` where that is not known. */
  readonly count: number | undefined;
  readonly lastCheck: CheckResult | null;
  readonly lastFailure: CheckResult | null;
  readonly healthChangedAt: number | null;
}

/** A server of which nothing is known yet but what the file and others say. */
export function entryOf(
  row: Row,
  backend: BackendPlan,
  plan: ServerPlan,
  facts: readonly OverrideFact[],
): Entry {
  const unknown = { lastCheck: null, lastFailure: null, healthChangedAt: null };
  return { row, backend, plan, facts, agent: SILENT, ...unknown, rampSince: null, wasAway: false };
}

/** A server as the file, its agent and operators have it; operators have the last word. */
export function asSaid(
  { plan, agent, facts }: Pick<Entry, "plan" | "agent" | "facts">,
): ServerPlan {
  return overridden(asAgentHas(plan, agent), facts);
}

/** A server as it is shown, with the weight that balancing goes by. */
export function shownServer(entry: Entry, memory: SharedMemory, effectiveWeight: number): Server {
  const { row, plan, backend, facts } = entry;
  const { state } = asSaid(entry);
  const override = overrideOf(facts);
  const count = (counter: (typeof SERVER_COUNTERS)[number]) =>
    memory.serverCounters.total(row, SERVER_COUNTERS.indexOf(counter));
  return {
    backend: backend.name,
    name: plan.name,
    address: plan.address,
    port: plan.port,
    backup: plan.backup,
    maxConnections: plan.maxConnections,
    admin: state,
    health: healthOf(entry, memory),
    agent: agentOf(entry),
    weight: {
      configured: plan.weight,
      runtime: override?.weight ?? null,
      effective: effectiveWeight,
    },
    connections: {
      active: Math.max(0, memory.servers.active(row)),
      queued: memory.queues.queued(row),
      total: count("connections"),
    },
    bytes: { received: count("receivedBytes"), sent: count("sentBytes") },
    failures: Object.fromEntries(SERVER_FAILURES.map((reason) => [reason, count(reason)])),
    retries: count("retries"),
    redispatches: count("redispatches"),
    override,
  };
}

function agentOf({ backend, agent }: Entry): Agent | null {
  const { operation, admin = null, weightPercent = null, maxConnections = null } = agent;
  if (!backend.agentCheck) return null;
  const { isUp = true, word = null, text = null } = operation ?? {};
  return { down: !isUp, word, text, admin, weightPercent, maxConnections };
}

function healthOf(
  { row, lastCheck, lastFailure, healthChangedAt }: Entry,
  memory: SharedMemory,
): Health {
  return {
    state: memory.servers.health(row),
    code: lastCheck?.code ?? null,
    status: lastCheck?.status ?? null,
    latencySeconds: lastCheck && lastCheck.durationMs / 1e3,
    checkedAt: lastCheck && wallTime(lastCheck.at),
    changedAt: healthChangedAt === null ? null : wallTime(healthChangedAt),
    failure: lastFailure && lastFailure.text,
    failureCode: lastFailure && lastFailure.code,
    failureStatus: lastFailure?.status ?? null,
    failedAt: lastFailure && wallTime(lastFailure.at),
  };
}

/** Facts about one server in one piece; what is said of all of them is what was said last. */
function overrideOf(facts: readonly OverrideFact[]): Override | null {
  const last = facts.toSorted((one, other) => one.at.localeCompare(other.at)).at(-1);
  if (!last) return null;
  const state = facts.find((fact) => fact.field === "state");
  const weight = facts.find((fact) => fact.field === "weight");
  const { reason, by, at, until } = last;
  return {
    ...{ state: state?.value ?? null, weight: weight?.value ?? null },
    ...{ reason, by, at, until, deadline: state?.deadline ?? null },
  };
}
