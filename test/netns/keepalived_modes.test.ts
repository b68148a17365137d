/**
 * lintel beside a Keepalived that is configured in the other ways people have: addresses that are
 * not advertised, the virtual hardware address, an address that accepts nothing, preemption delayed
 * or forbidden.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { routerPlan } from "../unit/plans.ts";
import { answerers } from "./arp.ts";
import { figures } from "./figures.ts";
import { Keepalived } from "./keepalived.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { activeDownMs, skewMs } from "./standard.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const EXCLUDED = "172.16.0.50";
const TIMING = { version: 3, intervalMs: 100 } as const;
const VIRTUAL_MAC = "00:00:5e:00:01:33";

let lab: Lab;
let ours: Host;
let theirs: Host;
let client: Host;
let watch: VipWatch;

beforeEach(() => {
  lab = Lab.create();
  ours = lab.host("lintel", { addresses: ["172.16.0.2/24"] });
  theirs = lab.host("keepalived", { addresses: ["172.16.0.3/24"] });
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  watch = new VipWatch(VIP, ours, theirs);
});

afterEach(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("a Keepalived of higher priority", () => {
  it.each([
    ["with an excluded address", [`virtual_ipaddress_excluded { ${EXCLUDED}/32 }`], "keepalived"],
    ["that accepts nothing", ["no_accept"], "keepalived"],
    ["with its virtual hardware address", ["use_vmac"], VIRTUAL_MAC],
  ])("%s takes over from lintel, and gives back", async (what, lines, answering) => {
    const speaker = new SpeakerHost(ours, [plan()]);
    await speaker.is("active");
    const keepalived = new Keepalived(theirs, { ...THEIRS, priority: 200, lines });
    await eventually(
      "Keepalived has it alone",
      async () => (await answerers(client, VIP, [ours, theirs])).join() === answering,
    );
    expect(watch.holders()).not.toContain("lintel");
    expect(speaker.counted()).toMatchObject({ state: "backup", rejected: {} });
    if (lines[0]?.includes(EXCLUDED)) expect(theirs.holds(EXCLUDED)).toBe(true);

    const since = monotonicMs();
    const stopped = keepalived.stop();
    const takenMs = await watch.gained(ours, since);
    await stopped;
    figures(`planned stop of a Keepalived ${what}`, { takenMs });
    expect(takenMs).toBeLessThan(skewMs(TIMING, 100) + 100 + watch.stallMs(since));
    await eventually(
      "lintel has it alone",
      async () => (await answerers(client, VIP, [ours, theirs])).join() === "lintel",
    );
    await speaker.stop();
  });
});

describe("a Keepalived of lower priority", () => {
  it("that was Active first is relieved within an interval", async () => {
    const keepalived = new Keepalived(theirs, { ...THEIRS, priority: 50 });
    await watch.only(theirs);
    const speaker = new SpeakerHost(ours, [plan()]);
    const since = monotonicMs();
    await watch.gained(ours, since);
    await watch.only(ours);
    const overlapMs = watch.overlapMs(since);
    figures("relieving a Keepalived", { overlapMs });
    expect(overlapMs).toBeLessThan(TIMING.intervalMs + watch.stallMs(since));
    expect(await answerers(client, VIP, [ours, theirs])).toEqual(["lintel"]);
    await keepalived.stop();
    await speaker.stop();
  });

  it("stays Active beside a lintel that may not preempt", async () => {
    const keepalived = new Keepalived(theirs, { ...THEIRS, priority: 50 });
    await watch.only(theirs);
    const speaker = new SpeakerHost(ours, [plan({ preempt: false })]);
    await speaker.is("backup");
    const joinedAt = monotonicMs();
    await delay(2 * activeDownMs(TIMING, 100));
    expect(watch.changes(joinedAt)).toEqual([]);
    const since = monotonicMs();
    const stopped = keepalived.stop();
    expect(await watch.gained(ours, since)).toBeLessThan(
      skewMs(TIMING, 100) + 100 + watch.stallMs(since),
    );
    await stopped;
    await speaker.stop();
  });

  it("is relieved only after the delay", async () => {
    const preemptDelayMs = 1_000;
    const keepalived = new Keepalived(theirs, { ...THEIRS, priority: 50 });
    await watch.only(theirs);
    const speaker = new SpeakerHost(ours, [plan({ preemptDelayMs })]);
    await speaker.is("backup");
    const since = monotonicMs();
    const takenMs = await watch.gained(ours, since);
    figures("relieving after a delay", { takenMs, preemptDelayMs });
    // From Backup on, which was a little before.
    expect(takenMs).toBeGreaterThan(preemptDelayMs - 200);
    expect(takenMs).toBeLessThan(
      preemptDelayMs + activeDownMs(TIMING, 100) + 150 + watch.stallMs(since),
    );
    await keepalived.stop();
    await speaker.stop();
  });
});

const THEIRS = { version: 3, intervalMs: TIMING.intervalMs, vip: VIP } as const;

function plan(more: Partial<VirtualRouterPlan> = {}): VirtualRouterPlan {
  return routerPlan({
    addresses: [{ address: VIP, prefixLength: 32 }],
    advertisementIntervalMs: TIMING.intervalMs,
    ...more,
  });
}
