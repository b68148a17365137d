import { describe, expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { Door } from "../../../src/admin/callers.ts";
import { ServerSchema } from "../../../src/admin/model.ts";
import { FakeAppliance } from "./fake_appliance.ts";

function open(door: Door = { kind: "socket" }) {
  const appliance = new FakeAppliance();
  const app = createAdminApp(appliance, door, () => {});
  const send = (method: string, path: string, body?: object, headers = {}) =>
    app.request(`http://localhost/v1/backends/${path}`, {
      method,
      headers: { "content-type": "application/json", host: "localhost", ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  return { app, appliance, send };
}

describe("PUT /v1/backends/{backend}/servers/{server}", () => {
  it("adds a server, and answers 200 where it is there already", async () => {
    const { appliance, send } = open();
    const wish = { address: "[fd00::7]:8080", weight: 7, reason: "more load" };
    const first = await send("PUT", "web/servers/new", wish);
    expect(first.status).toBe(201);
    expect(ServerSchema.parse(await first.json()).name).toBe("new");
    expect(first.headers.get("etag")).not.toBe(null);
    expect((await send("PUT", "web/servers/new", wish)).status).toBe(200);
    expect(appliance.added[0]).toMatchObject({
      ...{ server: "web/new", address: "fd00::7", family: 6, port: 8080, weight: 7 },
      ...{ reason: "more load", caller: { name: "socket" }, dryRun: false },
    });
  });

  it("leaves port and weight to the backend where nobody says them", async () => {
    const { appliance, send } = open();
    await send("PUT", "web/servers/new?dryRun=true&reason=x", { address: "10.0.0.9" });
    expect(appliance.added).toMatchObject([
      { address: "10.0.0.9", port: null, weight: null, dryRun: true, reason: "x" },
    ]);
  });

  it.each([
    [{ address: "somewhere" }, /address: expected ADDRESS, ADDRESS:PORT/],
    [{ address: "10.0.0.1:0" }, /address: expected/],
    [{ address: "0.0.0.0:80" }, /address: expected/],
    [{ address: "224.0.0.1:80" }, /address: expected/],
    [{ address: "[ff02::1]:80" }, /address: expected/],
    [{ address: "10.0.0.1:80", weight: 257 }, /weight: expected a whole number/],
    [{ weight: 1 }, /address/],
    [{ address: "10.0.0.1:80", port: 1 }, /port: unknown key/],
  ])("refuses %j", async (body, detail) => {
    const { appliance, send } = open();
    const response = await send("PUT", "web/servers/new", body);
    expect(response.status).toBe(422);
    expect((await response.json()).detail).toMatch(detail);
    expect(appliance.added).toEqual([]);
  });

  it("knows its backends, and takes names as the file does", async () => {
    const { send } = open();
    const body = { address: "10.0.0.1:80" };
    expect((await send("PUT", "x/servers/new", body)).status).toBe(404);
    expect((await send("PUT", "web/servers/-new", body)).status).toBe(422);
  });

  it("minds If-Match", async () => {
    const { app, send } = open();
    const path = "web/servers/master1";
    const body = { address: "10.0.0.1:80" };
    const etag = (await app.request(`/v1/backends/${path}`)).headers.get("etag");
    expect((await send("PUT", path, body, { "if-match": etag })).status).toBe(200);
    expect((await send("PUT", path, body, { "if-match": '"x"' })).status).toBe(412);
    expect((await send("PUT", "web/servers/new", body, { "if-match": "*" })).status).toBe(412);
  });

  it("minds If-Match again when its turn has come", async () => {
    const { app, appliance, send } = open();
    const path = "web/servers/master1";
    const etag = (await app.request(`/v1/backends/${path}`)).headers.get("etag");
    const { addServer, removeServer } = appliance;
    const change = () => void (appliance.servers[2] = { ...appliance.servers[2]!, port: 80 });
    appliance.addServer = (...args) => (change(), addServer.apply(appliance, args));
    appliance.removeServer = (...args) => (change(), removeServer.apply(appliance, args));
    const stale = { "if-match": etag };
    expect((await send("PUT", path, { address: "10.0.0.1:80" }, stale)).status).toBe(412);
    appliance.servers[2] = { ...appliance.servers[2]!, port: 6443 };
    expect((await send("DELETE", path, undefined, stale)).status).toBe(412);
    expect([appliance.added, appliance.removed]).toEqual([[], []]);
  });

  it("answers 409 where the appliance's state does not allow it", async () => {
    const { appliance, send } = open();
    appliance.conflict = "the file defines this server";
    expect((await send("PUT", "web/servers/master1", { address: "10.0.0.1" })).status).toBe(409);
  });
});

describe("DELETE /v1/backends/{backend}/servers/{server}", () => {
  it("removes a server, and answers with what it was", async () => {
    const { appliance, send } = open();
    const response = await send("DELETE", "web/servers/master1?force=true&reason=old");
    expect(response.status).toBe(200);
    expect(ServerSchema.parse(await response.json()).name).toBe("master1");
    expect(appliance.removed).toMatchObject([
      { server: "web/master1", force: true, reason: "old", dryRun: false },
    ]);
  });

  it("answers 404, 409 and 412 where it cannot", async () => {
    const { appliance, send } = open();
    expect((await send("DELETE", "web/servers/new")).status).toBe(404);
    const stale = await send("DELETE", "web/servers/master1", undefined, { "if-match": '"x"' });
    expect(stale.status).toBe(412);
    appliance.conflict = "it has 3 connections";
    expect((await send("DELETE", "web/servers/master1")).status).toBe(409);
    expect(appliance.removed).toEqual([]);
  });
});

it("adding and removing is for admins", async () => {
  const { send } = open({ kind: "tcp", loopback: true, tokens: [] });
  expect((await send("PUT", "web/servers/new", { address: "10.0.0.1" })).status).toBe(403);
  expect((await send("DELETE", "web/servers/master1")).status).toBe(403);
});
