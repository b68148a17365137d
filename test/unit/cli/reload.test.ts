import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FakeAppliance } from "../admin/fake_appliance.ts";
import { Served } from "./served.ts";

let served: Served;
let appliance: FakeAppliance;

beforeEach(async () => {
  served = await Served.start();
  ({ appliance } = served);
});

afterEach(() => served.stop());

function lintel(...args: string[]) {
  return served.lintel(...args);
}

describe("reload", () => {
  it("prints the plan that was applied, and what the file overrules", async () => {
    appliance.planned = [
      {
        ...{ kind: "change", what: "server", name: "web/a", connections: 3, effect: null },
        fields: [{ path: "weight", from: 100, to: 7 }],
      },
    ];
    appliance.nextStart = [{ path: "workers", from: 1, to: 2 }];
    appliance.remarks = ["override web:a:weight is over: the file says 7 now instead of 100"];
    expect(await lintel("reload", "--reason", "less for a")).toEqual({
      exitCode: 0,
      stdout: "~ server web/a (3 open connections)\n    weight: 100 → 7\n" +
        "! at the next start:\n    workers: 1 → 2\n" +
        "override web:a:weight is over: the file says 7 now instead of 100\n" +
        "reloaded from /etc/lintel/lintel.yaml (cafe, this node only)\n",
      stderr: "",
    });
    expect(appliance.reloads).toMatchObject([{ reason: "less for a", dryRun: false }]);
    const { stdout } = await lintel("reload", "--dry-run");
    expect(stdout).toContain("a reload from /etc/lintel/lintel.yaml would change this (cafe");
    expect(JSON.parse((await lintel("reload", "--json")).stdout)).toMatchObject({ applied: true });
  });

  it("says why nothing has changed", async () => {
    expect((await lintel("reload")).stdout).toBe(
      "nothing changed: what runs is what /etc/lintel/lintel.yaml says (cafe, this node only)\n",
    );
    expect((await lintel("reload", "--dry-run")).stdout).toMatch(/^nothing would change: /);
    appliance.nextStart = [{ path: "workers", from: 1, to: 2 }];
    expect((await lintel("reload")).stdout).toBe(
      "! at the next start:\n    workers: 1 → 2\n" +
        "nothing changed now; workers waits for the next start (cafe, this node only)\n",
    );
  });

  it("ends with 3 for an invalid file, and with 7 for one that cannot be applied", async () => {
    appliance.file = "broken";
    expect(await lintel("reload")).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: "lintel: workers: 1:10: found 0; allowed: auto\n",
    });
    appliance.conflict = "could not open *:80: address in use; what ran before runs on";
    expect(await lintel("reload")).toMatchObject({
      exitCode: 7,
      stderr: `lintel: ${appliance.conflict}\n`,
    });
  });
});

describe("server", () => {
  it("adds and removes a server", async () => {
    const add = ["server", "add", "web/new", "10.0.0.9:80", "--weight", "5", "--reason", "load"];
    expect(await lintel(...add)).toMatchObject({
      exitCode: 0,
      stdout: "web/new: ready, weight 100, 3 connections open (this node only)\n",
    });
    expect(appliance.added).toMatchObject([
      { server: "web/new", address: "10.0.0.9", port: 80, weight: 5, reason: "load" },
    ]);
    expect(await lintel("server", "remove", "web/new", "--force")).toMatchObject({
      exitCode: 0,
      stdout: "web/new is removed (this node only)\n",
    });
    expect(appliance.removed).toMatchObject([{ server: "web/new", force: true, reason: null }]);
  });

  it("ends with 7 where the appliance's state does not allow it", async () => {
    appliance.conflict = "the file defines this server";
    expect(await lintel("server", "remove", "web/master1")).toMatchObject({
      exitCode: 7,
      stderr: "lintel: the file defines this server\n",
    });
  });

  it.each([
    ["server", "add", "web/new"],
    ["server", "add", "new", "10.0.0.1"],
    ["server", "add", "web/new", "10.0.0.1", "--weight", "50%"],
    ["server", "add", "web/new", "10.0.0.1", "--force"],
    ["server", "remove", "web/new", "10.0.0.1"],
    ["server", "change", "web/new"],
  ])("refuses %s %s %s %s", async (...args) => {
    expect((await lintel(...args.filter((arg) => arg !== undefined))).exitCode).toBe(2);
  });
});
