/**
 * The running appliance as the admin API and the metrics see it. It answers from memory; what
 * changes anything goes to the part that owns it.
 */

import type {
  AddServerWish,
  Appliance,
  ConnectionFilter,
  ConnectionPage,
  HandoverWish,
  KillWish,
  Refused,
  ReloadWish,
  RemoveServerWish,
  ServerChange,
  StandbyWish,
  Wish,
} from "../admin/appliance.ts";
import { Conflict } from "../admin/appliance.ts";
import type { Killed } from "../admin/model_connections.ts";
import type { ConfigPlan, Configuration, Reload } from "../admin/model_config.ts";
import type { Event } from "../admin/model_events.ts";
import type { Handover } from "../admin/model_handover.ts";
import type {
  Backend,
  Frontend,
  NodeStatus,
  Server,
  Standby,
  VirtualRouter,
} from "../admin/model.ts";
import { formatEndpoint } from "../core/net/prefix.ts";
import type { OverrideFact } from "../core/plan/override.ts";
import type { EngineKind } from "../dataplane/orders.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { HistogramSamples, NodeSample, Sources } from "../metrics/sources.ts";
import type { Histogram } from "../memory/histogram.ts";
import type { AddedServers } from "./added_servers.ts";
import { NotApplied } from "./applying.ts";
import type { Availability } from "./availability.ts";
import { build, dashboardFiles } from "./bundle.ts";
import type { Changes } from "./changes.ts";
import { clearFacts } from "./clearing.ts";
import type { Connections } from "./connections.ts";
import type { Frontends } from "./frontends.ts";
import type { KeptOverrides } from "./kept_overrides.ts";
import type { Log } from "./log.ts";
import type { Overrides } from "./overrides.ts";
import type { Reloads } from "./reloads.ts";
import type { Routers } from "./routers.ts";
import type { Servers } from "./servers.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { Tables } from "./tables.ts";
import { wallTime } from "./time.ts";
import { unserved } from "./unserved.ts";

/** A thread, as far as it is shown. */
export interface Thread {
  readonly name: string;
  readonly row: number;
  readonly restarts: number;
}

/** What {@linkcode RunningAppliance} shows. */
export interface Parts {
  readonly changes: Pick<Changes, "file">;
  readonly added: AddedServers;
  readonly reloads: Reloads;
  readonly memory: SharedMemory;
  readonly tables: Tables;
  readonly servers: Servers;
  readonly frontends: Frontends;
  readonly routers: Routers;
  /** Data-plane workers first, in the order of their rows. */
  readonly threads: readonly Thread[];
  readonly dataplaneWorkers: number;
  readonly engine: EngineKind;
  /** None where no connections are logged. */
  readonly connectionLogs: { readonly lost: number } | undefined;
  readonly availability: Availability;
  readonly overrides: Overrides;
  readonly kept: Pick<KeptOverrides, "problem">;
  readonly connections: Connections;
  readonly log: Log;
}

/** Satisfies what `admin/` and `metrics/` ask for. */
export class RunningAppliance implements Appliance {
  readonly dashboard = dashboardFiles();
  /** Set once the appliance has begun to stop. */
  stopping = false;
  /** Writes the metrics; set by whoever builds the registry over {@linkcode sources}. */
  metrics: () => Promise<string> = () => Promise.resolve("");
  readonly #parts: Parts;
  readonly #startedAt = monotonicMs();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  planConfig(text: string): ConfigPlan | Refused {
    return this.#parts.reloads.planned(text);
  }

  configuration(): Configuration {
    return this.#parts.reloads.configuration;
  }

  reload(wish: ReloadWish): Promise<Reload | Refused> {
    this.#refuseWhileStopping();
    return this.#parts.reloads.reload(wish);
  }

  liveness(): readonly string[] {
    const { threads, memory } = this.#parts;
    const now = monotonicMs();
    return threads.flatMap(({ name, row }) => {
      const silenceMs = memory.workers.silence(row, now) ?? now - this.#startedAt;
      return silenceMs <= MAX_SILENCE_MS
        ? []
        : [`${name}: no sign of life for ${(silenceMs / 1e3).toFixed(1)} s`];
    });
  }

  readiness(): readonly string[] {
    if (this.stopping) return ["the appliance is stopping"];
    const { changes, servers, frontends } = this.#parts;
    const lacks = unserved(changes.file.frontends, servers, frontends);
    return [...this.#unstarted(), ...this.liveness(), ...lacks];
  }

  /** Threads that have shown no sign of life yet: the speaker starts after the data plane. */
  #unstarted(): string[] {
    const { threads, memory } = this.#parts;
    const now = monotonicMs();
    return threads.filter(({ row }) => memory.workers.silence(row, now) === undefined)
      .map(({ name }) => `${name}: has not started yet`);
  }

  activeness(virtualRouter?: string): readonly string[] | undefined {
    return this.#parts.routers.inactive(virtualRouter);
  }

  nodeStatus(): NodeStatus {
    const { changes, engine, reloads, threads, memory, dataplaneWorkers } = this.#parts;
    const now = monotonicMs();
    const isFallback = threads.some(({ row }) => memory.workers.isFallback(row));
    return {
      node: changes.file.node,
      version: build.version,
      pid: Deno.pid,
      // The worst of all workers'.
      engine: isFallback ? "epoll" : engine,
      startedAt: wallTime(this.#startedAt),
      uptimeSeconds: (now - this.#startedAt) / 1e3,
      configuration: reloads.summary,
      workers: threads.map(({ name, row, restarts }) => {
        const silenceMs = memory.workers.silence(row, now);
        return {
          name,
          silenceSeconds: silenceMs === undefined ? null : silenceMs / 1e3,
          connections: row < dataplaneWorkers ? memory.workers.connections(row) : null,
          restarts,
        };
      }),
      standby: this.standby(),
    };
  }

  virtualRouters(): readonly VirtualRouter[] {
    return this.#parts.routers.show();
  }

  frontends(): readonly Frontend[] {
    return this.#parts.frontends.show();
  }

  backends(): readonly Backend[] {
    return this.#parts.servers.show();
  }

  server(backend: string, server: string): Server | undefined {
    return this.#parts.servers.find(backend, server);
  }

  async patchServer(backend: string, server: string, change: ServerChange): Promise<Server> {
    this.#refuseWhileStopping();
    const after = await this.#parts.overrides.patch(backend, server, change);
    if (!after) throw new Conflict(`server ${backend}/${server} has just been removed`);
    const { state, weight, ttlMs, deadline } = change;
    const { until, deadline: end } = after.override ?? {};
    const what = {
      ...(state !== undefined && { state: after.admin }),
      ...(weight !== undefined && { weight: after.weight.effective }),
      ...(ttlMs !== undefined && { until: until ?? "cleared" }),
      ...(deadline !== undefined && { deadline: end ? `${end.at} (${end.then})` : "none" }),
    };
    const fields = Object.entries(what).map(([key, value]) => `${key} ${value}`).join(", ");
    if (!change.dryRun) this.#audit(`server ${backend}/${server} was changed: ${fields}`, change);
    return after;
  }

  async addServer(backend: string, server: string, wish: AddServerWish): Promise<Server> {
    this.#refuseWhileStopping();
    const after = await this.#parts.added.add(backend, server, wish).catch(asConflict);
    const { address, port, weight } = after;
    const where = port === null ? address : formatEndpoint(address, port);
    const message = `server ${backend}/${server} was added: ${where}, weight ${weight.configured}`;
    if (!wish.dryRun) this.#audit(message, wish);
    return after;
  }

  async removeServer(backend: string, server: string, wish: RemoveServerWish): Promise<void> {
    this.#refuseWhileStopping();
    const ended = await this.#parts.added.remove(backend, server, wish).catch(asConflict);
    if (wish.dryRun) return;
    const connections = ended === 0 ? "" : `, and ${ended} connections were ended`;
    this.#audit(`server ${backend}/${server} was removed${connections}`, wish);
  }

  notKept(): string | undefined {
    return this.#parts.kept.problem;
  }

  overrides(): readonly OverrideFact[] {
    return this.#parts.overrides.facts;
  }

  async clearOverrides(
    facts: readonly OverrideFact[],
    wish: RemoveServerWish,
  ): Promise<readonly OverrideFact[]> {
    this.#refuseWhileStopping();
    return await clearFacts(facts, wish, {
      overrides: this.#parts.overrides,
      remove: (...removal) => this.removeServer(...removal),
      tell: (message) => this.#audit(message, wish),
    });
  }

  connections(filter: ConnectionFilter, limit: number, after: string | null): ConnectionPage {
    return this.#parts.connections.list(filter, limit, after);
  }

  async killConnections(filter: ConnectionFilter, wish: KillWish): Promise<Killed> {
    this.#refuseWhileStopping();
    const outcome = await this.#parts.connections.kill(filter, wish);
    if (wish.dryRun) return outcome;
    const which = Object.entries(filter).filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key} ${value}`).join(", ") || "all";
    const { killed, matched } = outcome;
    const message = wish.signal?.aborted
      ? `${killed} of ${matched} connections were killed (${which}): whoever asked has gone`
      : `${killed} connections were killed (${which})`;
    this.#audit(message, wish);
    return outcome;
  }

  failover(virtualRouter: string, wish: HandoverWish): Promise<Handover> {
    this.#refuseWhileStopping();
    return this.#parts.availability.handovers.failover(virtualRouter, wish);
  }

  unhold(virtualRouter: string, wish: Wish): VirtualRouter {
    this.#refuseWhileStopping();
    return this.#parts.availability.handovers.unhold(virtualRouter, wish);
  }

  standby(): Standby {
    return this.#parts.availability.standby.state;
  }

  async setStandby(wish: StandbyWish): Promise<Standby> {
    const { log, availability } = this.#parts;
    this.#refuseWhileStopping();
    const { caller, reason } = wish;
    const change = { kind: "standby", by: caller.name, reason } as const;
    try {
      const after = await availability.standby.set(wish);
      if (wish.dryRun) return after;
      const until = after.until === null ? "" : ` until ${after.until}`;
      const message = after.enabled ? `standby is on${until}` : "standby is off";
      log.write("info", message, { caller: caller.name, reason });
      availability.recorder.record({ ...change, message });
      return after;
    } catch (error) {
      if (error instanceof Conflict) {
        const message = `standby was refused: ${error.message}`;
        availability.recorder.record({ ...change, message });
      }
      throw error;
    }
  }

  events(after: number): readonly Event[] {
    return this.#parts.availability.recorder.after(after);
  }

  followEvents(tell: (event: Event | null) => void): () => void {
    return this.#parts.availability.recorder.follow(tell);
  }

  /** Logs and records a change that somebody has made. */
  #audit(message: string, { caller, reason }: Wish): void {
    this.#parts.log.write("info", message, { caller: caller.name, reason });
    const { recorder } = this.#parts.availability;
    recorder.record({ kind: "change", message, by: caller.name, reason });
  }

  #refuseWhileStopping(): void {
    if (this.stopping) throw new Conflict("the appliance is stopping");
  }

  /** What metrics are made of. */
  sources(): Sources {
    const { connectionLogs, memory, tables, threads } = this.#parts;
    return {
      node: (): NodeSample => ({
        ...this.nodeStatus(),
        overrides: this.overrides().length,
        lostLogLines: connectionLogs?.lost ?? 0,
      }),
      frontends: () => this.frontends(),
      backends: () => this.backends(),
      virtualRouters: () => this.virtualRouters(),
      connectDuration: () => samples(memory.connectDurations, [...tables.layout.backends.indexes]),
      advertisementAge: () =>
        samples(memory.routers.advertisementAge, [...this.#parts.routers.indexes]),
      workerLag: () => samples(memory.workerLag, threads.map(({ name, row }) => [name, row])),
    };
  }
}

/** What runs is as it was: the caller may do something about it. */
function asConflict(error: unknown): never {
  throw error instanceof NotApplied ? new Conflict(error.message, { cause: error }) : error;
}

/** Rows of a histogram, labelled by the names of what they belong to. */
function samples(
  histogram: Histogram,
  rows: readonly (readonly [name: string, row: number])[],
): HistogramSamples {
  const series = rows.map(([name, row]) => ({ label: name, ...histogram.read(row) }));
  return { bounds: histogram.bounds, series };
}

/** Workers leave a sign of life every half second; a few missed ones are no death. */
const MAX_SILENCE_MS = 3_000;
