import { describe, expect, it } from "vitest";
import { DATAPLANE, Tracking } from "../../../src/appliance/tracking.ts";
import type { TrackerPlan, TrackPlan } from "../../../src/core/plan/plan.ts";
import type { Standing } from "../../../src/core/track/combine.ts";
import { monotonicMs } from "../../../src/linux/clock.ts";
import { routerPlan } from "../plans.ts";

const points = (points: number) => ({ kind: "points", points }) as const;
const tracker = (name: string, amount: number): TrackPlan => ({
  kind: "tracker",
  tracker: name,
  effect: points(amount),
});
const UPLINK: TrackerPlan = {
  type: "interface",
  name: "uplink",
  interface: "eth1",
  downDelayMs: 0,
  upDelayMs: 0,
};
const HOLD: TrackerPlan = { type: "file", name: "hold", path: "/etc/hold" };

function open(...track: TrackPlan[]) {
  const good = new Map<string, boolean | null>([["hold", true], ["uplink", true]]);
  const facts = { stalled: [] as string[], unbound: [] as string[], usable: 1 };
  const posted: Standing[] = [];
  const judged: boolean[] = [];
  const tracking = new Tracking({
    plan: { virtualRouters: [routerPlan({ track })], trackers: [UPLINK, HOLD] },
    trackers: {
      state: (name) => ({ name, good: good.get(name) ?? null, since: 0, detail: "so" }),
    },
    dataplane: ([name = ""]) => ({ ...facts, frontends: [{ name, usable: facts.usable }] }),
    post: (_, standing) => posted.push(standing),
    judged: (_, isGood) => judged.push(isGood),
  });
  return { tracking, good, facts, posted, judged };
}

const WATCHED: TrackPlan = {
  kind: "dataplane",
  frontends: ["web"],
  minUsable: 1,
  effect: points(-51),
};

describe("Tracking", () => {
  it("posts what differs, and nothing while all is as configured", () => {
    const { tracking, good, posted } = open(tracker("hold", -30));
    tracking.refresh(0);
    tracking.refresh(50);
    expect(posted).toEqual([]);
    good.set("hold", false);
    tracking.refresh(100);
    tracking.refresh(150);
    expect(posted).toEqual([{ points: -30, yield: null }]);
    good.set("hold", true);
    tracking.refresh(200);
    expect(posted).toHaveLength(1);
    tracking.refresh(1_100);
    expect(posted[1]).toEqual({ points: 0, yield: null });
  });

  it("believes nothing good of a tracker without a result", () => {
    const { tracking, good, posted } = open(tracker("hold", 10));
    good.set("hold", null);
    tracking.refresh(0);
    expect(posted).toEqual([]);
    expect(tracking.show("api")).toMatchObject([{ name: "hold", good: false, effect: 10 }]);
  });

  it("leaves interfaces to the speaker, but shows them", () => {
    const { tracking, good, posted } = open(tracker("uplink", -30));
    good.set("uplink", false);
    tracking.refresh(0);
    expect(posted).toEqual([]);
    expect(tracking.show("api")).toMatchObject([{ name: "uplink", good: false, detail: "so" }]);
  });

  it("turns missing servers into points, and a stalled worker into a yield", () => {
    const { tracking, facts, posted, judged } = open(WATCHED);
    const now = monotonicMs();
    tracking.refresh(now);
    expect(tracking.show("api")).toMatchObject([{ name: DATAPLANE, good: true, effect: -51 }]);
    facts.usable = 0;
    tracking.refresh(now + 50);
    expect(posted.at(-1)).toEqual({ points: -51, yield: null });
    facts.stalled.push("dataplane-0 (for 2.0 s)");
    tracking.refresh(now + 100);
    expect(posted.at(-1)?.yield).toMatch(/^tracker dataplane: no sign of life from dataplane-0/);
    expect(tracking.show("api")).toMatchObject([{ good: false, effect: "yield" }]);
    facts.stalled.pop();
    facts.usable = 2;
    tracking.refresh(now + 1_200);
    expect(posted.at(-1)).toEqual({ points: 0, yield: null });
    expect(judged).toEqual([false, true]);
  });

  it("shows what it tracks before the first look", () => {
    const { tracking } = open(WATCHED, tracker("hold", -5));
    expect(tracking.show("api").map(({ name, good, since }) => [name, good, since])).toEqual([
      [DATAPLANE, false, null],
      ["hold", false, null],
    ]);
    expect(tracking.show("other")).toEqual([]);
  });

  it("goes by another plan: who tracks the same stands as it stood", () => {
    const { tracking, good, posted } = open(tracker("hold", -30));
    good.set("hold", false);
    tracking.refresh(0);
    expect(posted).toEqual([{ points: -30, yield: null }]);
    const track = [tracker("hold", -30)];
    const other = routerPlan({ name: "other", track });
    const trackers = [UPLINK, HOLD];
    tracking.change({ virtualRouters: [routerPlan({ track }), other], trackers });
    expect(tracking.show("api")[0]).toMatchObject({ good: false, detail: "so" });
    tracking.refresh(100);
    expect(posted).toEqual([{ points: -30, yield: null }, { points: -30, yield: null }]);
    tracking.change({ virtualRouters: [other], trackers });
    expect([tracking.show("api"), tracking.standing("api")]).toEqual([[], {
      points: 0,
      yield: null,
    }]);
  });
});
