import { describe, expect, it } from "vitest";
import { judgeDataplane } from "../../../../src/core/track/dataplane.ts";

const rules = { minUsable: 2, effect: { kind: "points", points: -51 } } as const;
const fine = { stalled: [], unbound: [], frontends: [{ name: "web", usable: 2 }] };

describe("judgeDataplane()", () => {
  it("is good with enough servers", () => {
    expect(judgeDataplane(rules, fine)).toMatchObject({ good: true, effect: rules.effect });
  });

  it("is good with nothing to watch", () => {
    expect(judgeDataplane(rules, { ...fine, frontends: [] }).good).toBe(true);
  });

  it("has the configured effect when servers are missing", () => {
    const frontends = [{ name: "web", usable: 1 }, { name: "api", usable: 5 }];
    expect(judgeDataplane(rules, { ...fine, frontends })).toEqual({
      good: false,
      effect: rules.effect,
      detail: "frontend web has 1 of the 2 usable servers it needs",
    });
  });

  it.each([
    [{ stalled: ["dataplane-0 (2.1 s)"] }, "no sign of life from dataplane-0 (2.1 s)"],
    [{ unbound: ["10.0.0.1:443"] }, "not listening on 10.0.0.1:443"],
  ])("always yields for %j", (facts, detail) => {
    expect(judgeDataplane(rules, { ...fine, frontends: [], ...facts })).toEqual({
      good: false,
      effect: { kind: "yield" },
      detail,
    });
  });
});
