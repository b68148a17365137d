import { beforeEach, describe, expect, it } from "vitest";
import type { Hono } from "hono";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { CallerEnv } from "../../../src/admin/callers.ts";
import { OverrideFactSchema, StatusSchema } from "../../../src/admin/model.ts";
import type { OverrideFact } from "../../../src/core/plan/override.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const SAID = { by: "ops", reason: "disk", at: "2026-01-02T03:04:05Z", until: null };
const FACTS: readonly OverrideFact[] = [
  {
    ...{ ...SAID, backend: "masters", server: "master1", field: "state", value: "drain" },
    ...{ file: "ready", deadline: { at: "2026-01-02T04:04:05Z", then: "kill" } },
  },
  { ...SAID, backend: "masters", server: "master1", field: "weight", value: 7, file: 100 },
  {
    ...{ ...SAID, backend: "web", server: "extra", field: "server", file: null },
    value: { address: "192.0.2.9", family: 4, port: 80, weight: 100 },
  },
];

let appliance: FakeAppliance;
let app: Hono<CallerEnv>;

beforeEach(() => {
  appliance = new FakeAppliance();
  appliance.facts = FACTS;
  app = createAdminApp(appliance, { kind: "socket" }, () => {});
});

async function ids(response: Response | Promise<Response>): Promise<string[]> {
  const { items, next } = await (await response).json();
  expect(next).toBeNull();
  return OverrideFactSchema.array().parse(items).map(({ id }) => id);
}

describe("GET /v1/overrides", () => {
  it("lists who, when, why, until, and what the file said", async () => {
    const { items } = await (await app.request("/v1/overrides")).json();
    expect(items[0]).toEqual({ id: "masters:master1:state", ...FACTS[0] });
    expect(OverrideFactSchema.array().parse(items)).toHaveLength(3);
  });
});

describe("GET /v1/status", () => {
  it("has them, too", async () => {
    const { items } = await (await app.request("/v1/overrides")).json();
    const { overrides } = StatusSchema.parse(await (await app.request("/v1/status")).json());
    expect([overrides.length, overrides]).toEqual([3, items]);
  });
});

describe("DELETE /v1/overrides", () => {
  const all = ["masters:master1:state", "masters:master1:weight", "web:extra:server"];

  it("goes back to the file with one field, and answers with the rest", async () => {
    const path = `/v1/overrides/${encodeURIComponent("masters:master1:state")}`;
    expect(await ids(app.request(path, { method: "DELETE" }))).toEqual(all.slice(1));
  });

  it.each([
    ["", []],
    ["?backend=masters", all.slice(2)],
    ["?backend=masters&server=master1", all.slice(2)],
    ["?server=extra", all.slice(0, 2)],
    ["?backend=nobody", all],
  ])("goes back with what %j names", async (query, left) => {
    const response = await app.request(`/v1/overrides${query}`, { method: "DELETE" });
    expect(response.headers.get("lintel-scope")).toBe("this node only");
    expect(await ids(response)).toEqual(left);
  });

  it("tells where the disk refuses to keep that", async () => {
    appliance.disk = "no space left\non d\u00efsk";
    const response = await app.request("/v1/overrides?backend=web", { method: "DELETE" });
    expect(response.headers.get("lintel-not-kept")).toBe("no space left?on d?sk");
    appliance.disk = undefined;
    const kept = await app.request("/v1/overrides", { method: "DELETE" });
    expect(kept.headers.get("lintel-not-kept")).toBeNull();
  });

  it("changes nothing in a dry run", async () => {
    const response = await app.request("/v1/overrides?dryRun=true", { method: "DELETE" });
    expect(await ids(response)).toEqual([]);
    expect(appliance.facts).toEqual(FACTS);
  });

  it("knows no other id", async () => {
    const response = await app.request("/v1/overrides/x", { method: "DELETE" });
    expect(response.status).toBe(404);
    expect((await response.json()).detail).toMatch(
      /no override "x"; there are: masters:master1:st/,
    );
  });

  it("removes servers that were added by the rules of their removal", async () => {
    const path = "/v1/overrides/web:extra:server?force=true";
    expect(await ids(app.request(path, { method: "DELETE" }))).toEqual(all.slice(0, 2));
    expect(appliance.cleared).toMatchObject([{ force: true, dryRun: false }]);
    appliance.conflict = "server web/extra has 2 connections";
    expect((await app.request("/v1/overrides", { method: "DELETE" })).status).toBe(409);
  });

  it("leaves servers that were added to admins", async () => {
    const secret = "correct-horse";
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
    const secretHash = new Uint8Array(hash).toHex();
    const tokens = [{ name: "ops", role: "operator", secretHash }] as const;
    const door = { kind: "tcp", loopback: false, tokens } as const;
    const operated = createAdminApp(appliance, door, () => {});
    const ask = (path: string) => {
      const headers = { authorization: `Bearer ${secret}` };
      return operated.request(path, { method: "DELETE", headers });
    };
    const refused = await ask("/v1/overrides");
    expect([refused.status, (await refused.json()).detail]).toEqual([
      403,
      "removing web/extra, which was added, needs the role admin; ops is operator: " +
      "ask with a token that has it, or on the socket",
    ]);
    expect((await ask("/v1/overrides/web:extra:server")).status).toBe(403);
    expect(appliance.facts).toEqual(FACTS);
    expect(await ids(ask("/v1/overrides?backend=masters"))).toEqual(all.slice(2));
  });

  it("is for operators", async () => {
    const door = { kind: "tcp", loopback: true, tokens: [] } as const;
    const response = await createAdminApp(appliance, door, () => {}).request(
      "http://localhost/v1/overrides",
      { method: "DELETE", headers: { host: "localhost" } },
    );
    expect(response.status).toBe(403);
    expect(appliance.facts).toEqual(FACTS);
  });
});
