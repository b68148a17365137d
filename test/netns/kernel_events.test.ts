/**
 * What becomes of interfaces and addresses while the speaker runs, each event with what must follow
 * in the kernel and on the wire.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { routerPlan } from "../unit/plans.ts";
import { Capture } from "./capture.ts";
import { figures } from "./figures.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const PLAN = routerPlan({
  addresses: [{ address: VIP, prefixLength: 32 }],
  advertisementIntervalMs: 100,
  priority: 150,
});
const FAULT_MS = 100;

let lab: Lab;
let lb1: Host;
let lb2: Host;
let client: Host;
let watch: VipWatch;

beforeEach(() => {
  lab = Lab.create();
  // First, so that no index of lb1's is that of its port in the switch: the kernel then takes its
  // link for one of its own kind, and tells of its carrier once a second at most.
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
  watch = new VipWatch(VIP, lb1, lb2);
});

afterEach(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("an Active", () => {
  it.each([
    {
      what: "loses its carrier",
      breaks: () => lab.unplug(lb1),
      mends: () => lab.plug(lb1),
      says: /interface eth0 has no carrier/,
    },
    {
      what: "has its interface set down",
      breaks: () => lb1.links.down("eth0"),
      mends: () => lb1.links.up("eth0"),
      says: /interface eth0 is down/,
    },
    {
      what: "has its interface renamed",
      breaks: async () => {
        lb1.links.down("eth0");
        await lb1.run(["ip", "link", "set", "eth0", "name", "other"]);
        lb1.links.up("other");
      },
      mends: async () => {
        lb1.links.down("other");
        await lb1.run(["ip", "link", "set", "other", "name", "eth0"]);
        lb1.links.up("eth0");
      },
      says: /interface eth0 is down|there is no interface eth0/,
    },
    {
      what: "has its interface deleted and made anew",
      breaks: () => lb1.links.remove("eth0"),
      mends: () => void lab.attach(lb1, "lan", ["172.16.0.2/24"]),
      says: /there is no interface eth0/,
    },
    {
      what: "loses its only address",
      breaks: () => lb1.links.removeAddress("eth0", "172.16.0.2/24"),
      mends: () => lb1.links.addAddress("eth0", "172.16.0.2/24"),
      says: /interface eth0 has no IPv4 address of its own/,
    },
  ])("that $what gives up, and comes back", async ({ what, breaks, mends, says }) => {
    const { one, two } = await both();
    const since = monotonicMs();
    await breaks();
    const lostMs = await watch.lost(lb1, since);
    const takenMs = await watch.gained(lb2, since);
    figures(`an Active that ${what}`, { lostMs, takenMs });
    expect(lostMs).toBeLessThan(FAULT_MS + watch.stallMs(since));
    await one.is("initialize");
    await one.says(says);
    await mends();
    // Back as a Backup with its full timer, in which a switch may not forward yet.
    await watch.only(lb1);
    await Promise.all([one.is("active"), two.is("backup")]);
    expect(one.transitions.map(({ to }) => to))
      .toEqual(["backup", "active", "initialize", "backup", "active"]);
    expect(one.transitions.at(-1)?.reason).toMatch(/^(preempt|peerSilent)$/);
  });

  it("that flaps moves once for each stable time, and leaks nothing", async () => {
    const { one } = await both();
    const before = descriptors(one.pid);
    const since = monotonicMs();
    for (let flap = 0; flap < 20; flap++) {
      lb1.links.down("eth0");
      await delay(50);
      lb1.links.up("eth0");
      await delay(50);
    }
    await watch.only(lb1);
    await one.is("active");
    expect(watch.changes(since).filter(({ host, holds }) => host === lb1 && holds).length)
      .toBeLessThanOrEqual(3);
    expect(descriptors(one.pid)).toBe(before);
  });

  it("takes another primary address when its own goes, and tells nobody", async () => {
    const { one, two } = await both();
    const capture = await Capture.start(client, "proto 112");
    lb1.links.addAddress("eth0", "172.16.0.7/24");
    await delay(150);
    const since = monotonicMs();
    lb1.links.removeAddress("eth0", "172.16.0.2/24");
    await eventually(
      "the other one is the source",
      () => capture.seen.some(({ text }) => text.startsWith("IP 172.16.0.7 > 224.0.0.18")),
    );
    await delay(400);
    const seen = await capture.stop();
    expect(seen.filter(({ text }) => text.includes("prio 0,"))).toEqual([]);
    expect(watch.changes(since)).toEqual([]);
    expect([one.counted()?.state, two.counted()?.state]).toEqual(["active", "backup"]);
  });

  it("keeps a virtual address that shares its network with the address that goes", async () => {
    const plan = { ...PLAN, addresses: [{ address: VIP, prefixLength: 24 }] };
    lb1.sysctl("net.ipv4.conf.eth0.promote_secondaries", 0);
    const { one, two } = await both(plan);
    lb1.links.addAddress("eth0", "10.9.0.2/16");
    await delay(150);
    const since = monotonicMs();
    lb1.links.removeAddress("eth0", "172.16.0.2/24");
    await delay(500);
    const missing = watch.changes(since).filter(({ host, holds }) => host === lb1 && !holds);
    expect(missing).toEqual([]);
    expect(lb1.holds(VIP)).toBe(true);
    expect([one.counted()?.state, two.counted()?.state]).toEqual(["active", "backup"]);
  });

  it("puts back an address that somebody else has removed, and says so", async () => {
    const { one, two } = await both({ ...PLAN, deadmanMs: null });
    const capture = await Capture.start(client, "arp");
    await delay(100);
    const since = monotonicMs();
    lb1.links.removeAddress("eth0", `${VIP}/32`);
    await one.says(/172\.16\.0\.10 was removed from this host by somebody else: put back/);
    const blinkMs = await watch.gained(lb1, since);
    figures("a virtual address that somebody else removes", { blinkMs });
    expect(blinkMs).toBeLessThan(50 + watch.stallMs(since));
    await eventually(
      "it is announced",
      () =>
        capture.seen.some(({ text }) => /who-has 172\.16\.0\.10 .*tell 172\.16\.0\.10/.test(text)),
    );
    await capture.stop();
    expect(watch.holders()).toEqual(["lb1"]);
    expect([one.counted()?.state, two.counted()?.state]).toEqual(["active", "backup"]);
    expect(one.transitions.map(({ to }) => to)).toEqual(["backup", "active"]);
  });

  it("counts what cannot be sent, says it once, and goes on", async () => {
    const one = new SpeakerHost(lb1, [PLAN]);
    await one.is("active");
    await lb1.run([
      "nft",
      "add table inet lab { chain out { type filter hook output priority 0; }; }",
    ]);
    await lb1.run(["nft", "add rule inet lab out ip protocol 112 drop"]);
    await eventually("errors are counted", () => (one.counted()?.sendErrors ?? 0) > 5);
    expect(one.said.filter((line) => /sending advertisements fails: EPERM/.test(line)))
      .toHaveLength(1);
    expect(one.counted()?.state).toBe("active");
    await lb1.run(["nft", "delete table inet lab"]);
    const sent = one.counted()?.advertisementsSent ?? 0;
    await eventually("it is sent again", () => (one.counted()?.advertisementsSent ?? 0) > sent + 5);
    await one.stop();
  });
});

describe("an owner", () => {
  it("takes no part while its address is not there, and is Active whenever it is", async () => {
    lb1.links.removeAddress("eth0", "172.16.0.2/24");
    const owned = [{ address: "172.16.0.2", prefixLength: 32 }];
    const one = new SpeakerHost(lb1, [
      { ...PLAN, addresses: owned, priority: 255, existingAddress: "refuse" },
    ]);
    await one.says(/interface eth0 has no IPv4 address of its own/);
    lb1.links.addAddress("eth0", "172.16.0.2/24");
    await one.is("active");
    lb1.links.removeAddress("eth0", "172.16.0.2/24");
    await one.is("initialize");
    expect(one.transitions.map(({ reason }) => reason)).toEqual(["owner", "noAddress"]);
    await one.stop();
  });
});

describe("an Active whose queue is full", () => {
  it("counts what is refused, says it once of each kind, and recovers", async () => {
    const announce = { repeat: 1, delayMs: 0, refreshMs: 150, refreshRepeat: 1 };
    const one = new SpeakerHost(lb1, [{ ...PLAN, announce }]);
    await one.is("active");
    // Every packet is longer than that.
    await lb1.run(["tc", "qdisc", "add", "dev", "eth0", "root", "bfifo", "limit", "1"]);
    await eventually("errors are counted", () => (one.counted()?.sendErrors ?? 0) > 10);
    for (const what of ["advertisements", "announcements"]) {
      const line = `sending ${what} fails: ENOBUFS`;
      expect(one.said.filter((said) => said.includes(line)), line).toHaveLength(1);
    }
    expect(one.counted()?.state).toBe("active");
    await lb1.run(["tc", "qdisc", "del", "dev", "eth0", "root"]);
    const { advertisementsSent = NaN, sendErrors } = one.counted() ?? {};
    await eventually(
      "it is sent again",
      () => (one.counted()?.advertisementsSent ?? 0) > advertisementsSent + 5,
    );
    expect(one.counted()?.sendErrors).toBeLessThanOrEqual((sendErrors ?? 0) + 3);
    await one.stop();
  });
});

describe("a virtual address that is on the host at start", () => {
  it("is removed where the file says so", async () => {
    lb1.links.addAddress("eth0", `${VIP}/24`);
    const plan = { ...PLAN, existingAddress: "remove" as const, advertisementIntervalMs: 10_000 };
    const one = new SpeakerHost(lb1, [plan]);
    await one.is("backup");
    await one.says(/172\.16\.0\.10 was still on this host: removed/);
    expect(lb1.holds(VIP)).toBe(false);
  });

  it("is left alone otherwise, and never given a lifetime", async () => {
    lb1.links.addAddress("eth0", `${VIP}/32`);
    const one = new SpeakerHost(lb1, [{ ...PLAN, existingAddress: "refuse" }]);
    await one.is("active");
    await one.says(/172\.16\.0\.10 is on this host already, put there by somebody else/);
    await delay(600);
    const found = lb1.addresses().find(({ prefix }) => prefix.startsWith(VIP));
    expect(found).toMatchObject({ validSeconds: Infinity, protocol: 0 });
    await one.stop();
    expect(lb1.holds(VIP)).toBe(true);
  });
});

async function both(
  plan: VirtualRouterPlan = PLAN,
): Promise<{ one: SpeakerHost; two: SpeakerHost }> {
  const one = new SpeakerHost(lb1, [plan]);
  const two = new SpeakerHost(lb2, [{ ...plan, priority: 100 }]);
  await Promise.all([one.is("active"), two.is("backup")]);
  await eventually("they hear each other", () => (two.counted()?.advertisementsReceived ?? 0) > 3);
  await watch.only(lb1);
  one.transitions.splice(0, one.transitions.length - 2);
  return { one, two };
}

function descriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}
