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

function lintel(args: string) {
  return served.lintel(...args.split(" "));
}

describe("a value that only the appliance can judge", () => {
  it.each([
    ["connections --client nonsense", /client/],
    ["connections --client nonsense --kill", /client/],
    ["drain web/master1 --for 0s", /ttl/],
    ["server add web/new nohost:x", /address/],
    ["drain web/master1 --for 1m --wait 2m", /deadline: comes after the ttl/],
  ])("is wrong usage: %s", async (args, message) => {
    const { exitCode, stderr } = await lintel(args);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
    expect([...appliance.changes, ...appliance.added, ...appliance.kills]).toEqual([]);
  });
});

describe("drain --then kill", () => {
  it.each(["", " --wait 0s"])("needs a time to wait (%j)", async (wait) => {
    const { exitCode, stderr } = await lintel(`drain web/master1 --then kill${wait}`);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/--then kill needs --wait, .* such as --wait 5m/);
    expect(appliance.changes).toEqual([]);
  });
});

describe("weight --for", () => {
  it("says how long the weight holds", async () => {
    expect((await lintel("weight web/master1 5 --for 2h --reason slow")).exitCode).toBe(0);
    expect(appliance.changes).toMatchObject([{ weight: 5, ttlMs: 7_200_000, reason: "slow" }]);
    expect((await lintel("weight web/master1 5 --for soon")).exitCode).toBe(2);
  });
});

describe("overrides --clear", () => {
  beforeEach(() => {
    const said = { by: "ops", reason: null, at: "2026-01-02T03:04:05Z", until: null };
    const weight = { field: "weight", value: 7, file: 100 } as const;
    appliance.facts = [{ ...said, ...weight, backend: "web", server: "master1" }];
  });

  it("takes --all in place of a server", async () => {
    expect((await lintel("overrides --clear --all")).exitCode).toBe(0);
    expect(appliance.facts).toEqual([]);
  });

  it.each(["--clear", "--clear web/master1 --all"])("refuses %s", async (options) => {
    expect((await lintel(`overrides ${options}`)).exitCode).toBe(2);
    expect(appliance.facts).toHaveLength(1);
  });
});

describe("--json of what changes something", () => {
  it.each([
    ["server add web/new 10.0.0.9:80", { admin: "ready" }],
    ["server remove web/master1", { name: "master1" }],
    ["failover kube-api", { virtualRouters: ["kube-api"] }],
    ["failover kube-api --dry-run", { virtualRouters: ["kube-api"] }],
    ["standby on", { enabled: true }],
    ["reload", { applied: false }],
    ["overrides --all", { items: [] }],
    ["connections --kill --all", { killed: 0 }],
    ["drain web/master1", { servers: [{ admin: "drain" }] }],
  ])("says how far it reaches: %s", async (args, document) => {
    const { exitCode, stdout } = await lintel(`${args} --json`);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ scope: "this node only", ...document });
  });
});
