import { describe, expect, it } from "vitest";
import { lastIntervalOf, parametersOf } from "../../../src/speaker/parameters.ts";
import { routerPlan } from "../plans.ts";

const TO_TWO = {
  source: null,
  peers: ["10.0.0.2", "10.0.0.3"],
  ttl: 255,
  minTtl: null,
  checkSource: true,
};

describe("parametersOf()", () => {
  it("renews addresses that expire, and never an owner's", () => {
    expect(parametersOf(routerPlan(), false).renewIntervalMs).toBe(500);
    expect(parametersOf(routerPlan({ deadmanMs: 2_000 }), false).renewIntervalMs).toBe(250);
    expect(parametersOf(routerPlan({ deadmanMs: null }), false).renewIntervalMs).toBeNull();
    expect(parametersOf(routerPlan({ priority: 255 }), false).renewIntervalMs).toBeNull();
  });

  it("insists where anything is announced anew at all", () => {
    expect(parametersOf(routerPlan(), false, 50).insistMs).toBe(50);
    const announce = { ...routerPlan().announce, refreshMs: null };
    expect(parametersOf(routerPlan({ announce }), false, 50).insistMs).toBeNull();
  });

  it("takes the rest from the plan", () => {
    expect(parametersOf(routerPlan({ preemptDelayMs: 700 }), true))
      .toMatchObject({ priority: 100, preempt: true, preemptDelayMs: 700, grouped: true });
  });
});

describe("lastIntervalOf()", () => {
  it("takes one Backup for granted, unless more are configured or heard", () => {
    expect(lastIntervalOf(routerPlan(), [])).toBe(10);
    expect(lastIntervalOf(routerPlan(), [100])).toBe(10);
    expect(lastIntervalOf(routerPlan(), [100, 50])).toBe(110);
  });

  it("counts unicast peers, and shortens nothing while it does not know them", () => {
    expect(lastIntervalOf(routerPlan({ unicast: TO_TWO }), [])).toBe(1000);
    expect(lastIntervalOf(routerPlan({ unicast: TO_TWO }), [100])).toBe(1000);
    expect(lastIntervalOf(routerPlan({ unicast: TO_TWO }), [100, 50])).toBe(110);
  });

  it("goes by the file where it names all routers", () => {
    const plan = routerPlan({ unicast: TO_TWO, peerPriorities: [120, 20] });
    expect(lastIntervalOf(plan, [])).toBe(60);
    expect(lastIntervalOf(routerPlan({ peerPriorities: [120, 20] }), [])).toBe(60);
  });
});
