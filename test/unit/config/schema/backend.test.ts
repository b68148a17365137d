import { expect, it } from "vitest";
import { BackendSchema } from "../../../../src/config/schema/backend.ts";

it("BackendSchema has the defaults of the documentation", () => {
  expect(BackendSchema.parse({})).toEqual({
    balance: "roundrobin",
    check: { type: "tcp", interval: "2s", rise: 2, fall: 3 },
    udp: { idle: "30s", maxSessions: 65_536 },
    timeouts: { connect: "5s", idle: "1h", halfClosed: "30s", queue: "5s" },
    keepalive: { idle: "60s", interval: "10s", probes: 6 },
    retries: 3,
    redispatch: true,
    passive: { errorLimit: 10, action: "fail-check" },
    onMarkedDown: "keep-connections",
    onMarkedUp: "keep-connections",
    whenEmpty: "reject",
    sourceAddress: "auto",
    serverDefaults: { weight: 100 },
    servers: {},
  });
});

it.each([
  { check: "tcp" },
  { check: { port: 0 } },
  { check: { status: "200-600" } },
  { check: { status: [] } },
  { check: { verify: "full" } },
  { check: { interval: "500us" } },
  { timeouts: { connect: "0s" } },
  { keepalive: { probes: 0 } },
  { retries: -1 },
  { servers: { a: { weight: 1 } } },
  { servers: { a: { address: "10.0.0.1", weight: 257 } } },
  { servers: { a: { address: "10.0.0.1", state: "off" } } },
  { servers: { a: { address: "10.0.0.1", maxConnections: 0 } } },
  { serverDefaults: { weight: -1 } },
  { serverDefaults: { maxQueue: 0 } },
  { timeouts: { queue: "0s" } },
  { sourceAddress: "node" },
  { sourceAddress: { lb1: "node" } },
])("BackendSchema refuses %j", (backend) => {
  expect(BackendSchema.safeParse(backend).success).toBe(false);
});
