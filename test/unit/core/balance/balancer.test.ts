import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Balancer, NO_SERVER } from "../../../../src/core/balance/balancer.ts";
import { First } from "../../../../src/core/balance/first.ts";
import { LeastConnections } from "../../../../src/core/balance/least_connections.ts";
import { RandomOfTwo } from "../../../../src/core/balance/random_of_two.ts";
import { RoundRobin } from "../../../../src/core/balance/round_robin.ts";
import { Source } from "../../../../src/core/balance/source.ts";
import { numbers } from "./servers.ts";

const KINDS: readonly (readonly [string, (servers: number) => Balancer])[] = [
  ["RoundRobin", (servers) => new RoundRobin(servers, 0)],
  ["LeastConnections", (servers) => new LeastConnections(servers, 0)],
  ["First", (servers) => new First(servers)],
  ["RandomOfTwo", (servers) => new RandomOfTwo(servers, numbers(7))],
  ["Source", (servers) => new Source(Array.from({ length: servers }, (_, at) => `s${at}`))],
];

describe.each(KINDS)("%s, as every balancer,", (_, balancerOf) => {
  it("has no server to offer where none is", () => {
    expect(balancerOf(0).pick(1)).toBe(NO_SERVER);
    expect(balancerOf(3).pick(1)).toBe(NO_SERVER);
  });

  it("chooses among those that may be chosen, whatever has changed, and always one of them", () => {
    const change = fc.record({
      server: fc.nat(5),
      isIn: fc.boolean(),
      weight: fc.constantFrom(0, 1, 7, 256),
      load: fc.nat(3),
    });
    fc.assert(fc.property(fc.array(fc.tuple(change, fc.nat()), { maxLength: 80 }), (steps) => {
      const balancer = balancerOf(6);
      const present = new Set<number>();
      for (const [{ server, isIn, weight, load }, key] of steps) {
        balancer.set(server, isIn, weight, load);
        if (isIn && weight > 0) present.add(server);
        else present.delete(server);
        const pick = balancer.pick(key);
        expect(present.size === 0 ? [NO_SERVER] : [...present]).toContain(pick);
      }
    }));
  });
});
