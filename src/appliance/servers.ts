/**
 * The servers of all backends: their rows, what operators and checks have said of them, and how
 * they are shown. The one place that writes weight and admin state into the server table. What
 * operators say is remembered elsewhere.
 */

import type { Backend, Health, Override, Server } from "../admin/model.ts";
import { ramped, rampShare, rampStepMs } from "../core/health/slow_start.ts";
import { overridden, type OverrideFact } from "../core/plan/override.ts";
import type { BackendPlan, ServerPlan } from "../core/plan/plan.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { AdminState, Row } from "../memory/server_table.ts";
import { SERVER_COUNTERS, SERVER_FAILURES } from "../memory/traffic.ts";
import type { CheckedServer, CheckResult } from "../prober/orders.ts";
import { wallTime } from "./time.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** One server, as the appliance knows it. */
interface Entry {
  readonly row: Row;
  readonly backend: BackendPlan;
  readonly plan: ServerPlan;
  /** What is said of it beside the file. */
  facts: readonly OverrideFact[];
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

/** Time, for servers that come back slowly; tests put their own in its place. */
export interface Time {
  /** Monotonic, in milliseconds. */
  now(): number;
  later(delayMs: number, then: () => void): void;
}

/** All servers of one plan. */
export class Servers {
  readonly #memory: SharedMemory;
  readonly #time: Time;
  readonly #backends: readonly BackendPlan[];
  /** By row. */
  readonly #entries: Entry[] = [];
  readonly #byBackend = new Map<string, Entry[]>();
  /** A server's admin state has been changed: whoever checks it must know. */
  onAdminChange: (row: Row, state: AdminState) => void = () => {};

  /** The connections of a server are to be reset: it is gone, or there is a better one again. */
  onEnded: (row: Row) => void = () => {};

  /** What is known of a server's health has changed: by a check, or by maint. */
  onKnown: (row: Row) => void = () => {};

  /** A server may take connections now, or no longer. */
  onChange: () => void = () => {};

  /** Gives every server its row and enters what the file says of it. */
  constructor(backends: readonly BackendPlan[], memory: SharedMemory, time: Time = REAL_TIME) {
    this.#time = time;
    this.#memory = memory;
    this.#backends = backends;
    for (const backend of backends) {
      this.#byBackend.set(backend.name, backend.servers.map((plan) => this.#enter(backend, plan)));
    }
  }

  /** The rows of a backend's servers, in the file's order. */
  rows(backend: string): readonly Row[] {
    return this.#of(backend).map((entry) => entry.row);
  }

  /** What the prober is to check. */
  checked(): readonly CheckedServer[] {
    return this.#entries.flatMap(({ row, backend, plan }) => {
      // Without any port configuration has refused a check, unless it is a script's.
      const port = plan.port ?? backend.check?.port ?? 0;
      if (!backend.check) return [];
      const { check } = backend;
      const { name: server, address } = plan;
      // Who is checked at another place is not asked what it makes of clients.
      const isSame = check.port === null && check.address === null;
      const proxyProtocol = isSame ? plan.proxyProtocol : null;
      return [{ row, backend: backend.name, server, address, port, check, proxyProtocol }];
    });
  }

  /** Keeps a finished check. */
  noteCheck(result: CheckResult): void {
    const entry = this.#entries[result.row];
    if (!entry) return;
    if (result.code !== "PASSIVE") entry.lastCheck = result;
    if (!result.ok) entry.lastFailure = result;
    if (!result.changed) return;
    entry.healthChangedAt = result.at;
    this.onKnown(result.row);
    if (result.health === "up") this.#comeBack(entry);
    else this.#goAway(entry);
    this.onChange();
  }

  /** What is known of a server; nothing while it is in maint, where nobody looks. */
  known(row: Row): Known | undefined {
    const entry = this.#entries[row];
    const { servers } = this.#memory;
    if (!entry || servers.admin(row) === "maint") return undefined;
    const { lastCheck, lastFailure, healthChangedAt } = entry;
    const [health, count] = [servers.health(row), servers.healthCount(row)];
    return { health, count, lastCheck, lastFailure, healthChangedAt };
  }

  /** What was known of a server before a restart holds until checks say otherwise. */
  carryOver(row: Row, { health, count, ...said }: Known): void {
    const entry = this.#entries[row];
    if (!entry) return;
    Object.assign(entry, said, { wasAway: health === "down" });
    this.#memory.servers.setHealth(row, health, count);
  }

  /** Whether every server that is checked has had a result. */
  get isChecked(): boolean {
    return this.#entries.every(({ row, backend, lastCheck }) =>
      !backend.check || lastCheck !== null || this.#memory.servers.admin(row) === "maint"
    );
  }

  /** `backend/server`. */
  name(row: Row): string {
    const entry = this.#entries[row];
    return entry ? `${entry.backend.name}/${entry.plan.name}` : `row ${row}`;
  }

  /** The name of a server within its backend. */
  nameAt(row: number): string {
    return this.#entries[row]?.plan.name ?? "-";
  }

  /** How many servers of a backend take new connections. */
  usable(backend: string): number {
    return this.#of(backend).filter(({ row }) => this.#memory.servers.takesConnections(row)).length;
  }

  /** Each server of a backend in a few words: `web1 down`, `web2 up with weight 0`. */
  states(backend: string): readonly string[] {
    const { servers } = this.#memory;
    return this.#of(backend).map(({ row, plan }) => {
      const admin = servers.admin(row);
      return `${plan.name} ${admin === "ready" ? servers.health(row) : admin}` +
        (servers.weight(row) === 0 ? " with weight 0" : "");
    });
  }

  /** All backends with their servers. */
  show(): Backend[] {
    return this.#backends.map((backend) => ({
      name: backend.name,
      balance: backend.balance,
      check: backend.check && {
        type: backend.check.request.type,
        intervalSeconds: backend.check.intervalMs / 1e3,
      },
      usableServers: this.usable(backend.name),
      servers: this.#of(backend.name).map((entry) => this.#show(entry)),
    }));
  }

  /** One server; `undefined` when there is none of these names. */
  find(backend: string, server: string): Server | undefined {
    const entry = this.#entry(backend, server);
    return entry && this.#show(entry);
  }

  /** The row of a server; `undefined` when there is none of these names. */
  rowOf(backend: string, server: string): Row | undefined {
    return this.#entry(backend, server)?.row;
  }

  /** What the file says of a server; `undefined` when there is none of these names. */
  planOf(backend: string, server: string): ServerPlan | undefined {
    return this.#entry(backend, server)?.plan;
  }

  /** How a server would be shown if these were all the facts about it. */
  preview(backend: string, server: string, facts: readonly OverrideFact[]): Server | undefined {
    const entry = this.#entry(backend, server);
    return entry && this.#show({ ...entry, facts });
  }

  /**
   * Makes these all the facts about a server, effective for the next connection of every worker
   * when it returns.
   */
  override(backend: string, server: string, facts: readonly OverrideFact[]): void {
    const entry = this.#entry(backend, server);
    if (!entry) return;
    entry.facts = facts;
    const { weight, state } = overridden(entry.plan, facts);
    const stateChanges = state !== this.#memory.servers.admin(entry.row);
    this.#memory.servers.setWeight(entry.row, this.#effective(entry, weight));
    this.#memory.servers.setAdmin(entry.row, state);
    if (stateChanges) this.onAdminChange(entry.row, state);
    if (stateChanges && state === "maint") this.#goAway(entry);
    if (stateChanges) this.onKnown(entry.row);
    this.onChange();
  }

  #enter(backend: BackendPlan, plan: ServerPlan): Entry {
    // Rows are given out here, and only here.
    const row = this.#entries.length as Row;
    this.#memory.servers.setWeight(row, plan.weight);
    this.#memory.servers.setLimit(row, plan.maxConnections ?? 0);
    this.#memory.servers.setAdmin(row, plan.state);
    this.#memory.servers.setHealth(row, backend.check ? "unchecked" : "up");
    const said = { facts: [], lastCheck: null, lastFailure: null, healthChangedAt: null };
    const entry: Entry = { row, backend, plan, ...said, rampSince: null, wasAway: false };
    this.#entries.push(entry);
    return entry;
  }

  /** From now on it is not here; when it comes back, it comes slowly. */
  #goAway(entry: Entry): void {
    entry.wasAway = true;
    entry.rampSince = null;
    if (entry.backend.onMarkedDown === "shutdown-connections") this.onEnded(entry.row);
  }

  #comeBack(entry: Entry): void {
    if (entry.backend.onMarkedUp === "shutdown-backup-connections" && this.#isUsed(entry)) {
      const backups = this.#of(entry.backend.name).filter(({ plan }) => plan.backup);
      for (const { row } of backups) this.onEnded(row);
    }
    if (!entry.wasAway || entry.backend.slowStartMs === null) return;
    entry.wasAway = false;
    const since = this.#time.now();
    entry.rampSince = since;
    this.#ramp(entry, since, entry.backend.slowStartMs);
  }

  /** Whether connections go to it while it is up, and not only for want of others. */
  #isUsed({ row, plan }: Entry): boolean {
    return !plan.backup && this.#memory.servers.takesConnections(row);
  }

  #ramp(entry: Entry, since: number, slowStartMs: number): void {
    // It may have gone away in the meantime, and even have come back again.
    if (entry.rampSince !== since) return;
    if (this.#time.now() - since >= slowStartMs) entry.rampSince = null;
    const { weight } = overridden(entry.plan, entry.facts);
    this.#memory.servers.setWeight(entry.row, this.#effective(entry, weight));
    const limit = ramped(entry.plan.maxConnections ?? 0, this.#share(entry));
    this.#memory.servers.setLimit(entry.row, limit);
    if (entry.rampSince === null) return;
    this.#time.later(rampStepMs(slowStartMs), () => this.#ramp(entry, since, slowStartMs));
  }

  /** What balancing goes by: the weight, or as much of it as a server has that comes back. */
  #effective(entry: Entry, weight: number): number {
    return RAMPED.has(entry.backend.balance) ? ramped(weight, this.#share(entry)) : weight;
  }

  #share({ backend: { slowStartMs }, rampSince }: Entry): number {
    if (rampSince === null || slowStartMs === null) return 1;
    return rampShare(this.#time.now() - rampSince, slowStartMs);
  }

  #entry(backend: string, server: string): Entry | undefined {
    return this.#of(backend).find(({ plan }) => plan.name === server);
  }

  #of(backend: string): readonly Entry[] {
    return this.#byBackend.get(backend) ?? [];
  }

  #show(entry: Entry): Server {
    const { row, plan, backend, facts } = entry;
    const { state, weight } = overridden(plan, facts);
    const override = overrideOf(facts);
    const count = (counter: (typeof SERVER_COUNTERS)[number]) =>
      this.#memory.serverCounters.total(row, SERVER_COUNTERS.indexOf(counter));
    return {
      backend: backend.name,
      name: plan.name,
      address: plan.address,
      port: plan.port,
      admin: state,
      health: this.#health(entry),
      weight: {
        configured: plan.weight,
        runtime: override?.weight ?? null,
        effective: this.#effective(entry, weight),
      },
      connections: {
        active: Math.max(0, this.#memory.servers.active(row)),
        queued: this.#memory.queues.queued(row),
        total: count("connections"),
      },
      bytes: { received: count("receivedBytes"), sent: count("sentBytes") },
      failures: Object.fromEntries(SERVER_FAILURES.map((reason) => [reason, count(reason)])),
      retries: count("retries"),
      redispatches: count("redispatches"),
      override,
    };
  }

  #health({ row, lastCheck, lastFailure, healthChangedAt }: Entry): Health {
    return {
      state: this.#memory.servers.health(row),
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
}

/** Ways of balancing whose choice may change from one connection to the next. */
const RAMPED: ReadonlySet<BackendPlan["balance"]> = new Set([
  "roundrobin",
  "leastconn",
  "random",
]);

const REAL_TIME: Time = {
  now: monotonicMs,
  later: (delayMs, then) => Deno.unrefTimer(setTimeout(then, delayMs)),
};

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
