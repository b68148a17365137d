/**
 * The two kinds of tests: `fast` needs nothing and never sleeps; `netns` needs root and time.
 */

import { defineConfig } from "vitest/config";

const soak = Deno.env.get("LINTEL_SOAK") === "1";

export default defineConfig({
  test: {
    // One process a file: FFI state must not leak, and threads cannot load it.
    pool: "forks",
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/{unit,conformance,simulation,config}/**/*.test.ts", "test/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "netns",
          include: ["test/{netns,product}/**/*.test.ts"],
          // Namespaces and timing: one file after another.
          fileParallelism: false,
          testTimeout: soak ? 3_600_000 : 120_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
