/**
 * Random plans, and pairs of them that have something in common.
 */

import fc from "fast-check";
import type { Traffic } from "../../../src/appliance/layout.ts";
import { backendPlan, frontendPlan, serverPlan } from "../plans.ts";

/** Plans of a few frontends and backends whose names come again and again. */
export function anyTraffic(): fc.Arbitrary<Traffic> {
  return backends().chain((backends) => {
    const names = backends.map(({ name }) => name);
    return fc.record({ backends: fc.constant(backends), frontends: frontends(names) });
  });
}

function backends() {
  const server = fc.record({
    name: fc.constantFrom(..."stuv"),
    address: fc.constantFrom("192.0.2.1", "192.0.2.2"),
    weight: fc.constantFrom(0, 7, 100),
    maxConnections: fc.constantFrom(null, 5),
    state: fc.constantFrom("ready", "drain", "maint"),
  }).map(serverPlan);
  return fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(..."abcd"),
      balance: fc.constantFrom("roundrobin", "source"),
      check: fc.constantFrom(null, CHECK),
      servers: fc.uniqueArray(server, { selector: ({ name }) => name, maxLength: 3 }),
    }).map(backendPlan),
    { selector: ({ name }) => name, minLength: 1, maxLength: 3 },
  );
}

function frontends(backends: readonly string[]) {
  const backend = fc.constantFrom(...backends);
  return fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(..."wxyz"),
      backend,
      maxConnections: fc.constantFrom(null, 9),
      routes: fc.array(fc.record({ serverNames: fc.constant(["example.com"]), backend }), {
        maxLength: 1,
      }),
    }).map(frontendPlan),
    { selector: ({ name }) => name, maxLength: 3 },
  );
}

/** A check, as usual. */
export const CHECK = {
  intervalMs: 2_000,
  fastIntervalMs: 2_000,
  downIntervalMs: 2_000,
  timeoutMs: 2_000,
  rise: 2,
  fall: 3,
  address: null,
  port: null,
  request: { type: "tcp" },
  passive: null,
} as const;
