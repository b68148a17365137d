import { beforeEach, describe, expect, it } from "vitest";
import type { ServerChange } from "../../../src/admin/appliance.ts";
import { Servers } from "../../../src/appliance/servers.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/appliance/shared_memory.ts";
import type { BackendPlan } from "../../../src/core/plan/plan.ts";
import type { Row } from "../../../src/memory/server_table.ts";

describe("Servers", () => {
  let memory: SharedMemory;
  let servers: Servers;
  const row = (index: number) => servers.rows("web")[index]!;

  beforeEach(() => {
    const backends = [backend("api", 1), backend("web", 2)];
    memory = createSharedMemory({ backends, frontends: [], virtualRouters: [] }, 2);
    servers = new Servers(backends, memory);
  });

  it("gives every server a row of its own", () => {
    expect([...servers.rows("api"), ...servers.rows("web")]).toEqual([0, 1, 2]);
    expect(servers.name(2 as Row)).toBe("web/s2");
  });

  it("lets a server without a check take connections at once", () => {
    expect(memory.servers.takesConnections(row(0))).toBe(true);
    expect(servers.usable("web")).toBe(2);
  });

  it("takes a drained server out before it returns", () => {
    const after = servers.patch("web", "s1", change({ state: "drain" }));
    expect(memory.servers.takesConnections(row(0))).toBe(false);
    expect(after).toMatchObject({ admin: "drain", override: { by: "ops", reason: "disk" } });
  });

  it("tells whoever checks it of a new admin state, and only then", () => {
    const heard: unknown[] = [];
    servers.onAdminChange = (row, state) => heard.push([row, state]);
    servers.patch("web", "s1", change({ weight: 7 }));
    servers.patch("web", "s1", change({ state: "maint" }));
    servers.patch("web", "s1", change({ state: "maint" }));
    expect(heard).toEqual([[row(0), "maint"]]);
  });

  it("returns to the file's values with null, and forgets the override", () => {
    servers.patch("web", "s1", change({ state: "drain", weight: 7 }));
    expect(memory.servers.weight(row(0))).toBe(7);
    const half = servers.patch("web", "s1", change({ weight: null }));
    expect(half).toMatchObject({ weight: { runtime: null, effective: 100 }, admin: "drain" });
    const whole = servers.patch("web", "s1", change({ state: null }));
    expect(whole).toMatchObject({ admin: "ready", override: null });
    expect(memory.servers.takesConnections(row(0))).toBe(true);
  });

  it("shows what a dry run would do, and does nothing", () => {
    const after = servers.patch("web", "s1", { ...change({ weight: 0 }), dryRun: true });
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

  it("knows no server of another name", () => {
    expect(servers.find("web", "nobody")).toBeUndefined();
    expect(servers.patch("nowhere", "s1", change({}))).toBeUndefined();
  });
});

function change(fields: Pick<ServerChange, "state" | "weight">): ServerChange {
  return {
    ...fields,
    reason: "disk",
    caller: { name: "ops", role: "operator" },
    dryRun: false,
  };
}

function backend(name: string, servers: number): BackendPlan {
  return {
    name,
    balance: "roundrobin",
    check: null,
    connectTimeoutMs: 5_000,
    idleTimeoutMs: 3_600_000,
    halfClosedTimeoutMs: 30_000,
    keepalive: { idleMs: 60_000, intervalMs: 10_000, probes: 6, userTimeoutMs: null },
    retries: 3,
    redispatch: true,
    udp: { idleTimeoutMs: 30_000, replies: null, maxSessions: 65_536 },
    servers: Array.from({ length: servers }, (_, index) => ({
      name: `s${index + 1}`,
      address: "192.0.2.1",
      family: 4,
      port: 80 + index,
      weight: 100,
      state: "ready",
    })),
  };
}
