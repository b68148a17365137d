/**
 * Unicast: who is listened to, from how far away, and by which address, in both families.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import type { UnicastPlan, VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { IFA_F_TENTATIVE } from "../../src/core/wire/rtnetlink.ts";
import { routerPlan } from "../unit/plans.ts";
import { Capture } from "./capture.ts";
import { forge } from "./forge.ts";
import { Keepalived } from "./keepalived.ts";
import { SpeakerHost } from "./speaker_host.ts";

const VIP = "172.16.0.10";
const OURS = "172.16.0.2";
const THEIRS = "172.16.0.3";
const PLAN = routerPlan({
  addresses: [{ address: VIP, prefixLength: 32 }],
  advertisementIntervalMs: 100,
});
const BETTER = { vrid: 51, priority: 200, addresses: [VIP], interval: [0, 10] } as const;

let lab: Lab;

beforeEach(() => {
  lab = Lab.create();
});

afterEach(() => lab?.[Symbol.asyncDispose]());

describe("a unicast router on one link", () => {
  it("listens to its peers only, and to no multicast", async () => {
    const { ours, theirs } = pair();
    const speaker = new SpeakerHost(ours, [unicastPlan(OURS, THEIRS)]);
    await speaker.is("active");
    forge(theirs, { ...BETTER, source: THEIRS });
    forge(theirs, { ...BETTER, source: "172.16.0.4", destination: OURS });
    forge(theirs, { ...BETTER, source: THEIRS, destination: OURS, ttl: 254 });
    await eventually("each is counted", () => {
      expect(speaker.counted()?.rejected).toEqual({ destination: 1, unknownPeer: 1, ttl: 1 });
      return true;
    });
    expect(speaker.counted()?.state).toBe("active");
    forge(theirs, { ...BETTER, source: THEIRS, destination: OURS });
    await eventually("it yields to its peer", () => speaker.counted()?.state !== "active");
  });

  it("takes no part until it has the address by which its peers know it", async () => {
    const { ours } = pair();
    const speaker = new SpeakerHost(ours, [unicastPlan("172.16.0.7", THEIRS)]);
    await speaker.says(/eth0 has no usable address 172\.16\.0\.7, by which its peers know/);
    ours.links.addAddress("eth0", "172.16.0.7/24");
    await speaker.is("active");
  });

  it.each([
    {
      source: OURS,
      peer: THEIRS,
      filter: "arp",
      said: /who-has 172\.16\.0\.2 .*tell 172\.16\.0\.2/,
    },
    { source: "fd00::2", peer: "fd00::3", filter: "icmp6", said: /ment, tgt is fd00::2/ },
  ])("tells its neighbours at once where $source is", async ({ source, peer, filter, said }) => {
    const { ours, theirs } = pair();
    await settled();
    const capture = await Capture.start(theirs, filter);
    const family = source.includes(":") ? 6 : 4;
    const speaker = new SpeakerHost(ours, [{
      ...unicastPlan(source, peer),
      family,
      advertisementIntervalMs: 10_000,
      addresses: [{
        address: family === 6 ? "fe80::51" : VIP,
        prefixLength: family === 6 ? 128 : 32,
      }],
    }]);
    await speaker.is("backup");
    await eventually("it is told", () => capture.seen.some(({ text }) => said.test(text)));
    expect(speaker.counted()?.advertisementsSent).toBe(0);
  });

  it("listens to anybody without a source check", async () => {
    const { ours, theirs } = pair();
    const plan = unicastPlan(OURS, THEIRS, { checkSource: false });
    const speaker = new SpeakerHost(ours, [plan]);
    await speaker.is("active");
    forge(theirs, { ...BETTER, source: "172.16.0.4", destination: OURS });
    await eventually("it yields", () => speaker.counted()?.state !== "active");
  });

  it("sends to each peer and to no group; multicast routers refuse that", async () => {
    const { ours, theirs } = pair();
    const third = lab.host("third", { addresses: ["172.16.0.4/24"] });
    const multicast = new SpeakerHost(third, [{ ...PLAN, priority: 50 }]);
    const capture = await Capture.start(ours, "proto 112");
    const plan = unicastPlan(OURS, THEIRS, { peers: [THEIRS, "172.16.0.4"] });
    const speaker = new SpeakerHost(ours, [plan]);
    const peer = new SpeakerHost(theirs, [{ ...unicastPlan(THEIRS, OURS), priority: 50 }]);
    await Promise.all([speaker.is("active"), peer.is("backup"), multicast.is("active")]);
    await eventually(
      "it is counted",
      () => (multicast.counted()?.rejected["destination"] ?? 0) > 3,
    );
    const sent = (await capture.stop()).map(({ text }) => text)
      .filter((text) => text.includes(`IP ${OURS} > `));
    const targets = new Set(sent.map((text) => / > ([0-9.]+):/.exec(text)?.[1]));
    expect([...targets].toSorted()).toEqual([THEIRS, "172.16.0.4"]);
    expect(Math.abs(sent.filter((text) => text.includes(`> ${THEIRS}`)).length - sent.length / 2))
      .toBeLessThanOrEqual(1);
  });

  it.each([
    { family: 4, vip: VIP, source: OURS, peer: THEIRS, more: [] },
    { family: 6, vip: "fe80::51", source: "fd00::2", peer: "fd00::3", more: ["fd00::10"] },
  ])("takes turns with Keepalived over IPv$family", async ({ family, vip, source, peer, more }) => {
    const { ours, theirs } = pair();
    await settled();
    const keepalived = new Keepalived(theirs, {
      ...{ version: 3, priority: 100, intervalMs: 100, vip, more },
      unicast: { source: peer, peer: source },
    });
    await keepalived.process.printed(/Startup complete/);
    const speaker = new SpeakerHost(ours, [{
      ...unicastPlan(source, peer),
      family: family === 4 ? 4 : 6,
      addresses: [vip, ...more].map((address) => ({
        address,
        prefixLength: family === 4 ? 32 : 128,
      })),
      priority: 50,
    }]);
    await eventually("one is heard", () => (speaker.counted()?.advertisementsReceived ?? 0) > 3);
    expect(speaker.counted()).toMatchObject({ state: "backup", rejected: {} });
    await keepalived.stop();
    await speaker.is("active");
    expect(ours.holds(vip)).toBe(true);
    const back = new Keepalived(theirs, {
      ...{ version: 3, priority: 200, intervalMs: 100, vip, more },
      unicast: { source: peer, peer: source },
    });
    await eventually("Keepalived is back", () => theirs.holds(vip) && !ours.holds(vip));
    await speaker.stop();
    await back.stop();
  });
});

it("a unicast router with peers behind a router takes what has lost a hop", async () => {
  const { near, far } = hostsBehindARouter();
  const one = new SpeakerHost(near, [{ ...unicastPlan("10.1.0.2", "10.2.0.2"), priority: 150 }]);
  const two = new SpeakerHost(far, [unicastPlan("10.2.0.2", "10.1.0.2")]);
  await one.is("active");
  await eventually("they hear each other", () => (two.counted()?.advertisementsReceived ?? 0) > 3);
  expect(two.counted()).toMatchObject({ state: "backup", rejected: {} });
  await one.stop();
  await two.is("active");
});

it("a unicast router takes what has lost as many hops as it allows, and no more", async () => {
  const { near, far } = hostsBehindARouter();
  const speaker = new SpeakerHost(near, [unicastPlan("10.1.0.2", "10.2.0.2", { minTtl: 254 })]);
  await speaker.is("active");
  // The router takes one off.
  forge(far, { ...BETTER, source: "10.2.0.2", destination: "10.1.0.2", ttl: 254 });
  await eventually("it is counted", () => speaker.counted()?.rejected["ttl"] === 1);
  expect(speaker.counted()).toMatchObject({ state: "active", advertisementsReceived: 0 });
  forge(far, { ...BETTER, source: "10.2.0.2", destination: "10.1.0.2", ttl: 255 });
  await eventually("it yields", () => speaker.counted()?.state !== "active");
  expect(speaker.counted()?.rejected).toEqual({ ttl: 1 });
});

it("a unicast router takes turns with a Keepalived behind a router", async () => {
  const { near, far } = hostsBehindARouter();
  const keepalived = new Keepalived(far, {
    ...{ version: 3, priority: 100, intervalMs: 100, vip: VIP },
    unicast: { source: "10.2.0.2", peer: "10.1.0.2" },
  });
  await keepalived.process.printed(/Startup complete/);
  const one = new SpeakerHost(near, [{ ...unicastPlan("10.1.0.2", "10.2.0.2"), priority: 150 }]);
  await one.is("active");
  await eventually("Keepalived yields", () => !far.holds(VIP) && near.holds(VIP));
  await one.stop();
  await eventually("Keepalived takes over", () => far.holds(VIP) && !near.holds(VIP));
  const two = new SpeakerHost(near, [{ ...unicastPlan("10.1.0.2", "10.2.0.2"), priority: 50 }]);
  await eventually("it is heard", () => (two.counted()?.advertisementsReceived ?? 0) > 3);
  expect(two.counted()).toMatchObject({ state: "backup", rejected: {} });
  await keepalived.stop();
  await two.is("active");
});

function pair(): { ours: Host; theirs: Host } {
  return {
    ours: lab.host("ours", { addresses: [`${OURS}/24`, "fd00::2/64"] }),
    theirs: lab.host("theirs", { addresses: [`${THEIRS}/24`, "fd00::3/64"] }),
  };
}

async function settled(): Promise<void> {
  await eventually(
    "duplicate address detection is over",
    () =>
      lab.hosts.every((host) => host.addresses().every(({ flags }) => !(flags & IFA_F_TENTATIVE))),
  );
}

function unicastPlan(
  source: string,
  peer: string,
  said: Partial<UnicastPlan> = {},
): VirtualRouterPlan {
  const unicast = { source, peers: [peer], ttl: 255, minTtl: null, checkSource: true, ...said };
  return { ...PLAN, unicast };
}

/** Two hosts, and a router between them. */
function hostsBehindARouter() {
  const near = lab.host("near", { addresses: ["10.1.0.2/24"], lan: "one", gateway: "10.1.0.1" });
  const far = lab.host("far", { addresses: ["10.2.0.2/24"], lan: "two", gateway: "10.2.0.1" });
  const between = lab.host("between", { addresses: ["10.1.0.1/24"], lan: "one" });
  lab.attach(between, "two", ["10.2.0.1/24"]);
  between.sysctl("net.ipv4.ip_forward", 1);
  return { near, far };
}
