import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_SERVER, NOTHING_TRIED } from "../../../../src/core/balance/balancer.ts";
import { LeastConnections } from "../../../../src/core/balance/least_connections.ts";
import { Servers } from "./servers.ts";

describe("LeastConnections.pick()", () => {
  it.each([
    { weights: [1, 1, 1], connections: [2, 1, 3], pick: 1 },
    { weights: [1, 1, 1], connections: [0, 0, 0], pick: 0 },
    { weights: [100, 200], connections: [1, 2], pick: 1 },
    { weights: [100, 200], connections: [0, 1], pick: 0 },
    { weights: [1, 256], connections: [0, 254], pick: 1 },
    { weights: [0, 5], connections: [0, 9000], pick: 1 },
    { weights: [0, 0], connections: [0, 0], pick: NO_SERVER },
  ])("chooses $pick for weights $weights with $connections", ({ weights, connections, pick }) => {
    const servers = new Servers(weights);
    servers.connections.splice(0, connections.length, ...connections);
    const balancer = new LeastConnections([...weights.keys()], servers, 0);
    expect(balancer.pick(NOTHING_TRIED)).toBe(pick);
  });

  it("takes turns among equals", () => {
    const balancer = new LeastConnections([0, 1, 2], new Servers([7, 7, 7]), 0);
    expect([1, 2, 3, 4].map(() => balancer.pick(NOTHING_TRIED))).toEqual([0, 1, 2, 0]);
  });

  it("fills servers in proportion to their weights", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (weights) => {
        const servers = new Servers(weights);
        const balancer = new LeastConnections([...weights.keys()], servers, 0);
        const sum = weights.reduce((left, right) => left + right, 0);
        for (let pick = 0; pick < 3 * sum; pick++) {
          servers.connections[balancer.pick(NOTHING_TRIED)]! += 1;
        }
        expect(servers.connections).toEqual(weights.map((weight) => 3 * weight));
      }),
    );
  });

  it("always chooses a usable server with the lowest load for its weight", () => {
    const server = fc.record({ weight: fc.nat(256), active: fc.nat(1000), tried: fc.boolean() });
    fc.assert(fc.property(fc.array(server, { maxLength: 9 }), fc.nat(9), (list, first) => {
      const servers = new Servers(list.map(({ weight }) => weight));
      servers.connections.splice(0, list.length, ...list.map(({ active }) => active));
      const balancer = new LeastConnections([...list.keys()], servers, first);
      const pick = balancer.pick({ has: (row) => list[row]?.tried ?? true });
      const loads = list.filter(({ weight, tried }) => weight > 0 && !tried)
        .map(({ weight, active }) => (active + 1) / weight);
      if (loads.length === 0) {
        expect(pick).toBe(NO_SERVER);
        return;
      }
      const chosen = list[pick]!;
      expect(chosen.tried).toBe(false);
      expect((chosen.active + 1) / chosen.weight).toBeCloseTo(Math.min(...loads), 9);
    }));
  });
});
