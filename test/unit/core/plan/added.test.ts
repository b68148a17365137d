import { describe, expect, it } from "vitest";
import { whyNotAddable, withAdded } from "../../../../src/core/plan/added.ts";
import type { OverrideFact } from "../../../../src/core/plan/override.ts";
import { planOf } from "../../config/source.ts";

const PLAN = planOf(`
backends:
  web:
    serverDefaults: { weight: 7, maxConnections: 50 }
    proxyProtocol: v2
    check: none
    servers: { a: "10.0.1.1:80" }
  api: { check: { type: tcp }, servers: { a: "10.0.1.1:80" } }
  dns: { check: { type: tcp, port: 53 } }
`);
const [web, api, dns] = PLAN.backends;

describe("withAdded", () => {
  it("adds servers behind those of the file, with what its backend's servers have", () => {
    const plan = withAdded(PLAN, [fact("web", "x"), fact("web", "y")]);
    expect(plan.backends[0]?.servers.map(({ name }) => name)).toEqual(["a", "x", "y"]);
    expect(plan.backends[0]?.servers[1]).toEqual({
      ...{ name: "x", address: "10.0.9.9", family: 4, port: 81, weight: 20 },
      ...{ maxConnections: 50, proxyProtocol: "v2", backup: false, state: "ready" },
    });
    expect(plan.backends.slice(1)).toEqual(PLAN.backends.slice(1));
  });

  it("adds nothing that the file defines, and nothing to backends that it does not have", () => {
    expect(withAdded(PLAN, [fact("web", "a"), fact("gone", "x")])).toEqual(PLAN);
  });

  it("passes over what is said of servers otherwise", () => {
    const said = { ...fact("web", "x"), field: "weight", value: 3, file: 7 } as const;
    expect(withAdded(PLAN, [said])).toEqual(PLAN);
  });
});

describe("whyNotAddable", () => {
  it("refuses what the file defines", () => {
    expect(web && whyNotAddable(web, "a", { port: 80 })).toMatch("the file defines server web/a");
    expect(web && whyNotAddable(web, "b", { port: null })).toBeUndefined();
  });

  it("refuses a server without a port that could not be checked", () => {
    expect(api && whyNotAddable(api, "b", { port: null })).toMatch("needs a port");
    expect(api && whyNotAddable(api, "b", { port: 80 })).toBeUndefined();
    expect(dns && whyNotAddable(dns, "b", { port: null })).toBeUndefined();
  });
});

function fact(backend: string, server: string): OverrideFact {
  const said = { by: "ops", reason: null, at: "2026-01-02T03:04:05.000Z", until: null };
  const value = { address: "10.0.9.9", family: 4, port: 81, weight: 20 } as const;
  return { ...said, backend, server, field: "server", value, file: null };
}
