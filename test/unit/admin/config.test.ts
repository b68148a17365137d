import { describe, expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import {
  type ConfigChange,
  ConfigurationSchema,
  ReloadSchema,
} from "../../../src/admin/model_config.ts";
import type { Door } from "../../../src/admin/callers.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const VIEWER: Door = { kind: "tcp", loopback: true, tokens: [] };
const LISTENER: ConfigChange = {
  ...{ kind: "add", what: "listener", name: "web *:80", fields: [] },
  ...{ connections: null, effect: null },
};

function open(door: Door = { kind: "socket" }) {
  const appliance = new FakeAppliance();
  const app = createAdminApp(appliance, door, () => {});
  const reload = (query = "", headers: Record<string, string> = {}) =>
    app.request(`http://localhost/v1/config/reload${query}`, { method: "POST", headers });
  return { app, appliance, reload };
}

describe("GET /v1/config", () => {
  it("tells what is configured, also to viewers", async () => {
    const response = await open(VIEWER).app.request("http://localhost/v1/config", {
      headers: { host: "localhost" },
    });
    expect(response.status).toBe(200);
    expect(ConfigurationSchema.parse(await response.json())).toMatchObject({
      file: "/etc/lintel/lintel.yaml",
      lastReload: null,
      resolved: "workers: 1\n",
    });
  });
});

describe("POST /v1/config/reload", () => {
  it("answers with what has changed, and hands on who wants it and why", async () => {
    const { appliance, reload } = open();
    appliance.planned = [LISTENER];
    const response = await reload("?reason=more%20listeners");
    expect(response.status).toBe(200);
    expect(ReloadSchema.parse(await response.json())).toMatchObject({
      applied: true,
      changes: [LISTENER],
    });
    expect(appliance.reloads).toMatchObject([
      { caller: { name: "socket" }, reason: "more listeners", dryRun: false },
    ]);
    expect(await (await reload("?dryRun=true")).json()).toMatchObject({ applied: false });
  });

  it("answers 422 with each problem at its place", async () => {
    const { appliance, reload } = open();
    appliance.file = "broken";
    const response = await reload();
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      detail: "workers: 1:10: found 0; allowed: auto",
      errors: [{ path: "workers", detail: "1:10: found 0; allowed: auto" }],
    });
  });

  it("answers 409 where the file cannot be applied", async () => {
    const { appliance, reload } = open();
    appliance.conflict = "could not open *:80; what ran before runs on";
    const response = await reload();
    expect([response.status, (await response.json()).detail]).toEqual([409, appliance.conflict]);
  });

  it("answers 412 where the configuration is not the one that was seen", async () => {
    const { app, appliance, reload } = open();
    const etag = (await app.request("/v1/config")).headers.get("etag") ?? "";
    expect((await reload("", { "if-match": etag })).status).toBe(200);
    expect((await reload("", { "if-match": '"other"' })).status).toBe(412);
    expect(appliance.reloads).toHaveLength(1);
  });

  it("is for admins", async () => {
    expect((await open(VIEWER).reload("", { host: "localhost" })).status).toBe(403);
  });
});
