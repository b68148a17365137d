/**
 * An appliance of plain data for the tests of whatever talks to one.
 */

import type {
  AddServerWish,
  Appliance,
  ConnectionFilter,
  HandoverWish,
  KillWish,
  ReloadWish,
  RemoveServerWish,
  ServerChange,
  StandbyWish,
  Wish,
} from "../../../src/admin/appliance.ts";
import { Conflict } from "../../../src/admin/appliance.ts";
import type { Connection } from "../../../src/admin/model_connections.ts";
import type { ConfigPlan, Configuration } from "../../../src/admin/model_config.ts";
import type { Event } from "../../../src/admin/model_events.ts";
import type {
  Backend,
  Frontend,
  NodeStatus,
  Server,
  Standby,
  VirtualRouter,
} from "../../../src/admin/model.ts";
import type { OverrideFact } from "../../../src/core/plan/override.ts";

const AT = "2026-01-02T03:04:05Z";

/** Two backends, three servers, one virtual router; `changes` remembers what was asked. */
export class FakeAppliance implements Appliance {
  /** What a file would change; a file that says "broken" is refused. */
  planned: ConfigPlan["changes"] = [];

  planConfig(text: string) {
    if (text === "broken") return BROKEN;
    const { planned: changes, nextStart, remarks } = this;
    return { hash: "cafe", changes, nextStart, warnings: [], remarks };
  }

  /** What a file says that has to wait for the next start. */
  nextStart: ConfigPlan["nextStart"] = [];
  /** The file with every default. */
  resolved = "workers: 1\n";
  /** Where the frontend listens. */
  listeners = FRONTEND.listeners;
  /** What stands in the file. */
  file = "whole";
  remarks: string[] = [];
  readonly reloads: ReloadWish[] = [];

  configuration(): Configuration {
    const { file, hash, loadedAt } = NODE_STATUS.configuration;
    return {
      ...{ file, hash, loadedAt },
      lastReload: null,
      resolved: this.resolved,
      kept: [{ file: "/var/lib/lintel/configurations/a.yaml", hash: "ab", at: AT }],
    };
  }

  // deno-lint-ignore require-await
  async reload(wish: ReloadWish) {
    wish.requireMatch?.(this.configuration());
    if (this.conflict) throw new Conflict(this.conflict);
    this.reloads.push(wish);
    const planned = this.planConfig(this.file);
    if ("problems" in planned) return planned;
    const applied = planned.changes.length > 0 && !wish.dryRun;
    return { ...planned, file: "/etc/lintel/lintel.yaml", applied };
  }

  readonly added: (AddServerWish & { server: string })[] = [];
  readonly removed: (RemoveServerWish & { server: string })[] = [];

  // deno-lint-ignore require-await
  async addServer(backend: string, name: string, wish: AddServerWish) {
    wish.requireMatch?.();
    if (this.conflict) throw new Conflict(this.conflict);
    this.added.push({ server: `${backend}/${name}`, ...wish });
    const { address, port, dryRun } = wish;
    const server = { ...makeServer(backend, name), address, port };
    if (!dryRun && !this.server(backend, name)) this.servers.push(server);
    return server;
  }

  // deno-lint-ignore require-await
  async removeServer(backend: string, name: string, wish: RemoveServerWish) {
    wish.requireMatch?.();
    if (this.conflict) throw new Conflict(this.conflict);
    this.removed.push({ server: `${backend}/${name}`, ...wish });
  }

  readonly dashboard = {
    "page.html": "<!DOCTYPE html>",
    "client.ts": "export {};",
    "style.css": "body {}",
  };
  readonly changes: ServerChange[] = [];
  readonly handovers: (HandoverWish & { virtualRouter: string })[] = [];
  readonly unheld: (Wish & { virtualRouter: string })[] = [];
  readonly standbys: StandbyWish[] = [];
  standbyState: Standby = OFF;
  readonly happened: Event[] = [];
  readonly followers = new Set<(event: Event | null) => void>();
  readonly servers: Server[] = [
    makeServer("masters", "master1"),
    makeServer("masters", "master2"),
    makeServer("web", "master1"),
  ];
  facts: readonly OverrideFact[] = [];
  readonly cleared: RemoveServerWish[] = [];
  open: Connection[] = [];
  readonly kills: (ConnectionFilter & KillWish)[] = [];
  livenessCauses: string[] = [];
  readinessCauses: string[] = [];
  conflict: string | undefined;
  fault: Error | undefined;

  liveness() {
    return this.livenessCauses;
  }

  readiness() {
    return this.readinessCauses;
  }

  activeness(virtualRouter?: string) {
    if (virtualRouter === undefined || virtualRouter === "kube-api") return ["kube-api is backup"];
    return undefined;
  }

  nodeStatus(): NodeStatus {
    if (this.fault) throw this.fault;
    return { ...NODE_STATUS, standby: this.standbyState };
  }

  virtualRouters(): VirtualRouter[] {
    return [VIRTUAL_ROUTER];
  }

  frontends() {
    return [{ ...FRONTEND, listeners: this.listeners }];
  }

  backends(): Backend[] {
    return ["masters", "web"].map((name) => ({
      name,
      balance: "roundrobin",
      check: { type: "tcp", intervalSeconds: 2 },
      usableServers: 1,
      servers: this.servers.filter(({ backend }) => backend === name),
    }));
  }

  server(backend: string, name: string) {
    return this.servers.find((server) => server.backend === backend && server.name === name);
  }

  // deno-lint-ignore require-await
  async patchServer(backend: string, name: string, change: ServerChange): Promise<Server> {
    if (this.conflict) throw new Conflict(this.conflict);
    this.changes.push(change);
    const at = this.servers.findIndex((one) => one.backend === backend && one.name === name);
    const before = this.servers[at];
    if (!before) throw new Error("asked for a server that is not there");
    const after = patched(before, change);
    if (!change.dryRun) this.servers[at] = after;
    return after;
  }

  connections(filter: ConnectionFilter, limit: number, after: string | null) {
    const all = this.open.filter((one) =>
      (filter.backend === undefined || one.backend === filter.backend) &&
      (filter.server === undefined || one.server === filter.server)
    );
    const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const items = all.slice(from, from + limit);
    const next = from + limit < all.length ? items.at(-1)?.id ?? null : null;
    return { items, next };
  }

  killConnections(filter: ConnectionFilter, wish: KillWish) {
    const matched = this.connections(filter, Infinity, null).items.length;
    if (!wish.dryRun) this.kills.push({ ...filter, ...wish });
    const killed = wish.dryRun ? 0 : matched;
    return Promise.resolve({ matched, killed, perSecond: wish.perSecond });
  }

  disk: string | undefined;

  notKept() {
    return this.disk;
  }

  overrides() {
    return this.facts;
  }

  // deno-lint-ignore require-await
  async clearOverrides(facts: readonly OverrideFact[], wish: RemoveServerWish) {
    if (this.conflict) throw new Conflict(this.conflict);
    this.cleared.push(wish);
    const left = this.facts.filter((fact) => !facts.includes(fact));
    if (!wish.dryRun) this.facts = left;
    return left;
  }

  failover(virtualRouter: string, wish: HandoverWish) {
    if (this.conflict) return Promise.reject(new Conflict(this.conflict));
    this.handovers.push({ virtualRouter, ...wish });
    const { dryRun } = wish;
    return Promise.resolve({
      dryRun,
      virtualRouters: [virtualRouter],
      peer: VIRTUAL_ROUTER.peer,
      peerAgeSeconds: 0.5,
      connections: 3,
      detail: dryRun ? "172.16.0.2 was heard 0.5 s ago" : "172.16.0.2 has taken over",
      virtualRouter: VIRTUAL_ROUTER,
    });
  }

  unhold(virtualRouter: string, wish: Wish) {
    this.unheld.push({ virtualRouter, ...wish });
    return VIRTUAL_ROUTER;
  }

  standby() {
    return this.standbyState;
  }

  setStandby(wish: StandbyWish) {
    if (this.conflict) return Promise.reject(new Conflict(this.conflict));
    this.standbys.push(wish);
    const { enabled, ttlMs, reason, caller } = wish;
    const until = ttlMs === null ? null : AT;
    this.standbyState = enabled ? { enabled, until, reason, by: caller.name, at: AT } : OFF;
    return Promise.resolve(this.standbyState);
  }

  events(after: number) {
    return this.happened.filter(({ id }) => id > after);
  }

  followEvents(tell: (event: Event | null) => void) {
    this.followers.add(tell);
    return () => void this.followers.delete(tell);
  }

  /** Something happens. */
  happens(event: Event) {
    this.happened.push(event);
    for (const tell of this.followers) tell(event);
  }

  /** It stops: whoever follows is told. */
  end() {
    for (const tell of this.followers) tell(null);
  }

  metrics() {
    return Promise.resolve("lintel_up 1\n");
  }
}

const BROKEN = { problems: [{ path: "workers", detail: "1:10: found 0; allowed: auto" }] };
const OFF: Standby = { enabled: false, until: null, reason: null, by: null, at: null };

/** A transition to Active. */
export function makeEvent(id: number, said: Partial<Event> = {}): Event {
  return {
    id,
    at: AT,
    node: "lb1",
    kind: "transition",
    message: "virtual router kube-api is active: 172.16.0.2 has fallen silent",
    virtualRouter: "kube-api",
    by: null,
    reason: null,
    transition: {
      from: "backup",
      to: "active",
      reason: "peerSilent",
      priority: { configured: 100, effective: 80 },
      lastAdvertisement: { address: "172.16.0.2", priority: 150, ageSeconds: 3.61 },
      latenessSeconds: 0.0004,
      trackers: [{ name: "uplink", good: false, effect: -20, since: AT, detail: "eth1 is down" }],
      counters: { advertisementsReceived: 17 },
    },
    ...said,
  };
}

function patched(before: Server, { state, weight, reason, caller }: ServerChange): Server {
  const runtime = weight === undefined ? before.weight.runtime : weight;
  const admin = state === undefined ? before.admin : state ?? "ready";
  return {
    ...before,
    admin,
    weight: { ...before.weight, runtime, effective: runtime ?? before.weight.configured },
    override: {
      ...{ state: state ?? null, weight: runtime, reason, by: caller.name, at: AT },
      ...{ until: null, deadline: null },
    },
  };
}

/** A connection to masters/master1. */
export function makeConnection(id: string): Connection {
  return {
    ...{ id, client: "10.0.0.7:4711", frontend: "kube-apiserver" },
    ...{ backend: "masters", server: "master1", state: "established", since: AT },
    ...{ ageSeconds: 3_725, idleSeconds: 12, receivedBytes: 700, sentBytes: 5_000_000_000 },
  };
}

/** A server that is up and has served. */
export function makeServer(backend: string, name: string): Server {
  return {
    backend,
    name,
    address: "172.16.0.4",
    port: 6443,
    backup: false,
    maxConnections: null,
    admin: "ready",
    agent: null,
    health: {
      state: "up",
      code: "L4OK",
      latencySeconds: 0.0005,
      checkedAt: AT,
      changedAt: AT,
      failure: null,
      status: null,
      failureCode: null,
      failureStatus: null,
      failedAt: null,
    },
    weight: { configured: 100, runtime: null, effective: 100 },
    connections: { active: 3, queued: 0, total: 1234 },
    bytes: { received: 5_000_000_000, sent: 10 },
    failures: { connectTimeout: 0, connectRefused: 2 },
    retries: 1,
    redispatches: 0,
    override: null,
  };
}

const NODE_STATUS: NodeStatus = {
  node: "lb1",
  version: "0.1.0",
  pid: 4242,
  engine: "epoll",
  startedAt: AT,
  uptimeSeconds: 61.5,
  configuration: {
    file: "/etc/lintel/lintel.yaml",
    hash: "ab".repeat(32),
    loadedAt: AT,
    lastReloadSuccessful: true,
  },
  workers: [
    { name: "dataplane-0", silenceSeconds: 0.1, connections: 3, restarts: 0 },
    { name: "speaker", silenceSeconds: 0.2, connections: null, restarts: 0 },
  ],
  standby: OFF,
};

const FRONTEND: Frontend = {
  name: "kube-apiserver",
  listeners: [{
    protocol: "tcp",
    address: "172.16.0.10",
    port: 6443,
    virtualRouter: "kube-api",
    bound: true,
  }],
  backend: "masters",
  routes: [],
  required: true,
  maxConnections: null,
  connections: { active: 3, total: 1234 },
  bytes: { received: 10, sent: 5_000_000_000 },
  denied: { noServer: 1, limit: 0 },
  evictedSessions: 0,
};

const VIRTUAL_ROUTER: VirtualRouter = {
  name: "kube-api",
  vrid: 60,
  version: 3,
  interface: "eth0",
  addresses: ["172.16.0.10/32"],
  syncGroup: null,
  state: "backup",
  since: AT,
  cause: "heard an advertisement of higher priority",
  priority: { configured: 100, effective: 100 },
  preempt: true,
  heldUntil: null,
  trackers: [],
  timers: {
    advertisementIntervalSeconds: 1,
    activeDownIntervalSeconds: 3.609,
    skewSeconds: 0.609,
    deadmanSeconds: 3,
  },
  counters: {
    advertisementsSent: 0,
    advertisementsReceived: 17,
    advertisementsRejected: { checksum: 2, ttl: 0 },
    announcements: 0,
    transitions: [{ state: "backup", reason: "startup", total: 1 }],
    statistics: { advertisementsReceived: 17, sendErrors: 0 },
    rfc6527: { StatisticsRcvdAdvertisements: 17 },
  },
  peer: {
    address: "172.16.0.2",
    priority: 150,
    advertisementIntervalSeconds: 1,
    receivedAt: AT,
  },
};
