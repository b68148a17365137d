import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_SERVER } from "../../../src/core/balance/balancer.ts";
import { Chooser } from "../../../src/dataplane/chooser.ts";
import { connectionMemory } from "../../../src/dataplane/connection_memory.ts";
import { ConnectionTable } from "../../../src/dataplane/connection_table.ts";
import type { Backend, StartOrder } from "../../../src/dataplane/orders.ts";
import { type Row, ServerTable } from "../../../src/memory/server_table.ts";
import { randomOf } from "../../simulation/relay_kernel.ts";
import { backendOf, World } from "../../simulation/relay_world.ts";

describe("a chooser with another plan", () => {
  it("chooses as one that was started with it, whatever was before", () => {
    fc.assert(fc.property(SCENARIO, ({ before, after, rows, keys }) => {
      const planned = choosing(before, rows);
      planned.chooser.plan(planOf(after));
      planned.restart();
      const started = choosing(after, rows);
      started.restart();
      expect(planned.choices(keys, after)).toEqual(started.choices(keys, after));
    }));
  });

  it("goes on in a backend that is the same as if there had been no plan", () => {
    fc.assert(fc.property(SCENARIO, ({ before, after, rows, keys }) => {
      // The last backend of the plan before is in both, word for word.
      const same = before.length - 1;
      const plans = after.map((backend, index) => index === same ? before[same]! : backend);
      const [planned, left] = [choosing(before, rows), choosing(before, rows)];
      for (const one of [planned, left]) one.choices(keys, before);
      planned.chooser.plan(structuredClone(planOf(plans)));
      for (const one of [planned, left]) one.restart();
      const only = keys.map((key) => ({ ...key, backend: same }));
      expect(planned.choices(only, before)).toEqual(left.choices(only, before));
    }));
  });

  it("keeps whose turn it is where only times have changed, and counts a new server in", () => {
    const rows = ALL_ROWS.map(() => USABLE);
    const first = { ...backendOf([0, 1, 2] as Row[]), balance: "roundrobin" } as const;
    const { chooser } = choosing([first], rows);
    expect([chooser.claimFor(0, 1), chooser.claimFor(0, 1)]).toEqual([0, 1]);
    chooser.plan(planOf([{ ...first, idleTimeoutMs: 1, maxQueue: null }]));
    expect(chooser.claimFor(0, 1)).toBe(2);
    chooser.plan(planOf([{ ...first, ...backendOf([0, 1, 2, 5] as Row[]) }]));
    const turn = Array.from({ length: 4 }, () => chooser.claimFor(0, 1));
    expect(turn.sort()).toEqual([0, 1, 2, 3]);
    expect(chooser.rowOf(0, 3)).toBe(5);
  });

  it("tells which servers are to be met elsewhere, and keeps the addresses of others", () => {
    const first = backendOf([0, 1] as Row[]);
    const rows = ALL_ROWS.map(() => USABLE);
    const { chooser } = choosing([first, backendOf([2] as Row[])], rows);
    const before = [chooser.addressOf(0, 0, 80), chooser.addressOf(0, 1, 80)];
    const servers = [first.servers[0]!, { ...first.servers[1]!, address: "192.0.2.77" }];
    const moved = chooser.plan(planOf([{ ...first, servers }, backendOf([2] as Row[])]));
    expect([...moved]).toEqual([1]);
    expect(chooser.addressOf(0, 0, 80)).toBe(before[0]);
    expect([...chooser.addressOf(0, 1, 80).subarray(4, 8)]).toEqual([192, 0, 2, 77]);
    expect([...before[1]!.subarray(4, 8)]).toEqual([192, 0, 2, 100]);
    const sourceAddress = { ipv4: "192.0.2.9", ipv6: null, insteadOf: null };
    const others = [{ ...first, servers }, { ...backendOf([2] as Row[]), sourceAddress }];
    expect([...chooser.plan(planOf(others))]).toEqual([2]);
  });

  it("gives places back at rows that came with a plan, and at those that no backend has", () => {
    const rows = ALL_ROWS.map(() => USABLE);
    const { chooser, servers } = choosing([backendOf([0] as Row[])], rows);
    chooser.plan(planOf([backendOf([0] as Row[]), backendOf([7] as Row[])]));
    expect([chooser.claimFor(1, 1), chooser.backendOfRow(7)]).toEqual([0, 1]);
    chooser.release(7);
    expect(servers.active(7 as Row)).toBe(0);
    expect(chooser.claimFor(0, 1)).toBe(0);
    chooser.plan(planOf([backendOf([1] as Row[]), backendOf([7] as Row[])]));
    chooser.release(0);
    expect(servers.active(0 as Row)).toBe(0);
  });
});

/** A chooser of its own tables, in which servers stand as said. */
function choosing(backends: readonly Backend[], rows: readonly Standing[]) {
  const servers = new ServerTable(ALL_ROWS.length);
  rows.forEach(({ isUsable, weight, limit, active }, row) => {
    servers.setHealth(row as Row, "up");
    servers.setAdmin(row as Row, isUsable ? "ready" : "maint");
    servers.setWeight(row as Row, weight);
    servers.setLimit(row as Row, limit);
    servers.addActive(row as Row, active);
  });
  const table = new ConnectionTable(connectionMemory(1), 1);
  let random = randomOf(7);
  const start: StartOrder = { ...START, servers: servers.buffer, ...planOf(backends) };
  const chooser = new Chooser(start, table, () => random());
  /** The servers for these clients; every third one leaves again. */
  const choices = (keys: readonly Key[], plan: readonly Backend[]) =>
    keys.map(({ backend, key }, at) => {
      const index = backend % plan.length;
      const server = chooser.claimFor(index, key);
      if (at % 3 === 2 && server !== NO_SERVER) chooser.release(chooser.rowOf(index, server));
      return server;
    });
  return { chooser, choices, servers, restart: () => random = randomOf(8) };
}

function planOf(backends: readonly Backend[]): Pick<StartOrder, "frontends" | "backends"> {
  return { frontends: [], backends };
}

interface Standing {
  readonly isUsable: boolean;
  readonly weight: number;
  readonly limit: number;
  readonly active: number;
}

interface Key {
  readonly backend: number;
  readonly key: number;
}

const USABLE: Standing = { isUsable: true, weight: 100, limit: 0, active: 0 };
const ALL_ROWS = Array.from({ length: 12 }, (_, row) => row as Row);
const { start: START } = new World({ servers: ALL_ROWS.length });

const BALANCES = fc.constantFrom("roundrobin", "leastconn", "source", "random", "first");

/** Some backends, each with some of the rows of its own; a plan may add servers, never less. */
const SCENARIO = fc.record({
  before: fc.array(fc.record({ servers: fc.integer({ min: 0, max: 4 }), balance: BALANCES }), {
    minLength: 1,
    maxLength: 3,
  }),
  after: fc.array(
    fc.record({
      more: fc.nat(2),
      balance: BALANCES,
      backup: fc.boolean(),
      maxQueue: fc.constantFrom(null, 0, 2),
    }),
    { minLength: 3, maxLength: 3 },
  ),
  rows: fc.array(
    fc.record({
      isUsable: fc.constantFrom(true, true, true, false),
      weight: fc.constantFrom(0, 1, 50, 100, 100, 100),
      limit: fc.constantFrom(0, 0, 3),
      active: fc.nat(3),
    }),
    { minLength: ALL_ROWS.length, maxLength: ALL_ROWS.length },
  ),
  keys: fc.array(fc.record({ backend: fc.nat(2), key: fc.integer({ min: 1, max: 2 ** 31 }) }), {
    minLength: 1,
    maxLength: 30,
  }),
}).map(({ before, after, rows, keys }) => {
  const rowsOf = (backend: number, servers: number) =>
    ALL_ROWS.slice(4 * backend, 4 * backend + servers);
  const former = before.map(({ servers, balance }, index) => ({
    ...backendOf(rowsOf(index, servers)),
    balance,
  }));
  const later = after.map(({ more, balance, backup, maxQueue }, index) => {
    const servers = Math.min(4, (before[index]?.servers ?? 0) + more);
    const backend = backendOf(rowsOf(index, servers));
    const last = backend.servers.length - 1;
    return {
      ...backend,
      balance,
      maxQueue,
      servers: backend.servers.map((server, at) => ({ ...server, backup: backup && at === last })),
    };
  });
  return { before: former, after: later, rows, keys };
});
