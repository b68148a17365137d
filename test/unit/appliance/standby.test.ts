import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Conflict, type StandbyWish } from "../../../src/admin/appliance.ts";
import { StandbyKeeper } from "../../../src/appliance/standby.ts";

let directory: string;
let orders: [boolean, boolean][];
let faults: string[];
let ended: boolean[];
let outcome: { ok: boolean; detail: string };
let hindrance: string | null;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-01-02T03:04:05Z") });
  directory = Deno.makeTempDirSync({ prefix: "lintel-standby-" });
  orders = [];
  faults = [];
  ended = [];
  hindrance = null;
  outcome = { ok: true, detail: "done" };
});

afterEach(() => {
  vi.useRealTimers();
  Deno.removeSync(directory, { recursive: true });
});

function open(path = `${directory}/standby.json`): StandbyKeeper {
  return new StandbyKeeper({
    path,
    hindrance: () => hindrance,
    order: (enabled, force) => {
      orders.push([enabled, force]);
      return Promise.resolve(outcome);
    },
    expired: ({ ok }) => ended.push(ok),
    fault: (message) => faults.push(message),
  });
}

function wish(said: Partial<StandbyWish> = {}): StandbyWish {
  const caller = { name: "ops", role: "operator" } as const;
  return { enabled: true, ttlMs: null, force: false, dryRun: false, reason: null, caller, ...said };
}

describe("StandbyKeeper", () => {
  it("outlasts a restart, until it is switched off", async () => {
    expect(open().restore()).toBe(false);
    await open().set(wish({ reason: "disk" }));
    expect(orders).toEqual([[true, false]]);
    const second = open();
    expect(second.restore()).toBe(true);
    expect(second.state).toMatchObject({ enabled: true, until: null, by: "ops", reason: "disk" });
    await second.set(wish({ enabled: false }));
    expect(open().restore()).toBe(false);
    expect(faults).toEqual([]);
  });

  it("is refused to an owner, also by force, and can still be switched off", async () => {
    const keeper = open();
    await keeper.set(wish());
    hindrance = "this node owns the addresses";
    await expect(keeper.set(wish({ force: true }))).rejects.toThrow(/owns the addresses/);
    await expect(keeper.set(wish({ dryRun: true }))).rejects.toThrow(Conflict);
    await keeper.set(wish({ enabled: false }));
    expect(orders).toEqual([[true, false], [false, false]]);
  });

  it("ends by itself, also when the time is long", async () => {
    const keeper = open();
    await keeper.set(wish({ ttlMs: 40 * 86_400_000 }));
    await vi.advanceTimersByTimeAsync(39 * 86_400_000);
    expect([keeper.state.enabled, ended]).toEqual([true, []]);
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect([keeper.state.enabled, ended]).toEqual([false, [true]]);
    expect(orders).toEqual([[true, false], [false, false]]);
    expect(open().restore()).toBe(false);
  });

  it("is over at a start that comes after its time", async () => {
    await open().set(wish({ ttlMs: 60_000 }));
    vi.setSystemTime(Date.now() + 61_000);
    expect(open().restore()).toBe(false);
    expect([...Deno.readDirSync(directory)]).toEqual([]);
  });

  it("takes on the rest of its time at a start", async () => {
    const first = open();
    await first.set(wish({ ttlMs: 60_000 }));
    first.stop();
    vi.setSystemTime(Date.now() + 20_000);
    const second = open();
    expect(second.restore()).toBe(true);
    await vi.advanceTimersByTimeAsync(39_000);
    expect(second.state.enabled).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(second.state.enabled).toBe(false);
  });

  it("is refused, and forgotten, where no peer takes over", async () => {
    outcome = { ok: false, detail: "no peer has taken over within 1 s" };
    const keeper = open();
    await expect(keeper.set(wish())).rejects.toThrow(Conflict);
    expect(keeper.state.enabled).toBe(false);
    expect(open().restore()).toBe(false);
  });

  it("tells in a dry run, and does nothing", async () => {
    const keeper = open();
    expect(await keeper.set(wish({ dryRun: true }))).toMatchObject({ enabled: true, by: "ops" });
    expect([keeper.state.enabled, orders]).toEqual([false, []]);
  });

  it("gets another time without leaving again", async () => {
    const keeper = open();
    await keeper.set(wish());
    await keeper.set(wish({ ttlMs: 1_000 }));
    expect(orders).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(keeper.state.enabled).toBe(false);
  });

  it("is refused where it cannot be remembered, unless forced", async () => {
    const keeper = open(`${directory}/nowhere/standby.json`);
    await expect(keeper.set(wish())).rejects.toThrow(/would not outlast a restart: .*force/);
    expect(orders).toEqual([]);
    expect((await keeper.set(wish({ force: true }))).enabled).toBe(true);
    expect(faults).toHaveLength(1);
  });

  it("makes one change at a time", async () => {
    const keeper = open();
    const first = keeper.set(wish());
    await expect(keeper.set(wish({ enabled: false }))).rejects.toThrow(/under way/);
    expect((await first).enabled).toBe(true);
  });

  it.each(["", "{", "{}", '{"enabled":1}'])("takes a file of %j for off, and says so", (text) => {
    Deno.writeTextFileSync(`${directory}/standby.json`, text);
    expect(open().restore()).toBe(false);
    expect(faults).toHaveLength(1);
  });
});
