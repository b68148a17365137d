import { beforeEach, describe, expect, it } from "vitest";
import { Servers } from "../../../src/appliance/servers.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/appliance/shared_memory.ts";
import type { OverrideFact, StateFact, WeightFact } from "../../../src/core/plan/override.ts";
import type { BackendPlan, CheckPlan } from "../../../src/core/plan/plan.ts";
import { EAGAIN } from "../../../src/linux/errno.ts";
import { clear, eventfd } from "../../../src/linux/eventfd.ts";
import { close } from "../../../src/linux/socket.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import type { CheckCode } from "../../../src/prober/orders.ts";
import { planOf } from "../config/source.ts";
import { backendPlan, serverPlan } from "../plans.ts";

describe("Servers", () => {
  let memory: SharedMemory;
  let servers: Servers;
  const row = (index: number) => servers.rows("web")[index]!;

  beforeEach(() => {
    const backends = [backend("api", 1), backend("web", 2)];
    memory = createSharedMemory({ backends, frontends: [], virtualRouters: [] }, 2);
    servers = new Servers(backends, memory, new Tables({ frontends: [], backends }, memory));
  });

  it("gives every server a row of its own", () => {
    expect([...servers.rows("api"), ...servers.rows("web")]).toEqual([0, 1, 2]);
    expect(servers.name(2 as Row)).toBe("web/s2");
  });

  it("lets a server without a check take connections at once", () => {
    expect(memory.servers.takesConnections(row(0))).toBe(true);
    expect(servers.usable("web")).toBe(2);
  });

  it("has those checked with a PROXY header that are sent one at the same place", () => {
    const told = serverPlan({ proxyProtocol: "v2" });
    const other = serverPlan({ name: "s2" });
    const { check } = planOf(`backends: { web: { servers: { a: 192.0.2.1:80 } } }`).backends[0]!;
    const checked = (at: object) => {
      const backends = [backendPlan({ check: { ...check!, ...at }, servers: [told, other] })];
      const shared = createSharedMemory({ backends, frontends: [], virtualRouters: [] }, 1);
      return new Servers(backends, shared, new Tables({ frontends: [], backends }, shared))
        .checked().map((one) => one.proxyProtocol);
    };
    expect(checked({})).toEqual(["v2", null]);
    expect(checked({ port: 81 })).toEqual([null, null]);
    expect(checked({ address: "192.0.2.9" })).toEqual([null, null]);
  });

  it("takes a drained server out before it returns", () => {
    servers.override("web", "s1", [fact("s1", { field: "state", value: "drain" })]);
    expect(memory.servers.takesConnections(row(0))).toBe(false);
    expect(servers.find("web", "s1")).toMatchObject({
      admin: "drain",
      override: { state: "drain", weight: null, by: "ops", reason: "disk" },
    });
  });

  it("wakes the workers that it knows of when a server may take connections again", () => {
    const wake = eventfd();
    memory.admission.setWake(1, wake);
    servers.override("web", "s1", [fact("s1", { field: "state", value: "drain" })]);
    expect(clear(wake)).toBe(8);
    expect(clear(wake)).toBe(-EAGAIN);
    servers.override("web", "s1", []);
    expect(clear(wake)).toBe(8);
    close(wake);
  });

  it("tells in a few words how each server is", () => {
    servers.override("web", "s1", [fact("s1", { field: "state", value: "maint" })]);
    servers.override("web", "s2", [fact("s2", { field: "weight", value: 0 })]);
    expect(servers.states("web")).toEqual(["s1 maint", "s2 up with weight 0"]);
  });

  it("tells whoever checks it of a new admin state, and only then", () => {
    const heard: unknown[] = [];
    servers.onAdminChange = (row, state) => heard.push([row, state]);
    const half = fact("s1", { field: "weight", value: 7 });
    const maint = fact("s1", { field: "state", value: "maint" });
    servers.override("web", "s1", [half]);
    servers.override("web", "s1", [half, maint]);
    servers.override("web", "s1", [maint]);
    expect(heard).toEqual([[row(0), "maint"]]);
  });

  it("returns to the file's values without facts", () => {
    servers.override("web", "s1", [fact("s1", { field: "weight", value: 7 })]);
    expect(memory.servers.weight(row(0))).toBe(7);
    servers.override("web", "s1", []);
    expect(servers.find("web", "s1")).toMatchObject({
      ...{ admin: "ready", override: null },
      weight: { runtime: null, effective: 100 },
    });
    expect(memory.servers.takesConnections(row(0))).toBe(true);
  });

  it("shows what facts would do, and does nothing", () => {
    const after = servers.preview("web", "s1", [fact("s1", { field: "weight", value: 0 })]);
    expect(after).toMatchObject({ weight: { runtime: 0, effective: 0 } });
    expect(memory.servers.weight(row(0))).toBe(100);
    expect(servers.find("web", "s1")).toMatchObject({ override: null });
  });

  it("keeps the last failure when the server has recovered", () => {
    const result = { row: row(0), at: 1, durationMs: 2, changed: true } as const;
    servers.noteCheck({ ...result, code: "L7STS", text: "etcd failed", ok: false, health: "down" });
    servers.noteCheck({ ...result, code: "L7OK", text: "", ok: true, health: "up" });
    expect(servers.find("web", "s1")?.health).toMatchObject({
      code: "L7OK",
      latencySeconds: 0.002,
      failure: "etcd failed",
    });
  });

  it("tells of a server that is down whose connections are not to outlive it", () => {
    const heard: Row[] = [];
    const some = watched({ onMarkedDown: "shutdown-connections" });
    some.servers.onEnded = (row) => heard.push(row);
    some.note("up");
    some.note("down");
    expect(heard).toEqual([0]);
    some.servers.override("web", "s1", [fact("s1", { field: "state", value: "drain" })]);
    expect(heard).toEqual([0]);
    some.servers.override("web", "s1", [fact("s1", { field: "state", value: "maint" })]);
    expect(heard).toEqual([0, 0]);
  });

  it("ends the connections to backup servers when another comes up, if it takes any", () => {
    const [server] = backend("web", 1).servers;
    const both = server ? [server, { ...server, name: "s2", backup: true }] : [];
    const some = watched({ onMarkedUp: "shutdown-backup-connections", servers: both });
    const heard: Row[] = [];
    some.servers.onEnded = (row) => heard.push(row);
    some.note("down");
    expect(heard).toEqual([]);
    some.note("up");
    expect(heard).toEqual([1]);
    some.note("down");
    some.servers.override("web", "s1", [fact("s1", { field: "state", value: "drain" })]);
    some.note("up");
    expect(heard).toEqual([1]);
  });

  it("gives a server that comes back its weight by and by, but not at the start", () => {
    const some = watched({ slowStartMs: 40_000 });
    some.note("up");
    expect(some.weight()).toBe(100);
    some.note("down");
    some.note("up");
    const weights = [0, 10_000, 10_000, 19_000, 1_000].map((ms) => some.pass(ms));
    expect(weights).toEqual([1, 25, 50, 95, 100]);
    expect(some.servers.find("web", "s1")?.weight).toMatchObject({ effective: 100 });
    some.pass(100_000);
    expect(some.waiting()).toBe(0);
  });

  it("raises the limit of a server that comes back, also where weights stay what they are", () => {
    const [server] = backend("web", 1).servers;
    const limited = server ? [{ ...server, maxConnections: 50 }] : [];
    const some = watched({ slowStartMs: 40_000, balance: "source", servers: limited });
    expect(some.limit()).toBe(50);
    for (const health of ["up", "down", "up"] as const) some.note(health);
    const limits = [0, 20_000, 20_000].map((ms) => [some.pass(ms), some.limit()]);
    expect(limits).toEqual([[100, 1], [100, 25], [100, 50]]);
  });

  it("forgets the slow start of a server that goes again, and obeys a new weight in it", () => {
    const some = watched({ slowStartMs: 40_000 });
    for (const health of ["up", "down", "up"] as const) some.note(health);
    expect(some.pass(20_000)).toBe(50);
    some.servers.override("web", "s1", [fact("s1", { field: "weight", value: 40 })]);
    expect(some.weight()).toBe(20);
    some.note("down");
    some.pass(10_000);
    some.note("up");
    expect(some.pass(10_000)).toBe(10);
    expect(some.servers.find("web", "s1")?.weight).toMatchObject({ runtime: 40, effective: 10 });
  });

  it("comes slowly also out of maint", () => {
    const some = watched({ slowStartMs: 40_000 });
    some.note("up");
    some.servers.override("web", "s1", [fact("s1", { field: "state", value: "maint" })]);
    some.servers.override("web", "s1", []);
    some.note("up");
    expect(some.pass(20_000)).toBe(50);
  });

  it("takes failed connections for no check", () => {
    const some = watched({});
    some.note("up");
    some.note("down", "PASSIVE");
    expect(some.servers.find("web", "s1")?.health).toMatchObject({
      code: "L4OK",
      failureCode: "PASSIVE",
      failedAt: expect.any(String),
    });
  });

  it("knows no server of another name", () => {
    expect(servers.find("web", "nobody")).toBeUndefined();
    expect(servers.planOf("nowhere", "s1")).toBeUndefined();
  });
});

function fact(
  server: string,
  what: Pick<StateFact, "field" | "value"> | Pick<WeightFact, "field" | "value">,
): OverrideFact {
  const said = { backend: "web", server, by: "ops", reason: "disk", at: AT, until: null };
  return what.field === "state"
    ? { ...said, ...what, file: "ready", deadline: null }
    : { ...said, ...what, file: 100 };
}

/** One server with a check, in virtual time. */
function watched(said: Partial<BackendPlan>) {
  let now = 1_000;
  let timers: { at: number; then: () => void }[] = [];
  const backends = [{ ...backend("web", 1), check: CHECK, ...said }];
  const memory = createSharedMemory({ backends, frontends: [], virtualRouters: [] }, 1);
  const servers = new Servers(backends, memory, new Tables({ frontends: [], backends }, memory), {
    now: () => now,
    later: (delayMs, then) => timers.push({ at: now + delayMs, then }),
  });
  const first = 0 as Row;
  const weight = () => memory.servers.weight(first);
  return {
    servers,
    weight,
    limit: () => memory.servers.limit(first),
    waiting: () => timers.length,
    /** A check, or what failed connections say, has changed its health. */
    note: (health: "up" | "down", code: CheckCode = health === "up" ? "L4OK" : "L4CON") => {
      memory.servers.setHealth(first, health);
      const ok = health === "up";
      const result = { row: first, at: now, durationMs: 1, text: "", changed: true };
      servers.noteCheck({ ...result, code, ok, health });
    },
    /** Lets time pass. @returns the weight after it. */
    pass: (ms: number) => {
      const until = now + ms;
      for (;;) {
        const next = timers.toSorted((one, other) => one.at - other.at)[0];
        if (!next || next.at > until) break;
        timers = timers.filter((timer) => timer !== next);
        now = next.at;
        next.then();
      }
      now = until;
      return weight();
    },
  };
}

const CHECK: CheckPlan = {
  intervalMs: 2_000,
  fastIntervalMs: 2_000,
  downIntervalMs: 2_000,
  timeoutMs: 2_000,
  rise: 2,
  fall: 3,
  address: null,
  port: null,
  request: { type: "tcp" },
  passive: null,
};

const AT = "2026-01-02T03:04:05.000Z";

function backend(name: string, servers: number): BackendPlan {
  return backendPlan({
    name,
    servers: Array.from(
      { length: servers },
      (_, index) => serverPlan({ name: `s${index + 1}`, port: 80 + index }),
    ),
  });
}
