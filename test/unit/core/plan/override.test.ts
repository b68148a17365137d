import { describe, expect, it } from "vitest";
import {
  isOverrideFact,
  overridden,
  type OverrideFact,
  overrideId,
  whyStale,
} from "../../../../src/core/plan/override.ts";
import type { ServerPlan } from "../../../../src/core/plan/plan.ts";
import { backendPlan } from "../../plans.ts";

const SAID = {
  ...{ backend: "web", server: "s1", by: "ops", reason: "disk" },
  ...{ at: "2026-01-02T03:04:05Z", until: null },
};
const DRAIN: OverrideFact = {
  ...SAID,
  field: "state",
  value: "drain",
  file: "ready",
  deadline: null,
};
const HALF: OverrideFact = { ...SAID, field: "weight", value: 50, file: 100 };
const ADDED: OverrideFact = {
  ...{ ...SAID, server: "s9", field: "server", file: null },
  value: { address: "192.0.2.9", family: 4, port: 80, weight: 100 },
};
const [S1]: readonly (ServerPlan | undefined)[] = backendPlan().servers;

describe("overrideId()", () => {
  it("names a field of a server of a backend", () => {
    expect([DRAIN, HALF, ADDED].map(overrideId)).toEqual([
      "web:s1:state",
      "web:s1:weight",
      "web:s9:server",
    ]);
  });
});

describe("isOverrideFact()", () => {
  it("knows the facts as they are read back, and takes nothing else for one", () => {
    for (const fact of [DRAIN, HALF, ADDED]) {
      expect(isOverrideFact(JSON.parse(JSON.stringify(fact)))).toBe(true);
      for (const key of Object.keys(fact)) {
        expect(isOverrideFact({ ...fact, [key]: [] }), `${fact.field} ${key}`).toBe(false);
      }
    }
    for (const other of [null, 7, "x", [], {}]) expect(isOverrideFact(other)).toBe(false);
  });
});

describe("overridden()", () => {
  it("puts facts in the place of what the file says", () => {
    if (!S1) throw new Error("no server");
    expect(overridden(S1, [])).toEqual(S1);
    expect(overridden(S1, [DRAIN, HALF])).toEqual({ ...S1, state: "drain", weight: 50 });
  });
});

describe("whyStale()", () => {
  const backends = (change: Partial<ServerPlan> = {}) => [
    backendPlan({ servers: S1 ? [{ ...S1, ...change }] : [] }),
  ];

  it("finds nothing where the file says what it said", () => {
    expect([DRAIN, HALF, ADDED].map((fact) => whyStale(fact, backends()))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each([
    [DRAIN, backends({ state: "maint" }), "the file says maint now instead of ready"],
    [HALF, backends({ weight: 10 }), "the file says 10 now instead of 100"],
    [DRAIN, [], "the file has no backend web any more"],
    [{ ...ADDED, server: "s1" }, backends(), "the file has this server now"],
  ])("lets the file win: %#", (fact, file, why) => {
    expect(whyStale(fact, file)).toBe(why);
  });

  it("lets another field's change pass", () => {
    expect(whyStale(DRAIN, backends({ weight: 10 }))).toBeUndefined();
  });
});
