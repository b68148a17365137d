/**
 * Routes and rules that go with a virtual router, in the kernel: there while it is Active, gone
 * otherwise, also after a crash; what somebody else has installed stays.
 */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { IFA_F_TENTATIVE } from "../../src/core/wire/rtnetlink.ts";
import type { RoutePlan, RulePlan } from "../../src/core/plan/plan.ts";
import { routerPlan } from "../unit/plans.ts";
import { forge } from "./forge.ts";
import { SpeakerHost } from "./speaker_host.ts";

const VIP = "172.16.0.10";
const PLAN = routerPlan({
  addresses: [{ address: VIP, prefixLength: 32 }],
  excludedAddresses: [{ address: "fd00::10", prefixLength: 128 }, {
    address: "172.16.0.11",
    prefixLength: 24,
  }],
  routes: [
    route({ to: "10.1.0.0/16", via: "172.16.0.1", source: VIP }),
    route({ to: "10.2.0.0/16", table: 300, metric: 5 }),
    route({ to: "0.0.0.0/0", via: "172.16.0.1", table: 301 }),
    route({ to: "fd01::/64", via: "fd00::1" }),
  ],
  rules: [
    rule({ from: "10.3.0.0/16", table: 300, priority: 70 }),
    rule({ family: 6, to: "fd02::/64", table: 300 }),
  ],
  advertisementIntervalMs: 100,
});

let lab: Lab;
let lb1: Host;
let client: Host;

beforeEach(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  await eventually(
    "duplicate address detection is over",
    () => lb1.addresses().every(({ flags }) => !(flags & IFA_F_TENTATIVE)),
  );
});

afterEach(() => lab?.[Symbol.asyncDispose]());

const INSTALLED = [
  "10.1.0.0/16 via 172.16.0.1 dev eth0 src 172.16.0.10",
  "10.2.0.0/16 dev eth0 table 300 scope link metric 5",
  "default via 172.16.0.1 dev eth0 table 301",
  "fd01::/64 via fd00::1 dev eth0 metric 1024 pref medium",
  "70: from 10.3.0.0/16 lookup 300 proto keepalived",
  "from all to fd02::/64 lookup 300 proto keepalived",
];

it("routes and rules come and go with the virtual router", async () => {
  expect(await installed()).toEqual([]);
  const speaker = new SpeakerHost(lb1, [PLAN]);
  await speaker.is("active");
  await eventually("they are there", async () => expect(await installed()).toEqual(INSTALLED) ?? 1);
  expect(["fd00::10", "172.16.0.11"].map((address) => lb1.holds(address))).toEqual([true, true]);
  forge(client, {
    ...{ source: "172.16.0.100", vrid: 51, priority: 200, addresses: [VIP], interval: [0, 10] },
  });
  await speaker.is("backup");
  expect(await installed()).toEqual([]);
  expect(["fd00::10", "172.16.0.11"].map((address) => lb1.holds(address))).toEqual([false, false]);
  await speaker.is("active");
  await speaker.stop();
  expect(await installed()).toEqual([]);
  expect(speaker.said.filter((line) => /refuses/.test(line))).toEqual([]);
});

it("they are back soon when somebody takes them away, or a link was down", async () => {
  const plan = {
    ...PLAN,
    routes: [...PLAN.routes, route({ to: "10.4.0.0/16", interface: "eth1" })],
    // Nothing that is renewed may be what mends it.
    deadmanMs: null,
  };
  lab.attach(lb1, "far", ["172.16.1.2/24"]);
  const speaker = new SpeakerHost(lb1, [plan]);
  await speaker.is("active");
  const all = [...INSTALLED.slice(0, 2), "10.4.0.0/16 dev eth1 scope link", ...INSTALLED.slice(2)];
  const areAllBack = () =>
    eventually("they are there", async () => (await installed()).join("\n") === all.join("\n"));
  await areAllBack();
  await lb1.run(["ip", "route", "flush", "table", "all", "proto", "18"]);
  await areAllBack();
  await lb1.run(["ip", "rule", "del", "from", "10.3.0.0/16", "table", "300"]);
  await lb1.run(["ip", "-6", "route", "del", "fd01::/64"]);
  await lb1.run(["ip", "-6", "rule", "del", "to", "fd02::/64", "table", "300"]);
  await areAllBack();
  lb1.links.down("eth1");
  await eventually("one is gone", async () => (await installed()).length === all.length - 1);
  lb1.links.up("eth1");
  await areAllBack();
  await speaker.says(/the route to 10\.1\.0\.0\/16 was gone from this host: put back/);
  expect(speaker.transitions.map(({ to }) => to)).toEqual(["backup", "active"]);
  await speaker.stop();
  expect(await installed()).toEqual([]);
});

it("what a killed predecessor left is removed at start; another's stays", async () => {
  const killed = new SpeakerHost(lb1, [{ ...PLAN, deadmanMs: null }]);
  await killed.is("active");
  killed.process.kill("SIGKILL");
  await killed.process.status;
  expect(await installed()).toEqual(INSTALLED);
  await lb1.run(["ip", "route", "add", "10.9.0.0/16", "via", "172.16.0.1", "proto", "static"]);
  const foreign = route({ to: "10.9.0.0/16", via: "172.16.0.1" });
  const routes = [...PLAN.routes, foreign];
  const successor = new SpeakerHost(lb1, [{ ...PLAN, routes, advertisementIntervalMs: 5_000 }]);
  await successor.is("backup");
  expect(await installed()).toEqual([]);
  expect(await lb1.run(["ip", "route", "show", "proto", "static"])).toMatch(/10\.9\.0\.0\/16/);
  await successor.stop();
  const owner = new SpeakerHost(lb1, [{ ...PLAN, routes }]);
  await owner.says(/the route to 10\.9\.0\.0\/16 is on this host already/);
  await owner.stop();
  expect(await lb1.run(["ip", "route", "show", "proto", "static"])).toMatch(/10\.9\.0\.0\/16/);
});

/** All that has our mark, as ip(8) tells it. */
async function installed(): Promise<string[]> {
  const shown = ["table", "all", "proto", "18"];
  const lines = (text: string) =>
    text.split("\n").map((line) => line.trim().replaceAll(/\s+/g, " ")).filter(Boolean);
  const routes = [
    ...lines(await lb1.run(["ip", "-4", "route", "show", ...shown])).toSorted(),
    ...lines(await lb1.run(["ip", "-6", "route", "show", ...shown])),
  ];
  const rules = [
    ...lines(await lb1.run(["ip", "-4", "rule", "show"])),
    ...lines(await lb1.run(["ip", "-6", "rule", "show"])),
  ].filter((line) => / proto (keepalived|18)$/.test(line));
  return [
    ...routes,
    ...rules.map((line) => line.replace(/18$/, "keepalived").replace(/^\d+: (?=from all)/, "")),
  ];
}

function route(said: Partial<RoutePlan>): RoutePlan {
  return {
    ...{ to: "", via: null, interface: null, source: null, table: 254, metric: null },
    ...said,
  };
}

function rule(said: Partial<RulePlan>): RulePlan {
  return { ...{ family: 4, from: null, to: null, table: 254, priority: null }, ...said };
}
