import { describe, expect, it } from "vitest";
import type { VirtualRouterPlan } from "../../../src/core/plan/plan.ts";
import { adaptationOf, isAdaptable } from "../../../src/speaker/adaptation.ts";
import { routerPlan } from "../plans.ts";

const UNICAST = { source: null, peers: ["10.77.0.2"], ttl: 255, minTtl: null, checkSource: true };

describe("isAdaptable()", () => {
  it.each<[Partial<VirtualRouterPlan>, boolean]>([
    [{}, true],
    [{ priority: 200, preempt: false, deadmanMs: null, advertisementIntervalMs: 10 }, true],
    [{ addresses: [], password: "secret", checksum: "rfc9568" }, true],
    [{ nodeAddress: "10.77.0.9" }, true],
    [{ priority: 255 }, true],
    [{ name: "other" }, false],
    [{ interface: "eth1" }, false],
    [{ vrid: 52 }, false],
    [{ version: 2 }, false],
    [{ family: 6 }, false],
    [{ unicast: UNICAST }, false],
    [{ virtualMac: true }, false],
  ])("of %j is %s", (said, isIt) => {
    expect(isAdaptable(routerPlan(), routerPlan(said))).toBe(isIt);
  });

  it("is so for other peers, but not for a place that is found by another address", () => {
    const found = routerPlan({ unicast: UNICAST, interface: null, nodeAddress: "10.77.0.1" });
    const peers = ["10.77.0.2", "10.77.0.3"];
    expect(isAdaptable(found, { ...found, unicast: { ...UNICAST, peers } })).toBe(true);
    expect(isAdaptable(found, { ...found, nodeAddress: "10.77.0.9" })).toBe(false);
  });

  it("is not so for an owner that is none any more", () => {
    expect(isAdaptable(routerPlan({ priority: 255 }), routerPlan())).toBe(false);
  });
});

describe("adaptationOf()", () => {
  it("is nothing where only others are concerned", () => {
    const notify = { command: ["/bin/true"], webhook: null };
    const track = [{ kind: "tracker", tracker: "up", effect: { kind: "yield" } }] as const;
    const other = routerPlan({ notify, track, startDelayMs: 1, existingAddress: "refuse" });
    expect(adaptationOf(routerPlan(), other)).toBeNull();
  });

  it("tells whether addresses come or go", () => {
    const excludedAddresses = [{ address: "10.77.0.9", prefixLength: 32 }];
    expect(adaptationOf(routerPlan(), routerPlan({ excludedAddresses }))).toBe("addresses");
    expect(adaptationOf(routerPlan(), routerPlan({ priority: 1 }))).toBe("other");
  });
});
