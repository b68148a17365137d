import { beforeEach, describe, expect, it } from "vitest";
import { Routers } from "../../../src/appliance/routers.ts";
import type { HostFacts } from "../../../src/config/host.ts";
import { TRANSITIONS } from "../../../src/core/vrrp/state.ts";
import { REJECTION_REASONS } from "../../../src/core/wire/vrrp.ts";
import { RouterTable } from "../../../src/memory/router_table.ts";
import { routerPlan } from "../plans.ts";

const FACTS: HostFacts = {
  hostname: "here",
  shortHostname: "here",
  interfaces: ["eth0"],
  addresses: [],
  cpus: 2,
  whyNotRunnable: () => null,
};

let table: RouterTable;
let routers: Routers;

beforeEach(() => {
  table = new RouterTable({
    routers: 3,
    rejections: REJECTION_REASONS,
    transitions: Object.keys(TRANSITIONS),
  });
  routers = new Routers(planOf("a", "b"), table, FACTS);
});

describe("Routers", () => {
  it("keep a virtual router's row and what it has counted, whoever comes and goes", () => {
    table.count(1, "advertisementsSent", 5);
    routers.apply(planOf("c", "b"));
    expect(routers.rows.map((plan) => plan?.name ?? null)).toEqual([null, "b", "c"]);
    expect(routers.names).toEqual(["a", "b", "c"]);
    expect(routers.show().map(({ name, counters }) => [name, counters.advertisementsSent]))
      .toEqual([["c", 0], ["b", 5]]);
  });

  it("forget what was counted where another one had its row", () => {
    table.count(0, "advertisementsSent", 5);
    routers.apply(planOf("b", "c"));
    routers.apply(planOf("b", "c", "d"));
    expect(routers.indexes).toEqual(new Map([["b", 1], ["c", 2], ["d", 0]]));
    expect(routers.show().at(-1)!.counters.advertisementsSent).toBe(0);
  });

  it("still know one that goes, for what is to be said of it", () => {
    routers.apply(planOf("a"));
    expect(routers.show().map(({ name }) => name)).toEqual(["a"]);
    expect(routers.find("b")?.name).toBe("b");
    const transition = routers.noteTransition({
      ...{ kind: "transition", router: "b", from: "active", to: "initialize", reason: "shutdown" },
      ...{ at: 1, detail: "planned stop", priority: 100, peer: null, points: 0, yield: null },
      ...{ lastAdvertisementAgeMs: null, latenessMs: 0, counters: {}, interfaces: [] },
    });
    expect(transition).toMatchObject({ to: "initialize", priority: { configured: 100 } });
  });

  it("record what the speaker knew at a transition, and not what is known by now", () => {
    table.count(0, "advertisementsSent", 7);
    const address = Uint8Array.of(10, 0, 0, 9);
    table.setPeer(0, { address, priority: 1, intervalMs: 1, at: 2_000 });
    const shown = { effect: "yield", since: null } as const;
    routers.trackersOf = () => [
      { ...shown, name: "uplink", good: true, detail: "is up" },
      { ...shown, name: "dataplane", good: true, detail: "serves" },
    ];
    const uplink = { name: "uplink", good: false, detail: "is down" };
    const transition = routers.noteTransition({
      ...{ kind: "transition", router: "a", from: "active", to: "initialize", reason: "yielded" },
      ...{ at: 1_000, detail: "", priority: 100, points: 0, yield: "is down", latenessMs: 0 },
      peer: { address: "10.0.0.3", priority: 50 },
      lastAdvertisementAgeMs: 500,
      counters: { advertisementsSent: 3 },
      interfaces: [{ ...uplink, effect: { kind: "yield" } }],
    });
    expect(transition).toMatchObject({
      lastAdvertisement: { address: "10.0.0.3", priority: 50, ageSeconds: 0.5 },
      counters: { advertisementsSent: 3 },
      trackers: [{ ...uplink, effect: "yield" }, { name: "dataplane", good: true }],
    });
  });

  it("refuse more than there is room for, and are as before then", () => {
    expect(() => routers.apply(planOf("a", "b", "c", "d"))).toThrow(
      "the file has 4 virtual routers, and there is room for 3: start lintel anew with this file",
    );
    expect(routers.show().map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("give a row back to who had it, while nobody else has taken it", () => {
    table.count(1, "advertisementsSent", 5);
    routers.apply(planOf("a"));
    routers.apply(planOf("a", "b"));
    expect(routers.show().at(-1)).toMatchObject({ name: "b", counters: { advertisementsSent: 5 } });
  });
});

function planOf(...names: string[]) {
  return { virtualRouters: names.map((name) => routerPlan({ name })), syncGroups: [] };
}
