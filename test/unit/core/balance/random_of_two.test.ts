import { describe, expect, it } from "vitest";
import { RandomOfTwo } from "../../../../src/core/balance/random_of_two.ts";
import { numbers } from "./servers.ts";

describe("RandomOfTwo.pick()", () => {
  it("chooses the less busy of two, so that the busiest is never chosen", () => {
    const balancer = new RandomOfTwo(3, numbers(1));
    [5, 0, 2].forEach((load, server) => balancer.set(server, true, 1, load));
    const counts = [0, 0, 0];
    for (let pick = 0; pick < 3000; pick++) counts[balancer.pick()]! += 1;
    expect(counts[0]).toBe(0);
    // Two of the three pairs have server 1 in them.
    expect(counts[1]).toBeGreaterThan(1800);
    expect(counts[1]).toBeLessThan(2200);
  });

  it("draws by weight", () => {
    const balancer = new RandomOfTwo(2, numbers(2));
    balancer.set(0, true, 200, 0);
    balancer.set(1, true, 100, 0);
    const counts = [0, 0];
    for (let pick = 0; pick < 3000; pick++) {
      const server = balancer.pick();
      counts[server]! += 1;
      balancer.set(server, true, server === 0 ? 200 : 100, counts[server] ?? 0);
    }
    expect(counts[0]! / counts[1]!).toBeCloseTo(2, 1);
  });

  it("spreads equal servers evenly, and keeps the longest short", () => {
    const balancer = new RandomOfTwo(10, numbers(3));
    const loads = new Array<number>(10).fill(0);
    for (let server = 0; server < 10; server++) balancer.set(server, true, 1, 0);
    for (let pick = 0; pick < 1000; pick++) {
      const server = balancer.pick();
      loads[server]! += 1;
      balancer.set(server, true, 1, loads[server] ?? 0);
    }
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThan(10);
  });
});
