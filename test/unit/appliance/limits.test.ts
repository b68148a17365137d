import { describe, expect, it } from "vitest";
import { connectionLimits, sessionRoom, sessionsPerWorker } from "../../../src/appliance/limits.ts";
import { connectionMemory } from "../../../src/dataplane/connection_memory.ts";
import { loadConfig } from "../../../src/config/load.ts";

const TEXT = `
frontends: { web: { listen: "127.0.0.1:80", backend: web } }
backends: { web: { servers: { a: "127.0.0.2:80", b: "127.0.0.3:80" } } }
`;

describe("connectionLimits()", () => {
  it("takes what the limit of open files leaves, two a connection, in any worker", () => {
    // 256 are reserved, 2 are for checks, 1 for the listener and 128 for pipes.
    const one = Math.floor((1024 - 256 - 2 - 1 - 128) / 2);
    expect(connectionLimits(1, plan(), 1024)).toEqual({ process: one, worker: one });
    const four = Math.floor((65_536 - 256 - 2 - 4 * (1 + 128)) / 2);
    expect(connectionLimits(4, plan(), 65_536)).toEqual({ process: four, worker: four });
  });

  it("takes what the file says", () => {
    expect(connectionLimits(2, plan("maxConnections: 300"), 65_536))
      .toEqual({ process: 300, worker: 300 });
  });

  it("has room for a million in all tables together at most, whatever the limit", () => {
    for (const workers of [1, 2, 3, 64, 256]) {
      const { process, worker } = connectionLimits(workers, plan(), Infinity);
      expect(process).toBe(1_000_000);
      expect(worker * workers).toBeLessThanOrEqual(1_000_000);
      expect((worker + 1) * workers).toBeGreaterThan(1_000_000);
    }
  });

  it("leaves the memory for them below what a small host has", () => {
    const { byteLength } = connectionMemory(connectionLimits(1, plan(), Infinity).worker);
    expect(byteLength).toBeLessThan(128e6);
  });

  it("refuses a limit that leaves no room, and says how to raise it", () => {
    expect(() => connectionLimits(2, plan(), 512)).toThrow(
      "the limit of 512 open files is too low: one connection takes 518, 516 of them for " +
        "listeners, checks and pipes; raise the limit (ulimit -n, LimitNOFILE=)",
    );
    expect(() => connectionLimits(1, plan("maxConnections: 5000"), 1024)).toThrow(
      "the limit of 1024 open files is too low: maxConnections: 5000 takes 10387, 387 of them " +
        "for listeners, checks and pipes; raise the limit (ulimit -n, LimitNOFILE=), or allow " +
        "318 connections",
    );
  });

  it("asks the system for the limit", () => {
    expect(connectionLimits(1, plan()).process).toBeGreaterThan(0);
  });
});

describe("sessionRoom()", () => {
  it("is there without any UDP, for what a reload may bring, if descriptors may be", () => {
    expect(sessionsPerWorker(2, plan(), 65_536)).toBe(0);
    expect(sessionRoom(2, plan(), 65_536)).toBe(Math.floor((65_536 - 256 - 2 - 2 * 129) / 4));
    expect(sessionRoom(2, plan(), Infinity)).toBe(65_536);
    expect(sessionRoom(2, plan(), 100)).toBe(0);
  });
});

function plan(more = "") {
  const source = { file: "f", env: {}, readFile: () => "", host: null };
  const { plan } = loadConfig(`${TEXT}${more}\n`, source);
  if (!plan) throw new Error("the file of this test is broken");
  return plan;
}
