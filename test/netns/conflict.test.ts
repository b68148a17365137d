/**
 * Others on the network who are wrong about our addresses: who claims them, and who advertises
 * another list of them, is named with address and MAC address, and the network is told anew.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { parseAddress } from "../../src/core/net/address.ts";
import { GRATUITOUS_ARP_BYTES, writeGratuitousArp } from "../../src/core/wire/arp.ts";
import {
  NEIGHBOUR_ADVERTISEMENT_BYTES,
  writeNeighbourAdvertisement,
} from "../../src/core/wire/ndisc.ts";
import { IFA_F_TENTATIVE } from "../../src/core/wire/rtnetlink.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { must } from "../../src/linux/errno.ts";
import { ETH_P_ARP, ETH_P_IPV6, packetAddress, packetSocket } from "../../src/linux/packet.ts";
import { close, sendto } from "../../src/linux/socket.ts";
import { routerPlan } from "../unit/plans.ts";
import { Capture } from "./capture.ts";
import { forge } from "./forge.ts";
import { SpeakerHost } from "./speaker_host.ts";

const VIP = "172.16.0.10";
const VIP6 = "fd00::10";
const FOUR = routerPlan({
  name: "four",
  addresses: [{ address: VIP, prefixLength: 32 }],
  excludedAddresses: [{ address: "fd00::44", prefixLength: 128 }],
  advertisementIntervalMs: 100,
});
const SIX = routerPlan({
  name: "six",
  family: 6,
  addresses: [{ address: "fe80::51", prefixLength: 128 }, { address: VIP6, prefixLength: 128 }],
  advertisementIntervalMs: 100,
});
/** A new Active takes no notice of the old one's last answers. */
const LEAVING_MS = 1_600;

let lab: Lab;
let ours: Host;
let stranger: Host;

beforeEach(async () => {
  lab = Lab.create();
  ours = lab.host("ours", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  stranger = lab.host("stranger", { addresses: ["172.16.0.9/24", "fd00::9/64"] });
  await eventually(
    "duplicate address detection is over",
    () =>
      lab.hosts.every((host) => host.addresses().every(({ flags }) => !(flags & IFA_F_TENTATIVE))),
  );
});

afterEach(() => lab?.[Symbol.asyncDispose]());

describe("a second owner of our address", () => {
  it.each([
    { name: "four", vip: VIP, filter: "arp", said: /Request who-has 172\.16\.0\.10/ },
    { name: "six", vip: VIP6, filter: "icmp6", said: /neighbor advertisement, tgt is fd00::10/ },
    { name: "four", vip: "fd00::44", filter: "icmp6", said: /advertisement, tgt is fd00::44/ },
  ])("is named and contradicted over $name, of $vip", async ({ name, vip, filter, said }) => {
    const speaker = new SpeakerHost(ours, [FOUR, SIX]);
    await Promise.all([speaker.is("active", "four"), speaker.is("active", "six")]);
    const capture = await Capture.start(stranger, filter);
    claim(stranger, vip);
    await eventually(
      "it is announced anew",
      () => capture.seen.filter(({ text }) => said.test(text)).length >= 5,
    );
    // It might have been the former Active, on its way out.
    expect(speaker.counted(name)?.vipConflicts).toBe(0);
    await delay(LEAVING_MS);
    capture.seen.length = 0;
    claim(stranger, vip);
    const mac = stranger.links.mac("eth0");
    const line = await speaker.says(new RegExp(`${mac} claims ${vip}`));
    expect(line).toContain("which this node holds as Active");
    await eventually("the claim is counted", () => speaker.counted(name)?.vipConflicts === 1);
    expect(speaker.counted(name === "four" ? "six" : "four")?.vipConflicts).toBe(0);
    await eventually(
      "it is announced anew",
      () =>
        capture.seen.filter(({ text }) => said.test(text) && !text.includes("length 46")).length >=
          5,
    );
    await capture.stop();
    expect(speaker.counted(name)?.state).toBe("active");
  });

  it("cannot make a storm of it", async () => {
    // Nothing but what it provokes.
    const speaker = new SpeakerHost(ours, [{
      ...FOUR,
      excludedAddresses: [],
      announce: { ...FOUR.announce, refreshMs: null },
    }]);
    await speaker.is("active");
    await delay(LEAVING_MS);
    const before = speaker.counted()?.announcements ?? 0;
    const since = monotonicMs();
    for (let round = 0; round < 20; round++) {
      for (let claims = 0; claims < 10; claims++) claim(stranger, VIP);
      await delay(100);
    }
    await eventually("all are counted", () => speaker.counted()?.vipConflicts === 200);
    // One burst a second, and the second one after the takeover.
    const bursts = ((speaker.counted()?.announcements ?? 0) - before) / 5;
    expect(bursts).toBeLessThanOrEqual((monotonicMs() - since) / 1_000 + 2);
    expect(speaker.said.filter((line) => /claims/.test(line))).toHaveLength(1);
  });

  it("is no concern of a Backup", async () => {
    const speaker = new SpeakerHost(ours, [{ ...FOUR, advertisementIntervalMs: 10_000 }]);
    await speaker.is("backup");
    claim(stranger, VIP);
    await delay(200);
    expect(speaker.counted()).toMatchObject({ vipConflicts: 0, announcements: 0 });
  });
});

describe("somebody else's virtual router with our VRID", () => {
  it("is named with its MAC address, and moves nothing", async () => {
    const speaker = new SpeakerHost(ours, [FOUR]);
    await speaker.is("active");
    const foreign = {
      ...{ source: "172.16.0.9", vrid: 51, priority: 200, interval: [0, 10] as const },
      addresses: ["172.16.0.77"],
    };
    for (let count = 0; count < 5; count++) {
      forge(stranger, foreign);
      await delay(20);
    }
    await eventually("all are counted", () => speaker.counted()?.rejected["addressList"] === 5);
    await speaker.says(/advertisement of 172\.16\.0\.9 rejected: addressList/);
    await speaker.says(
      new RegExp(`come from 172\\.16\\.0\\.9 \\(${stranger.links.mac("eth0")}\\)`),
    );
    expect(speaker.counted()?.state).toBe("active");
    expect(speaker.transitions.map(({ to }) => to)).toEqual(["backup", "active"]);
  });

  it("that shares one of our addresses is obeyed, and named", async () => {
    const speaker = new SpeakerHost(ours, [FOUR]);
    await speaker.is("active");
    forge(stranger, {
      ...{ source: "172.16.0.9", vrid: 51, priority: 200, interval: [0, 10] as const },
      addresses: [VIP, "172.16.0.77"],
    });
    await eventually("it yields", () => speaker.transitions.at(-1)?.reason === "higherPriority");
    await speaker.says(/172\.16\.0\.9 advertises other addresses than ours/);
  });

  it("is dropped where the file says so", async () => {
    const speaker = new SpeakerHost(ours, [{ ...FOUR, addressList: "drop" }]);
    await speaker.is("active");
    forge(stranger, {
      ...{ source: "172.16.0.9", vrid: 51, priority: 200, interval: [0, 10] as const },
      addresses: [VIP, "172.16.0.77"],
    });
    await eventually("it is counted", () => speaker.counted()?.rejected["addressList"] === 1);
    expect(speaker.counted()?.state).toBe("active");
  });
});

/** Says once that an address is at the host's eth0. */
function claim(host: Host, address: string): void {
  const bytes = parseAddress(address)!.bytes;
  const isIpv4 = bytes.length === 4;
  const { index, mac } = host.links.find("eth0");
  const frame = new Uint8Array(isIpv4 ? GRATUITOUS_ARP_BYTES : NEIGHBOUR_ADVERTISEMENT_BYTES);
  if (isIpv4) writeGratuitousArp(frame, mac, bytes);
  else writeNeighbourAdvertisement(frame, mac, bytes, false);
  const fd = host.inside(() => must("socket", packetSocket()));
  const target = packetAddress(index, isIpv4 ? ETH_P_ARP : ETH_P_IPV6);
  must("sendto", sendto(fd, frame, frame.length, target));
  close(fd);
}
