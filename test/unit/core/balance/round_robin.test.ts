import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_SERVER } from "../../../../src/core/balance/balancer.ts";
import { RoundRobin } from "../../../../src/core/balance/round_robin.ts";

describe("RoundRobin.pick()", () => {
  it.each([
    { weights: [1, 1, 1], order: "abcabc" },
    { weights: [5, 1, 1], order: "aaabaacaaabaac" },
    { weights: [2, 1], order: "aabaab" },
    { weights: [100, 100], order: "abab" },
    { weights: [0, 3, 0, 3], order: "bdbd" },
    { weights: [0, 0], order: "--" },
  ])("takes servers of weights $weights in the order $order", ({ weights, order }) => {
    expect(letters(balancerOf(weights), order.length)).toBe(order);
  });

  it("begins where it is told", () => {
    expect(letters(balancerOf([1, 1, 1], 4), 4)).toBe("bcab");
  });

  it("gives each server its exact share of every cycle", () => {
    fc.assert(fc.property(weightList, fc.nat(10), fc.nat(2), (weights, first, cycles) => {
      const balancer = balancerOf(weights, first);
      for (let cycle = 0; cycle <= cycles; cycle++) {
        expect(count(balancer, sum(weights), weights.length)).toEqual(weights);
      }
    }));
  });

  it("lets no server wait much longer for a turn than its share says", () => {
    fc.assert(fc.property(weightList, (weights) => {
      const balancer = balancerOf(weights);
      const last = weights.map(() => -1);
      for (let pick = 0; pick < 2 * sum(weights); pick++) {
        const server = balancer.pick();
        const distance = sum(weights) / (weights[server] ?? 1);
        // Each of the others may come once more than its share in that time.
        expect(pick - (last[server] ?? 0)).toBeLessThanOrEqual(distance + weights.length);
        last[server] = pick;
      }
    }));
  });

  it("spreads a heavy server among many light ones", () => {
    const balancer = balancerOf([100, ...new Array<number>(100).fill(1)]);
    const picks = letters(balancer, 200, (server) => server === 0 ? "H" : "l");
    expect(picks).not.toMatch(/HHHH|llll/);
  });

  it("lets a change of weight hold from the next pick on", () => {
    fc.assert(fc.property(weightList, weightList, fc.nat(500), (before, after, picks) => {
      const balancer = balancerOf(before);
      count(balancer, picks, before.length);
      const changed = before.map((_, server) => after[server % after.length] ?? 0);
      fc.pre(sum(changed) > 0);
      changed.forEach((weight, server) => balancer.set(server, true, weight));
      const counts = count(balancer, sum(changed), changed.length);
      counts.forEach((got, server) => {
        expect(Math.abs(got - (changed[server] ?? 0))).toBeLessThanOrEqual(1 + changed.length / 2);
      });
    }));
  });

  it("makes up no turns that a server has missed while it was away", () => {
    const balancer = balancerOf([1, 1]);
    balancer.set(0, false, 1);
    expect(letters(balancer, 10)).toBe("bbbbbbbbbb");
    balancer.set(0, true, 1);
    expect(letters(balancer, 6)).toMatch(/^(ab){3}|(ba){3}$/);
  });
});

/** Weights of which at least one is positive. */
const weightList = fc.array(fc.nat(40), { minLength: 1, maxLength: 8 })
  .filter((weights) => weights.some((weight) => weight > 0));

function balancerOf(weights: readonly number[], first = 0): RoundRobin {
  const balancer = new RoundRobin(weights.length, first);
  weights.forEach((weight, server) => balancer.set(server, true, weight));
  return balancer;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((left, right) => left + right, 0);
}

function letters(balancer: RoundRobin, picks: number, letter = letterOf): string {
  return Array.from({ length: picks }, () => letter(balancer.pick())).join("");
}

function letterOf(server: number): string {
  return server === NO_SERVER ? "-" : "abcdefgh".charAt(server);
}

function count(balancer: RoundRobin, picks: number, servers: number): number[] {
  const counts = new Array<number>(servers).fill(0);
  for (let pick = 0; pick < picks; pick++) counts[balancer.pick()]! += 1;
  return counts;
}
