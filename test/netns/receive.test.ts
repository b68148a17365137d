/**
 * What an Active hears and must not obey, beyond `bad_input_packets.test.ts`: IPv6, passwords,
 * every length, other lists of addresses, other interfaces, and its own voice. Each forged
 * advertisement comes from a better router; one counter moves, and nothing else.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { IFA_F_TENTATIVE } from "../../src/core/wire/rtnetlink.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { routerPlan } from "../unit/plans.ts";
import { forge, type Forged, send } from "./forge.ts";
import { type ForgedIpv6, forgeIpv6 } from "./forge_ipv6.ts";
import { SpeakerHost } from "./speaker_host.ts";

const OURS = "172.16.0.2";
const FORGER = "172.16.0.200";
const VIPS = ["172.16.0.10", "172.16.0.11"];
const LOCAL = "fe80::51";
const VIP6 = "fd00::10";

const PLANS: readonly VirtualRouterPlan[] = [
  router("three", { vrid: 3, addresses: ipv4(...VIPS) }),
  router("two", { vrid: 2, version: 2, advertisementIntervalMs: 1_000 }),
  router("secret", {
    ...{ vrid: 5, version: 2, advertisementIntervalMs: 1_000, password: "s3cret" },
    addresses: ipv4("172.16.0.15"),
  }),
  router("six", {
    ...{ vrid: 6, family: 6 },
    addresses: [LOCAL, VIP6].map((address) => ({ address, prefixLength: 128 })),
  }),
  router("drops", { vrid: 7, addresses: ipv4("172.16.0.17", "172.16.0.18"), addressList: "drop" }),
];

const THREE: Forged = {
  ...{ source: FORGER, vrid: 3, priority: 200, addresses: VIPS },
  interval: [0, 10],
};
const TWO: Forged = {
  ...{ source: FORGER, version: 2, vrid: 2, priority: 200 },
  ...{ addresses: ["172.16.0.12"], interval: [0, 1] },
};
const SECRET: Forged = { ...TWO, vrid: 5, addresses: ["172.16.0.15"] };
const SIX: ForgedIpv6 = {
  ...{ source: "fe80::ffff", vrid: 6, priority: 200, addresses: [LOCAL, VIP6] },
  interval: [0, 10],
};
const DROPS: Forged = { ...THREE, vrid: 7, addresses: ["172.16.0.17", "172.16.0.18"] };

let lab: Lab;
let lb1: Host;
let forger: Host;
/** On another LAN of lb1's. */
let stranger: Host;
let speaker: SpeakerHost;

beforeAll(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: [`${OURS}/24`, "fd00::2/64"] });
  forger = lab.host("forger", { addresses: [`${FORGER}/24`, "fd00::ff/64"] });
  lab.attach(lb1, "other", ["172.18.0.2/24"]);
  stranger = lab.host("stranger", { addresses: ["172.18.0.200/24"], lan: "other" });
  // Without it the kernel itself drops what comes with our own address.
  lb1.sysctl("net.ipv4.conf.eth0.accept_local", 1);
  await eventually(
    "duplicate address detection is over",
    () => lb1.addresses().every(({ flags }) => !(flags & IFA_F_TENTATIVE)),
  );
  speaker = new SpeakerHost(lb1, PLANS);
  for (const { name } of PLANS) await speaker.is("active", name);
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("IPv6", () => {
  it.each(
    [
      ["hop limit 254", "ttl", { hopLimit: 254 }],
      ["version 2", "version", { version: 2 }],
      ["version 4", "version", { version: 4 }],
      ["the first bit of the checksum flipped", "checksum", { flippedBit: 15 }],
      ["the last bit of the checksum flipped", "checksum", { flippedBit: 0 }],
      ["its first address global", "addressList", { addresses: [VIP6, LOCAL] }],
      ["none of our addresses", "addressList", { addresses: ["fe80::99", "fd00::99"] }],
      ["a global source address", "addressList", { source: "fd00::ff" }],
      ["no address", "addressCount", { addresses: [] }],
      ["four octets after the message", "length", { trailing: 4 }],
      ["half an address", "length", { cut: 8 + 16 + 8 }],
      ["interval 0", "interval", { interval: [0, 0] }],
    ] satisfies [string, string, Partial<ForgedIpv6>][],
  )("with %s is counted as %s", async (_, reason, spoilt) => {
    await counts("six", reason, 1, () => forgeIpv6(forger, { ...SIX, ...spoilt }));
  });
});

describe("every length that is too short", () => {
  it.each(
    [
      ["three", 3, 16],
      ["two", 2, 20],
    ] as const,
  )("of %s is counted", async (name, version, length) => {
    const forged = version === 3 ? THREE : TWO;
    // Without the octet of the VRID it is nobody's, and counted with the first.
    await counts("three", "length", 2, () => {
      for (let cut = 0; cut < 2; cut++) forge(forger, { ...forged, cut });
    });
    await counts(name, "length", length - 2, () => {
      for (let cut = 2; cut < length; cut++) forge(forger, { ...forged, cut });
    });
  });

  it.each([1, 2, 4, 8, 64])("and with %i octets more", async (trailing) => {
    await counts("three", "length", 1, () => forge(forger, { ...THREE, trailing }));
    await counts("two", "length", 1, () => forge(forger, { ...TWO, trailing }));
  });
});

describe("authentication", () => {
  it("that is missing, of another type or wrong has a counter of its own", async () => {
    await counts("secret", "authenticationMismatch", 1, () => forge(forger, SECRET));
    await counts(
      "secret",
      "authenticationMismatch",
      1,
      () => forge(forger, { ...SECRET, interval: [2, 1] }),
    );
    await counts(
      "secret",
      "authenticationType",
      1,
      () => forge(forger, { ...SECRET, interval: [3, 1] }),
    );
    await counts("secret", "authenticationFailure", 3, () => {
      for (const password of ["wrong", "s3cre", "s3cretX"]) {
        send(forger, FORGER, "224.0.0.18", 255, withPassword(password));
      }
    });
  });
});

describe("a list of addresses", () => {
  it("that has nothing in common with ours is another virtual router's", async () => {
    await counts(
      "three",
      "addressList",
      1,
      () => forge(forger, { ...THREE, addresses: ["172.16.0.98", "172.16.0.99"] }),
    );
  });

  it.each([
    ["lacks one of ours", ["172.16.0.17"]],
    ["has one more", ["172.16.0.17", "172.16.0.18", "172.16.0.19"]],
  ])("that %s is refused where the file says drop", async (_, addresses) => {
    await counts("drops", "addressList", 1, () => forge(forger, { ...DROPS, addresses }));
  });
});

it("hears nothing of another interface", async () => {
  const before = PLANS.map(({ name }) => rejected(name));
  const transitions = speaker.transitions.length;
  forge(stranger, { ...THREE, source: "172.18.0.200" });
  await delay(150);
  expect(PLANS.map(({ name }) => rejected(name))).toEqual(before);
  expect(speaker.transitions.length).toBe(transitions);
});

it("hears its own voice reflected a hundred times, and does not answer", async () => {
  const sent = () => speaker.counted("three")?.advertisementsSent ?? NaN;
  const before = sent();
  const since = performance.now();
  await counts("three", "ownAddress", 100, () => {
    for (let count = 0; count < 100; count++) {
      forge(forger, { ...THREE, source: OURS, priority: 100 });
    }
  });
  await delay(200);
  expect(sent() - before).toBeLessThan((performance.now() - since) / 100 + 2);
});

/** Does something, after which one counter must have moved by so much, and nothing else. */
async function counts(
  name: string,
  reason: string,
  times: number,
  act: () => void,
): Promise<void> {
  const transitions = speaker.transitions.length;
  const expected = Object.fromEntries(PLANS.map((plan) => [plan.name, rejected(plan.name)]));
  expected[name]![reason] = (expected[name]![reason] ?? 0) + times;
  act();
  const now = () => Object.fromEntries(PLANS.map((plan) => [plan.name, rejected(plan.name)]));
  await eventually(`${reason} of ${name} is counted`, () => {
    return (rejected(name)[reason] ?? 0) >= expected[name]![reason]!;
  }, { deadlineMs: 3_000 }).catch(() => {});
  expect(now()).toEqual(expected);
  expect(speaker.transitions.length).toBe(transitions);
}

function rejected(name: string): Record<string, number> {
  return { ...speaker.counted(name)?.rejected };
}

/** SECRET with a password, and the checksum that covers it: RFC 2338, section 5.3.10. */
function withPassword(password: string): Uint8Array {
  const bytes = Uint8Array.of(
    ...[0x21, 5, 200, 1, 1, 1, 0, 0],
    ...[172, 16, 0, 15],
    ...octets(password),
  );
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! << 8 | bytes[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  bytes.set([~sum >> 8 & 0xff, ~sum & 0xff], 6);
  return bytes;
}

function octets(text: string): number[] {
  return [...new TextEncoder().encode(text.padEnd(8, "\0"))];
}

function router(name: string, more: Partial<VirtualRouterPlan>): VirtualRouterPlan {
  return routerPlan({
    ...{ name, advertisementIntervalMs: 100, addresses: ipv4("172.16.0.12") },
    ...more,
  });
}

function ipv4(...addresses: readonly string[]) {
  return addresses.map((address) => ({ address, prefixLength: 32 }));
}
