import { describe, expect, it } from "vitest";
import { createAdminApp, createProbesApp } from "../../../src/admin/app.ts";
import type { Door } from "../../../src/admin/callers.ts";
import {
  BackendSchema,
  FrontendSchema,
  ProblemSchema,
  ServerSchema,
  StatusSchema,
  VirtualRouterSchema,
} from "../../../src/admin/model.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const SERVER = "/v1/backends/masters/servers/master1";

function open(door: Door = { kind: "socket" }) {
  const appliance = new FakeAppliance();
  const faults: unknown[] = [];
  const app = createAdminApp(appliance, door, (error) => faults.push(error));
  const patch = (body: unknown, init: { path?: string; headers?: Record<string, string> } = {}) =>
    app.request(init.path ?? SERVER, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json", ...init.headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { app, appliance, faults, patch };
}

async function expectProblem(response: Response, status: number, detail: RegExp) {
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const document = ProblemSchema.parse(await response.json());
  expect(document.status).toBe(status);
  expect(document.detail).toMatch(detail);
  return document;
}

describe("probes", () => {
  it.each([["/livez", "livenessCauses"], ["/readyz", "readinessCauses"]] as const)(
    "%s is 200, or 503 with a line for each cause",
    async (path, causes) => {
      const { app, appliance } = open();
      expect((await app.request(path)).status).toBe(200);
      appliance[causes] = ["speaker is silent for 4 s", "prober is gone"];
      const response = await app.request(path);
      expect(response.status).toBe(503);
      expect(await response.text()).toBe("speaker is silent for 4 s\nprober is gone\n");
    },
  );

  it("/active asks for one virtual router or all, and refuses a misspelt parameter", async () => {
    const { app } = open();
    expect((await app.request("/active")).status).toBe(503);
    expect((await app.request("/active?virtualRouter=kube-api")).status).toBe(503);
    await expectProblem(await app.request("/active?virtualRouter=x"), 404, /there are: kube-api/);
    await expectProblem(await app.request("/active?router=kube-api"), 422, /\?router: unknown/);
  });

  it("serves the metrics as Prometheus wants them", async () => {
    const response = await open().app.request("/metrics");
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0.0.4/);
    expect(await response.text()).toBe("lintel_up 1\n");
  });

  it("the probes' own port collects metrics once for all who ask in the same second", async () => {
    const appliance = new FakeAppliance();
    let now = 0;
    let collections = 0;
    appliance.metrics = () => {
      collections++;
      return collections === 3
        ? Promise.reject(new Error("one bad collection"))
        : Promise.resolve(`lintel_up ${collections}\n`);
    };
    const app = createProbesApp(appliance, () => {}, () => now);
    const scrapeAt = async (at: number) => {
      now = at;
      const response = await app.request("/metrics");
      return response.ok ? await response.text() : response.status;
    };
    expect(await Promise.all([scrapeAt(5), scrapeAt(5)])).toEqual(Array(2).fill("lintel_up 1\n"));
    expect(await scrapeAt(800)).toBe("lintel_up 1\n");
    // Whoever comes each second has its own, and a failure is nobody else's.
    expect(await scrapeAt(1_000)).toBe("lintel_up 2\n");
    expect(await scrapeAt(2_000)).toBe(500);
    expect(await scrapeAt(2_001)).toBe("lintel_up 4\n");
  });

  it("the probes' own port serves nothing else", async () => {
    const app = createProbesApp(new FakeAppliance(), () => {});
    for (const path of ["/livez", "/readyz", "/metrics"]) {
      expect((await app.request(path)).status).toBe(200);
    }
    expect((await app.request("/active")).status).toBe(503);
    for (const path of ["/", "/v1/status", "/openapi.json", "/v1/backends"]) {
      await expectProblem(await app.request(path), 404, /./);
    }
  });
});

describe("resources", () => {
  it.each([
    ["/v1/status", StatusSchema],
    ["/v1/virtual-routers/kube-api", VirtualRouterSchema],
    ["/v1/frontends/kube-apiserver", FrontendSchema],
    ["/v1/backends/masters", BackendSchema],
    [SERVER, ServerSchema],
  ])("%s answers by its schema and with an ETag", async (path, schema) => {
    const response = await open().app.request(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("etag")).toMatch(/^"[\w-]{22}"$/);
    schema.parse(await response.json());
  });

  it.each([
    ["/v1/virtual-routers", VirtualRouterSchema, 1],
    ["/v1/frontends", FrontendSchema, 1],
    ["/v1/backends", BackendSchema, 2],
    ["/v1/backends/masters/servers", ServerSchema, 2],
  ])("%s is {items, next}", async (path, schema, length) => {
    const list = await (await open().app.request(path)).json();
    expect(Object.keys(list)).toEqual(["items", "next"]);
    expect(list.next).toBeNull();
    expect(list.items).toHaveLength(length);
    for (const item of list.items) schema.parse(item);
  });

  it.each([
    ["/v1/virtual-routers/x", /no virtual router "x"; there are: kube-api/],
    ["/v1/frontends/x", /no frontend "x"; there are: kube-apiserver/],
    ["/v1/backends/x", /no backend "x"; there are: masters, web/],
    ["/v1/backends/x/servers", /no backend "x"/],
    ["/v1/backends/x/servers/master1", /no backend "x"/],
    ["/v1/backends/masters/servers/x", /no server "x" in backend "masters"; .*master1, master2/],
    ["/v1/backends/%ff/servers/%00", /no backend/],
    ["/nothing", /nothing answers GET \/nothing/],
  ])("%s does not exist", async (path, detail) => {
    await expectProblem(await open().app.request(path), 404, detail);
  });

  it("follows a server: it comes at once, and again when it changes", async () => {
    const { app, appliance } = open();
    const response = await app.request(SERVER, { headers: { accept: "text/event-stream" } });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const next = async () => (await reader.read()).value ?? "";
    expect(await next()).toMatch(/^event: server\ndata: {"backend":"masters".*"active":3/);
    const server = appliance.server("masters", "master1");
    const connections = { active: 2, queued: 0, total: 1234 };
    if (server) appliance.servers[0] = { ...server, admin: "drain", connections };
    expect(await next()).toMatch(/"admin":"drain".*"active":2/);
    await reader.cancel();
  });

  it("keeps a server's ETag while only its counters move", async () => {
    const { app, appliance } = open();
    const tag = async () => (await app.request(SERVER)).headers.get("etag");
    const before = await tag();
    const server = appliance.server("masters", "master1");
    if (server) appliance.servers[0] = { ...server, bytes: { received: 7, sent: 7 }, retries: 9 };
    expect(await tag()).toBe(before);
    if (server) appliance.servers[0] = { ...server, admin: "drain" };
    expect(await tag()).not.toBe(before);
  });

  it("tells the log, not the caller, what failed on our side", async () => {
    const { app, appliance, faults } = open();
    appliance.fault = new Error("secret detail");
    const response = await app.request("/v1/status");
    const { detail } = await expectProblem(response, 500, /its log says more/);
    expect(detail).not.toMatch(/secret/);
    expect(faults).toEqual([appliance.fault]);
  });
});

describe("PATCH server", () => {
  it("changes state and weight and answers with the server after", async () => {
    const { appliance, patch } = open();
    const response = await patch({ state: "drain", weight: 10, reason: "kernel update" });
    expect(response.status).toBe(200);
    expect(response.headers.get("lintel-scope")).toBe("this node only");
    const server = ServerSchema.parse(await response.json());
    expect(server.admin).toBe("drain");
    expect(server.weight).toEqual({ configured: 100, runtime: 10, effective: 10 });
    expect(appliance.changes).toEqual([{
      state: "drain",
      weight: 10,
      reason: "kernel update",
      caller: { name: "socket", role: "admin" },
      dryRun: false,
    }]);
  });

  it.each([
    [{ weight: "50%" }, 50],
    [{ weight: "0%" }, 0],
    [{ weight: "0.1%" }, 1],
    [{ weight: "1000%" }, 256],
    [{ weight: 256 }, 256],
    [{ weight: 0 }, 0],
    [{ weight: null }, null],
  ])("takes %j", async (body, weight) => {
    const { appliance, patch } = open();
    expect((await patch(body)).status).toBe(200);
    expect(appliance.changes[0]?.weight).toBe(weight);
    expect(appliance.changes[0]).not.toHaveProperty("state");
  });

  it("takes the reason from the query too, and changes nothing in a dry run", async () => {
    const { appliance, patch } = open();
    const path = `${SERVER}?dryRun=true&reason=trying`;
    const response = await patch({ state: null, weight: null }, { path });
    expect(response.status).toBe(200);
    expect(appliance.changes[0]).toMatchObject({ dryRun: true, reason: "trying", state: null });
    expect(appliance.server("masters", "master1")?.override).toBeNull();
  });

  it.each([
    [{ state: "drain", ttl: "2h" }, { state: "drain", ttlMs: 7_200_000 }],
    [{ weight: 5, ttl: null }, { weight: 5, ttlMs: null }],
    [
      { state: "drain", deadline: "5m" },
      { state: "drain", deadline: { afterMs: 300_000, then: "leave" } },
    ],
    [
      { state: "maint", deadline: "90s", onDeadline: "kill" },
      { state: "maint", deadline: { afterMs: 90_000, then: "kill" } },
    ],
    [{ state: "drain", deadline: null }, { state: "drain", deadline: null }],
    [
      { state: "drain", deadline: "5m", onDeadline: null },
      { state: "drain", deadline: { afterMs: 300_000, then: "leave" } },
    ],
    [{ ttl: null }, { ttlMs: null }],
  ])("hands on the times of %j", async (body, change) => {
    const { appliance, patch } = open();
    expect((await patch(body)).status).toBe(200);
    const who = { reason: null, caller: { name: "socket", role: "admin" }, dryRun: false };
    expect(appliance.changes).toEqual([{ ...change, ...who }]);
  });

  it("takes times alone where something differs from the file", async () => {
    const { appliance, patch } = open();
    await patch({ state: "drain" });
    expect((await patch({ ttl: "1h", deadline: "1m" })).status).toBe(200);
    expect(appliance.changes[1]).toMatchObject({ ttlMs: 3_600_000, deadline: { then: "leave" } });
  });

  it.each([
    // What is there already: it ends in two hours, and its deadline is in one.
    [{ ttl: "50m" }, /^ttl: ends before the deadline at .* \(kill\)/],
    [{ deadline: "3h" }, /^deadline: comes after the ttl/],
    [{ ttl: "50m", deadline: "51m" }, /^deadline: comes after the ttl/],
    [{ weight: 5, deadline: "1m" }, /^deadline: needs a state/],
    [{ ttl: "70m" }, { ttlMs: 4_200_000 }],
    [{ ttl: "50m", deadline: null }, { ttlMs: 3_000_000, deadline: null }],
    [{ ttl: "50m", deadline: "50m" }, { deadline: { afterMs: 3_000_000, then: "leave" } }],
    [{ ttl: null, deadline: "3h" }, { ttlMs: null, deadline: { afterMs: 10_800_000 } }],
    [{ weight: 5, ttl: "1m" }, { weight: 5, ttlMs: 60_000 }],
    [{ state: "drain", ttl: "50m" }, { state: "drain", ttlMs: 3_000_000 }],
    [{ onDeadline: null }, { deadline: { afterMs: expect.closeTo(3_600_000, -5), then: "leave" } }],
  ])("holds %j against what was said before", async (body, outcome) => {
    const { appliance, patch } = open();
    await patch({ state: "drain" });
    const now = Date.now();
    const at = (minutes: number) => new Date(now + minutes * 60_000).toISOString();
    appliance.facts = [{
      ...{ backend: "masters", server: "master1", field: "state", value: "drain", file: "ready" },
      ...{ by: "ops", reason: null, at: at(0), until: at(120) },
      deadline: { at: at(60), then: "kill" },
    }];
    const response = await patch(body);
    if (outcome instanceof RegExp) await expectProblem(response, 422, outcome);
    else expect(appliance.changes[1]).toMatchObject(outcome);
  });

  it("changes nothing where nothing is asked", async () => {
    const { appliance, patch } = open();
    expect((await patch({})).status).toBe(200);
    expect((await patch({ reason: "only talking" })).status).toBe(200);
    expect((await patch({ onDeadline: null })).status).toBe(200);
    expect(appliance.changes).toEqual([]);
  });

  it("holds to If-Match", async () => {
    const { app, appliance, patch } = open();
    const tag = (await app.request(SERVER)).headers.get("etag") ?? "";
    const stale = { "if-match": '"AAAAAAAAAAAAAAAAAAAAAA"' };
    await expectProblem(await patch({ weight: 1 }, { headers: stale }), 412, /get the resource/);
    expect(appliance.changes).toEqual([]);
    expect((await patch({ weight: 1 }, { headers: { "if-match": `"x", ${tag}` } })).status)
      .toBe(200);
    await expectProblem(await patch({ weight: 2 }, { headers: { "if-match": tag } }), 412, /ETag/);
    expect((await patch({ weight: 2 }, { headers: { "if-match": "*" } })).status).toBe(200);
  });

  it("answers 409 where the appliance's state does not allow it", async () => {
    const { appliance, patch } = open();
    appliance.conflict = "the appliance is stopping";
    await expectProblem(await patch({ state: "maint" }), 409, /stopping/);
  });

  it.each([
    ["{", 400, /Malformed JSON/],
    ["", 400, /Malformed JSON/],
    ["\xff\xfe", 400, /Malformed JSON/],
    ["[".repeat(100_000), 400, /Malformed JSON/],
    ["[]", 422, /expected object/],
    ["null", 422, /\(body\)/],
    ['"drain"', 422, /\(body\)/],
    ['{"state":"gone"}', 422, /^state: .*"ready"\|"drain"\|"maint"/],
    ['{"weight":257}', 422, /^weight: expected a whole number from 0 to 256/],
    ['{"weight":-1}', 422, /^weight: /],
    ['{"weight":1.5}', 422, /^weight: /],
    ['{"weight":1e400}', 422, /^weight: /],
    ['{"weight":"50"}', 422, /^weight: .*percentage/],
    ['{"weight":"-5%"}', 422, /^weight: /],
    ['{"reason":5}', 422, /^reason: /],
    [`{"reason":"${"x".repeat(1001)}"}`, 422, /^reason: /],
    ['{"admin":"drain"}', 422, /^admin: unknown key/],
    ['{"__proto__":{"state":"drain"}}', 422, /^__proto__: unknown key/],
    ['{"ttl":"1h"}', 422, /^ttl: needs a state or weight/],
    ['{"state":"drain","ttl":"60"}', 422, /^ttl: expected a duration with its unit/],
    ['{"state":"drain","ttl":"0s"}', 422, /^ttl: expected a duration/],
    ['{"state":"drain","deadline":300}', 422, /^deadline: expected a duration/],
    ['{"state":"ready","deadline":"5m"}', 422, /^deadline: needs the state drain or maint/],
    ['{"weight":1,"deadline":"5m"}', 422, /^deadline: needs the state drain or maint/],
    ['{"state":"drain","onDeadline":"kill"}', 422, /^onDeadline: needs a deadline/],
    ['{"state":"drain","deadline":"5m","onDeadline":"cut"}', 422, /^onDeadline: .*"leave"/],
    ['{"state":"drain","deadline":"5m","ttl":"1m"}', 422, /^deadline: comes after the ttl/],
    [`{"reason":"${"x".repeat(1_000_000)}"}`, 413, /1000000 bytes/],
  ])("refuses a bad body (case %#)", async (body, status, detail) => {
    const { appliance, faults, patch } = open();
    const { errors } = await expectProblem(await patch(body), status, detail);
    expect(errors === undefined).toBe(status !== 422);
    expect(appliance.changes).toEqual([]);
    expect(faults).toEqual([]);
  });

  it.each(["?dryrun=true", "?dryRun=yes", "?dryRun=true&dryRun=false", "?force=true"])(
    "refuses the query %s",
    async (query) => {
      const { appliance, patch } = open();
      await expectProblem(await patch({ weight: 1 }, { path: SERVER + query }), 422, /^\?/);
      expect(appliance.changes).toEqual([]);
    },
  );

  it.each(["text/plain", "application/json-patch+json", "application/yaml", ""])(
    "refuses the type %j",
    async (type) => {
      const { app } = open();
      const headers = new Headers({ "content-type": type });
      const response = await app.request(SERVER, { method: "PATCH", headers, body: "{}" });
      await expectProblem(response, 415, /send application\/merge-patch\+json/);
    },
  );

  it("takes plain JSON with parameters as well", async () => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    expect((await open().patch({ weight: 1 }, { headers })).status).toBe(200);
  });

  it.each([
    ["/v1/backends/x/servers/y", /no backend "x"/],
    ["/v1/backends/masters/servers/y", /no server "y" in backend "masters"/],
  ])("does not know %s", async (path, detail) => {
    await expectProblem(await open().patch({ weight: 1 }, { path }), 404, detail);
  });

  it("refuses other methods by name", async () => {
    const { app } = open();
    await expectProblem(await app.request(SERVER, { method: "POST" }), 404, /nothing answers POST/);
  });
});
