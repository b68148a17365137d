import { describe, expect, it } from "vitest";
import { Servers } from "../../../src/appliance/servers.ts";
import { createSharedMemory } from "../../../src/appliance/shared_memory.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import { readAgentLine } from "../../../src/core/plan/agent.ts";
import type { OverrideFact } from "../../../src/core/plan/override.ts";
import type { AdminState, BackendPlan } from "../../../src/core/plan/plan.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import { backendPlan, serverPlan } from "../plans.ts";

const AGENT = { port: 9000, address: null, intervalMs: 2000, send: null };
const ROW = 0 as Row;

/** A server with an agent, and what the agent says, as the prober tells of it. */
function withAgent(said: Partial<BackendPlan> = {}) {
  const backends = [backendPlan({ agentCheck: AGENT, ...said })];
  const memory = createSharedMemory({ backends, frontends: [], virtualRouters: [] }, 1);
  const servers = new Servers(backends, memory, new Tables({ frontends: [], backends }, memory));
  const says = (line: string) => {
    const words = readAgentLine(line);
    if (words.operation) memory.servers.setAgentDown(ROW, !words.operation.isUp);
    servers.noteAgent(ROW, words);
  };
  return { servers, says, table: memory.servers, backends };
}

function fact(value: AdminState | number): OverrideFact {
  const said = {
    backend: "web",
    server: "s1",
    by: "ops",
    reason: null,
    at: "2026-01-02T00:00:00Z",
  };
  return typeof value === "number"
    ? { ...said, until: null, field: "weight", value, file: 100 }
    : { ...said, until: null, field: "state", value, file: "ready", deadline: null };
}

describe("Servers with agents", () => {
  it("have the prober ask them where they are", () => {
    expect(withAgent().servers.agents()).toEqual([
      { ...AGENT, row: 0, backend: "web", server: "s1", address: "192.0.2.1" },
    ]);
    const elsewhere = withAgent({ agentCheck: { ...AGENT, address: "192.0.2.9" } });
    expect(elsewhere.servers.agents()).toMatchObject([{ address: "192.0.2.9", port: 9000 }]);
    expect(withAgent({ agentCheck: null }).servers.agents()).toEqual([]);
  });

  it("go by what is said, and whoever checks them is told of a state", () => {
    const { servers, says, table } = withAgent();
    const told: AdminState[] = [];
    servers.onAdminChange = (_, state) => told.push(state);
    says("25% maxconn:7");
    expect([table.weight(ROW), table.limit(ROW)]).toEqual([25, 7]);
    says("maint");
    says("drain");
    says("ready");
    expect(told).toEqual(["maint", "drain", "ready"]);
    expect(servers.find("web", "s1")).toMatchObject({
      ...{ admin: "ready", override: null, weight: { configured: 100, effective: 25 } },
      agent: {
        down: false,
        word: null,
        text: null,
        admin: "ready",
        weightPercent: 25,
        maxConnections: 7,
      },
    });
  });

  it("leave the last word to operators", () => {
    const { servers, says, table } = withAgent();
    servers.override("web", "s1", [fact("drain"), fact(9)]);
    says("ready 50%");
    expect([table.admin(ROW), table.weight(ROW)]).toEqual(["drain", 9]);
    servers.override("web", "s1", []);
    expect([table.admin(ROW), table.weight(ROW)]).toEqual(["ready", 50]);
  });

  it("go away and come back as by checks", () => {
    const { servers, says, table } = withAgent({ onMarkedDown: "shutdown-connections" });
    const ended: number[] = [];
    servers.onEnded = (row) => ended.push(row);
    says("down #disk");
    says("stopped");
    expect(ended).toEqual([0]);
    expect(servers.usable("web")).toBe(0);
    expect(servers.states("web")).toEqual(["s1 down, says its agent"]);
    expect(table.health(ROW)).toBe("up");
    says("up");
    expect(servers.usable("web")).toBe(1);
    says("down");
    expect(ended).toEqual([0, 0]);
  });

  it("are as in the file again when another agent is asked, or none", () => {
    const { servers, says, table, backends } = withAgent();
    says("drain 10%");
    servers.apply(backends, () => []);
    expect([table.admin(ROW), table.weight(ROW)]).toEqual(["drain", 10]);
    servers.apply([backendPlan({ agentCheck: { ...AGENT, port: 9001 } })], () => []);
    servers.settle();
    expect([table.admin(ROW), table.weight(ROW)]).toEqual(["ready", 100]);
    says("drain 10%");
    servers.apply([backendPlan({ servers: [serverPlan()] })], () => []);
    servers.settle();
    expect([table.admin(ROW), table.weight(ROW)]).toEqual(["ready", 100]);
    expect(servers.find("web", "s1")?.agent).toBeNull();
  });
});
