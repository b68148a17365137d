import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  afterWords,
  type AgentState,
  asAgentHas,
  readAgentLine,
  SILENT,
} from "../../../../src/core/plan/agent.ts";
import { serverPlan } from "../../plans.ts";

/** What is made of lines that come one after the other. */
function heard(...lines: readonly string[]): AgentState {
  return lines.map(readAgentLine).reduce(afterWords, SILENT);
}

describe("readAgentLine", () => {
  it.each(
    [
      ["up", { operation: { isUp: true, word: "up", text: "" } }],
      ["down #disk full", { operation: { isUp: false, word: "down", text: "disk full" } }],
      ["stopped,#by #1", { operation: { isUp: false, word: "stopped", text: "by #1" } }],
      ["fail", { operation: { isUp: false, word: "fail", text: "" } }],
      ["failed", { operation: { isUp: false, word: "failed", text: "" } }],
      ["ready", { admin: "ready" }],
      ["DRAIN", { admin: "drain" }],
      ["maint", { admin: "maint" }],
      ["75%", { weightPercent: 75 }],
      ["maxconn:30", { maxConnections: 30 }],
      ["  ready,\t50%  up,maxconn:7 ", {
        admin: "ready",
        weightPercent: 50,
        maxConnections: 7,
        operation: { isUp: true, word: "up", text: "" },
      }],
      ["", {}],
      ["#up", {}],
    ] as const,
  )("%j", (line, words) => {
    expect(readAgentLine(line)).toEqual({ unknown: [], ...words });
  });

  it("leaves out what nobody knows", () => {
    const words = readAgentLine("up sideways 75 -5% maxconn:x 20% down#full");
    expect(words).toMatchObject({
      unknown: ["sideways", "75", "-5%", "maxconn:x", "down#full"],
      weightPercent: 20,
      operation: { isUp: true },
    });
  });

  it("takes any line", () => {
    fc.assert(fc.property(fc.string(), (line) => {
      const { weight, maxConnections } = asAgentHas(serverPlan(), readAgentLine(line));
      expect(weight).toBeGreaterThanOrEqual(0);
      expect(weight).toBeLessThanOrEqual(256);
      expect(maxConnections).not.toBe(0);
    }));
  });
});

describe("what an agent has said", () => {
  it("holds until it says otherwise", () => {
    expect(heard("drain 50%", "up", "maxconn:3")).toEqual({
      ...{ admin: "drain", weightPercent: 50, maxConnections: 3 },
      operation: { isUp: true, word: "up", text: "" },
    });
    expect(heard("drain", "down", "", "ready 20%")).toMatchObject({
      ...{ admin: "ready", weightPercent: 20 },
      operation: { isUp: false },
    });
  });

  it.each([[100, "75%", 75], [10, "33%", 3], [100, "0%", 0], [200, "200%", 256]] as const)(
    "makes of a weight of %i and %s %i",
    (weight, line, expected) => {
      expect(asAgentHas(serverPlan({ weight }), heard(line)).weight).toBe(expected);
    },
  );

  it("comes before the file, and is nothing while it is silent", () => {
    const plan = serverPlan({ state: "drain", maxConnections: 5 });
    expect(asAgentHas(plan, SILENT)).toEqual(plan);
    expect(asAgentHas(plan, heard("ready maxconn:9")))
      .toMatchObject({ state: "ready", maxConnections: 9 });
    expect(asAgentHas(plan, heard("maxconn:0")).maxConnections).toBeNull();
  });
});
