/**
 * Advertisements that are wrong in every way: each is counted under its reason, and nothing else
 * changes; one that is right does what the standard says.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { isSoak } from "./figures.ts";
import { forge, type Forged, send } from "./forge.ts";
import { Lintel, product } from "./product.ts";
import { VipWatch } from "./vip_watch.ts";

const OURS = "172.16.0.2";
const FORGER = "172.16.0.200";
const VIPS = { three: "172.16.0.10", two: "172.16.0.11", unicast: "172.16.0.12" };
const INTERVAL_CS = 10;

const CONFIG = `
nodes:
  lb1: { addresses: [${OURS}], priority: 150 }
virtualRouters:
  three:
    { vrid: 3, addresses: [${VIPS.three}], advertisementInterval: 100ms, unicast: false }
  two:
    { vrid: 2, version: 2, addresses: [${VIPS.two}], advertisementInterval: 1s, unicast: false }
  unicast:
    vrid: 4
    addresses: [${VIPS.unicast}]
    advertisementInterval: 100ms
    unicast: { peers: [172.16.0.3] }
`;

/** A valid advertisement of a better router, to be spoilt. */
const VALID: Readonly<Record<keyof typeof VIPS, Forged>> = {
  three: {
    ...{ source: FORGER, vrid: 3, priority: 200, addresses: [VIPS.three] },
    interval: [0, INTERVAL_CS],
  },
  two: {
    ...{ source: FORGER, version: 2, vrid: 2, priority: 200, addresses: [VIPS.two] },
    interval: [0, 1],
  },
  unicast: {
    ...{ source: "172.16.0.3", destination: OURS, vrid: 4, priority: 200 },
    ...{ addresses: [VIPS.unicast], interval: [0, INTERVAL_CS] },
  },
};

type Spoilt = readonly [
  router: keyof typeof VIPS,
  what: string,
  reason: string,
  spoilt: Partial<Forged>,
];

const SPOILT: readonly Spoilt[] = [
  ["three", "four octets after the message", "length", { trailing: 4 }],
  ["three", "more addresses than said", "length", { count: 2 }],
  ["three", "fewer addresses than said", "length", {
    addresses: [VIPS.three, "172.16.0.99"],
    count: 1,
  }],
  ["three", "cut after four octets", "length", { cut: 4 }],
  ["three", "cut within its address", "length", { cut: 10 }],
  ["three", "TTL 254", "ttl", { ttl: 254 }],
  ["three", "version 2", "version", { version: 2, interval: [0, 1] }],
  ["three", "version 4", "version", { version: 4 }],
  ["three", "version 0", "version", { version: 0 }],
  ["three", "type 2", "type", { type: 2 }],
  ["three", "type 0", "type", { type: 0 }],
  ["three", "a checksum that is off by a bit", "checksum", { checksum: "wrong" }],
  ["three", "a virtual router that is not ours", "vrid", { vrid: 99 }],
  ["three", "no address", "addressCount", { addresses: [] }],
  ["three", "interval 0", "interval", { interval: [0, 0] }],
  ["three", "interval 0 beside a reserved nibble", "interval", { interval: [0xf0, 0] }],
  ["three", "our own source address", "ownAddress", { source: OURS }],
  ["three", "a unicast copy", "destination", { destination: OURS }],
  ["three", "other addresses", "addressList", { addresses: ["172.16.0.98"] }],
  ["two", "version 3", "version", { version: 3, interval: [0, 100] }],
  ["two", "a checksum that is off by a bit", "checksum", { checksum: "wrong" }],
  ["two", "an interval of two seconds", "interval", { interval: [0, 2] }],
  ["two", "a password where none is configured", "authenticationMismatch", { interval: [1, 1] }],
  ["two", "an authentication header", "authenticationMismatch", { interval: [2, 1] }],
  ["two", "an authentication nobody has defined", "authenticationType", { interval: [3, 1] }],
  ["two", "one address more than ours", "addressList", { addresses: [VIPS.two, VIPS.three] }],
  ["two", "no room for authentication data", "length", { cut: 12 }],
  ["unicast", "a peer that is not listed", "unknownPeer", { source: FORGER }],
  ["unicast", "multicast", "destination", { destination: "224.0.0.18" }],
  ["unicast", "TTL 254 on the same link", "ttl", { ttl: 254 }],
];

let lab: Lab;
let lb1: Host;
let forger: Host;
let lintel: Lintel;
const watches = new Map<string, VipWatch>();

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: [`${OURS}/24`] });
  forger = lab.host("forger", { addresses: [`${FORGER}/24`] });
  // Without it the kernel itself drops what comes with our own address.
  lb1.sysctl("net.ipv4.conf.eth0.accept_local", 1);
  for (const [name, vip] of Object.entries(VIPS)) watches.set(name, new VipWatch(vip, lb1));
  lintel = new Lintel(lb1, command, CONFIG);
  await eventually("lb1 is Active", async () => {
    if (lintel.process.ended) throw new Error(lintel.process.output);
    const active = await lintel.ask("GET", "/active");
    const text = await active.text();
    if (!active.ok) throw new Error(text);
    return true;
  });
});

afterAll(async () => {
  for (const watch of watches.values()) watch[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("an advertisement of a better router", () => {
  it.each(SPOILT)("to %s with %s is counted as %s, and nothing else", async (
    name,
    _,
    reason,
    spoilt,
  ) => {
    const since = monotonicMs();
    const before = await counted();
    forge(forger, { ...VALID[name], ...spoilt });
    await eventually(`${reason} is counted`, async () => (await counted()) !== before, {
      deadlineMs: 2_000,
    });
    const after: Counted = JSON.parse(await counted());
    const expected: Counted = JSON.parse(before);
    // A virtual router that is nobody's is counted with the first on the interface.
    const where = reason === "vrid" ? "three" : name;
    expected[where]!.rejected[reason]!++;
    expect(after).toEqual(expected);
    for (const watch of watches.values()) expect(watch.changes(since)).toEqual([]);
  });

  it.each(["three", "two", "unicast"] as const)(
    "to %s, if nothing is wrong with it, makes lintel yield until it is silent",
    async (name) => {
      const watch = watches.get(name)!;
      const since = monotonicMs();
      forge(forger, VALID[name]);
      expect(await watch.lost(lb1, since)).toBeLessThan(100 + watch.stallMs(since));
      expect(await lintel.router(name)).toMatchObject({
        state: "backup",
        peer: { address: VALID[name].source, priority: 200 },
      });
      await watch.gained(lb1, since);
      expect((await lintel.router(name)).state).toBe("active");
    },
  );
});

it("takes any octets whatever", async () => {
  const before = await counted();
  const since = monotonicMs();
  const packets = isSoak ? 100_000 : 400;
  for (let at = 0; at < packets; at++) {
    const payload = crypto.getRandomValues(new Uint8Array(at % 64));
    // Half of them say that they are for us.
    if (at % 2 === 0 && payload.length > 1) payload.set([0x31, 3]);
    send(forger, FORGER, at % 3 === 0 ? OURS : "224.0.0.18", 255, payload);
    if (at % 50 === 0) await delay(5);
  }
  await eventually("all are counted", async () =>
    rejections(await counted()) >=
      rejections(before) + packets);
  expect(rejections(await counted())).toBe(rejections(before) + packets);
  for (const watch of watches.values()) expect(watch.changes(since)).toEqual([]);
  expect(await lintel.ask("GET", "/livez")).toMatchObject({ status: 200 });
  // The log was not flooded by it.
  const lines = lintel.process.output.split("\n").filter((line) => /rejected/.test(line));
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.length).toBeLessThan(100);
});

type Counted = Record<string, {
  state: string;
  peer: unknown;
  received: number;
  transitions: unknown;
  rejected: Record<string, number>;
}>;

/** What the API says of every virtual router, but for what moves by itself, as JSON. */
async function counted(): Promise<string> {
  const { items } = await lintel.json("GET", "/v1/virtual-routers") as {
    items: Awaited<ReturnType<Lintel["router"]>>[];
  };
  return JSON.stringify(Object.fromEntries(items.map(({ name, state, peer, counters }) => {
    const { advertisementsReceived, advertisementsRejected, transitions } = counters;
    return [name, {
      ...{ state, peer, transitions },
      ...{ received: advertisementsReceived, rejected: advertisementsRejected },
    }];
  })));
}

function rejections(text: string): number {
  const routers: Counted = JSON.parse(text);
  return Object.values(routers).flatMap(({ rejected }) => Object.values(rejected))
    .reduce((sum, count) => sum + count, 0);
}
