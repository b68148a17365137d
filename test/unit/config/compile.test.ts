import { describe, expect, it } from "vitest";
import { sha256 } from "../../../src/config/compilation.ts";
import { PAIR, planOf } from "./source.ts";

describe("compile", () => {
  it("has the defaults of the documentation", () => {
    expect(planOf("log: {}", { node: "me" })).toEqual({
      node: "me",
      hash: sha256("log: {}"),
      log: { level: "info", format: "text", connections: "none" },
      stateDirectory: "/var/lib/lintel",
      watch: false,
      workers: null,
      engine: "auto",
      maxConnections: null,
      stopTimeoutMs: 30_000,
      admin: {
        socket: "/run/lintel/admin.sock",
        socketGroup: "root",
        listen: null,
        tls: null,
        probes: null,
        tokens: [],
      },
      trackers: [],
      virtualRouters: [],
      syncGroups: [],
      frontends: [],
      backends: [],
    });
  });

  it("is frozen all the way down and can be cloned into a worker", () => {
    const plan = planOf(PAIR, { node: "lb1" });
    expect(structuredClone(plan)).toEqual(plan);
    expect(Object.isFrozen(plan)).toBe(true);
    expect(Object.isFrozen(plan.virtualRouters[0]?.addresses[0])).toBe(true);
  });
});
