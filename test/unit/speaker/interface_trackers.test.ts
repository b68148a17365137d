import { describe, expect, it } from "vitest";
import type { TrackerPlan, TrackPlan } from "../../../src/core/plan/plan.ts";
import { combine } from "../../../src/core/track/combine.ts";
import { IFF_RUNNING, IFF_UP, type Link } from "../../../src/core/wire/rtnetlink.ts";
import { InterfaceTrackers } from "../../../src/speaker/interface_trackers.ts";

const UPLINK = {
  type: "interface",
  name: "uplink",
  interface: "eth1",
  downDelayMs: 0,
  upDelayMs: 0,
} as const satisfies TrackerPlan;
const YIELD: TrackPlan = { kind: "tracker", tracker: "uplink", effect: { kind: "yield" } };
const POINTS: TrackPlan = {
  kind: "tracker",
  tracker: "uplink",
  effect: { kind: "points", points: -60 },
};

function eth1(flags: number): Link[] {
  return [{ index: 3, name: "eth1", flags, mac: new Uint8Array(6) } as Link];
}

function standing(made: InterfaceTrackers, track: readonly TrackPlan[]) {
  return combine(made.seen(track));
}

const GOOD = eth1(IFF_UP | IFF_RUNNING);

function trackers(delays: { downDelayMs?: number; upDelayMs?: number } = {}): InterfaceTrackers {
  const made = new InterfaceTrackers([{ ...UPLINK, ...delays }]);
  made.observe(GOOD, 0);
  return made;
}

describe("a tracked interface", () => {
  it("is good while it is up and has carrier", () => {
    expect(standing(trackers(), [YIELD])).toEqual({ points: 0, yield: null });
  });

  it.each(
    [
      ["interface eth1 has no carrier", eth1(IFF_UP)],
      ["interface eth1 is down", eth1(IFF_RUNNING)],
      ["there is no interface eth1", []],
    ] as const,
  )("is bad otherwise: %s", (why, links) => {
    const made = trackers();
    made.observe(links, 1);
    expect(made.settle(1)).toBe(true);
    expect(standing(made, [YIELD])).toEqual({ points: 0, yield: `tracker uplink: ${why}` });
    expect(standing(made, [POINTS])).toEqual({ points: -60, yield: null });
  });

  it("is believed at once the first time it is seen", () => {
    const made = new InterfaceTrackers([{ ...UPLINK, downDelayMs: 5000 }]);
    expect(standing(made, [YIELD]).yield).toBeNull();
    made.observe([], 0);
    expect(standing(made, [YIELD]).yield).not.toBeNull();
  });

  it("is nothing to who tracks something else", () => {
    const made = trackers();
    made.observe([], 1);
    made.settle(1);
    expect(standing(made, [{ ...YIELD, tracker: "other" }]).yield).toBeNull();
  });
});

describe("the delays of a tracked interface", () => {
  it("must pass before it is bad, and before it is good again", () => {
    const made = trackers({ downDelayMs: 500, upDelayMs: 2000 });
    made.observe([], 100);
    expect(made.dueAt).toBe(600);
    expect(made.settle(599)).toBe(false);
    expect(made.settle(600)).toBe(true);
    expect(made.dueAt).toBe(Infinity);
    made.observe(GOOD, 1000);
    expect(made.dueAt).toBe(3000);
    made.settle(3000);
    expect(standing(made, [YIELD]).yield).toBeNull();
  });

  it("begin with the first sight of the change", () => {
    const made = trackers({ downDelayMs: 500 });
    made.observe(eth1(IFF_UP), 100);
    made.observe(eth1(0), 400);
    expect(made.dueAt).toBe(600);
  });

  it("forget a change that does not last", () => {
    const made = trackers({ downDelayMs: 500 });
    made.observe([], 100);
    made.observe(GOOD, 599);
    expect(made.dueAt).toBe(Infinity);
    expect(made.settle(600)).toBe(false);
  });
});
