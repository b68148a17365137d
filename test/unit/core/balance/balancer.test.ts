import { describe, expect, it } from "vitest";
import { NO_SERVER, NOTHING_TRIED } from "../../../../src/core/balance/balancer.ts";
import { LeastConnections } from "../../../../src/core/balance/least_connections.ts";
import { RoundRobin } from "../../../../src/core/balance/round_robin.ts";
import { Servers } from "./servers.ts";

describe.each([["RoundRobin", RoundRobin], ["LeastConnections", LeastConnections]])(
  "%s, as every balancer,",
  (_, Balancer) => {
    it("has no server to offer where none is", () => {
      expect(new Balancer([], new Servers([]), 3).pick(NOTHING_TRIED)).toBe(NO_SERVER);
    });

    it("has no server to offer where all were tried", () => {
      const balancer = new Balancer([0, 1], new Servers([1, 1]), 0);
      expect(balancer.pick({ has: () => true })).toBe(NO_SERVER);
      expect(balancer.pick(NOTHING_TRIED)).toBe(0);
    });

    it("answers the index in the backend, not the row", () => {
      const servers = new Servers([0, 0, 0, 1, 0, 1]);
      const balancer = new Balancer([5, 3], servers, 0);
      const picks = [balancer.pick(NOTHING_TRIED), balancer.pick(NOTHING_TRIED)];
      expect(picks).toEqual([0, 1]);
    });

    it("begins where it is told", () => {
      const balancer = new Balancer([0, 1, 2], new Servers([1, 1, 1]), 4);
      expect([1, 2, 3].map(() => balancer.pick(NOTHING_TRIED))).toEqual([1, 2, 0]);
    });
  },
);
