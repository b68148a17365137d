import { describe, expect, it } from "vitest";
import { haproxyCsv } from "../../../src/admin/haproxy_csv.ts";
import type { Frontend, Health, Server } from "../../../src/admin/model.ts";
import { FakeAppliance, makeServer } from "./fake_appliance.ts";

const AT = "2026-01-02T03:04:05Z";

/** The lines of a backend's servers, of the backend itself and of a frontend, by `svname`. */
function rows(servers: readonly Server[], frontend: Partial<Frontend> = {}) {
  const appliance = new FakeAppliance();
  const frontends = appliance.frontends().map((one) => ({ ...one, ...frontend }));
  const backends = appliance.backends().slice(0, 1).map((one) => ({
    ...one,
    usableServers: servers.filter(({ health }) => health.state === "up").length,
    servers: [...servers],
  }));
  const [header, ...lines] = haproxyCsv(frontends, backends).slice(2).trim().split("\n")
    .map((line) => line.split(","));
  return Object.fromEntries(lines.map((line) => [
    line[1],
    Object.fromEntries(header!.map((name, at) => [name, line[at]])),
  ]));
}

function server(name: string, said: Partial<Server>, health: Partial<Health> = {}): Server {
  const plain = makeServer("web", name);
  return { ...plain, ...said, health: { ...plain.health, ...health } };
}

const down = { state: "down", code: "L7STS", status: 500, failure: "not well" } as const;

describe("haproxyCsv", () => {
  it("tells backups from the others, and their limits", () => {
    const weight = { configured: 5, runtime: null, effective: 5 };
    const found = rows([
      server("a", { maxConnections: 9 }),
      server("b", {}, { ...down, failedAt: AT }),
      server("c", { backup: true, weight }),
      server("d", { backup: true, weight: { ...weight, effective: 0 } }),
    ], { maxConnections: 55 });
    expect(found).toMatchObject({
      FRONTEND: { status: "OPEN", slim: "55" },
      a: { act: "1", bck: "0", slim: "9" },
      b: { act: "1", bck: "0", slim: "" },
      c: { act: "0", bck: "1" },
      d: { act: "0", bck: "1" },
      BACKEND: { act: "1", bck: "1", weight: "100" },
    });
  });

  it("goes by the first backup's weight where nobody else is left", () => {
    const [weight, other] = [5, 7].map((own) => ({
      configured: own,
      runtime: null,
      effective: own,
    }));
    const found = rows([
      server("a", {}, { ...down, failedAt: AT }),
      server("b", { backup: true, weight: weight! }),
      server("c", { backup: true, weight: other! }),
    ]);
    expect(found["BACKEND"]).toMatchObject({ status: "UP", act: "0", bck: "2", weight: "5" });
  });

  it("says what the last check said, and nothing of an older one", () => {
    const found = rows([
      server("a", {}, { ...down, failedAt: AT }),
      server("b", {}, { ...down, state: "up", code: "L7OK", status: 200, failedAt: "2025" }),
      server("c", {}, { ...down, failure: 'no\n"\u001b[2J", gone', failedAt: AT }),
    ]);
    expect(found).toMatchObject({
      a: { check_status: "L7STS", check_code: "500", last_chk: "not well" },
      b: { check_status: "L7OK", check_code: "200", last_chk: "" },
      c: { last_chk: '"no "" [2J""' },
    });
  });

  it("says that a frontend which listens nowhere is stopped", () => {
    expect(rows([], { listeners: [] })["FRONTEND"]).toMatchObject({ status: "STOP" });
  });
});
