/**
 * The servers of all backends: their rows, what operators and checks have said of them, and how
 * they are shown. The one place that writes weight and admin state into the server table. What
 * operators say is remembered elsewhere.
 */

import { isDeepStrictEqual } from "node:util";
import type { Backend, Server } from "../admin/model.ts";
import { ramped, rampStepMs } from "../core/health/slow_start.ts";
import { afterWords, type AgentWords, SILENT } from "../core/plan/agent.ts";
import type { OverrideFact } from "../core/plan/override.ts";
import type { BackendPlan, ServerPlan } from "../core/plan/plan.ts";
import type { AdminState, Row } from "../memory/server_table.ts";
import type { AskedAgent, CheckedServer, CheckResult } from "../prober/orders.ts";
import { askedAgent, checkedServer } from "./checked_server.ts";
import { rowAt } from "./layout.ts";
import { nobodysRow, type SharedMemory } from "./shared_memory.ts";
import { asSaid, type Entry, entryOf, type Known, shownServer } from "./shown_server.ts";
import { effectiveWeight, shareOf } from "./slow_start.ts";
import type { Tables } from "./tables.ts";
import { REAL_TIME, type Time } from "./time.ts";
import { wakeWorkers } from "./wake_workers.ts";

/** What is said of a server beside the file. */
export type FactsOf = (backend: string, server: string) => readonly OverrideFact[];

/** All servers of the plan that runs. */
export class Servers {
  readonly #memory: SharedMemory;
  readonly #tables: Tables;
  readonly #time: Time;
  #backends: readonly BackendPlan[] = [];
  #byBackend = new Map<string, readonly Entry[]>();
  #byRow = new Map<number, Entry>();
  /** Those that the last plan has taken away, by row. */
  #gone = new Map<number, Entry>();
  /** Those of them that serve on until nobody is led to them. */
  readonly #leaving = new Set<Entry>();
  /** Those that are new and have not been checked yet. */
  readonly #fresh = new Set<Entry>();
  /** Those whose check is over once the prober knows. */
  readonly #unchecked = new Set<Entry>();
  /** A server's admin state has been changed: whoever checks it must know. */
  onAdminChange: (row: Row, state: AdminState) => void = () => {};

  /** The connections of a server are to be reset: it is gone, or there is a better one again. */
  onEnded: (row: Row) => void = () => {};

  /** What is known of a server's health has changed: by a check, or by maint. */
  onKnown: (row: Row) => void = () => {};

  /** A server may take connections now, or no longer. */
  onChange: () => void = () => {};

  /** Enters what the plan says of every server. */
  constructor(
    backends: readonly BackendPlan[],
    memory: SharedMemory,
    tables: Tables,
    time: Time = REAL_TIME,
  ) {
    this.#time = time;
    this.#memory = memory;
    this.#tables = tables;
    this.apply(backends, () => []);
    this.settle();
  }

  /**
   * Makes these the servers, at the rows that the tables have for them: for whoever knows them. Who
   * does not yet goes on with those who go, who serve until {@linkcode settle}, or until
   * {@linkcode leave} where their backend goes too; connections to them live on.
   *
   * @param isUndo whether these are those of before: they are as if nothing had happened.
   */
  apply(backends: readonly BackendPlan[], factsOf: FactsOf, isUndo = false): void {
    const before = this.#byRow;
    if (!isUndo) this.leave();
    const known = isUndo ? this.#recalled() : before;
    this.#byRow = new Map();
    this.#backends = backends;
    this.#byBackend = new Map(backends.map((backend) => {
      const entries = backend.servers.map((plan) => {
        const row = rowAt(this.#tables.layout, backend.name, plan.name);
        const entry = known.get(row);
        const facts = factsOf(backend.name, plan.name);
        return entry
          ? this.#change(entry, backend, plan, facts)
          : this.#enter(row, backend, plan, facts);
      });
      return [backend.name, entries];
    }));
    for (const entry of [...this.#byBackend.values()].flat()) this.#byRow.set(entry.row, entry);
    this.#gone = new Map([...before].filter(([row]) => !this.#byRow.has(row)));
    for (const entry of this.#gone.values()) {
      entry.rampSince = null;
      this.#leaving.add(entry);
    }
  }

  /** Whether some backend has nobody who serves but for want of a first check. */
  get awaitsChecks(): boolean {
    return [...this.#fresh].some(({ backend, lastCheck, row }) =>
      lastCheck === null && this.#memory.servers.admin(row) === "ready" &&
      this.#takers(this.#of(backend.name)) === 0
    );
  }

  /** Everybody knows all servers, and that the others have gone. */
  settle(): void {
    for (const entry of this.#unchecked) {
      this.#memory.servers.setHealth(entry.row, "up");
      Object.assign(entry, { lastCheck: null, lastFailure: null, healthChangedAt: null });
    }
    for (const entry of this.#leaving) {
      if (this.#byBackend.has(entry.backend.name)) this.#leave(entry);
    }
    this.#unchecked.clear();
    this.#fresh.clear();
    this.#changed();
  }

  /** Nobody is led to backends that have gone any more: their servers go too. */
  leave(): void {
    for (const entry of this.#leaving) this.#leave(entry);
  }

  /** The rows of a backend's servers, in the file's order. */
  rows(backend: string): readonly Row[] {
    return this.#of(backend).map((entry) => entry.row);
  }

  /** What the prober is to check. */
  checked(): readonly CheckedServer[] {
    return [...this.#byRow.values()].flatMap((entry) => checkedServer(entry) ?? []);
  }

  /** Whom the prober is to ask besides. */
  agents(): readonly AskedAgent[] {
    return [...this.#byRow.values()].flatMap((entry) => askedAgent(entry) ?? []);
  }

  /** What a server's agent says holds until it says otherwise. */
  noteAgent(row: Row, words: AgentWords): void {
    const entry = this.#byRow.get(row);
    if (!entry) return;
    const isUp = entry.agent.operation?.isUp ?? true;
    entry.agent = afterWords(entry.agent, words);
    this.#weigh(entry);
    this.#administer(entry);
    const { operation } = entry.agent;
    if (operation && operation.isUp !== isUp) {
      if (!operation.isUp) this.#goAway(entry);
      else if (this.#memory.servers.health(row) === "up") this.#comeBack(entry);
    }
    this.#changed();
  }

  /** Keeps a finished check. */
  noteCheck(result: CheckResult): void {
    const entry = this.#byRow.get(result.row);
    if (!entry) return;
    if (result.code !== "PASSIVE") entry.lastCheck = result;
    if (!result.ok) entry.lastFailure = result;
    if (!result.changed) return;
    entry.healthChangedAt = result.at;
    this.onKnown(result.row);
    if (result.health !== "up") this.#goAway(entry);
    else if (!this.#memory.servers.isAgentDown(result.row)) this.#comeBack(entry);
    this.#changed();
  }

  /** What is known of a server; nothing while it is in maint, where nobody looks. */
  known(row: Row): Known | undefined {
    const entry = this.#byRow.get(row);
    const { servers } = this.#memory;
    if (!entry || servers.admin(row) === "maint") return undefined;
    const { lastCheck, lastFailure, healthChangedAt } = entry;
    const [health, count] = [servers.health(row), servers.healthCount(row)];
    return { health, count, lastCheck, lastFailure, healthChangedAt };
  }

  /** What was known of a server before a restart holds until checks say otherwise. */
  carryOver(row: Row, { health, count, ...said }: Known): void {
    const entry = this.#byRow.get(row);
    if (!entry) return;
    Object.assign(entry, said, { wasAway: health === "down" });
    this.#memory.servers.setHealth(row, health, count);
  }

  /** Whether every server that is checked has had a result. */
  get isChecked(): boolean {
    return [...this.#byRow.values()].every(({ row, backend, lastCheck }) =>
      !backend.check || lastCheck !== null || this.#memory.servers.admin(row) === "maint"
    );
  }

  /** `backend/server`, also of one that has gone. */
  name(row: Row): string {
    return this.#tables.serverAt(row);
  }

  /** The name of a server within its backend. */
  nameAt(row: number): string {
    return this.#tables.serverAt(row).split("/")[1] ?? "-";
  }

  /** How many servers of a backend take new connections. */
  usable(backend: string): number {
    const leaving = [...this.#leaving].filter((entry) => entry.backend.name === backend);
    return this.#takers([...this.#of(backend), ...leaving]);
  }

  /** Each server of a backend in a few words: `web1 down`, `web2 up with weight 0`. */
  states(backend: string): readonly string[] {
    const { servers } = this.#memory;
    return this.#of(backend).map(({ row, plan }) => {
      const admin = servers.admin(row);
      const health = servers.isAgentDown(row) ? "down, says its agent" : servers.health(row);
      return `${plan.name} ${admin === "ready" ? health : admin}` +
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

  /** How a server would be shown that is not there, or is another one. */
  previewNew(backend: BackendPlan, plan: ServerPlan): Server {
    const row = this.rowOf(backend.name, plan.name) ?? nobodysRow(this.#memory.capacities);
    return this.#show(entryOf(row, backend, plan, []));
  }

  /**
   * Makes these all the facts about a server, effective for the next connection of every worker
   * when it returns.
   */
  override(backend: string, server: string, facts: readonly OverrideFact[]): void {
    const entry = this.#entry(backend, server);
    if (!entry) return;
    entry.facts = facts;
    this.#weigh(entry);
    this.#administer(entry);
    this.#changed();
  }

  #changed(): void {
    wakeWorkers(this.#memory);
    this.onChange();
  }

  /** Those of before too, as they were; whoever checks them has not been told of their absence. */
  #recalled(): Map<number, Entry> {
    for (const entry of this.#gone.values()) {
      this.#memory.servers.setAdmin(entry.row, asSaid(entry).state);
      this.#leaving.delete(entry);
    }
    return new Map([...this.#gone, ...this.#byRow]);
  }

  #enter(row: Row, backend: BackendPlan, plan: ServerPlan, facts: readonly OverrideFact[]): Entry {
    // Nobody checks it yet: its health is ours to write.
    this.#memory.servers.setHealth(row, backend.check ? "unchecked" : "up");
    const entry = entryOf(row, backend, plan, facts);
    if (backend.check) this.#fresh.add(entry);
    this.#weigh(entry);
    this.#memory.servers.setAdmin(row, asSaid(entry).state);
    return entry;
  }

  #change(
    entry: Entry,
    backend: BackendPlan,
    plan: ServerPlan,
    facts: readonly OverrideFact[],
  ): Entry {
    const { plan: before, backend: checked } = entry;
    const isElsewhere = plan.address !== before.address || plan.port !== before.port;
    Object.assign(entry, { backend, plan, facts });
    // It is another one that is asked now, or nobody.
    if (isElsewhere || !isDeepStrictEqual(checked.agentCheck, backend.agentCheck)) {
      entry.agent = SILENT;
    }
    this.#weigh(entry);
    // Whoever checks it writes its health until told not to.
    if (checked.check && !backend.check) this.#unchecked.add(entry);
    else this.#unchecked.delete(entry);
    this.#administer(entry);
    return entry;
  }

  #leave(entry: Entry): void {
    this.#memory.servers.setAdmin(entry.row, "maint");
    this.#memory.servers.setWeight(entry.row, 0);
    this.#leaving.delete(entry);
  }

  /** Writes its admin state, and what follows from that. */
  #administer(entry: Entry): void {
    const { row } = entry;
    const { state } = asSaid(entry);
    if (state === this.#memory.servers.admin(row)) return;
    this.#memory.servers.setAdmin(row, state);
    this.onAdminChange(row, state);
    if (state === "maint") this.#goAway(entry);
    this.onKnown(row);
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
    this.#weigh(entry);
    if (entry.rampSince === null) return;
    this.#time.later(rampStepMs(slowStartMs), () => this.#ramp(entry, since, slowStartMs));
  }

  /** Writes its weight and its limit, or as much of them as it has by now. */
  #weigh(entry: Entry): void {
    const { weight, maxConnections } = asSaid(entry);
    this.#memory.servers.setWeight(entry.row, effectiveWeight(entry, weight, this.#time.now()));
    const limit = ramped(maxConnections ?? 0, shareOf(entry, this.#time.now()));
    this.#memory.servers.setLimit(entry.row, limit);
    wakeWorkers(this.#memory);
  }

  #entry(backend: string, server: string): Entry | undefined {
    return this.#of(backend).find(({ plan }) => plan.name === server);
  }

  #takers(entries: readonly Entry[]): number {
    return entries.filter(({ row }) => this.#memory.servers.takesConnections(row)).length;
  }

  #of(backend: string): readonly Entry[] {
    return this.#byBackend.get(backend) ?? [];
  }

  #show(entry: Entry): Server {
    const { weight } = asSaid(entry);
    return shownServer(entry, this.#memory, effectiveWeight(entry, weight, this.#time.now()));
  }
}
