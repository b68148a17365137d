/**
 * Virtual MAC mode: whoever is Active, neighbours see the virtual router's MAC address and no
 * other, and nothing is left of it afterwards.
 */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { IFA_F_TENTATIVE } from "../../src/core/wire/rtnetlink.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { routerPlan } from "../unit/plans.ts";
import { answerers } from "./arp.ts";
import { Capture } from "./capture.ts";
import { figures } from "./figures.ts";
import { Keepalived } from "./keepalived.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const MAC = "00:00:5e:00:01:33";
const VIP6 = "fd00::10";
const MAC6 = "00:00:5e:00:02:33";
const PLAN = routerPlan({
  name: "four",
  addresses: [{ address: VIP, prefixLength: 32 }],
  advertisementIntervalMs: 100,
  virtualMac: true,
});
const SIX = routerPlan({
  ...PLAN,
  name: "six",
  family: 6,
  addresses: [{ address: "fe80::51", prefixLength: 128 }, { address: VIP6, prefixLength: 128 }],
});

let lab: Lab;
let client: Host;
let lb1: Host;
let lb2: Host;

beforeEach(async () => {
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24", "fd00::100/64"] });
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24", "fd00::3/64"] });
  await eventually(
    "duplicate address detection is over",
    () =>
      lab.hosts.every((host) => host.addresses().every(({ flags }) => !(flags & IFA_F_TENTATIVE))),
  );
});

afterEach(() => lab?.[Symbol.asyncDispose]());

it("advertisements and answers carry the virtual MAC address, the host's own do not", async () => {
  const capture = await Capture.start(client, "proto 112 or ip6 proto 112", ["-e"]);
  const one = new SpeakerHost(lb1, [PLAN, SIX]);
  await Promise.all([one.is("active", "four"), one.is("active", "six")]);
  expect(await answerers(client, VIP, [])).toEqual([MAC]);
  expect(await answerers(client, "172.16.0.2", [lb1])).toEqual(["lb1"]);
  expect([await reaches(client, VIP), await reaches(client, VIP6)]).toEqual([true, true]);
  for (const name of ["four", "six"]) {
    await eventually("some are sent", () => (one.counted(name)?.advertisementsSent ?? 0) > 5);
  }
  const seen = (await capture.stop()).map(({ text }) => text);
  const four = seen.filter((text) => text.includes("172.16.0.2 > 224.0.0.18"));
  const six = seen.filter((text) => text.includes("> ff02::12"));
  expect(four.length).toBeGreaterThan(3);
  expect(four.filter((text) => !text.startsWith(`${MAC} > 01:00:5e:00:00:12`))).toEqual([]);
  expect(six.length).toBeGreaterThan(3);
  expect(six.filter((text) => !text.startsWith(`${MAC6} > 33:33:00:00:00:12`))).toEqual([]);
  expect(lb1.addresses().filter(({ protocol }) => protocol === 18).map((one) => one.interface))
    .toEqual(expect.arrayContaining(["vrrp.51", "vrrp6.51"]));
});

it("neighbours never learn another one, whoever is Active, and the switch follows", async () => {
  using watch = new VipWatch(VIP, lb1, lb2);
  const believed = client.spawn(["ip", "monitor", "neigh"]);
  const one = new SpeakerHost(lb1, [{ ...PLAN, priority: 150 }]);
  const two = new SpeakerHost(lb2, [PLAN]);
  await Promise.all([one.is("active"), two.is("backup")]);
  await watch.only(lb1);
  expect(await reaches(client, VIP)).toBe(true);
  expect(await neighbour()).toBe(MAC);
  expect(lab.behind(MAC)?.name).toBe("lb1");
  const since = monotonicMs();
  await one.stop();
  const takenMs = await watch.gained(lb2, since);
  const movedMs = await moved("lb2");
  figures("virtual MAC, 100 ms, planned stop", { takenMs, movedMs });
  expect(movedMs).toBeLessThan(PLAN.advertisementIntervalMs + watch.stallMs(since));
  expect(await reaches(client, VIP)).toBe(true);
  expect(await neighbour()).toBe(MAC);
  expect(await answerers(client, VIP, [])).toEqual([MAC]);
  expect(two.counted()?.vipConflicts).toBe(0);
  expect(macs(believed.stdout)).toEqual([MAC]);
});

it("takes turns with a Keepalived that does the same", async () => {
  // What Keepalived leaves to its users: or the link below the virtual one speaks for it, too.
  lb2.sysctl("net.ipv4.conf.all.arp_ignore", 1);
  lb2.sysctl("net.ipv4.conf.all.arp_announce", 2);
  using watch = new VipWatch(VIP, lb1, lb2);
  const believed = client.spawn(["ip", "monitor", "neigh"]);
  const keepalived = new Keepalived(lb2, {
    ...{ version: 3, priority: 100, intervalMs: 100, vip: VIP, lines: ["use_vmac"] },
  });
  await keepalived.process.printed(/Startup complete/);
  const one = new SpeakerHost(lb1, [{ ...PLAN, priority: 50 }]);
  await one.is("backup");
  await watch.only(lb2);
  expect(await reaches(client, VIP)).toBe(true);
  expect(lab.behind(MAC)?.name).toBe("lb2");
  const since = monotonicMs();
  await keepalived.stop();
  await one.is("active");
  const movedMs = await moved("lb1");
  figures("virtual MAC after Keepalived's, 100 ms", { movedMs });
  expect(movedMs).toBeLessThan(PLAN.advertisementIntervalMs + watch.stallMs(since));
  expect(await reaches(client, VIP)).toBe(true);
  expect(await neighbour()).toBe(MAC);
  expect(await answerers(client, VIP, [])).toEqual([MAC]);
  const back = new Keepalived(lb2, {
    ...{ version: 3, priority: 200, intervalMs: 100, vip: VIP, lines: ["use_vmac"] },
  });
  await eventually("Keepalived has it back", () => watch.holders().join() === "lb2");
  await moved("lb2");
  expect(await reaches(client, VIP)).toBe(true);
  expect(one.counted()?.rejected).toEqual({});
  expect(macs(believed.stdout)).toEqual([MAC]);
  await back.stop();
});

it("nothing is left of it after a stop, and a predecessor's is replaced", async () => {
  const before = parameters();
  const killed = new SpeakerHost(lb1, [{ ...PLAN, deadmanMs: null }]);
  await killed.is("active");
  expect(parameters()).not.toEqual(before);
  killed.process.kill("SIGKILL");
  await killed.process.status;
  expect(lb1.holds(VIP)).toBe(true);
  const successor = new SpeakerHost(lb1, [{ ...PLAN, advertisementIntervalMs: 10_000 }]);
  await successor.is("backup");
  expect(lb1.holds(VIP)).toBe(false);
  await successor.stop();
  // Also what a killed predecessor had changed beside its link.
  expect(parameters()).toEqual(before);
  expect(lb1.links.list().map(({ name }) => name)).not.toContain("vrrp.51");
});

it("unicast advertisements keep to the interface, the addresses to their own", async () => {
  const unicast = (source: string, peer: string) => ({
    ...PLAN,
    unicast: { source, peers: [peer], ttl: 255, minTtl: null, checkSource: true },
  });
  const one = new SpeakerHost(lb1, [{ ...unicast("172.16.0.2", "172.16.0.3"), priority: 150 }]);
  const two = new SpeakerHost(lb2, [unicast("172.16.0.3", "172.16.0.2")]);
  await Promise.all([one.is("active"), two.is("backup")]);
  await delay(500);
  expect([one.counted()?.state, two.counted()?.state]).toEqual(["active", "backup"]);
  expect(await answerers(client, VIP, [])).toEqual([MAC]);
  await one.stop();
  await two.is("active");
  expect(await reaches(client, VIP)).toBe(true);
});

function parameters(): string[] {
  return lb1.inside(() =>
    ["arp_ignore", "arp_announce"].map((name) =>
      Deno.readTextFileSync(`/proc/sys/net/ipv4/conf/eth0/${name}`)
    )
  );
}

/** Waits until the switch sends frames for the virtual MAC address there. @returns how long. */
async function moved(host: string): Promise<number> {
  const since = monotonicMs();
  await eventually(`the switch knows ${host}`, () => lab.behind(MAC)?.name === host, {
    everyMs: 1,
  });
  return monotonicMs() - since;
}

/** The MAC addresses that the client has had for the VIP. */
function macs(monitored: string): string[] {
  const learnt = monitored.matchAll(/^172\.16\.0\.10 .* lladdr (\S+)/gm);
  return [...new Set([...learnt].map(([, mac = ""]) => mac))];
}

/** What the client believes. */
async function neighbour(): Promise<string> {
  const said = await client.run(["ip", "neighbour", "show", VIP]);
  return / lladdr (\S+)/.exec(said)?.[1] ?? "";
}

/** Whether a host answers at an address: it refuses a connection. */
async function reaches(asker: Host, address: string): Promise<boolean> {
  const command = `exec 3<>/dev/tcp/${address}/9`;
  const { output } = await asker.try(["timeout", "3", "bash", "-c", command]);
  return output.includes("refused");
}
