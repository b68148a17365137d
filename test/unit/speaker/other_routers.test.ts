import { describe, expect, it } from "vitest";
import { OtherRouters } from "../../../src/speaker/other_routers.ts";
import { routerPlan } from "../plans.ts";

const PEER = Uint8Array.of(10, 77, 0, 2);
const THIRD = Uint8Array.of(10, 77, 0, 3);

describe("OtherRouters", () => {
  it("decide how fast a handover may be, each once", () => {
    const others = new OtherRouters(routerPlan(), null);
    expect(others.hear({ source: PEER, priority: 90, intervalMs: 1_000 })).toBe(true);
    const { lastIntervalMs } = others.parameters;
    expect(others.hear({ source: PEER, priority: 90, intervalMs: 1_000 })).toBe(false);
    expect(others.hear({ source: THIRD, priority: 0, intervalMs: 1_000 })).toBe(false);
    expect(others.hear({ source: THIRD, priority: 80, intervalMs: 1_000 })).toBe(true);
    expect(others.parameters.lastIntervalMs).toBeGreaterThan(lastIntervalMs);
  });

  it("keep over a change of plan what they have shown", () => {
    const others = new OtherRouters(routerPlan(), 50);
    others.hear({ source: PEER, priority: 90, intervalMs: 1_000 });
    others.hear({ source: THIRD, priority: 80, intervalMs: 1_000 });
    const advertisement = { source: PEER, priority: 90, intervalMs: 1_000 };
    others.relieve({ advertisement, at: 0 });
    others.contradict({ advertisement, at: 1 });
    expect(others.parameters.insistMs).toBeNull();
    const { lastIntervalMs } = others.parameters;
    others.change(routerPlan({ priority: 120 }), 100);
    expect(others.parameters).toEqual({ insistMs: null, lastIntervalMs });
    others.change(routerPlan({ peerPriorities: [90, 80] }), 100);
    expect(others.parameters.insistMs).toBe(100);
  });

  it("are forgotten when they are no unicast peers any more", () => {
    const unicastTo = (...peers: string[]) =>
      routerPlan({
        unicast: { source: "10.77.0.1", peers, ttl: 255, minTtl: null, checkSource: true },
      });
    const others = new OtherRouters(unicastTo("10.77.0.2"), 50);
    others.hear({ source: PEER, priority: 90, intervalMs: 1_000 });
    const advertisement = { source: PEER, priority: 90, intervalMs: 1_000 };
    others.relieve({ advertisement, at: 0 });
    others.contradict({ advertisement, at: 1 });
    expect(others.parameters.insistMs).toBeNull();
    others.change(unicastTo("10.77.0.3"), 50);
    const anew = new OtherRouters(unicastTo("10.77.0.3"), 50);
    expect(others.parameters).toEqual(anew.parameters);
    others.hear({ source: THIRD, priority: 80, intervalMs: 1_000 });
    anew.hear({ source: THIRD, priority: 80, intervalMs: 1_000 });
    expect(others.parameters).toEqual(anew.parameters);
  });
});
