import { describe, expect, it } from "vitest";
import { unserved } from "../../../src/appliance/unserved.ts";
import { frontendPlan } from "../plans.ts";

describe("unserved()", () => {
  const bound = { unbound: () => [] };
  const servers = (states: Readonly<Record<string, readonly string[]>>) => ({
    usable: (backend: string) => states[backend]!.filter((one) => one.endsWith(" up")).length,
    states: (backend: string) => states[backend]!,
  });

  it("names the servers that take no connections, and what they lack", () => {
    const states = { web: ["s1 down", "s2 drain"] };
    expect(unserved([frontendPlan()], servers(states), bound)).toEqual([
      "frontend web: no server of backend web takes connections (s1 down, s2 drain)",
    ]);
  });

  it("says nothing while one server is left, or the frontend is not required", () => {
    const isOptional = frontendPlan({ name: "other", backend: "down", required: false });
    const states = { web: ["s1 down", "s2 up"], down: ["s1 down"] };
    expect(unserved([frontendPlan(), isOptional], servers(states), bound)).toEqual([]);
  });

  it("names the listeners of a required frontend that should be bound and cannot be", () => {
    const isOptional = frontendPlan({ name: "other", required: false });
    const some = { unbound: (names: readonly string[]) => names.map((name) => `${name}:443`) };
    expect(unserved([frontendPlan(), isOptional], servers({ web: ["s1 up"] }), some)).toEqual([
      "frontend web: not listening on web:443",
    ]);
    expect(unserved([frontendPlan()], servers({ web: ["s1 down"] }), some)).toHaveLength(2);
  });

  it("says nothing of one that leads nowhere", () => {
    expect(unserved([frontendPlan({ backend: null })], servers({}), bound)).toEqual([]);
  });

  it("goes by every backend that a frontend has", () => {
    const routes = [{ serverNames: ["*.example.com"], backend: "names" }];
    const states = { web: ["s1 down"], names: ["n1 maint"] };
    expect(unserved([frontendPlan({ routes })], servers(states), bound)).toEqual([
      "frontend web: no server of backend web, names takes connections (s1 down, n1 maint)",
    ]);
    expect(unserved([frontendPlan({ routes })], servers({ ...states, names: ["n1 up"] }), bound))
      .toEqual([]);
  });

  it("asks once for a backend of many frontends, and names some of many servers", () => {
    let asked = 0;
    const names = Array.from({ length: 1_000 }, (_, at) => `s${at} down`);
    const frontends = Array.from({ length: 1_000 }, (_, at) => frontendPlan({ name: `web${at}` }));
    const said = unserved(frontends, {
      usable: () => 0,
      states() {
        asked++;
        return names;
      },
    }, bound);
    expect(said).toHaveLength(1_000);
    expect(said[0]).toContain("s9 down, and 990 more)");
    expect(asked).toBe(1);
  });
});
