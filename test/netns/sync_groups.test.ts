/**
 * Sync groups on two LANs: what happens to one virtual router happens to both.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay } from "../../scripts/lab/wait.ts";
import type { TrackerPlan, TrackPlan, VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { routerPlan } from "../unit/plans.ts";
import { figures } from "./figures.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { activeDownMs as activeDown } from "./standard.ts";
import { VipWatch } from "./vip_watch.ts";

const INSIDE = "172.16.0.10";
const OUTSIDE = "172.17.0.10";
const INTERVAL_MS = 100;
const GROUPS = [{ name: "both", members: ["inside", "outside"] }];
const SLACK_MS = 150;

let lab: Lab;
let lb1: Host;
let lb2: Host;
let inside: VipWatch;
let outside: VipWatch;

beforeEach(() => {
  lab = Lab.create();
  lab.host("client", { addresses: ["172.16.0.100/24"] });
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
  lab.attach(lb1, "outside", ["172.17.0.2/24"]);
  lab.attach(lb2, "outside", ["172.17.0.3/24"]);
  inside = new VipWatch(INSIDE, lb1, lb2);
  outside = new VipWatch(OUTSIDE, lb1, lb2);
});

afterEach(async () => {
  inside?.[Symbol.dispose]();
  outside?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("a sync group", () => {
  it("moves altogether when one of its links fails, and comes back altogether", async () => {
    const [first] = await both();
    const since = monotonicMs();
    lb1.links.down("eth1");
    const moved = await Promise.all([inside.gained(lb2, since), outside.gained(lb2, since)]);
    await onlyOn(lb2);
    const stallMs = inside.stallMs(since);
    // Inside, priority 0 is heard; outside nothing is, and both wait for the slower.
    const downMs = activeDown({ version: 3, intervalMs: INTERVAL_MS }, 100);
    figures("a link of a sync group fails", { insideMs: moved[0], outsideMs: moved[1] });
    expect(Math.max(...moved)).toBeLessThan(2 * downMs + SLACK_MS + stallMs);
    expect(Math.abs(moved[0] - moved[1])).toBeLessThan(30 + stallMs);
    await first.is("initialize", "inside");
    expect(first.transitions.slice(-2).map(({ reason }) => reason).sort())
      .toEqual(["interfaceDown", "siblingFault"]);

    lb1.links.up("eth1");
    await onlyOn(lb1);
    await first.stop();
  });

  it("is handed over altogether when its node is stopped", async () => {
    const [first] = await both();
    const since = monotonicMs();
    await first.stop();
    const [insideMs, outsideMs] = await Promise.all([
      inside.gained(lb2, since),
      outside.gained(lb2, since),
    ]);
    figures("a node with a sync group stops", { insideMs, outsideMs });
    await onlyOn(lb2);
  });

  it("is taken over by nobody who hears one of its Actives", async () => {
    const [, second] = await both();
    const since = monotonicMs();
    // Outside the Active is not heard any more, inside it is.
    lb2.links.down("eth1");
    await delay(500);
    lb2.links.up("eth1");
    await delay(2 * activeDown({ version: 3, intervalMs: INTERVAL_MS }, 100));
    expect(second.transitions.filter(({ to, at }) => to === "active" && at > since)).toEqual([]);
    await onlyOn(lb1);
  });
});

describe("a sync group that a plan forms", () => {
  it("of what one node has moves nothing, and falls together from then on", async () => {
    const first = new SpeakerHost(lb1, plans(150));
    const second = new SpeakerHost(lb2, plans(100));
    await onlyOn(lb1);
    await second.is("backup", "inside");
    await second.is("backup", "outside");
    const since = monotonicMs();
    await first.plan(plans(150), { groups: GROUPS });
    await second.plan(plans(100), { groups: GROUPS });
    await delay(1_500);
    expect([...inside.changes(since), ...outside.changes(since)]).toEqual([]);
    lb1.links.down("eth1");
    await onlyOn(lb2);
  });

  it("of what both nodes have comes together on one of them, and stays there", async () => {
    const [here, there] = [plans(150), plans(100)];
    const stuck = [here[0]!, { ...here[1]!, preempt: false }];
    const second = new SpeakerHost(lb2, there);
    await onlyOn(lb2);
    const first = new SpeakerHost(lb1, stuck);
    await inside.only(lb1);
    await delay(500);
    expect(outside.holders()).toEqual(["lb2"]);
    const since = monotonicMs();
    await first.plan(stuck, { groups: GROUPS });
    // Outside nobody preempts, so inside nobody may.
    await onlyOn(lb2);
    await second.plan(there, { groups: GROUPS });
    await delay(1_500);
    await onlyOn(lb2);
    figures("a sync group formed of two nodes' Actives", { vacantMs: inside.vacantMs(since) });
    expect(inside.vacantMs(since)).toBeLessThan(SLACK_MS + inside.stallMs(since));
    expect(outside.changes(since)).toEqual([]);
  });
});

describe("a tracked interface", () => {
  it("that loses its carrier takes the whole group with it", async () => {
    const uplink = lab.attach(lb1, "uplink", ["172.18.0.2/24"]);
    const trackers: TrackerPlan[] = [
      { type: "interface", name: "uplink", interface: uplink, downDelayMs: 0, upDelayMs: 0 },
    ];
    const track: TrackPlan[] = [{ kind: "tracker", tracker: "uplink", effect: { kind: "yield" } }];
    const [first] = await both(trackers, track);
    const since = monotonicMs();
    lb1.links.down(uplink);
    const moved = await Promise.all([inside.gained(lb2, since), outside.gained(lb2, since)]);
    figures("a tracked interface goes down", { insideMs: moved[0], outsideMs: moved[1] });
    // Priority 0, and before it the shortest interval there is.
    expect(Math.max(...moved)).toBeLessThan(100 + inside.stallMs(since));
    await onlyOn(lb2);
    await first.is("initialize", "outside");
    expect(first.transitions.map(({ detail }) => detail))
      .toContain(`tracker uplink: interface ${uplink} is down`);
    lb1.links.up(uplink);
    await onlyOn(lb1);
  });

  it("that only costs points lets the better node take over, without a gap", async () => {
    const uplink = lab.attach(lb1, "uplink", ["172.18.0.2/24"]);
    const trackers: TrackerPlan[] = [
      { type: "interface", name: "uplink", interface: uplink, downDelayMs: 0, upDelayMs: 0 },
    ];
    const track: TrackPlan[] = [
      { kind: "tracker", tracker: "uplink", effect: { kind: "points", points: -60 } },
    ];
    const [first] = await both(trackers, track);
    const since = monotonicMs();
    lb1.links.down(uplink);
    await onlyOn(lb2);
    expect(inside.vacantMs(since)).toBe(0);
    await first.is("backup", "inside");
    await first.is("backup", "outside");
    expect(first.transitions.at(-1)).toMatchObject({ priority: 90, points: -60 });
  });
});

/** Speakers on both nodes; the trackers are the first one's. */
async function both(
  trackers: readonly TrackerPlan[] = [],
  track: readonly TrackPlan[] = [],
): Promise<[SpeakerHost, SpeakerHost]> {
  const first = new SpeakerHost(lb1, plans(150, track), { groups: GROUPS, trackers });
  const second = new SpeakerHost(lb2, plans(100), { groups: GROUPS });
  await onlyOn(lb1);
  await second.is("backup", "inside");
  await second.is("backup", "outside");
  return [first, second];
}

function plans(priority: number, track: readonly TrackPlan[] = []): VirtualRouterPlan[] {
  return [["inside", "eth0", INSIDE], ["outside", "eth1", OUTSIDE]].map((
    [name = "", nic = "", address = ""],
    at,
  ) =>
    routerPlan({
      name,
      interface: nic,
      vrid: 60 + at,
      priority,
      track,
      addresses: [{ address, prefixLength: 32 }],
      advertisementIntervalMs: INTERVAL_MS,
    })
  );
}

async function onlyOn(host: Host): Promise<void> {
  await Promise.all([inside.only(host), outside.only(host)]);
}
