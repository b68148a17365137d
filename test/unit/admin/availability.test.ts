import { describe, expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { Door } from "../../../src/admin/callers.ts";
import { EventSchema } from "../../../src/admin/model_events.ts";
import { StandbySchema } from "../../../src/admin/model.ts";
import { HandoverSchema } from "../../../src/admin/model_handover.ts";
import { FakeAppliance, makeEvent } from "./fake_appliance.ts";

const FAILOVER = "/v1/virtual-routers/kube-api/failover";

function open(door: Door = { kind: "socket" }) {
  const appliance = new FakeAppliance();
  const faults: unknown[] = [];
  const app = createAdminApp(appliance, door, (error) => faults.push(error));
  const send = (method: string, path: string, body: unknown, headers = {}) =>
    app.request(path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { app, appliance, faults, send };
}

describe("POST …/failover", () => {
  it("answers when the handover is done", async () => {
    const { appliance, send } = open();
    const response = await send("POST", `${FAILOVER}?reason=update`, { hold: "2m", force: true });
    expect(response.status).toBe(200);
    HandoverSchema.parse(await response.json());
    const caller = { name: "socket", role: "admin" };
    expect(appliance.handovers).toEqual([
      {
        virtualRouter: "kube-api",
        holdMs: 120_000,
        force: true,
        dryRun: false,
        reason: "update",
        caller,
      },
    ]);
  });

  it("has defaults, and a dry run", async () => {
    const { appliance, send } = open();
    expect((await send("POST", `${FAILOVER}?dryRun=true`, {})).status).toBe(200);
    expect(appliance.handovers).toMatchObject([{ holdMs: 60_000, force: false, dryRun: true }]);
  });

  it("needs no body", async () => {
    const { app, appliance } = open();
    const path = `${FAILOVER}?reason=update`;
    expect((await app.request(path, { method: "POST" })).status).toBe(200);
    expect(appliance.handovers).toMatchObject([
      { holdMs: 60_000, force: false, dryRun: false, reason: "update" },
    ]);
    const untyped = new TextEncoder().encode('{"hold":"5s"}');
    expect((await app.request(path, { method: "POST", body: untyped })).status).toBe(415);
    expect(appliance.handovers).toHaveLength(1);
  });

  it.each([
    ["an unknown router", "/v1/virtual-routers/x/failover", {}, 404],
    ["a number for a duration", FAILOVER, { hold: 60 }, 422],
    ["a duration without its unit", FAILOVER, { hold: "60" }, 422],
    ["no time at all", FAILOVER, { hold: "0s" }, 422],
    ["an unknown key", FAILOVER, { holds: "60s" }, 422],
    ["no object", FAILOVER, [], 422],
    ["an unknown parameter", `${FAILOVER}?force=true`, {}, 422],
  ])("refuses %s", async (_, path, body, status) => {
    const { appliance, send, faults } = open();
    const response = await send("POST", path, body);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect([appliance.handovers, faults]).toEqual([[], []]);
  });

  it("is 409 where no peer takes over, 412 where it is another, 403 for viewers", async () => {
    const { appliance, send } = open();
    expect((await send("POST", FAILOVER, {}, { "if-match": '"x"' })).status).toBe(412);
    appliance.conflict = "no peer has taken over";
    expect((await send("POST", FAILOVER, {})).status).toBe(409);
    const viewer = open({ kind: "tcp", loopback: true, tokens: [] });
    expect((await viewer.send("POST", FAILOVER, {}, { host: "localhost" })).status).toBe(403);
  });

  it("takes JSON only", async () => {
    const { send } = open();
    expect((await send("POST", FAILOVER, {}, { "content-type": "text/plain" })).status).toBe(415);
    expect((await send("PUT", "/v1/standby", {}, { "content-type": "" })).status).toBe(415);
  });

  it("ends a hold", async () => {
    const { app, appliance } = open();
    const path = "/v1/virtual-routers/kube-api/hold?reason=done";
    expect((await app.request(path, { method: "DELETE" })).status).toBe(200);
    expect(appliance.unheld).toMatchObject([{ virtualRouter: "kube-api", reason: "done" }]);
  });
});

describe("/v1/standby", () => {
  it("is put and got", async () => {
    const { app, appliance, send } = open();
    const put = await send("PUT", "/v1/standby", { enabled: true, ttl: "2h", reason: "disk" });
    expect(put.status).toBe(200);
    const standby = StandbySchema.parse(await put.json());
    expect(standby).toMatchObject({ enabled: true, reason: "disk", by: "socket" });
    expect(await (await app.request("/v1/standby")).json()).toEqual(standby);
    expect(appliance.standbys).toMatchObject([{ enabled: true, ttlMs: 7_200_000, force: false }]);
  });

  it.each([{}, { enabled: "on" }, { enabled: true, ttl: 5 }, { enabled: true, until: "x" }])(
    "refuses %j",
    async (body) => {
      const { appliance, send } = open();
      expect((await send("PUT", "/v1/standby", body)).status).toBe(422);
      expect(appliance.standbys).toEqual([]);
    },
  );
});

describe("/v1/events", () => {
  it("lists", async () => {
    const { app, appliance } = open();
    appliance.happens(makeEvent(1));
    const { items, next } = await (await app.request("/v1/events")).json();
    expect(next).toBeNull();
    expect(items.map((item: unknown) => EventSchema.parse(item).id)).toEqual([1]);
  });

  it("streams, and resumes after the last that was seen", async () => {
    const { app, appliance } = open();
    for (const id of [1, 2, 3]) appliance.happens(makeEvent(id));
    const headers = { accept: "text/event-stream", "last-event-id": "1" };
    const response = await app.request("/v1/events", { headers });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    await expect.poll(() => appliance.followers.size).toBe(1);
    appliance.happens(makeEvent(4));
    for (const tell of [...appliance.followers]) tell(null);
    const text = await response.text();
    expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(["2", "3", "4"]);
    expect(text).toContain("event: transition\n");
    await expect.poll(() => appliance.followers.size).toBe(0);
  });

  it("forgets a reader that goes away", async () => {
    const { app, appliance } = open();
    const response = await app.request("/v1/events", { headers: { accept: "text/event-stream" } });
    await expect.poll(() => appliance.followers.size).toBe(1);
    await response.body?.cancel();
    await expect.poll(() => appliance.followers.size).toBe(0);
  });

  it("refuses a Last-Event-ID that is none", async () => {
    const headers = { accept: "text/event-stream", "last-event-id": "x" };
    expect((await open().app.request("/v1/events", { headers })).status).toBe(422);
  });
});
