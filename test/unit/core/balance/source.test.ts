import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rehash } from "../../../../src/core/balance/hash.ts";
import { Source } from "../../../../src/core/balance/source.ts";

const CLIENTS = Array.from({ length: 10_000 }, (_, client) => rehash(client + 1, 0));

describe("Source.pick()", () => {
  it("agrees wherever the same names have the same weights, in whatever order", () => {
    const named = fc.uniqueArray(
      fc.tuple(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 9 })),
      {
        selector: ([name]) => name,
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(named, fc.array(fc.nat(), { maxLength: 20 }), (servers, keys) => {
        const one = balancerOf(servers);
        const other = balancerOf([...servers].reverse());
        for (const key of keys) {
          expect(servers[one.pick(key)]).toEqual([...servers].reverse()[other.pick(key)]);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("gives servers clients by their weights", () => {
    const balancer = balancerOf([["a", 100], ["b", 100], ["c", 200]]);
    const counts = [0, 0, 0];
    for (const key of CLIENTS) counts[balancer.pick(key)]! += 1;
    expect(counts[0]).toBeGreaterThan(2300);
    expect(counts[0]).toBeLessThan(2700);
    expect(counts[2]).toBeGreaterThan(4800);
    expect(counts[2]).toBeLessThan(5200);
  });

  it("moves only the clients of a server that is gone, to all others, and back", () => {
    const balancer = balancerOf([["a", 1], ["b", 1], ["c", 1], ["d", 1]]);
    const before = CLIENTS.map((key) => balancer.pick(key));
    balancer.set(1, false, 1);
    const without = CLIENTS.map((key) => balancer.pick(key));
    const counts = [0, 0, 0, 0];
    without.forEach((server, at) => {
      if (before[at] === 1) counts[server]! += 1;
      else expect(server).toBe(before[at]);
    });
    for (const server of [0, 2, 3]) expect(counts[server]).toBeGreaterThan(500);
    balancer.set(1, true, 1);
    expect(CLIENTS.map((key) => balancer.pick(key))).toEqual(before);
  });

  it("moves few clients between the others when a server is added", () => {
    const before = balancerOf([["a", 1], ["b", 1], ["c", 1], ["d", 1]]);
    const after = balancerOf([["a", 1], ["b", 1], ["c", 1], ["d", 1], ["e", 1]]);
    const moved = CLIENTS.filter((key) =>
      after.pick(key) !== 4 && after.pick(key) !== before.pick(key)
    );
    const gained = CLIENTS.filter((key) => after.pick(key) === 4);
    expect(gained.length).toBeGreaterThan(1700);
    expect(gained.length).toBeLessThan(2300);
    expect(moved.length).toBeLessThan(1000);
  });

  it("finds the one that is left of many, the same one on all nodes", () => {
    const names = Array.from({ length: 1000 }, (_, at) => [`server${at}`, 1] as const);
    const balancer = balancerOf(names);
    for (let server = 0; server < 1000; server++) balancer.set(server, server === 77, 1);
    for (const key of CLIENTS.slice(0, 100)) expect(balancer.pick(key)).toBe(77);
  });
});

function balancerOf(servers: readonly (readonly [name: string, weight: number])[]): Source {
  const balancer = new Source(servers.map(([name]) => name));
  servers.forEach(([, weight], server) => balancer.set(server, true, weight));
  return balancer;
}
