import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emptyLayout,
  isInPlan,
  type Layout,
  layOut,
  rowAt,
  type Traffic,
  type Uses,
} from "../../../src/appliance/layout.ts";
import { backendPlan, frontendPlan, serverPlan } from "../plans.ts";
import { anyTraffic } from "./plan_pairs.ts";

const ROOM = { frontends: 12, backends: 12, rows: 40, virtualRouters: 1 };
const UNUSED: Uses = { frontend: () => false, backend: () => false, row: () => false };
const USED: Uses = { frontend: () => true, backend: () => true, row: () => true };

describe("layOut", () => {
  it("tells the data plane of frontends and backends by their indexes", () => {
    const { layout } = layOut(emptyLayout(ROOM), traffic({ a: "st", b: "u" }), UNUSED);
    expect(layout.orders.frontends.map(({ name, backend }) => [name, backend])).toEqual([
      ["to-a", 0],
      ["to-b", 1],
    ]);
    expect(layout.orders.backends.map(({ rows }) => rows)).toEqual([[0, 1], [2]]);
  });

  it("has everybody denied where a frontend leads nowhere", () => {
    const frontends = [frontendPlan({ backend: null }), frontendPlan({ name: "other" })];
    const { layout } = layOut(emptyLayout(ROOM), { ...traffic({ web: "s" }), frontends }, UNUSED);
    expect(layout.orders.frontends.map(({ deny }) => deny)).toEqual([["0.0.0.0/0", "::/0"], null]);
  });

  it("leaves what has gone at its place, with its last entry", () => {
    const first = layOut(emptyLayout(ROOM), traffic({ a: "st", b: "u" }), UNUSED).layout;
    const { layout } = layOut(first, traffic({ b: "u" }), USED);
    expect(layout.orders.backends).toEqual(first.orders.backends);
    expect(layout.orders.frontends).toEqual(first.orders.frontends);
    expect(isInPlan(layout, 0)).toBe(false);
    expect(rowAt(layout, "b", "u")).toBe(2);
  });

  it("gives nobody's row to a server that has gone once another has its own", () => {
    const first = layOut(emptyLayout(ROOM), traffic({ a: "st" }), UNUSED).layout;
    const second = layOut(first, traffic({ a: "t" }), USED).layout;
    const { layout, fresh } = layOut(second, traffic({ a: "t", b: "u" }), UNUSED);
    expect(fresh.rows).toEqual([0]);
    expect(layout.orders.backends[0]?.rows).toEqual([ROOM.rows, 1]);
    expect(layout.orders.backends[1]?.rows).toEqual([0]);
  });

  it("says which servers there are in the file's order, whatever their places", () => {
    const first = layOut(emptyLayout(ROOM), traffic({ a: "st", b: "u" }), UNUSED).layout;
    const { layout } = layOut(first, traffic({ a: "vs" }), UNUSED);
    const [a, b] = layout.orders.backends;
    expect(a?.servers.map(({ name }) => name)).toEqual(["s", "t", "v"]);
    expect([a?.inPlan, b?.inPlan]).toEqual([[2, 0], [0]]);
  });

  it("gives no backend away to which clients of a frontend that has gone may be led", () => {
    const first = layOut(emptyLayout(ROOM), traffic({ a: "s" }), UNUSED).layout;
    const second = layOut(first, traffic({ b: "u" }), UNUSED).layout;
    const uses = { ...UNUSED, frontend: () => true };
    expect(layOut(second, traffic({ b: "u", c: "v" }), uses).layout.backends.indexes.get("c"))
      .toBe(2);
    expect(layOut(second, traffic({ b: "u", c: "v" }), UNUSED).layout.backends.indexes.get("c"))
      .toBe(0);
  });

  it("refuses what there is no room for, in words", () => {
    const room = emptyLayout({ ...ROOM, rows: 2 });
    const { layout } = layOut(room, traffic({ a: "st" }), UNUSED);
    expect(() => layOut(room, traffic({ a: "stu" }), UNUSED))
      .toThrow("the file has 3 servers, and there is room for 2: start lintel anew");
    const gone = layOut(layout, traffic({ a: "s" }), USED).layout;
    expect(() => layOut(gone, traffic({ a: "su" }), USED))
      .toThrow("room for 2, of which 1 are those of connections to what has gone");
    expect(() => layOut(layout, traffic({ a: "su" }), UNUSED)).toThrow(
      "the file has 2 servers, besides 1 that go with it, and there is room for 2: start lintel " +
        "anew with this file, or change to it in several reloads",
    );
  });

  it("makes of any plans one after the other what a start with the last would make", () => {
    fc.assert(
      fc.property(fc.array(anyTraffic(), { minLength: 1, maxLength: 5 }), SEEDS, (all, seed) => {
        let layout = emptyLayout(ROOM);
        for (const plan of all) layout = layOut(layout, plan, usesOf(seed)).layout;
        const plan = all.at(-1) ?? { frontends: [], backends: [] };
        expect(named(layout)).toEqual(named(layOut(emptyLayout(ROOM), plan, UNUSED).layout));
      }),
    );
  });

  it("touches nothing that is the same, and can be undone", () => {
    fc.assert(
      fc.property(anyTraffic(), anyTraffic(), anyTraffic(), SEEDS, (earlier, from, to, seed) => {
        const uses = usesOf(seed);
        const start = layOut(emptyLayout(ROOM), earlier, uses).layout;
        const before = layOut(start, from, uses).layout;
        const { layout: after, fresh } = layOut(before, to, uses);
        for (const { name, servers } of from.backends) {
          const same = to.backends.find((one) => one.name === name);
          if (!same) continue;
          const index = before.backends.indexes.get(name) ?? -1;
          expect(after.backends.indexes.get(name)).toBe(index);
          expect(fresh.backends).not.toContain(index);
          for (const server of servers) {
            if (!same.servers.some((one) => one.name === server.name)) continue;
            expect(rowAt(after, name, server.name)).toBe(rowAt(before, name, server.name));
            expect(fresh.rows).not.toContain(rowAt(before, name, server.name));
            expect(placeOf(after, name, server.name)).toBe(placeOf(before, name, server.name));
          }
        }
        // Whatever is still used has what it had.
        before.rows.names.forEach((name, row) => {
          if (uses.row(row)) expect(after.rows.names[row]).toBe(name);
        });
        const { layout: back, fresh: none } = layOut(after, from, uses);
        expect([...back.rows.indexes]).toEqual([...before.rows.indexes]);
        expect([...back.backends.indexes]).toEqual([...before.backends.indexes]);
        expect([...back.frontends.indexes]).toEqual([...before.frontends.indexes]);
        expect(named(back)).toEqual(named(before));
        expect(none).toEqual({ frontends: [], backends: [], rows: [] });
      }),
    );
  });
});

/** Some places are used by whatever is there. */
const SEEDS = fc.array(fc.boolean(), { minLength: 7, maxLength: 7 });

function usesOf(seed: readonly boolean[]): Uses {
  const isUsed = (index: number) => seed[index % seed.length] ?? false;
  return { frontend: isUsed, backend: isUsed, row: isUsed };
}

/** Backends with one server for each letter, and a frontend for each. */
function traffic(servers: Readonly<Record<string, string>>): Traffic {
  return {
    frontends: Object.keys(servers).map((backend) =>
      frontendPlan({ name: `to-${backend}`, backend })
    ),
    backends: Object.entries(servers).map(([name, letters]) =>
      backendPlan({ name, servers: [...letters].map((name) => serverPlan({ name })) })
    ),
  };
}

/** The index of a server within its backend. */
function placeOf({ members }: Layout, backend: string, server: string): number | undefined {
  return members.get(backend)?.indexes.get(server);
}

/** What the data plane is told, with names in place of numbers, and without what has gone. */
function named({ orders, frontends, backends, rows, members }: Layout) {
  const backendAt = (index: number) => backends.names[index];
  return {
    frontends: [...frontends.indexes].map(([name, index]) => {
      const { backend, routes, ...rest } = orders.frontends[index]!;
      const led = routes.map((route) => ({ ...route, backend: backendAt(route.backend) }));
      expect(rest.name).toBe(name);
      return { ...rest, backend: backendAt(backend), routes: led };
    }),
    backends: [...backends.indexes].map(([name, index]) => {
      const { servers, rows: own, inPlan, ...rest } = orders.backends[index]!;
      const present = inPlan.map((at) => ({ plan: servers[at], row: rows.names[own[at]!] }));
      expect(present.map(({ plan }) => plan?.name)).toEqual([...members.get(name)!.indexes.keys()]);
      expect(rest.name).toBe(name);
      return { ...rest, servers: present };
    }),
  };
}
