import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AdminServer, serveAdmin } from "../../../src/admin/serve.ts";
import type { AdminPlan } from "../../../src/core/plan/admin_plan.ts";
import {
  AUTHORITY,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
  STRANGER_CERTIFICATE,
  STRANGER_KEY,
} from "../certificates.ts";
import { FakeTerminal } from "../cli/fake_terminal.ts";
import { runMain } from "../cli/run_main.ts";
import { freePort } from "../free_port.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const ALICE = { cert: CLIENT_CERTIFICATE, key: CLIENT_KEY };
const MALLORY = { cert: STRANGER_CERTIFICATE, key: STRANGER_KEY };
const OPS = { authorization: "Bearer secret" };
const SERVER = "/v1/backends/masters/servers/master1";

let directory: string;
let port: number;
let server: AdminServer | undefined;
let appliance: FakeAppliance;

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-tls-" });
  port = freePort();
  appliance = new FakeAppliance();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  Deno.removeSync(directory, { recursive: true });
});

async function serve(clientCa: string | null, tokens: AdminPlan["tokens"] = []): Promise<void> {
  server = await serveAdmin(appliance, {
    socket: `${directory}/admin.sock`,
    socketGroup: String(Deno.gid()),
    listen: { address: "127.0.0.1", port },
    tls: { certificate: SERVER_CERTIFICATE, key: SERVER_KEY, clientCa, clientRole: "viewer" },
    tokens,
    probes: null,
  }, () => {});
}

async function ask(
  path: string,
  shown: Partial<typeof ALICE> = {},
  init: RequestInit = {},
): Promise<number> {
  const { cert, key } = shown;
  using client = Deno.createHttpClient({
    caCerts: [AUTHORITY],
    ...(cert !== undefined && key !== undefined && { cert, key }),
  });
  const response = await fetch(`https://127.0.0.1:${port}${path}`, { ...init, client });
  await response.body?.cancel();
  return response.status;
}

const DRAIN = {
  method: "PATCH",
  headers: { "content-type": "application/merge-patch+json" },
  body: '{"state":"drain"}',
};

describe("lintel --admin https://…", () => {
  it("trusts the authority that it is given, and no other", async () => {
    const secretHash = createHash("sha256").update("secret").digest("hex");
    await serve(null, [{ name: "ops", role: "viewer", secretHash }]);
    Deno.writeTextFileSync(`${directory}/token`, "secret\n");
    Deno.writeTextFileSync(`${directory}/ca.pem`, AUTHORITY);
    const words = ["status", "--json", "--admin", `https://localhost:${port}`];
    const token = { LINTEL_TOKEN_FILE: `${directory}/token` };
    expect((await runMain(words, new FakeTerminal(token))).exitCode).toBe(5);
    const trusting = [...words, "--ca-file", `${directory}/ca.pem`];
    const { exitCode, stdout } = await runMain(trusting, new FakeTerminal(token));
    expect([exitCode, JSON.parse(stdout).node]).toEqual([0, "lb1"]);
  });
});

describe("admin.tls", () => {
  it("takes tokens by TLS, and speaks nothing else", async () => {
    const secretHash = createHash("sha256").update("secret").digest("hex");
    await serve(null, [{ name: "ops", role: "operator", secretHash }]);
    expect(await ask("/v1/status", {}, { headers: OPS })).toBe(200);
    expect(await ask("/v1/status")).toBe(401);
    expect(await ask("/livez")).toBe(401);
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });

  it("lets in who has a certificate of the authority, by name and with that role", async () => {
    await serve(AUTHORITY);
    expect(await ask("/v1/status", ALICE)).toBe(200);
    expect(await ask(SERVER, ALICE, DRAIN)).toBe(403);
    expect(await ask("/v1/status", MALLORY)).toBe(401);
    expect(await ask("/v1/status")).toBe(401);
  });

  it("goes by the token where a caller shows both", async () => {
    const secretHash = createHash("sha256").update("secret").digest("hex");
    await serve(AUTHORITY, [{ name: "ops", role: "operator", secretHash }]);
    const headers = { ...DRAIN.headers, ...OPS };
    expect(await ask(SERVER, ALICE, { ...DRAIN, headers })).toBe(200);
    expect(appliance.changes[0]?.caller).toEqual({ name: "ops", role: "operator" });
    expect(await ask("/v1/status", ALICE)).toBe(200);
    expect(await ask("/v1/status", MALLORY)).toBe(401);
  });

  it("takes no change from a page of another site, whatever lets its browser in", async () => {
    await serve(AUTHORITY);
    const from = (headers: Record<string, string>) =>
      ask(SERVER, ALICE, { ...DRAIN, headers: { ...DRAIN.headers, ...headers } });
    const status = await fetchDetail({ origin: "https://evil.example" });
    expect(status).toMatch(/another site/);
    expect(await from({ "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await ask("/v1/status", ALICE, { headers: { origin: "https://evil.example" } }))
      .toBe(200);
    // Its own page is no stranger: the role is what is missing.
    expect(await fetchDetail({ origin: `https://127.0.0.1:${port}` })).toMatch(/role operator/);
  });

  async function fetchDetail(headers: Record<string, string>): Promise<string> {
    using client = Deno.createHttpClient({ caCerts: [AUTHORITY], ...ALICE });
    const init = { ...DRAIN, headers: { ...DRAIN.headers, ...headers }, client };
    const response = await fetch(`https://127.0.0.1:${port}${SERVER}`, init);
    expect(response.status).toBe(403);
    return (await response.json()).detail;
  }
});
