import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ServerChange } from "../../../src/admin/appliance.ts";
import { Overrides } from "../../../src/appliance/overrides.ts";
import { Servers } from "../../../src/appliance/servers.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/appliance/shared_memory.ts";
import { type OverrideFact, overrideId } from "../../../src/core/plan/override.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import { backendPlan } from "../plans.ts";

const HOUR = 3_600_000;
const ROW = 0 as Row;

let memory: SharedMemory;
let servers: Servers;
let overrides: Overrides;
let notes: string[];
let killed: string[];
let kept: Map<string, OverrideFact | null>;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 2) });
  const backends = [backendPlan()];
  memory = createSharedMemory({ backends, frontends: [], virtualRouters: [] }, 1);
  servers = new Servers(backends, memory, new Tables({ frontends: [], backends }, memory));
  notes = [];
  killed = [];
  kept = new Map();
  overrides = new Overrides({
    servers,
    kill: (backend, server) => {
      killed.push(`${backend}/${server}`);
      return Promise.resolve(2);
    },
    note: (message) => notes.push(message),
    keep: (id, fact) => {
      kept.set(id, fact);
      return Promise.resolve();
    },
  });
});

afterEach(() => {
  overrides.stop();
  vi.useRealTimers();
});

describe("patch()", () => {
  it("is in force before it first waits", () => {
    const done = overrides.patch("web", "s1", change({ state: "drain" }));
    expect(memory.servers.takesConnections(ROW)).toBe(false);
    return expect(done).resolves.toMatchObject({ admin: "drain", override: { reason: "disk" } });
  });

  it("remembers who, when, why and until, field by field", async () => {
    await overrides.patch("web", "s1", change({ state: "drain", ttlMs: 2 * HOUR }));
    vi.advanceTimersByTime(1000);
    await overrides.patch("web", "s1", change({ weight: 7 }));
    expect(overrides.facts).toEqual([
      {
        ...{ backend: "web", server: "s1", field: "state", value: "drain", file: "ready" },
        ...{ by: "ops", reason: "disk", deadline: null },
        ...{ at: "2026-01-02T00:00:00.000Z", until: "2026-01-02T02:00:00.000Z" },
      },
      {
        ...{ backend: "web", server: "s1", field: "weight", value: 7, file: 100 },
        ...{ by: "ops", reason: "disk", at: "2026-01-02T00:00:01.000Z", until: null },
      },
    ]);
    expect([...kept]).toEqual(overrides.facts.map((fact) => [overrideId(fact), fact]));
  });

  it("forgets what is as in the file again", async () => {
    await overrides.patch("web", "s1", change({ state: "drain", weight: 7 }));
    const half = await overrides.patch("web", "s1", change({ weight: null }));
    expect(half).toMatchObject({ weight: { runtime: null, effective: 100 }, admin: "drain" });
    const whole = await overrides.patch("web", "s1", change({ state: "ready" }));
    expect(whole).toMatchObject({ admin: "ready", override: null });
    expect(overrides.facts).toEqual([]);
    expect([...kept.values()]).toEqual([null, null]);
  });

  it("only tells, where it is a dry run", async () => {
    const after = await overrides.patch("web", "s1", { ...change({ weight: 0 }), dryRun: true });
    expect(after).toMatchObject({ weight: { effective: 0 } });
    expect([overrides.facts, kept.size, memory.servers.weight(ROW)]).toEqual([[], 0, 100]);
  });

  it("knows no server of another name", async () => {
    expect(await overrides.patch("web", "nobody", change({ weight: 1 }))).toBeUndefined();
  });
});

describe("its time over", () => {
  it("an override ends by itself, and others stay", async () => {
    await overrides.patch("web", "s1", change({ weight: 7 }));
    await overrides.patch("web", "s1", change({ state: "drain", ttlMs: 2 * HOUR }));
    vi.advanceTimersByTime(2 * HOUR - 1);
    expect(memory.servers.admin(ROW)).toBe("drain");
    vi.advanceTimersByTime(1);
    expect([memory.servers.admin(ROW), memory.servers.weight(ROW)]).toEqual(["ready", 7]);
    expect(notes).toEqual(["server web/s1: state drain (by ops) is over: its time has come"]);
    expect(kept.get("web:s1:state")).toBeNull();
  });

  it("can be set anew, alone, or taken away", async () => {
    await overrides.patch("web", "s1", change({ state: "drain", ttlMs: HOUR }));
    await overrides.patch("web", "s1", change({ ttlMs: 3 * HOUR }));
    vi.advanceTimersByTime(2 * HOUR);
    expect(memory.servers.admin(ROW)).toBe("drain");
    await overrides.patch("web", "s1", change({ ttlMs: null }));
    vi.advanceTimersByTime(9 * HOUR);
    expect(memory.servers.admin(ROW)).toBe("drain");
  });

  it("is kept over a restart", () => {
    const fact: OverrideFact = {
      ...{ backend: "web", server: "s1", field: "state", value: "drain", file: "ready" },
      ...{ by: "ops", reason: null, deadline: null },
      ...{ at: "2026-01-01T00:00:00.000Z", until: "2026-01-02T01:00:00.000Z" },
    };
    overrides.restore([fact]);
    expect(memory.servers.admin(ROW)).toBe("drain");
    vi.advanceTimersByTime(HOUR);
    expect(memory.servers.admin(ROW)).toBe("ready");
    overrides.restore([fact]);
    expect(memory.servers.admin(ROW)).toBe("ready");
  });
});

describe("a deadline", () => {
  const drain = (then: "leave" | "kill", remaining: number) => {
    memory.servers.addActive(ROW, remaining);
    const deadline = { afterMs: 60_000, then };
    return overrides.patch("web", "s1", change({ state: "drain", deadline }));
  };

  it("kills what remains, once", async () => {
    expect(await drain("kill", 2)).toMatchObject({
      override: { deadline: { at: "2026-01-02T00:01:00.000Z", then: "kill" } },
    });
    await vi.advanceTimersByTimeAsync(59_999);
    expect(killed).toEqual([]);
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(killed).toEqual(["web/s1"]);
    expect(notes).toEqual([
      "server web/s1: the deadline of drain has passed; the 2 connections that remain are killed",
      "server web/s1: 2 connections were killed",
    ]);
    expect(servers.find("web", "s1")).toMatchObject({
      admin: "drain",
      override: { deadline: null },
    });
    expect(kept.get("web:s1:state")).toMatchObject({ deadline: null });
  });

  it("leaves them, and says how many", async () => {
    await drain("leave", 3);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(killed).toEqual([]);
    expect(notes).toEqual([
      "server web/s1: the deadline of drain has passed; 3 connections remain",
    ]);
  });

  it("kills before all is as in the file again, where both are due at once", async () => {
    memory.servers.addActive(ROW, 2);
    const deadline = { afterMs: 60_000, then: "kill" } as const;
    await overrides.patch("web", "s1", change({ state: "drain", ttlMs: 60_000, deadline }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([killed, memory.servers.admin(ROW)]).toEqual([["web/s1"], "ready"]);
    expect([overrides.facts, kept.get("web:s1:state")]).toEqual([[], null]);
  });

  it("does not come when the server is ready before it", async () => {
    await drain("kill", 1);
    await overrides.patch("web", "s1", change({ state: null }));
    await vi.advanceTimersByTimeAsync(HOUR);
    expect([killed, notes]).toEqual([[], []]);
  });
});

describe("clear()", () => {
  it("goes back to the file", async () => {
    await overrides.patch("web", "s1", change({ state: "drain", weight: 7 }));
    const [state] = overrides.facts;
    await overrides.clear(state ? [state] : []);
    expect([memory.servers.admin(ROW), memory.servers.weight(ROW)]).toEqual(["ready", 7]);
    await overrides.clear(overrides.facts);
    expect([overrides.facts, memory.servers.weight(ROW)]).toEqual([[], 100]);
    expect([...kept.values()]).toEqual([null, null]);
  });
});

function change(fields: Partial<ServerChange>): ServerChange {
  return { ...fields, reason: "disk", caller: { name: "ops", role: "operator" }, dryRun: false };
}
