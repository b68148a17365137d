import { describe, expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { Door } from "../../../src/admin/callers.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const STRANGERS: Door = {
  kind: "tcp",
  loopback: false,
  tokens: [{ name: "ops", role: "viewer", secretHash: "00" }],
};

describe("the dashboard", () => {
  const app = createAdminApp(new FakeAppliance(), STRANGERS, () => {});

  it.each([
    ["/", /^text\/html/],
    ["/dashboard/style.css", /^text\/css/],
    ["/dashboard/client.ts", /^text\/javascript/],
  ])("is given to anybody: %s, but no data with it", async (path, type) => {
    const response = await app.request(path);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      expect.stringMatching(type),
    ]);
    expect((await app.request("/v1/status")).status).toBe(401);
  });

  it("allows nothing from elsewhere, nothing inline and no frame around it", async () => {
    const policy = (await app.request("/")).headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
  });

  it("is not sent again to whom has it", async () => {
    const etag = (await app.request("/")).headers.get("etag") ?? "";
    const again = await app.request("/", { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  it("has no other files", async () => {
    const open = createAdminApp(new FakeAppliance(), { kind: "socket" }, () => {});
    expect((await open.request("/dashboard/page.html")).status).toBe(404);
    expect((await open.request("/dashboard/../secret")).status).toBe(404);
  });
});

describe("the status as a stream", () => {
  it("tells it at once, and ends with its reader", async () => {
    const appliance = new FakeAppliance();
    const app = createAdminApp(appliance, { kind: "socket" }, () => {});
    const response = await app.request("/v1/status", { headers: { accept: "text/event-stream" } });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    expect(JSON.parse(value!.replace(/^data: /, "")).node).toBe(appliance.nodeStatus().node);
    await reader.cancel();
  });
});
