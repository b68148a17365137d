import { describe, expect, it } from "vitest";
import { connectionsPerWorker } from "../../../src/appliance/limits.ts";
import { connectionMemory } from "../../../src/dataplane/connection_memory.ts";
import { loadConfig } from "../../../src/config/load.ts";

const TEXT = `
frontends: { web: { listen: "127.0.0.1:80", backend: web } }
backends: { web: { servers: { a: "127.0.0.2:80", b: "127.0.0.3:80" } } }
`;

describe("connectionsPerWorker()", () => {
  it("shares out what the limit of open files leaves, two a connection", () => {
    // 256 are reserved, 2 are for checks, 1 for the listener and 128 for pipes.
    expect(connectionsPerWorker(1, plan(), 1024)).toBe(Math.floor((1024 - 256 - 2 - 1 - 128) / 2));
    expect(connectionsPerWorker(4, plan(), 65_536)).toBe(
      Math.floor((65_536 - 256 - 2 - 4 * (1 + 128)) / 2 / 4),
    );
  });

  it("is a million for all workers together at most, whatever the limit", () => {
    for (const workers of [1, 2, 3, 64, 256]) {
      const connections = connectionsPerWorker(workers, plan(), Infinity);
      expect(connections * workers).toBeLessThanOrEqual(1_000_000);
      expect((connections + 1) * workers).toBeGreaterThan(1_000_000);
    }
  });

  it("leaves the memory for them below what a small host has", () => {
    const { byteLength } = connectionMemory(connectionsPerWorker(1, plan(), Infinity));
    expect(byteLength).toBeLessThan(128e6);
  });

  it("refuses a limit that leaves none, and says how to raise it", () => {
    expect(() => connectionsPerWorker(2, plan(), 512)).toThrow(
      "the limit of 512 open files leaves none for connections: 516 go to listeners, checks and " +
        "pipes; raise it (ulimit -n, LimitNOFILE=)",
    );
  });

  it("asks the system for the limit", () => {
    expect(connectionsPerWorker(1, plan())).toBeGreaterThan(0);
  });
});

function plan() {
  const source = { file: "f", env: {}, readFile: () => "", host: null };
  const { plan } = loadConfig(TEXT, source);
  if (!plan) throw new Error("the file of this test is broken");
  return plan;
}
