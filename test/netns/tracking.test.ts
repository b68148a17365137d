/**
 * What is tracked moves the address, with two nodes of the product: files, scripts and the data
 * plane; and the start waits until a node is fit.
 */

import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { always, delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { figures } from "./figures.ts";
import { HeldConnection } from "./held_connection.ts";
import { eventsOf, Pair, VIP } from "./pair.ts";
import { ProbeClient } from "./probe_client.ts";
import { product } from "./product.ts";

let command: readonly string[];
let pair: Pair;

beforeAll(async () => {
  command = await product();
});

afterEach(() => pair?.[Symbol.asyncDispose]());

describe("a file", () => {
  it("that exists gives the address up at once, and back when it is gone", async () => {
    pair = await Pair.create(command, {
      file: 'trackers: { hold: { type: file, path: "${HOST_DIRECTORY}/hold" } }',
      router: "track: { hold: yield, dataplane: false }",
    });
    const [one] = await pair.startBoth();
    const { watch, lb1, lb2 } = pair;
    const probe = new ProbeClient(pair.client, `${VIP}:80`);
    await probe.answered();
    const since = monotonicMs();
    lb1.write("hold", "");
    const takenMs = await watch.gained(lb2, since);
    await watch.only(lb2);
    const { gapMs } = await probe.since(since);
    figures("a file appears", { takenMs, gapMs });
    expect(gapMs).toBeLessThan(400 + watch.stallMs(since));
    const router = await one.router();
    expect(router).toMatchObject({ state: "initialize", cause: expect.stringContaining("hold") });
    expect(router.trackers).toMatchObject([{ name: "hold", good: false, effect: "yield" }]);
    Deno.removeSync(`${lb1.directory}/hold`);
    await watch.only(lb1);
    expect((await one.router()).trackers).toMatchObject([{ good: true }]);
    const told = (await eventsOf(one)).filter(({ kind }) => kind === "tracker");
    expect(told.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^tracker hold is bad: .*hold exists$/),
      expect.stringMatching(/^tracker hold is good: .*hold does not exist$/),
    ]);
  });
});

describe("a connection that is silent", () => {
  it("is reset when a tracker has the address given up", async () => {
    pair = await Pair.create(command, {
      file: 'trackers: { hold: { type: file, path: "${HOST_DIRECTORY}/hold" } }',
      router: "track: { hold: yield, dataplane: false }",
    });
    await pair.startBoth();
    using held = await HeldConnection.open(pair.client, VIP, 80);
    pair.lb1.write("hold", "");
    expect((await held.end()).how).toBe("ECONNRESET");
    await pair.watch.only(pair.lb2);
  });
});

describe("a script", () => {
  it("takes its points after so many failures, and the status says what it said", async () => {
    pair = await Pair.create(command, {
      file: "trackers: { gateway: { type: script, interval: 100ms, timeout: 1s, fall: 3, " +
        'command: [/bin/sh, -c, "echo looked; test ! -e ${HOST_DIRECTORY}/down"] } }',
      router: "track: { gateway: -60, dataplane: false }",
    });
    const [one] = await pair.startBoth();
    expect((await one.router()).trackers).toMatchObject([{ good: true, detail: "looked" }]);
    pair.lb1.write("down", "");
    await pair.watch.only(pair.lb2);
    expect((await one.router()).priority).toEqual({ configured: 150, effective: 90 });
    const why = await pair.lintel(pair.lb1, "why");
    expect(why.stdout).toMatch(
      /priority was 90 instead of the configured 150.*gateway \(-60: looked/,
    );
    Deno.removeSync(`${pair.lb1.directory}/down`);
    await pair.watch.only(pair.lb1);
  });
});

describe("the data plane", () => {
  it("moves the address to a node that has servers, within moments", async () => {
    pair = await Pair.create(command);
    const [one] = await pair.startBoth();
    const { watch, lb1, lb2 } = pair;
    await delay(1_000);
    const since = monotonicMs();
    await one.patchServer("web", "web1", { state: "maint" });
    await eventually("it is worth less", async () => (await one.router()).priority.effective < 100);
    const lessMs = monotonicMs() - since;
    await watch.only(lb2);
    const takenMs = await watch.gained(lb2, since);
    figures("no usable server", { lessMs, takenMs });
    expect(lessMs).toBeLessThan(300 + watch.stallMs(since));
    await one.patchServer("web", "web1", { state: "ready" });
    await watch.only(lb1);
  });

  it("leaves the address where it is when nobody has a server", async () => {
    pair = await Pair.create(command);
    const both = await pair.startBoth();
    const since = monotonicMs();
    for (const one of both) await one.patchServer("web", "web1", { state: "maint" });
    await always("lb1 keeps it", () => pair.watch.holders().includes("lb1"), { forMs: 300 });
    await delay(3_000);
    await pair.watch.only(pair.lb1);
    // Between the two changes lb2 was better off, for some milliseconds.
    expect(pair.watch.changes(since).length).toBeLessThanOrEqual(4);
  });

  it("does not flap with a server that comes and goes", async () => {
    pair = await Pair.create(command);
    const [one] = await pair.startBoth();
    await delay(1_000);
    const priorities: number[] = [];
    const endAt = monotonicMs() + 3_000;
    for (let round = 0; monotonicMs() < endAt; round++) {
      await one.patchServer("web", "web1", { state: round % 2 === 0 ? "maint" : "ready" });
      await delay(60);
      const { effective } = (await one.router()).priority;
      if (priorities.at(-1) !== effective) priorities.push(effective);
    }
    figures("a flapping server", { changes: priorities.length - 1 });
    expect(priorities.length - 1).toBeLessThanOrEqual(6);
  });
});

describe("the start", () => {
  it("waits for the first result of every tracker, and no longer than their time", async () => {
    pair = await Pair.create(command, {
      file: "trackers: { slow: { type: script, interval: 5s, timeout: 4s, " +
        'command: [/bin/sh, -c, "sleep 1.5"] } }',
      router: "track: { slow: yield }",
    });
    const one = pair.start(pair.lb1);
    await one.ready();
    const at = async (kind: string) =>
      Date.parse((await eventsOf(one)).find((event) => event.kind === kind)?.at ?? "");
    await eventually("it takes part", async () => !Number.isNaN(await at("transition")));
    const waitedMs = await at("transition") - await at("appliance");
    figures("held back by a script of 1.5 s", { waitedMs });
    expect(waitedMs).toBeGreaterThan(1_490);
    await pair.watch.only(pair.lb1);
  });
});
