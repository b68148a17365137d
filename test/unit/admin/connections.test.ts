import { beforeEach, describe, expect, it } from "vitest";
import type { Hono } from "hono";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { CallerEnv } from "../../../src/admin/callers.ts";
import { ConnectionSchema } from "../../../src/admin/model_connections.ts";
import { FakeAppliance, makeConnection } from "./fake_appliance.ts";

let appliance: FakeAppliance;
let app: Hono<CallerEnv>;

beforeEach(() => {
  appliance = new FakeAppliance();
  appliance.open = [0, 1, 2].map((slot) => makeConnection(`0.${slot}.7`));
  app = createAdminApp(appliance, { kind: "socket" }, () => {});
});

async function ask(method: string, query: string) {
  const response = await app.request(`/v1/connections${query}`, { method });
  return { status: response.status, body: await response.json() };
}

describe("GET /v1/connections", () => {
  it("lists, page by page", async () => {
    const first = await ask("GET", "?limit=2");
    expect(ConnectionSchema.array().parse(first.body.items)).toHaveLength(2);
    expect(first.body.next).toBe("0.1.7");
    const second = await ask("GET", `?limit=2&after=${first.body.next}&backend=masters`);
    expect(second.body).toMatchObject({ items: [{ id: "0.2.7" }], next: null });
  });

  it.each([
    ["?limit=0", /^\?limit: expected a whole number from 1 to 10000/],
    ["?limit=10001", /^\?limit: /],
    ["?after=x", /^\?after: expected what `next` said/],
    ["?client=10.0.0.0%2F33", /^\?client: expected an address or a prefix/],
    ["?nope=1", /^\?nope: unknown parameter/],
  ])("refuses %s", async (query, detail) => {
    const { status, body } = await ask("GET", query);
    expect(status).toBe(422);
    expect(body.detail).toMatch(detail);
  });

  it.each([
    ["?backend=x", /no backend "x"; there are: masters, web/],
    ["?server=x", /no server "x"; there are: master1, master2/],
    ["?backend=web&server=master2", /no server "master2" in backend "web"; there are: master1/],
  ])("does not take a wrong name for an empty list: %s", async (query, detail) => {
    const { status, body } = await ask("GET", query);
    expect(status).toBe(404);
    expect(body.detail).toMatch(detail);
  });
});

describe("DELETE /v1/connections", () => {
  it.each([
    ["?backend=masters", { backend: "masters", perSecond: 1_000 }],
    ["?server=master1&rate=50&reason=disk", { server: "master1", perSecond: 50, reason: "disk" }],
    ["?client=10.0.0.0%2F8", { client: "10.0.0.0/8" }],
    ["?all=true", {}],
  ])("kills %s", async (query, wish) => {
    const { status, body } = await ask("DELETE", query);
    expect(status).toBe(200);
    expect(body.killed).toBe(body.matched);
    expect(appliance.kills).toMatchObject([{ ...wish, dryRun: false }]);
  });

  it("counts only, in a dry run", async () => {
    expect((await ask("DELETE", "?all=true&dryRun=true")).body)
      .toEqual({ matched: 3, killed: 0, perSecond: 1_000 });
    expect(appliance.kills).toEqual([]);
  });

  it.each(["", "?all=false", "?rate=5", "?reason=why"])("needs a filter: %j", async (query) => {
    const { status, body } = await ask("DELETE", query);
    expect(status).toBe(422);
    expect(body.detail).toMatch(/say which: backend, server, client; or all=true/);
    expect(appliance.kills).toEqual([]);
  });

  it.each(["0", "-1", "1.5", "fast"])("refuses the rate %s", async (rate) => {
    expect((await ask("DELETE", `?all=true&rate=${rate}`)).status).toBe(422);
    expect(appliance.kills).toEqual([]);
  });

  it("is for operators", async () => {
    const door = { kind: "tcp", loopback: true, tokens: [] } as const;
    const viewer = createAdminApp(appliance, door, () => {});
    const url = "http://localhost/v1/connections?all=true";
    const headers = { host: "localhost" };
    expect((await viewer.request(url, { method: "DELETE", headers })).status).toBe(403);
    expect((await viewer.request("http://localhost/v1/connections", { headers })).status).toBe(200);
    expect(appliance.kills).toEqual([]);
  });
});
