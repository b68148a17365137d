/**
 * C16: the speaker goes by another plan while it runs. What that does not concern misses not one
 * advertisement; what it changes is changed in place; what goes, goes in the planned way.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { routerPlan } from "../unit/plans.ts";
import { figures, isSoak } from "./figures.ts";
import { Frames } from "./frames.ts";
import { Keepalived } from "./keepalived.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { VipWatch } from "./vip_watch.ts";

const OURS = "172.16.0.2";
const VIP = "172.16.0.10";
const ANOTHER = "172.16.0.11";
const NEW = "172.16.0.12";

/** Ten milliseconds, without a refresh of announcements in between. */
const A = plan("a", 51, [VIP], { advertisementIntervalMs: 10, announce: quiet() });
const B = plan("b", 52, [ANOTHER]);

let lab: Lab;
let lb1: Host;
let lb2: Host;
let frames: Frames;
let speaker: SpeakerHost | undefined;

beforeEach(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: [`${OURS}/24`] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
  frames = await Frames.start(lb2, "proto 112 or arp");
  speaker = undefined;
});

afterEach(async () => {
  await lab?.[Symbol.asyncDispose]();
});

describe("another plan", () => {
  it("costs whom it does not concern not one advertisement of 100 a second", async () => {
    using watch = new VipWatch(VIP, lb1);
    speaker = await started([A, B]);
    const before = speaker.counted("a")!;
    const since = Date.now();
    const sinceMonotonic = monotonicMs();
    const plans: (readonly (VirtualRouterPlan | null)[])[] = [
      [A, { ...B, priority: 150 }],
      [A, plan("b", 52, [ANOTHER, NEW])],
      [A, plan("b", 53, [ANOTHER])],
      [A, null],
      [A, null, plan("c", 54, [NEW])],
      [A, B],
    ];
    for (let round = 0; round < (isSoak ? 50 : 2); round++) {
      for (const next of plans) await speaker.plan(next);
    }
    const lastMs = monotonicMs() - sinceMonotonic;
    const heard = frames.advertisements(since).filter(({ vrid }) => vrid === 51);
    const gaps = heard.slice(1).map(({ at }, index) => at - heard[index]!.at);
    const stallMs = watch.stallMs(sinceMonotonic);
    const maxGapMs = Math.max(...gaps);
    figures("other plans beside 10 ms", { maxGapMs, stallMs, heard: heard.length, lastMs });
    expect(maxGapMs).toBeLessThan(20 + stallMs);
    expect(heard.every(({ priority }) => priority === 100)).toBe(true);
    expect(watch.changes(sinceMonotonic)).toEqual([]);
    // One that was not run for so long that a Backup may have taken over announces anew.
    if (maxGapMs < 25) expect(frames.announcements(VIP, since)).toEqual([]);
    const after = speaker.counted("a")!;
    expect(after).toMatchObject({ state: "active", since: before.since });
    // They are told some milliseconds later.
    const sent = after.advertisementsSent - before.advertisementsSent;
    expect(sent).toBeGreaterThan((lastMs - 100) / 10 / 2);
    expect(speaker.transitions.filter(({ router }) => router === "a")).toHaveLength(2);
    await speaker.stop();
  });

  it("leaves nothing of whom it removes, though the thread is killed on the way", async () => {
    const left = { ...B, deadmanMs: null };
    const killed = await started([left]);
    Deno.kill(killed.pid, "SIGKILL");
    await killed.process.status;
    await lb1.run(["ip", "address", "add", `${NEW}/32`, "dev", "eth0"]);
    expect(lb1.holds(ANOTHER)).toBe(true);
    const theirs = plan("c", 54, [NEW], { existingAddress: "remove" });
    speaker = new SpeakerHost(lb1, [A], { former: [left, theirs] });
    await speaker.says(/172\.16\.0\.11 was still on this host: removed/);
    await speaker.is("active", "a");
    expect([VIP, ANOTHER, NEW].map((one) => lb1.holds(one))).toEqual([true, false, true]);
    await speaker.stop();
  });

  it("that makes a virtual MAC address beside it announces nobody else", async () => {
    // Slow enough that no stall of a busy machine is a reason to announce.
    const slow = { ...A, advertisementIntervalMs: 1_000 };
    speaker = await started([slow]);
    const since = Date.now();
    await speaker.plan([slow, { ...B, virtualMac: true }]);
    await speaker.is("active", "b");
    await speaker.plan([slow]);
    await delay(300);
    expect(frames.announcements(VIP, since)).toEqual([]);
    await speaker.stop();
  });

  it("with another priority is told at once, and with another interval, too", async () => {
    const slow = plan("a", 51, [VIP], { advertisementIntervalMs: 500 });
    speaker = await started([slow]);
    const since = Date.now();
    await speaker.plan([{ ...slow, priority: 77 }]);
    const told = await frames.heard("the priority", since, ({ priority }) => priority === 77);
    const again = told.at;
    await speaker.plan([{ ...slow, priority: 77, advertisementIntervalMs: 50 }]);
    await frames.heard("the interval", again, ({ interval }) => interval[1] === 5);
    await eventually("20 a second", () => frames.advertisements(again).length > 10);
    expect(speaker.transitions.map(({ to }) => to)).toEqual(["backup", "active"]);
    await speaker.stop();
  });

  it("brings an address, its announcement and its route, and takes them away", async () => {
    speaker = await started([A]);
    const since = Date.now();
    const route = { to: "10.99.0.0/16", via: null, interface: null, source: null };
    const routes = [{ ...route, table: 100, metric: null }];
    await speaker.plan([{ ...A, ...carries(VIP, NEW), routes }]);
    expect([lb1.holds(VIP), lb1.holds(NEW)]).toEqual([true, true]);
    expect(await lb1.run(["ip", "route", "show", "table", "100"])).toContain("10.99.0.0");
    await frames.heard("both addresses", since, ({ addresses }) => addresses.includes(NEW));
    await eventually("the burst", () => frames.announcements(NEW, since).length >= 5);
    // Renewed as the other one is, it outlives its lifetime.
    await delay(A.deadmanMs! + 500);
    expect(lb1.holds(NEW)).toBe(true);
    await speaker.plan([A]);
    expect([lb1.holds(VIP), lb1.holds(NEW)]).toEqual([true, false]);
    expect(await lb1.run(["ip", "route", "show", "table", "100"])).not.toContain("10.99");
    expect(speaker.transitions.map(({ to }) => to)).toEqual(["backup", "active"]);
    await speaker.stop();
  });

  it("gives addresses a lifetime, or takes it from them", async () => {
    const eternal = { ...A, deadmanMs: null };
    speaker = await started([eternal]);
    const lifetime = async () => await lb1.run(["ip", "-4", "address", "show", "dev", "eth0"]);
    const ofVip = async () => /172\.16\.0\.10\/32[^\n]*\n\s+valid_lft (\S+)/.exec(await lifetime());
    expect((await ofVip())?.[1]).toBe("forever");
    await speaker.plan([A]);
    expect((await ofVip())?.[1]).toMatch(/^[0-3]sec$/);
    await delay(A.deadmanMs! + 500);
    expect(lb1.holds(VIP)).toBe(true);
    await speaker.plan([eternal]);
    expect((await ofVip())?.[1]).toBe("forever");
    await speaker.stop();
  });

  it("leaves alone what somebody who runs holds, where another one is added", async () => {
    using watch = new VipWatch(VIP, lb1);
    speaker = await started([A]);
    const since = monotonicMs();
    await speaker.plan([A, plan("c", 54, [VIP, NEW], { existingAddress: "remove" })]);
    await speaker.is("active", "c");
    expect(watch.changes(since)).toEqual([]);
    await speaker.stop();
  });

  it("without a virtual router has Keepalived take it over at once, and nothing else", async () => {
    const keepalived = new Keepalived(lb2, {
      ...{ version: 3, priority: 50, intervalMs: 1_000, vip: ANOTHER, vrid: 52 },
    });
    await keepalived.process.printed(/Entering BACKUP STATE/);
    const slow = plan("b", 52, [ANOTHER], { advertisementIntervalMs: 1_000, peerPriorities: [50] });
    speaker = await started([A, slow]);
    using watch = new VipWatch(ANOTHER, lb1, lb2);
    const since = monotonicMs();
    const sinceWall = Date.now();
    const planned = speaker.plan([A, null]);
    const takenMs = await watch.gained(lb2, since);
    await planned;
    const stallMs = watch.stallMs(since);
    figures("a virtual router removed, Keepalived behind it", { takenMs, stallMs });
    // Half of what its skew would be without the short last interval.
    expect(takenMs).toBeLessThan(400 + stallMs);
    expect(lb1.holds(ANOTHER)).toBe(false);
    const zero = frames.advertisements(sinceWall).filter(({ priority }) => priority === 0);
    expect(new Set(zero.map(({ vrid }) => vrid))).toEqual(new Set([52]));
    expect(lb1.holds(VIP)).toBe(true);
    await speaker.stop();
    await keepalived.stop();
  });

  it("that changes what cannot change leaves the old one and starts the new one", async () => {
    speaker = await started([A, B]);
    const since = Date.now();
    await speaker.plan([{ ...A, virtualMac: true }, B]);
    await speaker.is("active", "a");
    await frames.heard("leaving", since, ({ vrid, priority }) => vrid === 51 && priority === 0);
    expect(await lb1.run(["ip", "link", "show", "vrrp.51"])).toContain("vrrp.51");
    await speaker.plan([A, B]);
    await speaker.is("active", "a");
    expect(await lb1.run(["ip", "link"])).not.toContain("vrrp.51");
    const states = speaker.transitions.filter(({ router }) => router === "a").map(({ to }) => to);
    const again = ["initialize", "backup", "active"];
    expect(states).toEqual(["backup", "active", ...again, ...again]);
    await speaker.stop();
  });

  it("in the middle of another is followed as well, and so is a stop", async () => {
    const slow = plan("b", 52, [ANOTHER], { advertisementIntervalMs: 300 });
    speaker = await started([A, slow]);
    // Nobody takes it over, so that leaving takes its time.
    await speaker.plan([A, null], {}, false);
    await speaker.plan([A, slow]);
    await speaker.is("active", "b");
    await speaker.plan([A, null], {}, false);
    await speaker.stop();
    expect([lb1.holds(VIP), lb1.holds(ANOTHER)]).toEqual([false, false]);
  });
});

async function started(routers: readonly VirtualRouterPlan[]): Promise<SpeakerHost> {
  const made = new SpeakerHost(lb1, routers);
  for (const { name } of routers) await made.is("active", name);
  // Bursts are over, and what follows is of the plan.
  await delay(300);
  return made;
}

function plan(
  name: string,
  vrid: number,
  addresses: readonly string[],
  more: Partial<VirtualRouterPlan> = {},
): VirtualRouterPlan {
  return routerPlan({
    name,
    vrid,
    advertisementIntervalMs: 100,
    ...carries(...addresses),
    ...more,
  });
}

function carries(...addresses: readonly string[]): Pick<VirtualRouterPlan, "addresses"> {
  return { addresses: addresses.map((address) => ({ address, prefixLength: 32 })) };
}

function quiet() {
  return { repeat: 5, delayMs: 0, refreshMs: null, refreshRepeat: 1 };
}
