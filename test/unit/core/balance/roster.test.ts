import { describe, expect, it } from "vitest";
import { NO_SERVER } from "../../../../src/core/balance/balancer.ts";
import {
  type Members,
  NOTHING_TRIED,
  Roster,
  type Tried,
} from "../../../../src/core/balance/roster.ts";
import type { Balance } from "../../../../src/core/plan/limits.ts";
import { numbers, Servers } from "./servers.ts";

const BALANCES: readonly Balance[] = ["roundrobin", "leastconn", "source", "random", "first"];

describe("Roster", () => {
  it.each(BALANCES)("%s: follows what the tables say from the very next pick on", (balance) => {
    const servers = new Servers([1, 1]);
    const roster = rosterOf(servers, { balance });
    servers.setWeight(0, 0);
    expect(picks(roster, 5)).toEqual([1, 1, 1, 1, 1]);
    servers.setWeight(0, 1);
    servers.setWeight(1, 0);
    expect(picks(roster, 5)).toEqual([0, 0, 0, 0, 0]);
    servers.setWeight(0, 0);
    expect(roster.pick(1, NOTHING_TRIED)).toBe(NO_SERVER);
    expect(roster.hasUsable()).toBe(false);
  });

  it.each(BALANCES)("%s: never chooses a server that has been tried", (balance) => {
    const roster = rosterOf(new Servers([1, 1, 1]), { balance });
    for (let key = 0; key < 50; key++) expect(roster.pick(key, tried(0, 2))).toBe(1);
    expect(roster.pick(1, tried(0, 1, 2))).toBe(NO_SERVER);
    const after = Array.from({ length: 60 }, (_, key) => roster.pick(key * 7919, NOTHING_TRIED));
    expect(new Set(after).size).toBe(balance === "first" ? 1 : 3);
  });

  it.each(BALANCES.filter((one) => one !== "source"))(
    "%s: leaves out servers that have no place left, until they have",
    (balance) => {
      const servers = new Servers([1, 1], [2, 2]);
      const roster = rosterOf(servers, { balance });
      servers.connections[0] = 2;
      expect(picks(roster, 4)).toEqual([1, 1, 1, 1]);
      servers.connections[1] = 3;
      expect(roster.pick(1, NOTHING_TRIED)).toBe(NO_SERVER);
      expect(roster.hasUsable()).toBe(true);
      expect(roster.hasLimits).toBe(true);
      servers.connections[0] = 1;
      expect(roster.pick(1, NOTHING_TRIED)).toBe(0);
    },
  );

  it.each(BALANCES)("%s: knows whether there is a place, of any server or of one", (balance) => {
    const servers = new Servers([1, 1, 1], [2, 2, 2]);
    const roster = rosterOf(servers, { balance, areBackups: [false, false, true] });
    const places = () => [NO_SERVER, 0, 1, 2].map((server) => roster.hasPlace(server));
    expect(places()).toEqual([true, true, true, true]);
    servers.connections.splice(0, 3, 2, 1, 0);
    expect(places()).toEqual([true, false, true, true]);
    servers.connections[1] = 2;
    expect(places()).toEqual([false, false, false, true]);
    servers.setWeight(0, 0);
    servers.setWeight(1, 0);
    expect(places()).toEqual([true, false, false, true]);
    servers.connections[2] = 2;
    expect(places()).toEqual([false, false, false, false]);
  });

  it("lets a client wait where it is least crowded, and nowhere where the queue is full", () => {
    const servers = new Servers([1, 1], [1, 1]);
    const roster = rosterOf(servers, { maxQueue: 2 });
    servers.connections.splice(0, 2, 1, 1);
    servers.waiting.splice(0, 2, 2, 1);
    expect(roster.pickQueue(1, NOTHING_TRIED)).toBe(1);
    servers.waiting[1] = 2;
    expect(roster.pickQueue(1, NOTHING_TRIED)).toBe(NO_SERVER);
  });

  it("source: sends clients to their own server, also to wait while its queue has room", () => {
    const servers = new Servers([1, 1], [1, 1]);
    const roster = rosterOf(servers, { balance: "source", maxQueue: 1 });
    const own = roster.pick(42, NOTHING_TRIED);
    servers.connections[own] = 1;
    expect(roster.pick(42, NOTHING_TRIED)).toBe(own);
    servers.waiting[own] = 1;
    expect(roster.pick(42, NOTHING_TRIED)).toBe(1 - own);
  });

  it("turns to the first usable backup only when nobody else takes connections", () => {
    const servers = new Servers([1, 1, 1]);
    const roster = rosterOf(servers, { areBackups: [true, false, true] });
    expect(picks(roster, 3)).toEqual([1, 1, 1]);
    // Who has been tried in vain is usable still: a backup is not for that.
    expect(roster.pick(1, tried(1))).toBe(NO_SERVER);
    servers.setWeight(1, 0);
    expect(picks(roster, 3)).toEqual([0, 0, 0]);
    servers.setWeight(0, 0);
    expect(picks(roster, 3)).toEqual([2, 2, 2]);
    servers.setWeight(1, 1);
    expect(picks(roster, 3)).toEqual([1, 1, 1]);
  });

  it.each(BALANCES)("%s: looks at few of a thousand servers for a choice", (balance) => {
    const servers = new Servers(
      new Array<number>(1000).fill(100),
      new Array<number>(1000).fill(50),
    );
    const roster = rosterOf(servers, { balance });
    roster.pick(1, NOTHING_TRIED);
    servers.reads = 0;
    for (let key = 0; key < 100; key++) {
      const server = roster.pick(key, tried(3, 5));
      servers.connections[server]! += 1;
      roster.look(server);
    }
    expect(servers.reads / 100).toBeLessThanOrEqual(36);
  });

  it("leastconn: sees what other workers do, of a thousand servers within a round of looks", () => {
    const servers = new Servers(new Array<number>(1000).fill(1));
    servers.connections.fill(9);
    const roster = rosterOf(servers, { balance: "leastconn" });
    roster.pick(1, NOTHING_TRIED);
    servers.connections[700] = 2;
    const seen = Array.from({ length: 33 }, () => roster.pick(1, NOTHING_TRIED));
    expect(seen).toContain(700);
  });

  it.each(BALANCES)(
    "%s: chooses as one that never knew who has gone, in the file's order",
    (balance) => {
      // As after reloads: most have gone, and the file has the others in another order.
      const all = new Servers(Array.from({ length: 60 }, (_, server) => server % 3 + 1));
      const inPlan = [41, 3, 17, 50, 2];
      const members = { balance, areBackups: [...all.connections.keys()].map((one) => one === 17) };
      const reloaded = rosterOf(all, { ...members, inPlan });
      const started = rosterOf(new Servers(inPlan.map((server) => server % 3 + 1)), {
        ...{ balance, names: inPlan.map((server) => `server${server}`) },
        areBackups: inPlan.map((server) => server === 17),
      });
      const keys = Array.from({ length: 300 }, (_, at) => at * 7919);
      expect(keys.map((key) => reloaded.pick(key, NOTHING_TRIED)))
        .toEqual(keys.map((key) => inPlan[started.pick(key, NOTHING_TRIED)]));
    },
  );

  it("takes the first backup of the file, and nobody who has gone", () => {
    const servers = new Servers([1, 1, 1, 1]);
    const roster = rosterOf(servers, { areBackups: [true, true, true, false], inPlan: [2, 0] });
    expect(picks(roster, 3)).toEqual([2, 2, 2]);
    servers.setWeight(2, 0);
    expect(picks(roster, 3)).toEqual([0, 0, 0]);
    servers.setWeight(0, 0);
    expect(roster.hasUsable()).toBe(false);
    expect(roster.pick(1, tried(3))).toBe(NO_SERVER);
    expect([roster.hasPlace(1), roster.hasPlace(3)]).toEqual([false, false]);
    roster.look(3);
    expect(roster.hasUsable()).toBe(false);
  });
});

function rosterOf(servers: Servers, members: Partial<Members> = {}): Roster {
  const rows = [...servers.connections.keys()];
  const whole: Members = {
    balance: "roundrobin",
    names: rows.map((row) => `server${row}`),
    rows,
    areBackups: rows.map(() => false),
    inPlan: rows,
    maxQueue: null,
    ...members,
  };
  return new Roster(whole, servers, 0, numbers(5));
}

function picks(roster: Roster, count: number): number[] {
  return Array.from({ length: count }, (_, key) => roster.pick(key, NOTHING_TRIED));
}

function tried(...servers: number[]): Tried {
  return {
    count: servers.length,
    at: (index) => servers[index] ?? NO_SERVER,
    has: (server) => servers.includes(server),
  };
}
