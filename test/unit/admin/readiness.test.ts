import { describe, expect, it } from "vitest";
import { createProbesApp } from "../../../src/admin/app.ts";
import type { Agent, Health } from "../../../src/admin/model.ts";
import { readinessLines } from "../../../src/admin/readiness.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const AT = "2026-01-02T03:04:05.000Z";

function lines(health: Partial<Health>, agent: Agent | null = null): string[] {
  const appliance = new FakeAppliance();
  const [backend] = appliance.backends();
  const [server] = backend?.servers ?? [];
  if (!backend || !server) throw new Error("the fake has no server");
  const servers = [{ ...server, agent, health: { ...server.health, ...health } }];
  return readinessLines(appliance.frontends(), [{ ...backend, usableServers: 0, servers }]);
}

describe("readinessLines", () => {
  it("says where everything stands", () => {
    const found = lines({ state: "up", code: "L7OK", status: 200, latencySeconds: 0.0031 });
    expect(found[0]).toMatch(/^frontend [\w-]+: \d of \d listeners bound/);
    expect(found.at(-2)).toBe("backend masters: 0 of 1 servers take connections");
    expect(found.at(-1)).toMatch(
      /^server masters\/master1: ready, up since .*, L7OK 200 in 3.1 ms$/,
    );
  });

  it("says what an agent says, harmlessly, where that is down", () => {
    const none = { admin: null, weightPercent: null, maxConnections: null };
    const said = { ...none, down: true, word: "stopped", text: "by \u001b[2J root" };
    expect(lines({ state: "up" }, said).at(-1))
      .toMatch(/: ready, up since [^,]*, stopped says its agent \(by {2}\[2J root\), /);
    expect(lines({ state: "up" }, { ...said, down: false }).at(-1)).not.toContain("agent");
  });

  it("quotes the last failure, harmlessly", () => {
    const found = lines({
      state: "down",
      code: "L7STS",
      status: 500,
      failureCode: "L7STS",
      failureStatus: 500,
      failedAt: AT,
      failure: "[+]ping ok\r\n[-]etcd failed: \u001b[2Jreason withheld\n\n",
    });
    expect(found.slice(-3)).toEqual([
      `  last failure ${AT}: L7STS 500`,
      "  | [+]ping ok",
      "  | [-]etcd failed:  [2Jreason withheld",
    ]);
  });
});

describe("/readyz?verbose", () => {
  it("adds the long answer, and keeps the status", async () => {
    const appliance = new FakeAppliance();
    const app = createProbesApp(appliance, () => {});
    const ready = await app.request("/readyz?verbose");
    expect([ready.status, await ready.text()]).toEqual([
      200,
      expect.stringMatching(/^ok\nfrontend [^]*\nserver masters\/master1: /),
    ]);
    appliance.readinessCauses = ["frontend api: no server"];
    const unready = await app.request("/readyz?verbose=true");
    expect([unready.status, await unready.text()]).toEqual([
      503,
      expect.stringMatching(/^frontend api: no server\nfrontend /),
    ]);
    expect(await (await app.request("/readyz")).text()).toBe("frontend api: no server\n");
  });
});
