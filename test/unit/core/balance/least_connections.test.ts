import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_SERVER } from "../../../../src/core/balance/balancer.ts";
import { LeastConnections } from "../../../../src/core/balance/least_connections.ts";

describe("LeastConnections.pick()", () => {
  it.each([
    { weights: [1, 1, 1], loads: [2, 1, 3], pick: 1 },
    { weights: [1, 1, 1], loads: [0, 0, 0], pick: 0 },
    { weights: [100, 200], loads: [1, 2], pick: 1 },
    { weights: [100, 200], loads: [0, 1], pick: 0 },
    { weights: [1, 256], loads: [0, 254], pick: 1 },
    { weights: [0, 5], loads: [0, 9000], pick: 1 },
    { weights: [0, 0], loads: [0, 0], pick: NO_SERVER },
  ])("chooses $pick for weights $weights with $loads", ({ weights, loads, pick }) => {
    const balancer = new LeastConnections(weights.length, 0);
    weights.forEach((weight, server) => balancer.set(server, true, weight, loads[server] ?? 0));
    expect(balancer.pick()).toBe(pick);
  });

  it("takes turns among equals, from the one it is told to begin with", () => {
    const balancer = new LeastConnections(3, 1);
    for (let server = 0; server < 3; server++) balancer.set(server, true, 7, 0);
    expect([1, 2, 3, 4].map(() => balancer.pick())).toEqual([1, 2, 0, 1]);
  });

  it("fills servers in proportion to their weights", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (weights) => {
        const balancer = new LeastConnections(weights.length, 0);
        const loads = weights.map(() => 0);
        weights.forEach((weight, server) => balancer.set(server, true, weight, 0));
        const sum = weights.reduce((left, right) => left + right, 0);
        for (let pick = 0; pick < 3 * sum; pick++) {
          const server = balancer.pick();
          loads[server]! += 1;
          balancer.set(server, true, weights[server] ?? 0, loads[server] ?? 0);
        }
        expect(loads).toEqual(weights.map((weight) => 3 * weight));
      }),
    );
  });

  it("always chooses one of the lowest load for its weight", () => {
    const server = fc.record({ weight: fc.nat(256), load: fc.nat(1000), isIn: fc.boolean() });
    fc.assert(fc.property(fc.array(server, { maxLength: 9 }), fc.nat(9), (list, first) => {
      const balancer = new LeastConnections(list.length, first);
      list.forEach(({ isIn, weight, load }, at) => balancer.set(at, isIn, weight, load));
      const loads = list.filter(({ weight, isIn }) => weight > 0 && isIn)
        .map(({ weight, load }) => (load + 1) / weight);
      const chosen = list[balancer.pick()];
      expect(chosen === undefined).toBe(loads.length === 0);
      if (!chosen) return;
      expect(chosen.isIn).toBe(true);
      expect((chosen.load + 1) / chosen.weight).toBeCloseTo(Math.min(...loads), 9);
    }));
  });
});
