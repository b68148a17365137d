/**
 * Networks and hosts that fail in part: what both nodes do, and what a client sees of it.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Probe } from "../../scripts/bench/failover_probe.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { routerPlan } from "../unit/plans.ts";
import { answerers } from "./arp.ts";
import { figures, isSoak } from "./figures.ts";
import { Frames } from "./frames.ts";
import { Keepalived } from "./keepalived.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { activeDownMs } from "./standard.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const TIMING = { version: 3, intervalMs: 100 } as const;
const PRIORITY = { lb1: 150, lb2: 100 };
const SLACK_MS = 60;

let lab: Lab;
let lb1: Host;
let lb2: Host;
let client: Host;
let watch: VipWatch;

beforeEach(() => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  watch = new VipWatch(VIP, lb1, lb2);
});

afterEach(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("a partition", () => {
  it("that heals leaves one owner within an interval, and no client in the dark", async () => {
    // Without what would mend it by itself sooner or later.
    const announce = { repeat: 5, delayMs: 0, refreshMs: null, refreshRepeat: 1 };
    const speakers = await both({ announce });
    await using probe = Probe.start(VIP, client, [lb1, lb2]);
    await probe.settled(0, 5_000);
    for (let round = 0; round < (isSoak ? 20 : 4); round++) {
      // The client learns the other node's address: it is on that side.
      lab.partition(lb1);
      await eventually("the other node serves", () => probe.isServedBy(1, 60));
      // Wherever both are in their intervals when it heals.
      await delay(200 + 37 * round % TIMING.intervalMs);
      const since = monotonicMs();
      lab.heal(lb1);
      await probe.settled(0, 5_000);
      const gapMs = probe.longestGapMs(since);
      const twoOwnersMs = probe.twoOwnersMs(since);
      figures("heal", { gapMs, twoOwnersMs });
      const stallMs = watch.stallMs(since);
      expect(gapMs).toBeLessThan(50 + stallMs);
      expect(twoOwnersMs).toBeLessThan(TIMING.intervalMs + 10 + stallMs);
      expect(await answerers(client, VIP, [lb1, lb2])).toEqual(["lb1"]);
    }
    for (const speaker of speakers) expect(speaker.counted()?.rejected).toEqual({});
  });

  it("from a Keepalived that yields silently leaves no client in the dark either", async () => {
    const keepalived = new Keepalived(lb2, {
      ...{ version: 3, intervalMs: TIMING.intervalMs, vip: VIP, priority: PRIORITY.lb2 },
    });
    await keepalived.process.printed(/Startup complete/);
    const speaker = new SpeakerHost(lb1, [plan({ priority: PRIORITY.lb1 })]);
    await watch.only(lb1, 15_000);
    await using probe = Probe.start(VIP, client, [lb1, lb2]);
    await probe.settled(0, 5_000);
    lab.partition(lb1);
    await eventually("Keepalived serves", () => probe.isServedBy(1, 60));
    // Its own bursts must be over, and it hears us before we hear it.
    await delay(5_500);
    await refuse(lb2, "output");
    const since = monotonicMs();
    lab.heal(lb1);
    await probe.settled(0, 5_000);
    const gapMs = probe.longestGapMs(since);
    figures("heal, a silent Keepalived", { gapMs });
    expect(gapMs).toBeLessThan(TIMING.intervalMs + 50 + watch.stallMs(since));
    expect(speaker.counted()).toMatchObject({ state: "active", rejected: {} });
    await keepalived.stop();
  });

  it("of one direction does not make the better node flap: it insists", async () => {
    const [speaker] = await both();
    const frames = await Frames.start(client, "arp");
    await refuse(lb2, "input");
    const since = monotonicMs();
    const wallSince = Date.now();
    await watch.gained(lb2, since);
    await delay(isSoak ? 10_000 : 1_500);
    const announced = frames.announcements(VIP, wallSince).filter(({ bytes }) =>
      bytes.subarray(6, 12).every((octet, at) => octet === lb1.links.find("eth0").mac[at])
    );
    expect(watch.changes(since).filter(({ host }) => host === lb1)).toEqual([]);
    expect(announced.length).toBeGreaterThan(5);
    expect(speaker?.counted()?.state).toBe("active");
    const healedAt = monotonicMs();
    await allow(lb2);
    expect(await watch.lost(lb2, healedAt)).toBeLessThan(
      TIMING.intervalMs + SLACK_MS + watch.stallMs(healedAt),
    );
    expect(watch.holders()).toEqual(["lb1"]);
  });
});

it("loses three advertisements of ten, and both agree again in the end", async () => {
  const [, second] = await both();
  // As they come to the host: what is refused is refused after that.
  const frames = await Frames.start(lb2, "proto 112");
  await refuse(lb2, "input", "numgen random mod 10 < 3");
  const since = monotonicMs();
  await delay(isSoak ? 600_000 : 4_000);
  await allow(lb2);
  const takeovers = () => second!.transitions.filter(({ to, at }) => to === "active" && at > since);
  const byChance = takeovers().length;
  await refuse(lb2, "input", "numgen inc mod 4 < 3");
  await eventually("three in a row are missed", () => takeovers().length > byChance);
  await allow(lb2);
  await frames.stop();
  const wallMs = Date.now() - monotonicMs();
  const stalled = Math.ceil(watch.stallMs(since) / TIMING.intervalMs);
  for (const { at, lastAdvertisementAgeMs, reason } of takeovers()) {
    const [from, until] = [at - lastAdvertisementAgeMs! + TIMING.intervalMs / 2, at];
    const lost = frames.advertisements(wallMs + from).filter((one) =>
      one.source === "172.16.0.2" && one.at < wallMs + until
    );
    expect(reason).toBe("peerSilent");
    expect(lost.length).toBeGreaterThanOrEqual(3 - stalled);
  }
  const changes = watch.changes(since);
  figures("30 % loss", {
    seconds: (monotonicMs() - since) / 1_000,
    takeovers: changes.filter(({ holds }) => holds).length,
    longestTwoOwnersMs: watch.overlapMs(since),
  });
  // Whatever the worse node does, the better one hears no better word.
  expect(changes.filter(({ host }) => host === lb1)).toEqual([]);
  await watch.only(lb1);
  const settledAt = monotonicMs();
  await delay(5 * TIMING.intervalMs);
  expect(watch.changes(settledAt)).toEqual([]);
});

/** Both nodes; lb1 is Active. */
async function both(more: Partial<VirtualRouterPlan> = {}): Promise<SpeakerHost[]> {
  const speakers = [lb1, lb2].map((host, node) =>
    new SpeakerHost(host, [plan({ priority: [PRIORITY.lb1, PRIORITY.lb2][node]!, ...more })])
  );
  await watch.only(lb1, 15_000);
  await delay(activeDownMs(TIMING, PRIORITY.lb2));
  await watch.only(lb1);
  return speakers;
}

function plan(more: Partial<VirtualRouterPlan>): VirtualRouterPlan {
  return routerPlan({
    addresses: [{ address: VIP, prefixLength: 32 }],
    advertisementIntervalMs: TIMING.intervalMs,
    ...more,
  });
}

/** The host's own packet filter drops advertisements. */
async function refuse(host: Host, chain: "input" | "output", which = ""): Promise<void> {
  await host.run([
    "nft",
    "-f",
    host.write(
      "refuse.nft",
      `
table inet refuse {
  chain refuse {
    type filter hook ${chain} priority 0;
    ip protocol 112 ${which} drop
  }
}`,
    ),
  ]);
}

async function allow(host: Host): Promise<void> {
  await host.run(["nft", "delete", "table", "inet", "refuse"]);
}
