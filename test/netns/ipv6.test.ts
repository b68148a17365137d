/**
 * IPv6 virtual routers on the wire and in the kernel, alone and with a real Keepalived.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import {
  IFA_F_DADFAILED,
  IFA_F_DEPRECATED,
  IFA_F_NODAD,
  IFA_F_TENTATIVE,
} from "../../src/core/wire/rtnetlink.ts";
import { routerPlan } from "../unit/plans.ts";
import { Capture } from "./capture.ts";
import { figures } from "./figures.ts";
import { Keepalived } from "./keepalived.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { VipWatch } from "./vip_watch.ts";

const LOCAL = "fe80::51";
const VIP = "fd00::10";
const PLAN = routerPlan({
  name: "six",
  family: 6,
  addresses: [{ address: LOCAL, prefixLength: 128 }, { address: VIP, prefixLength: 128 }],
  advertisementIntervalMs: 100,
});

const FOUR = routerPlan({
  name: "four",
  addresses: [{ address: "172.16.0.10", prefixLength: 32 }],
  advertisementIntervalMs: 100,
});

/** Advertisements over IPv6 are lost, and nothing else. */
const REFUSE_IPV6 = `
table inet refuse {
  chain refuse {
    type filter hook input priority 0;
    meta nfproto ipv6 meta l4proto 112 drop
  }
}`;

/** Announcements on becoming Active, and no others. */
const BURST = { repeat: 5, delayMs: 0, refreshMs: null, refreshRepeat: 1 };

let lab: Lab;
let lb1: Host;
let lb2: Host;
let client: Host;

beforeEach(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24", "fd00::3/64"] });
  client = lab.host("client", { addresses: ["172.16.0.100/24", "fd00::100/64"] });
  await eventually(
    "duplicate address detection is over",
    () =>
      lab.hosts.every((host) => host.addresses().every(({ flags }) => !(flags & IFA_F_TENTATIVE))),
  );
});

afterEach(() => lab?.[Symbol.asyncDispose]());

describe("an IPv6 virtual router", () => {
  it("is advertised from a link-local address to ff02::12 with hop limit 255", async () => {
    const capture = await Capture.start(client, "ip6 and (proto 112 or icmp6)", ["-v"]);
    const speaker = new SpeakerHost(lb1, [{ ...PLAN, announce: BURST }]);
    await speaker.is("active");
    await eventually("two are sent", () => (speaker.counted()?.advertisementsSent ?? 0) > 2);
    const seen = (await capture.stop()).map(({ text }) => text);
    const advertisement = seen.find((text) => text.includes("VRRP")) ?? "";
    expect(advertisement).toMatch(/class 0xc0/);
    expect(advertisement).toMatch(/hlim 255, next-header (VRRP|unknown) \(112\)/);
    expect(advertisement).toMatch(/fe80::[0-9a-f:]+ > ff02::12: .*VRRPv3, Advertisement, vrid 51/);
    expect(advertisement).toMatch(/prio 100, intvl 10cs, length 40, addrs\(2\): fe80::51,fd00::10/);
    const announced = seen.filter((text) =>
      /neighbor advertisement/.test(text) && /tgt is/.test(text)
    );
    expect(announced.filter((text) => text.includes(`tgt is ${VIP}`)).length)
      .toBeGreaterThanOrEqual(5);
    expect(announced.filter((text) => text.includes(`tgt is ${LOCAL}`)).length)
      .toBeGreaterThanOrEqual(5);
    expect(announced[0]).toMatch(/> ff02::1: .* Flags \[override\]/);
    await speaker.stop();
  });

  it("has addresses that work at once, deprecated, and gone with their lifetime", async () => {
    lb1.sysctl("net.ipv6.conf.eth0.forwarding", 1);
    const capture = await Capture.start(client, "icmp6");
    const speaker = new SpeakerHost(lb1, [{ ...PLAN, deadmanMs: 3_000 }]);
    await speaker.is("active");
    const mine = lb1.addresses().filter(({ protocol }) => protocol === 18);
    expect(mine.map(({ prefix }) => prefix).toSorted()).toEqual([`${VIP}/128`, `${LOCAL}/128`]);
    for (const { flags, validSeconds, preferredSeconds } of mine) {
      expect(flags & (IFA_F_NODAD | IFA_F_TENTATIVE | IFA_F_DEPRECATED))
        .toBe(IFA_F_NODAD | IFA_F_DEPRECATED);
      expect(validSeconds).toBeLessThanOrEqual(2);
      expect(preferredSeconds).toBe(0);
    }
    expect(await answers(client, VIP)).toBe(true);
    const seen = await capture.stop();
    expect(seen.some(({ text }) =>
      /tgt is fd00::10, Flags \[router, override\]|fd00::10, length 32/
        .test(text)
    )).toBe(true);
    const since = monotonicMs();
    speaker.process.kill("SIGKILL");
    await eventually("the kernel drops them", () => !lb1.holds(VIP) && !lb1.holds(LOCAL));
    const goneMs = monotonicMs() - since;
    figures("SIGKILL, IPv6, deadman 3 s", { goneMs });
    expect(goneMs).toBeLessThan(3_300);
    expect(lb1.addresses().some(({ prefix }) => prefix === "fd00::2/64")).toBe(true);
    // The route to the network it shared is still there.
    expect(await answers(lb1, "fd00::3")).toBe(true);
  });

  it("is independent of the IPv4 one with the same VRID", async () => {
    const one = new SpeakerHost(lb1, [{ ...FOUR, priority: 150 }, { ...PLAN, priority: 100 }]);
    const two = new SpeakerHost(lb2, [{ ...FOUR, priority: 100 }, { ...PLAN, priority: 150 }]);
    await Promise.all([one.is("active", "four"), two.is("active", "six")]);
    await Promise.all([one.is("backup", "six"), two.is("backup", "four")]);
    expect([lb1.holds("172.16.0.10"), lb1.holds(VIP)]).toEqual([true, false]);
    expect([lb2.holds("172.16.0.10"), lb2.holds(VIP)]).toEqual([false, true]);
    for (const name of ["four", "six"]) {
      expect(one.counted(name)?.rejected).toEqual({});
      expect(two.counted(name)?.rejected).toEqual({});
    }
    await one.stop();
    await two.is("active", "four");
    await two.stop();
  });

  it("is no concern of the IPv4 one if only IPv6 is lost; of its sync group it is", async () => {
    const routers = (priority: number) => [FOUR, PLAN].map((one) => ({ ...one, priority }));
    const one = new SpeakerHost(lb1, routers(150));
    const two = new SpeakerHost(lb2, routers(100));
    const isSettled = async () => {
      await Promise.all(["four", "six"].map((name) => one.is("active", name)));
      await Promise.all(["four", "six"].map((name) => two.is("backup", name)));
    };
    await isSettled();
    const table = lb2.write("refuse.nft", REFUSE_IPV6);
    await lb2.run(["nft", "-f", table]);
    await two.is("active", "six");
    const since = monotonicMs();
    await delay(500);
    expect([lb1, lb2].map((host) => host.holds(VIP))).toEqual([true, true]);
    expect([lb1, lb2].map((host) => host.holds("172.16.0.10"))).toEqual([true, false]);
    expect([one, two].flatMap(({ transitions }) => transitions.filter(({ at }) => at > since)))
      .toEqual([]);
    await lb2.run(["nft", "delete", "table", "inet", "refuse"]);
    await isSettled();

    const groups = [{ name: "both", members: ["four", "six"] }];
    await Promise.all([one.plan(routers(150), { groups }), two.plan(routers(100), { groups })]);
    const grouped = two.transitions.length;
    await lb2.run(["nft", "-f", table]);
    // Whoever hears one Active of the group takes over none of them.
    await delay(1_000);
    expect(two.transitions.slice(grouped)).toEqual([]);
    expect([lb1, lb2].map((host) => host.holds(VIP))).toEqual([true, false]);
  });

  it("is of use at once although the old Active still answers for it", async () => {
    await lb1.run(["ip", "-6", "address", "add", `${VIP}/128`, "dev", "eth0", "nodad"]);
    expect(await answers(client, VIP)).toBe(true);
    using watch = new VipWatch(VIP, lb2);
    const capture = await Capture.start(client, "icmp6", ["-e"]);
    const since = monotonicMs();
    const speaker = new SpeakerHost(lb2, [PLAN]);
    const gainedAt = since + await watch.gained(lb2, since);
    const flags = lb2.addresses().find(({ prefix }) => prefix === `${VIP}/128`)?.flags ?? NaN;
    expect(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)).toBe(0);
    const own = new RegExp(`^${lb2.links.mac("eth0")} .*advertisement, tgt is ${VIP}`);
    await eventually("it is announced", () => capture.seen.some(({ text }) => own.test(text)));
    const announcedAt = capture.seen.find(({ text }) => own.test(text))!.at;
    const usableMs = announcedAt - (Date.now() - monotonicMs()) - gainedAt;
    figures("IPv6, the old Active still answers", { usableMs });
    expect(usableMs).toBeLessThan(10 + watch.stallMs(since));
    const found = async () => await client.run(["ip", "-6", "neighbour", "show", VIP]);
    await eventually(
      "the client knows",
      async () => (await found()).includes(lb2.links.mac("eth0")),
    );
    // Nobody listens there (7); a tentative address could not be the source (45).
    const get = ["curl", "--interface", VIP, "--max-time", "5", "http://[fd00::100]:9/"];
    expect((await lb2.try(get)).code).toBe(7);
    await speaker.stop();
  });

  it("is served at its link-local address, too, also if its interface is made anew", async () => {
    await Nginx.start(lab.host("web1", { addresses: ["172.16.0.21/24"] }));
    const lintel = new Lintel(
      lb1,
      await product(),
      `virtualRouters:
  six:
    interface: eth0
    vrid: 51
    addresses: ["${LOCAL}", "${VIP}"]
    advertisementInterval: 100ms
frontends:
  web: { listen: "vip:six:80", backend: web }
backends:
  web: { check: none, servers: { web1: "172.16.0.21:80" } }
`,
    );
    await lintel.ready();
    const isServed = async () => {
      for (const place of [`[${LOCAL}%25eth0]`, `[${VIP}]`]) {
        const get = ["curl", "--silent", "--globoff", "--max-time", "5", `http://${place}/`];
        await eventually(
          `${place} is served`,
          async () => (await client.try(get)).stdout.includes("web1"),
        );
      }
    };
    await isServed();
    lb1.links.remove("eth0");
    await eventually(
      "lintel notices",
      async () => (await lintel.router("six")).state === "initialize",
    );
    lab.attach(lb1, "lan", ["172.16.0.2/24", "fd00::2/64"]);
    await isServed();
  });

  it.each(["lintel", "keepalived"])("takes turns with a Keepalived, %s higher", async (higher) => {
    const priority = higher === "lintel" ? 150 : 50;
    using watch = new VipWatch(VIP, lb1, lb2);
    const keepalived = new Keepalived(lb2, {
      version: 3,
      priority: 100,
      intervalMs: 100,
      vip: LOCAL,
      more: [VIP],
    });
    await keepalived.process.printed(/Startup complete/);
    const speaker = new SpeakerHost(lb1, [{ ...PLAN, priority }]);
    await speaker.is(higher === "lintel" ? "active" : "backup");
    await watch.only(higher === "lintel" ? lb1 : lb2);
    const since = monotonicMs();
    if (higher === "lintel") await speaker.stop();
    else await keepalived.stop();
    const takenMs = await watch.gained(higher === "lintel" ? lb2 : lb1, since);
    figures(`IPv6, 100 ms, planned stop of ${higher}`, { takenMs });
    expect(takenMs).toBeLessThan(100 + 100 + watch.stallMs(since));
    if (higher === "lintel") {
      const errors = Object.entries(await keepalived.statistics())
        .filter(([name, count]) => /Errors/.test(name) && count > 0);
      expect(errors).toEqual([]);
    } else {
      expect(speaker.counted()?.rejected).toEqual({});
    }
  });
});

/** Whether a host answers at an address: it refuses a connection. */
async function answers(asker: Host, address: string): Promise<boolean> {
  const command = `exec 3<>/dev/tcp/${address}/9`;
  const { output } = await asker.try(["timeout", "3", "bash", "-c", command]);
  return output.includes("refused");
}
