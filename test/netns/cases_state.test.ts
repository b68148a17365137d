/**
 * The state machine in real time, between forged peers and real packets: when it speaks, when it
 * holds the address, and what it answers.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { routerPlan } from "../unit/plans.ts";
import { answerers } from "./arp.ts";
import { figures, isSoak } from "./figures.ts";
import { forge } from "./forge.ts";
import { Frames, type Heard } from "./frames.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { activeDownMs, skewMs } from "./standard.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const OURS = "172.16.0.2";
const FORGER = "172.16.0.200";
const TIMING = { version: 3, intervalMs: 100 } as const;
const DOWN_MS = activeDownMs(TIMING, 100);
const SLACK_MS = 60;

let lab: Lab;
let lb1: Host;
let forger: Host;
let watch: VipWatch;
let frames: Frames;

beforeEach(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: [`${OURS}/24`] });
  forger = lab.host("forger", { addresses: [`${FORGER}/24`] });
  watch = new VipWatch(VIP, lb1);
  frames = await Frames.start(forger, "proto 112 or arp");
});

afterEach(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("a start", () => {
  it("alone leads to Active after Active_Down_Interval, and no sooner", async () => {
    const speaker = new SpeakerHost(lb1, [plan()]);
    await speaker.is("active");
    const [started, active] = speaker.transitions;
    const takenMs = active!.at - started!.at;
    figures("start alone", { takenMs, boundMs: DOWN_MS });
    expect([started!.to, active!.to]).toEqual(["backup", "active"]);
    expect(takenMs).toBeGreaterThan(DOWN_MS - 1);
    expect(takenMs).toBeLessThan(DOWN_MS + SLACK_MS + watch.stallMs(-Infinity));
    await speaker.stop();
  });

  it("waits for its delay, counted from the start", async () => {
    const since = monotonicMs();
    const speaker = new SpeakerHost(lb1, [plan({ startDelayMs: 1_200 })]);
    await speaker.is("backup");
    const waitedMs = speaker.transitions[0]!.at - since;
    expect(waitedMs).toBeGreaterThan(1_200);
    expect(speaker.transitions[0]!.reason).toBe("startup");
    await speaker.stop();
  });

  it("as the owner leads to Active at once: first the word, then the announcement", async () => {
    const speaker = new SpeakerHost(lb1, [plan({ priority: 255 })]);
    const first = await frames.heard("it advertises", 0, ({ priority }) => priority === 255);
    await delay(100);
    const announced = frames.announcements(VIP);
    expect(announced.length).toBeGreaterThanOrEqual(5);
    expect(announced[0]!.at).toBeGreaterThanOrEqual(first.at);
    expect(announced[0]!.at - first.at).toBeLessThan(50);
    const [only] = speaker.transitions;
    expect([only!.from, only!.to]).toEqual(["initialize", "active"]);
    await speaker.stop();
  });

  it("of two that are equal ends with one Active, that of the higher address", async () => {
    const lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
    using both = new VipWatch(VIP, lb1, lb2);
    for (let round = 0; round < (isSoak ? 20 : 2); round++) {
      const speakers = [new SpeakerHost(lb1, [plan()]), new SpeakerHost(lb2, [plan()])];
      await Promise.all(speakers.map((one) => one.process.printed(/"kind":"counters"/)));
      await delay(DOWN_MS + TIMING.intervalMs + SLACK_MS);
      // Who came first may hold it: among equals nobody preempts. Nobody else does.
      await delay(2 * TIMING.intervalMs);
      expect(both.holders()).toHaveLength(1);
      expect(speakers.filter((one) => one.counted()?.state === "active")).toHaveLength(1);
      const since = monotonicMs();
      await delay(3 * TIMING.intervalMs);
      expect(both.changes(since)).toEqual([]);
      await Promise.all(speakers.map((one) => one.stop()));
    }
  });
});

describe("a Backup", () => {
  it("that hears priority 0 waits for Skew_Time, and not longer", async () => {
    const speaker = new SpeakerHost(lb1, [plan()]);
    await held(speaker, 200, 3);
    const since = Date.now();
    forge(forger, advertisement({ priority: 0 }));
    const taken = await ours(since);
    figures("priority 0 to a Backup", {
      takenMs: taken.at - since,
      skewMs: skewMs(TIMING, 100),
    });
    expect(taken.at - since).toBeGreaterThan(skewMs(TIMING, 100) - 2);
    expect(taken.at - since).toBeLessThan(skewMs(TIMING, 100) + SLACK_MS);
    await speaker.stop();
  });

  it("that hears lower priorities takes over all the same", async () => {
    const speaker = new SpeakerHost(lb1, [plan()]);
    await held(speaker, 200, 3);
    const since = Date.now();
    const last = Date.now();
    forge(forger, advertisement({ priority: 200 }));
    const lower = setInterval(() => forge(forger, advertisement({ priority: 50 })), 90);
    const taken = await ours(since);
    clearInterval(lower);
    expect(taken.at - last).toBeGreaterThan(DOWN_MS - 5);
    expect(taken.at - last).toBeLessThan(DOWN_MS + SLACK_MS);
    await speaker.stop();
  });

  it("that may not preempt stays one while anybody speaks", async () => {
    const speaker = new SpeakerHost(lb1, [plan({ preempt: false })]);
    await held(speaker, 50, 10);
    const since = Date.now();
    forge(forger, advertisement({ priority: 50 }));
    const taken = await ours(since);
    expect(taken.at - since).toBeGreaterThan(DOWN_MS - 5);
    expect(taken.at - since).toBeLessThan(DOWN_MS + SLACK_MS);
    // An Active that may not preempt still yields.
    const yieldsAt = monotonicMs();
    forge(forger, advertisement({ priority: 200 }));
    expect(await watch.lost(lb1, yieldsAt)).toBeLessThan(SLACK_MS + watch.stallMs(yieldsAt));
    await speaker.stop();
  });

  it("learns the interval of a version 3 Active that has another, and waits by it", async () => {
    const speaker = new SpeakerHost(lb1, [plan()]);
    await held(speaker, 200, 3);
    const since = Date.now();
    forge(forger, advertisement({ priority: 200, interval: [0, 20] }));
    const taken = await ours(since);
    const boundMs = activeDownMs({ version: 3, intervalMs: 200 }, 100);
    expect(taken.at - since).toBeGreaterThan(boundMs - 5);
    expect(taken.at - since).toBeLessThan(boundMs + SLACK_MS);
    expect(speaker.counted()?.rejected).toEqual({});
    await speaker.stop();
  });

  it("takes the reserved nibble and the order of addresses for nothing", async () => {
    const addresses = [VIP, "172.16.0.11"];
    const speaker = new SpeakerHost(lb1, [
      plan({ addresses: addresses.map((address) => ({ address, prefixLength: 32 })) }),
    ]);
    await speaker.is("active");
    const since = monotonicMs();
    const reversed = { priority: 200, addresses: addresses.toReversed() };
    forge(forger, advertisement({ ...reversed, interval: [0xf0, 10] }));
    expect(await watch.lost(lb1, since)).toBeLessThan(SLACK_MS + watch.stallMs(since));
    const taken = await ours(Date.now());
    expect(taken.priority).toBe(100);
    expect(speaker.counted()?.rejected).toEqual({});
    await speaker.stop();
  });
});

describe("an Active", () => {
  it("answers a lower priority at once, and announces, but does not amplify a flood", async () => {
    const speaker = new SpeakerHost(lb1, [plan()]);
    await speaker.is("active");
    // Announcements have a rate, and it has just announced.
    await delay(500);
    const since = Date.now();
    forge(forger, advertisement({ priority: 50 }));
    const answer = await ours(since);
    await delay(80);
    expect(answer.at - since).toBeLessThan(20 + watch.stallMs(-Infinity));
    expect(frames.announcements(VIP, since).length).toBeGreaterThanOrEqual(1);

    const floodAt = Date.now();
    for (let count = 0; count < 500; count++) {
      forge(forger, advertisement({ priority: 50 }));
      if (count % 10 === 9) await delay(10);
    }
    const floodMs = Date.now() - floodAt;
    await delay(50);
    const spoken = frames.advertisements(floodAt).filter(({ source }) => source === OURS);
    const announced = frames.announcements(VIP, floodAt);
    figures("500 lower advertisements", {
      ...{ floodMs, answered: spoken.length, announced: announced.length },
    });
    // Five bursts of five and twenty single ones in a second, and our own cadence beside the
    // answers.
    expect(announced.length).toBeLessThan(25 + 45 * Math.ceil(floodMs / 1_000));
    expect(spoken.length).toBeLessThan(250);
    expect(watch.holders()).toEqual(["lb1"]);
    await speaker.stop();
  });

  it("answers priority 0 at once, and stays", async () => {
    const speaker = new SpeakerHost(lb1, [plan()]);
    await speaker.is("active");
    const since = Date.now();
    forge(forger, advertisement({ priority: 0 }));
    const answer = await ours(since);
    expect(answer.at - since).toBeLessThan(20 + watch.stallMs(-Infinity));
    expect(watch.holders()).toEqual(["lb1"]);
    await speaker.stop();
  });

  it("that yields to a better one sends no priority 0, and is silent by ARP at once", async () => {
    const speaker = new SpeakerHost(lb1, [plan()]);
    await speaker.is("active");
    const since = Date.now();
    const sinceMs = monotonicMs();
    forge(forger, advertisement({ priority: 200 }));
    const goneMs = await watch.lost(lb1, sinceMs);
    const answering = await answerers(forger, VIP, [lb1]);
    await delay(100);
    figures("yielding to a better one", { goneMs });
    expect(goneMs).toBeLessThan(20 + watch.stallMs(sinceMs));
    expect(answering).toEqual([]);
    const spoken = frames.advertisements(since).filter(({ source }) => source === OURS);
    expect(spoken.filter(({ priority }) => priority === 0)).toEqual([]);
    // One last word, so that the winner announces again.
    expect(spoken.length).toBeLessThanOrEqual(1);
    await speaker.stop();
  });

  it("and an owner, both of priority 255: the higher address wins, without flapping", async () => {
    const lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
    using both = new VipWatch(VIP, lb1, lb2);
    const owners = [lb1, lb2].map((host) => new SpeakerHost(host, [plan({ priority: 255 })]));
    // Whichever of them comes second is Active for a moment.
    await Promise.all([owners[0]?.is("backup"), owners[1]?.is("active")]);
    await both.only(lb2);
    const since = monotonicMs();
    await delay(isSoak ? 30_000 : 2_000);
    expect(both.changes(since)).toEqual([]);
    expect(both.holders()).toEqual(["lb2"]);
    await Promise.all(owners.map((one) => one.stop()));
  });
});

function plan(more: Partial<VirtualRouterPlan> = {}): VirtualRouterPlan {
  return routerPlan({
    addresses: [{ address: VIP, prefixLength: 32 }],
    advertisementIntervalMs: TIMING.intervalMs,
    ...more,
  });
}

function advertisement(more: object) {
  return {
    ...{ source: FORGER, vrid: 51, priority: 200, addresses: [VIP] },
    interval: [0, 10] as const,
    ...more,
  };
}

/** Keeps a speaker a Backup with advertisements of some priority, so many of them. */
async function held(speaker: SpeakerHost, priority: number, count: number): Promise<void> {
  const timer = setInterval(() => forge(forger, advertisement({ priority })), 20);
  try {
    await speaker.is("backup");
    await delay(count * TIMING.intervalMs);
  } finally {
    clearInterval(timer);
  }
  expect(speaker.transitions.map(({ to }) => to)).toEqual(["backup"]);
}

/** The next advertisement of ours. */
async function ours(since: number): Promise<Heard> {
  return await frames.heard("lb1 advertises", since, ({ source }) => source === OURS);
}
