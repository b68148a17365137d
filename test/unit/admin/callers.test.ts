import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { Door } from "../../../src/admin/callers.ts";
import type { Role } from "../../../src/core/plan/admin_plan.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const SERVER = "/v1/backends/masters/servers/master1";
const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

const TOKENS: Door = {
  kind: "tcp",
  loopback: true,
  tokens: ROLES.map((role) => ({
    name: `the-${role}`,
    role,
    secretHash: createHash("sha256").update(`secret-${role}`).digest("hex"),
  })),
};

function ask(door: Door, method: "GET" | "PATCH", headers: Record<string, string>) {
  const appliance = new FakeAppliance();
  const app = createAdminApp(appliance, door, () => {});
  const init = method === "GET" ? { method, headers } : {
    method,
    headers: { "content-type": "application/merge-patch+json", ...headers },
    body: '{"state":"drain"}',
  };
  return { answer: app.request(SERVER, init), appliance };
}

async function statusOf(door: Door, method: "GET" | "PATCH", headers: Record<string, string>) {
  return (await ask(door, method, headers).answer).status;
}

describe("roles", () => {
  it.each([
    ["viewer", 200, 403],
    ["operator", 200, 200],
    ["admin", 200, 200],
  ])("a token of %s gets %d and changes a server with %d", async (role, get, patch) => {
    const headers = { authorization: `Bearer secret-${role}` };
    expect(await statusOf(TOKENS, "GET", headers)).toBe(get);
    expect(await statusOf(TOKENS, "PATCH", headers)).toBe(patch);
  });

  it("names the token in what it changed", async () => {
    const headers = { authorization: "bearer secret-operator" };
    const { answer, appliance } = ask(TOKENS, "PATCH", headers);
    await answer;
    expect(appliance.changes[0]?.caller).toEqual({ name: "the-operator", role: "operator" });
  });

  it.each([
    undefined,
    "",
    "Bearer",
    "Bearer wrong",
    "Basic secret-admin",
    "secret-admin",
    "Bearer secret-admin x",
  ])("answers 401 to Authorization %j", async (authorization) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const response = await ask(TOKENS, "GET", headers).answer;
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await response.text()).not.toContain("secret-");
  });

  it("lets callers of the socket do everything", async () => {
    expect(await statusOf({ kind: "socket" }, "GET", {})).toBe(200);
    expect(await statusOf({ kind: "socket" }, "PATCH", {})).toBe(200);
  });

  it("lets nobody in where a listener off loopback has no tokens", async () => {
    expect(await statusOf({ kind: "tcp", loopback: false, tokens: [] }, "GET", {})).toBe(401);
  });
});

describe("loopback without tokens", () => {
  const door: Door = { kind: "tcp", loopback: true, tokens: [] };

  it.each(["localhost:9900", "127.0.0.1:9900", "127.0.0.1", "[::1]:9900", "LocalHost"])(
    "lets viewers in who ask for %s",
    async (host) => {
      expect(await statusOf(door, "GET", { host })).toBe(200);
      expect(await statusOf(door, "PATCH", { host })).toBe(403);
    },
  );

  it.each([
    "evil.example",
    "localhost.evil.example:9900",
    "127.0.0.1.evil.example",
    "10.0.0.1",
    "",
  ])(
    "refuses a page that asks for %j",
    async (host) => {
      expect(await statusOf(door, "GET", { host })).toBe(403);
    },
  );
});
