import { beforeEach, describe, expect, it } from "vitest";
import type { AddServerWish, RemoveServerWish, Wish } from "../../../src/admin/appliance.ts";
import { AddedServers } from "../../../src/appliance/added_servers.ts";
import { Changes } from "../../../src/appliance/changes.ts";
import { clearFacts } from "../../../src/appliance/clearing.ts";
import { Overrides } from "../../../src/appliance/overrides.ts";
import { Servers } from "../../../src/appliance/servers.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/appliance/shared_memory.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import type { OverrideFact } from "../../../src/core/plan/override.ts";
import type { Plan } from "../../../src/core/plan/plan.ts";
import { planOf } from "../config/source.ts";

const FILE = "backends: { web: { check: none, servers: { a: 10.0.1.1:80 } } }\n";
const WITH_B = "backends: { web: { check: none, servers: { a: 10.0.1.1:80, b: 10.0.1.2:80 } } }\n";
const SAID: Wish = {
  reason: "more load",
  caller: { name: "ops", role: "admin" },
  dryRun: false,
};
const PLACE = { address: "10.0.1.2", family: 4, port: 80, weight: null } as const;
const WISH: AddServerWish & RemoveServerWish = { ...SAID, ...PLACE, force: false };

let memory: SharedMemory;
let servers: Servers;
let overrides: Overrides;
let changes: Changes;
let added: AddedServers;
let kept: Map<string, OverrideFact>;
let notes: string[];
let ended: number[];
/** What a plan meets when it is applied. */
let obstacle: Error | undefined;

beforeEach(() => {
  const plan = planOf(FILE);
  memory = createSharedMemory(plan, 1);
  const tables = new Tables(plan, memory);
  servers = new Servers(plan.backends, memory, tables);
  kept = new Map();
  notes = [];
  ended = [];
  obstacle = undefined;
  overrides = new Overrides({
    servers,
    kill: () => Promise.resolve(0),
    note: (message) => notes.push(message),
    keep: (id, fact) => {
      if (fact) kept.set(id, fact);
      else kept.delete(id);
      return Promise.resolve();
    },
  });
  const apply = async (plan: Plan) => {
    await Promise.resolve();
    if (obstacle) throw obstacle;
    tables.apply(plan);
    servers.apply(plan.backends, (...name) => overrides.holding(plan.backends, ...name));
    servers.settle();
  };
  changes = new Changes({ plan, applying: { apply }, overrides });
  const cut = (row: number) => Promise.resolve(ended.push(row));
  added = new AddedServers({ servers, changes, cuts: { server: cut } });
});

const names = () => servers.show()[0]?.servers.map(({ name }) => name);

describe("a server that is added", () => {
  it("has what its backend's servers have, is kept, and takes connections", async () => {
    const server = await added.add("web", "b", WISH);
    expect(server).toMatchObject({ name: "b", port: 80, weight: { configured: 100 } });
    expect(names()).toEqual(["a", "b"]);
    expect(servers.usable("web")).toBe(2);
    expect([...kept.keys()]).toEqual(["web:b:server"]);
  });

  it("outlasts a reload, until the file has it: then the file wins, and says so", async () => {
    await added.add("web", "b", { ...WISH, weight: 7 });
    await overrides.patch("web", "b", { ...SAID, weight: 9 });
    expect(await changes.apply(planOf(`${FILE}log: { level: debug }\n`))).toEqual([]);
    expect(servers.find("web", "b")?.weight.effective).toBe(9);
    expect(overrides.overruled(planOf(WITH_B).backends)).toEqual([
      "override web:b:server would be over: the file has this server now",
      "override web:b:weight would be over: the file says 100 now instead of 7",
    ]);
    expect(overrides.facts).toHaveLength(2);
    expect(await changes.apply(planOf(WITH_B))).toEqual([
      "override web:b:server is over: the file has this server now",
      "override web:b:weight is over: the file says 100 now instead of 7",
    ]);
    expect(servers.find("web", "b")?.weight.effective).toBe(100);
    expect([...kept]).toEqual([]);
  });

  it("goes with its backend", async () => {
    await added.add("web", "b", WISH);
    const [end] = await changes.apply(planOf("backends: { api: {} }\n"));
    expect(end).toMatch("the file has no backend web any more");
    expect([overrides.facts, notes]).toEqual([[], [end]]);
  });

  it("is not there when it could not be applied", async () => {
    obstacle = new Error("no room");
    await expect(added.add("web", "b", WISH)).rejects.toThrow("no room");
    expect([names(), overrides.facts, [...kept]]).toEqual([["a"], [], []]);
    obstacle = undefined;
    await added.add("web", "b", WISH);
    expect(names()).toEqual(["a", "b"]);
  });

  it("may be said anew: its weight holds over what was said of that before", async () => {
    await added.add("web", "b", { ...WISH, weight: 7 });
    await overrides.patch("web", "b", { ...SAID, weight: 9 });
    const again = await added.add("web", "b", { ...WISH, weight: 5, port: 81 });
    expect(again).toMatchObject({
      port: 81,
      weight: { configured: 5, runtime: null, effective: 5 },
    });
    expect(notes).toEqual(["override web:b:weight is over: b was added with 5"]);
  });

  it("is refused where the file has it, and only shown in a dry run", async () => {
    await expect(added.add("web", "a", WISH)).rejects.toThrow("the file defines server web/a");
    await expect(added.add("gone", "b", WISH)).rejects.toThrow("there is no backend gone");
    expect(await added.add("web", "b", { ...WISH, dryRun: true })).toMatchObject({ name: "b" });
    expect(names()).toEqual(["a"]);
  });

  it("is what was seen when its turn comes, or nothing is done", async () => {
    const requireMatch = () => {
      if (servers.find("web", "b")?.port === 80) throw new Error("it is another now");
    };
    const first = added.add("web", "b", WISH);
    await expect(added.add("web", "b", { ...WISH, port: 81, requireMatch })).rejects
      .toThrow("another");
    await first;
    await expect(added.remove("web", "b", { ...WISH, requireMatch })).rejects.toThrow("another");
    expect(servers.find("web", "b")).toMatchObject({ port: 80 });
  });

  it("is removed only without connections, or by force, which ends them", async () => {
    await added.add("web", "b", WISH);
    await overrides.patch("web", "b", { ...SAID, state: "drain" });
    const row = servers.rowOf("web", "b") ?? -1;
    memory.servers.addActive(servers.rows("web")[1]!, 2);
    await expect(added.remove("web", "b", WISH)).rejects.toThrow("has 2 connections");
    expect(await added.remove("web", "b", { ...WISH, force: true })).toBe(1);
    expect(ended).toEqual([row]);
    expect([names(), overrides.facts, [...kept]]).toEqual([["a"], [], []]);
    await expect(added.remove("web", "a", WISH)).rejects.toThrow("the file defines server web/a");
  });
});

describe("clearFacts()", () => {
  let told: string[];
  const clear = (wish: Partial<RemoveServerWish> = {}) =>
    clearFacts(overrides.facts, { ...WISH, ...wish }, {
      overrides,
      remove: async (...removal) => void await added.remove(...removal),
      tell: (message) => told.push(message),
    });

  beforeEach(async () => {
    told = [];
    await added.add("web", "b", WISH);
    await overrides.patch("web", "a", { ...SAID, weight: 9 });
    await overrides.patch("web", "b", { ...SAID, weight: 9 });
  });

  it("takes a server that was added away, and what was said of it with it", async () => {
    expect(await clear()).toEqual([]);
    expect([names(), [...kept], overrides.facts]).toEqual([["a"], [], []]);
    expect(servers.usable("web")).toBe(1);
    expect(told).toEqual(["server web/a: its weight is as in the file again"]);
  });

  it("changes nothing at all while one of them has connections, unless forced", async () => {
    memory.servers.addActive(servers.rows("web")[1]!, 2);
    const before = overrides.facts;
    await expect(clear()).rejects.toThrow("web/b has 2 connections");
    await expect(clear({ dryRun: true })).rejects.toThrow("web/b has 2 connections");
    expect([names(), overrides.facts, told]).toEqual([["a", "b"], before, []]);
    expect(await clear({ force: true })).toEqual([]);
    expect([names(), ended.length]).toEqual([["a"], 1]);
  });

  it("only tells what would be left, where it is a dry run", async () => {
    const [extra] = overrides.facts;
    const parts = { overrides, remove: () => Promise.resolve(), tell: () => {} };
    const left = await clearFacts(extra ? [extra] : [], { ...WISH, dryRun: true }, parts);
    expect(left).toMatchObject([{ server: "a", field: "weight" }]);
    expect(overrides.facts).toHaveLength(3);
  });
});

describe("changes", () => {
  it("follow one another, also after one that failed", async () => {
    const first = added.add("web", "b", WISH);
    const second = added.add("web", "c", WISH);
    const third = changes.apply(planOf(WITH_B));
    await Promise.all([first, second, third]);
    expect(names()).toEqual(["a", "b", "c"]);
    obstacle = new Error("no");
    await expect(changes.apply(planOf(FILE))).rejects.toThrow("no");
    expect(changes.file.backends[0]?.servers).toHaveLength(2);
  });

  it("end what was said of servers that the file has no more", async () => {
    await changes.apply(planOf(WITH_B));
    await overrides.patch("web", "b", { ...SAID, state: "maint" });
    expect(await changes.apply(planOf(FILE))).toEqual([
      "override web:b:state is over: there is no server b any more",
    ]);
  });
});
