import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeAppliance, makeEvent } from "../admin/fake_appliance.ts";
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

describe("lintel failover", () => {
  it("hands over with the default hold and says what came of it", async () => {
    const { exitCode, stdout } = await lintel("failover", "kube-api", "--reason", "kernel update");
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      "handed over kube-api; 3 open connections reset; no preemption for 60s; " +
        "172.16.0.2 has taken over (this node only)\n",
    );
    expect(appliance.handovers).toMatchObject([
      { virtualRouter: "kube-api", holdMs: 60_000, force: false, reason: "kernel update" },
    ]);
  });

  it("only predicts in a dry run", async () => {
    const { stdout } = await lintel("failover", "kube-api", "--dry-run", "--hold", "5m");
    expect(stdout).toMatch(/^would hand over kube-api; 3 open connections would be reset; 172/);
    expect(appliance.handovers).toMatchObject([{ dryRun: true, holdMs: 300_000 }]);
  });

  it("takes the name of a sync group", async () => {
    const [router] = appliance.virtualRouters();
    if (router) appliance.virtualRouters = () => [{ ...router, syncGroup: "api" }];
    expect((await lintel("failover", "api", "--force", "--json")).exitCode).toBe(0);
    expect(appliance.handovers).toMatchObject([{ virtualRouter: "kube-api", force: true }]);
  });

  it("ends 7 where no peer takes over, 1 for an unknown name, 2 for a bad duration", async () => {
    appliance.conflict = "no peer has taken over within 1 s";
    const refused = await lintel("failover", "kube-api");
    expect(refused).toMatchObject({ exitCode: 7, stderr: expect.stringMatching(/no peer has/) });
    const unknown = await lintel("failover", "web");
    expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/are: kube-api/) });
    expect((await lintel("failover", "kube-api", "--hold", "60")).exitCode).toBe(2);
    expect(appliance.handovers).toEqual([]);
  });
});

describe("lintel standby", () => {
  it("goes on for a time, and off", async () => {
    const on = await lintel("standby", "on", "--for", "2h", "--reason", "disk");
    expect(on.stdout).toBe(
      "standby is on until 2026-01-02T03:04:05Z: this node refuses to be Active " +
        "(by socket: disk) (this node only)\n",
    );
    expect(appliance.standbys).toMatchObject([{ enabled: true, ttlMs: 7_200_000, force: false }]);
    const off = await lintel("standby", "off", "--json");
    expect(JSON.parse(off.stdout)).toMatchObject({ enabled: false, until: null });
  });

  it("ends 7 where no peer takes over, and 2 for nonsense", async () => {
    expect((await lintel("standby", "maybe")).exitCode).toBe(2);
    expect((await lintel("standby", "off", "--for", "2h")).exitCode).toBe(2);
    expect((await lintel("standby", "on", "--for", "soon")).exitCode).toBe(2);
    appliance.conflict = "no peer has taken over";
    expect((await lintel("standby", "on", "--force")).exitCode).toBe(7);
    expect(appliance.standbys).toEqual([]);
  });
});

describe("lintel events", () => {
  it("prints them, oldest first", async () => {
    appliance.happens(makeEvent(1));
    const message = "server web/s1 was changed: weight 0";
    const said = { message, by: "ops", reason: "disk", transition: null, virtualRouter: null };
    appliance.happens(makeEvent(2, { kind: "change", ...said }));
    const { stdout } = await lintel("events");
    expect(stdout).toBe(
      "2026-01-02T03:04:05Z  transition  virtual router kube-api is active: 172.16.0.2 has " +
        "fallen silent\n2026-01-02T03:04:05Z  change      server web/s1 was changed: weight 0 " +
        "(by ops: disk)\n",
    );
    const lines = (await lintel("events", "--json")).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).id)).toEqual([1, 2]);
  });

  it("moves no cursor, whatever is quoted", async () => {
    const message = "server web/s1 is down: \u001b[2Jno\nforged";
    const said = { message, reason: "\u009b2J", by: "ops" };
    appliance.happens(makeEvent(1, { kind: "server", ...said }));
    appliance.happens(makeEvent(2, said));
    const { stdout } = await lintel("events");
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/ server web\/s1 is down: {2}\[2Jno forged \(by ops: {2}2J\)$/),
      expect.stringMatching(/ transition /),
      "",
    ]);
    expect((await lintel("why")).stdout.trimEnd()).not.toMatch(/\p{Cc}/u);
  });

  it("follows until the appliance ends", async () => {
    appliance.happens(makeEvent(1));
    const following = lintel("events", "--follow", "--json");
    await expect.poll(() => appliance.followers.size).toBe(1);
    appliance.happens(makeEvent(2));
    for (const tell of appliance.followers) tell(null);
    const { exitCode, stdout } = await following;
    expect(stdout.trim().split("\n").map((line) => JSON.parse(line).id)).toEqual([1, 2]);
    expect(exitCode).toBe(5);
  });
});

describe("lintel why", () => {
  it("explains the last transition", async () => {
    appliance.happens(makeEvent(1));
    appliance.happens(makeEvent(2, { kind: "server", message: "later", transition: null }));
    const { exitCode, stdout } = await lintel("why");
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      "At 2026-01-02T03:04:05Z on lb1 virtual router kube-api is active: 172.16.0.2 has fallen " +
        "silent (it was backup before). The last advertisement had come 3.61 s before, from " +
        "172.16.0.2 with priority 150. The priority was 80 instead of the configured 100; bad " +
        "were uplink (-20: eth1 is down). This node's own timers were on time.\n",
    );
  });

  it("ends 1 where nothing is known", async () => {
    expect(await lintel("why")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/no transition/),
    });
    appliance.happens(makeEvent(1));
    expect((await lintel("why", "web")).stderr).toMatch(/no transition of virtual router web/);
    expect(JSON.parse((await lintel("why", "kube-api", "--json")).stdout)).toMatchObject({ id: 1 });
  });
});
