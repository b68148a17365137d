/**
 * Speakers that are stopped for a while and run on: nobody shares the address for longer than a
 * moment afterwards, and nobody takes over because it was late itself.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay } from "../../scripts/lab/wait.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { routerPlan } from "../unit/plans.ts";
import { figures, isSoak } from "./figures.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const ROUNDS = Array.from({ length: isSoak ? 20 : 1 }, (_, at) => at + 1);
/** For so long there may be two owners after one of them has run on. */
const OVERLAP_MS = 20;

let lab: Lab;
let lb1: Host;
let lb2: Host;
let watch: VipWatch;

beforeEach(() => {
  lab = Lab.create();
  lab.host("client", { addresses: ["172.16.0.100/24"] });
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
  watch = new VipWatch(VIP, lb1, lb2);
});

afterEach(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe.each([1_000, 100, 10])("every %i ms", (advertisementIntervalMs) => {
  it.each(ROUNDS)("an Active that was stopped has its address back at once, round %i", async () => {
    const [first] = await both({ advertisementIntervalMs });
    first.process.kill("SIGSTOP");
    await watch.gained(lb2, monotonicMs());
    await delay(300);
    const since = monotonicMs();
    first.process.kill("SIGCONT");
    await watch.only(lb1);
    await delay(100);
    const overlapMs = watch.overlapMs(since);
    figures(`SIGCONT, every ${advertisementIntervalMs} ms`, { overlapMs });
    expect(overlapMs).toBeLessThan(OVERLAP_MS + watch.stallMs(since));
    expect(watch.vacantMs(since)).toBe(0);
  });

  it("an Active that was stopped does not quarrel with who may not be preempted", async () => {
    const [first] = await both({ advertisementIntervalMs, preempt: false, priority: 100 });
    first.process.kill("SIGSTOP");
    await watch.gained(lb2, monotonicMs());
    await delay(300);
    const since = monotonicMs();
    first.process.kill("SIGCONT");
    await watch.only(lb2);
    await delay(300);
    expect(watch.overlapMs(since)).toBeLessThan(OVERLAP_MS + watch.stallMs(since));
    expect(watch.changes(since).filter(({ host, holds }) => host === lb1 && holds)).toEqual([]);
  });

  it("a Backup that was stopped does not take over when it runs on", async () => {
    const [, second] = await both({ advertisementIntervalMs });
    for (const forMs of [100, 700, 3_500]) {
      second.process.kill("SIGSTOP");
      await delay(forMs);
      second.process.kill("SIGCONT");
      await delay(200);
    }
    expect(second.transitions.filter(({ to }) => to === "active")).toEqual([]);
    expect(watch.holders()).toEqual(["lb1"]);
  });
});

/** The first one is the Active; the second one's priority is 150 if the first one's is 100. */
async function both(said: Partial<VirtualRouterPlan>): Promise<[SpeakerHost, SpeakerHost]> {
  const plan = (priority: number) =>
    routerPlan({
      deadmanMs: null,
      ...said,
      priority,
      addresses: [{ address: VIP, prefixLength: 32 }],
    });
  const priority = said.priority ?? 150;
  const first = new SpeakerHost(lb1, [plan(priority)]);
  await first.is("active");
  const second = new SpeakerHost(lb2, [plan(250 - priority)]);
  await second.is("backup");
  await watch.only(lb1);
  return [first, second];
}
