import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_SERVER, NOTHING_TRIED } from "../../../../src/core/balance/balancer.ts";
import { RoundRobin } from "../../../../src/core/balance/round_robin.ts";
import { Servers } from "./servers.ts";

describe("RoundRobin.pick()", () => {
  it.each([
    { weights: [1, 1, 1], order: "abcabc" },
    { weights: [5, 1, 1], order: "aabacaaaabacaa" },
    { weights: [2, 1], order: "abaaba" },
    { weights: [4, 3, 2, 1], order: "abcabdacba" },
    { weights: [100, 100], order: "abab" },
    { weights: [0, 3, 0, 3], order: "bdbd" },
    { weights: [0, 0], order: "--" },
  ])("takes servers of weights $weights in the order $order", ({ weights, order }) => {
    const balancer = new RoundRobin(rows(weights), new Servers(weights), 0);
    expect(letters(balancer, order.length)).toBe(order);
  });

  it("gives each server its exact share of every cycle", () => {
    fc.assert(fc.property(weightList, fc.nat(10), fc.nat(50), (weights, first, cycles) => {
      const sum = weights.reduce((left, right) => left + right, 0);
      const balancer = new RoundRobin(rows(weights), new Servers(weights), first);
      for (let cycle = 0; cycle <= cycles % 3; cycle++) {
        expect(count(balancer, sum, weights.length)).toEqual(weights);
      }
    }));
  });

  it("lets a change of weight hold from the next pick on", () => {
    fc.assert(fc.property(weightList, weightList, fc.nat(500), (before, after, picks) => {
      const servers = new Servers(before);
      const balancer = new RoundRobin(rows(before), servers, 0);
      count(balancer, picks, before.length);
      const changed = before.map((_, row) => after[row % after.length] ?? 0);
      servers.weights.splice(0, changed.length, ...changed);
      const sum = changed.reduce((left, right) => left + right, 0);
      const unchanged = changed.every((weight, row) => weight === before[row]);
      fc.pre(!unchanged);
      expect(count(balancer, sum, changed.length)).toEqual(changed);
    }));
  });

  it("never chooses a server that takes none or was tried, and always one if there is one", () => {
    fc.assert(fc.property(fc.array(step(5), { maxLength: 60 }), (steps) => {
      const servers = new Servers([1, 1, 1, 1, 1]);
      const balancer = new RoundRobin([0, 1, 2, 3, 4], servers, 0);
      for (const { server, weight, tried } of steps) {
        servers.weights[server] = weight;
        const usable = servers.weights.flatMap((it, row) => it > 0 && !tried.has(row) ? [row] : []);
        const pick = balancer.pick(tried);
        expect(usable.length === 0 ? [NO_SERVER] : usable).toContain(pick);
      }
    }));
  });
});

/** Weights of which at least one is positive. */
const weightList = fc.array(fc.nat(40), { minLength: 1, maxLength: 8 })
  .filter((weights) => weights.some((weight) => weight > 0));

function step(servers: number) {
  return fc.record({
    server: fc.nat(servers - 1),
    weight: fc.nat(256),
    tried: fc.uniqueArray(fc.nat(servers - 1)).map((list) => new Set(list)),
  });
}

function rows(weights: readonly number[]): number[] {
  return [...weights.keys()];
}

function letters(balancer: RoundRobin, picks: number): string {
  const letter = (server: number) => server === NO_SERVER ? "-" : "abcdefgh".charAt(server);
  return Array.from({ length: picks }, () => letter(balancer.pick(NOTHING_TRIED))).join("");
}

function count(balancer: RoundRobin, picks: number, servers: number): number[] {
  const counts = new Array<number>(servers).fill(0);
  for (let pick = 0; pick < picks; pick++) counts[balancer.pick(NOTHING_TRIED)]! += 1;
  return counts;
}
