/**
 * Kinds of tests: `fast` needs nothing and never sleeps; `netns` and `alone` need root and time.
 */

import { defineConfig } from "vitest/config";

const isSoak = Deno.env.get("LINTEL_SOAK") === "1";

const inNamespaces = {
  testTimeout: isSoak ? 3_600_000 : 120_000,
  hookTimeout: 300_000,
};

/** They measure short times, or take the whole machine: nothing may run beside them. */
const ALONE = [
  "test/netns/{dataplane_relay,dataplane_servers,drain,fast_handover,forwarding}.test.ts",
  "test/netns/{many_routers,planned_stop,reload_soak,saturated,scale*}.test.ts",
  "test/product/bench*.test.ts",
];

export default defineConfig({
  test: {
    // One process a file: FFI state must not leak, and threads cannot load it.
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/{unit,conformance,simulation,config}/**/*.test.ts", "test/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "netns",
          include: ["test/{netns,product}/**/*.test.ts"],
          exclude: ALONE,
          // Each has hosts, files and ports of its own, and waits for timers most of the time.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...inNamespaces,
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...inNamespaces,
        },
      },
    ],
  },
});
