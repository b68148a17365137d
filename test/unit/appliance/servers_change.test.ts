import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Traffic } from "../../../src/appliance/layout.ts";
import { Servers } from "../../../src/appliance/servers.ts";
import { createSharedMemory, nobodysRow } from "../../../src/appliance/shared_memory.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import type { OverrideFact } from "../../../src/core/plan/override.ts";
import type { ServerPlan } from "../../../src/core/plan/plan.ts";
import { SERVER_COUNTERS } from "../../../src/memory/traffic.ts";
import { backendPlan, serverPlan } from "../plans.ts";
import { anyTraffic, CHECK } from "./plan_pairs.ts";

describe("another plan", () => {
  it("has a server that goes serve until everybody knows who is new, who serves at once", () => {
    const some = running([{ name: "a" }]);
    const row = some.row("a");
    some.apply([{ name: "b" }]);
    expect(some.memory.servers.takesConnections(row)).toBe(true);
    expect([some.takes("b"), some.servers.usable("web")]).toEqual([true, 2]);
    some.servers.settle();
    expect(some.memory.servers.takesConnections(row)).toBe(false);
    expect([some.takes("b"), some.servers.usable("web")]).toEqual([true, 1]);
  });

  it("has a backend that goes serve until nobody is led there", () => {
    const some = started({ frontends: [], backends: [backendPlan({ name: "old" })] });
    const next = { frontends: [], backends: [backendPlan({ name: "new" })] };
    some.tables.apply(next);
    some.servers.apply(next.backends, () => []);
    some.servers.settle();
    expect([some.servers.usable("old"), some.servers.usable("new")]).toEqual([1, 1]);
    some.servers.leave();
    expect(some.servers.usable("old")).toBe(0);
  });

  it("awaits first checks where nobody else serves, and only there", () => {
    const [one, other] = [serverPlan({ name: "a" }), serverPlan({ name: "b" })];
    const plan = (servers: readonly ServerPlan[]): Traffic => ({
      frontends: [],
      backends: [backendPlan({ check: CHECK, servers })],
    });
    const some = started(plan([one]));
    const row = some.servers.rowOf("web", "a")!;
    some.memory.servers.setHealth(row, "up");
    const change = (servers: readonly ServerPlan[]) => {
      some.tables.apply(plan(servers));
      some.servers.apply(plan(servers).backends, () => []);
    };
    change([one, other]);
    expect(some.servers.awaitsChecks).toBe(false);
    some.servers.settle();
    change([other, serverPlan({ name: "c" })]);
    // `b` has been there before: nobody has waited for it then.
    expect(some.servers.awaitsChecks).toBe(true);
    some.memory.servers.setHealth(some.servers.rowOf("web", "c")!, "up");
    expect(some.servers.awaitsChecks).toBe(false);
  });

  it("forgets what checks have said of a server that is checked no more", () => {
    const some = started({ frontends: [], backends: [backendPlan({ check: CHECK })] });
    const row = some.servers.rowOf("web", "s1")!;
    const result = { row, code: "L4CON", text: "", at: 1, durationMs: 1, ok: false } as const;
    some.servers.noteCheck({ ...result, health: "down", changed: true });
    some.memory.servers.setHealth(row, "down");
    some.servers.apply([backendPlan()], () => []);
    some.servers.settle();
    expect(some.servers.find("web", "s1")?.health).toEqual(
      started({ frontends: [], backends: [backendPlan()] }).servers.find("web", "s1")?.health,
    );
    expect(some.servers.usable("web")).toBe(1);
  });

  it("takes a server away without touching its connections, and shows it no more", () => {
    const some = running([{ name: "a" }, { name: "b" }]);
    const ended: number[] = [];
    some.servers.onEnded = (row) => ended.push(row);
    const row = some.row("b");
    some.memory.servers.addActive(row, 3);
    some.change([{ name: "a" }]);
    expect(some.memory.servers.takesConnections(row)).toBe(false);
    expect(some.memory.servers.active(row)).toBe(3);
    expect(some.servers.find("web", "b")).toBeUndefined();
    expect(some.servers.name(row)).toBe("web/b");
    expect(ended).toEqual([]);
  });

  it("gives a row and its counters away only once nothing uses it", () => {
    const some = running([{ name: "a" }, { name: "b" }]);
    const row = some.row("b");
    const column = SERVER_COUNTERS.indexOf("connections");
    some.memory.serverCounters.add(0, row, column, 7);
    some.memory.servers.addActive(row, 1);
    some.change([{ name: "a" }]);
    some.change([{ name: "a" }, { name: "c" }]);
    expect(some.row("c")).not.toBe(row);
    some.memory.servers.addActive(row, -1);
    some.change([{ name: "a" }, { name: "c" }, { name: "d" }]);
    expect(some.row("d")).toBe(row);
    expect(some.servers.find("web", "d")?.connections.total).toBe(0);
  });

  it("has a server serve on that moves to another address", () => {
    const some = running([{ name: "a" }]);
    some.apply([{ name: "a", address: "192.0.2.7" }]);
    expect(some.takes("a")).toBe(true);
    some.servers.settle();
    expect(some.takes("a")).toBe(true);
  });

  it("puts weight and state of a server into force at once, but not over an operator's", () => {
    const some = running([{ name: "a" }, { name: "b" }]);
    const said = { by: "ops", reason: null, at: "2026-01-02T03:04:05.000Z", until: null };
    const name = { backend: "web", server: "b" };
    const fact: OverrideFact = { ...said, ...name, field: "weight", value: 9, file: 100 };
    some.servers.override("web", "b", [fact]);
    const heard: unknown[] = [];
    some.servers.onAdminChange = (row, state) => heard.push([row, state]);
    const plans = [{ name: "a", weight: 5, state: "drain" as const }, { name: "b", weight: 100 }];
    some.change(plans, (_, server) => server === "b" ? [fact] : []);
    expect([some.weight("a"), some.weight("b")]).toEqual([5, 9]);
    expect(heard).toEqual([[some.row("a"), "drain"]]);
  });

  it("is undone as if it had not been", () => {
    const some = running([{ name: "a" }, { name: "b" }]);
    some.memory.servers.setHealth(some.row("b"), "down");
    some.apply([{ name: "a" }, { name: "c" }]);
    some.apply([{ name: "a" }, { name: "b" }], () => [], true);
    expect(some.memory.servers.admin(some.row("b"))).toBe("ready");
    expect(some.memory.servers.health(some.row("b"))).toBe("down");
    some.servers.settle();
    expect(some.takes("a")).toBe(true);
  });

  it("leaves what a start with it would have made, whatever ran before", () => {
    fc.assert(fc.property(anyTraffic(), anyTraffic(), anyTraffic(), (first, second, last) => {
      const some = started(first);
      for (const plan of [second, last]) {
        some.tables.apply(plan);
        some.servers.apply(plan.backends, () => []);
        some.servers.settle();
        some.servers.leave();
      }
      expect(standing(some)).toEqual(standing(started(last)));
    }));
  });

  it("and its undo leave everything as it was", () => {
    fc.assert(fc.property(anyTraffic(), anyTraffic(), (from, to) => {
      const some = started(from);
      const before = standing(some);
      for (const [plan, isUndo] of [[to, false], [from, true]] as const) {
        some.tables.apply(plan);
        some.servers.apply(plan.backends, () => [], isUndo);
        some.servers.settle();
        some.servers.leave();
      }
      expect(standing(some)).toEqual(before);
    }));
  });
});

function started(plan: Traffic) {
  const memory = createSharedMemory({ ...plan, virtualRouters: [] }, 1);
  const tables = new Tables(plan, memory);
  return { memory, tables, servers: new Servers(plan.backends, memory, tables) };
}

/** A backend `web` with some servers. */
function running(said: readonly Partial<ServerPlan>[]) {
  const trafficOf = (said: readonly Partial<ServerPlan>[]): Traffic => ({
    frontends: [],
    backends: [backendPlan({ servers: said.map(serverPlan) })],
  });
  const { memory, tables, servers } = started(trafficOf(said));
  const row = (name: string) => servers.rowOf("web", name) ?? nobodysRow(memory.capacities);
  const apply = (
    said: readonly Partial<ServerPlan>[],
    factsOf: Parameters<Servers["apply"]>[1] = () => [],
    isUndo = false,
  ) => {
    const plan = trafficOf(said);
    tables.apply(plan);
    servers.apply(plan.backends, factsOf, isUndo);
  };
  const change: typeof apply = (...what) => {
    apply(...what);
    servers.settle();
  };
  const takes = (name: string) => memory.servers.takesConnections(row(name));
  const weight = (name: string) => memory.servers.weight(row(name));
  return { memory, servers, row, apply, change, takes, weight };
}

/** What the table says of every server, by name; health is for checks to say. */
function standing({ memory: { servers: table }, servers }: ReturnType<typeof started>) {
  const backends = servers.show().map(({ name, servers: all }) => ({
    name,
    servers: all.map(({ name: server, address }) => {
      const row = servers.rowOf(name, server) ?? nobodysRow({ rows: 0 });
      const state = [table.admin(row), table.weight(row), table.limit(row)];
      return { server, address, state };
    }),
  }));
  const checked = servers.checked().map(({ row, ...check }) => ({
    ...check,
    at: servers.name(row),
  }));
  return { backends, checked };
}
