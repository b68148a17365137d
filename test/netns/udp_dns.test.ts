/**
 * A DNS VIP: real unbound servers behind the product, asked by dnsperf. No query is lost under a
 * load that the machine can bear, and a server that dies costs only what it had not answered.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { figures, isSoak } from "./figures.ts";
import { Lintel, product } from "./product.ts";
import { NAMES, Unbound } from "./unbound.ts";

const SECONDS = isSoak ? 30 : 2;
const RATE = 1_000;
const VIP = "172.16.0.10";

const CONFIG = `
workers: 2
virtualRouters:
  dns: { interface: eth0, vrid: 5, addresses: [${VIP}], priority: 255 }
frontends:
  dns: { listen: ["vip:dns:53/udp", "vip:dns:53"], backend: resolvers }
  dns6: { listen: "[fd00::2]:53/udp", backend: resolvers }
backends:
  resolvers:
    check: { type: tcp, interval: 200ms, fall: 2, rise: 1 }
    udp: { idle: 2s, replies: 1 }
    servers: { dns1: "172.16.0.21:53", dns2: "[fd00::22]:53" }
`;

let lab: Lab;
let client: Host;
let lintel: Lintel;
let first: Unbound;

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24", "fd00::100/64"] });
  const lb = lab.host("lb", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  const [one, two] = [1, 2].map((at) =>
    lab.host(`dns${at}`, { addresses: [`172.16.0.2${at}/24`, `fd00::2${at}/64`] })
  ) as [Host, Host];
  first = await Unbound.start(one, "172.16.0.21");
  await Unbound.start(two, "fd00::22");
  lintel = new Lintel(lb, command, CONFIG);
  await lintel.ready(60_000);
  await eventually("the VIP is there", () => lb.holds(VIP));
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("a DNS VIP", () => {
  it.each([
    ["IPv4, clients that keep their ports", VIP, ["-c", "20"]],
    ["IPv6", "fd00::2", ["-c", "20"]],
    // One socket for each few queries: sessions begin and end all the time.
    ["one client with many queries under way", VIP, ["-c", "1"]],
  ])("loses no query: %s", async (what, address, options) => {
    const before = await totals();
    const seen = await dnsperf(address, options);
    const after = await totals();
    figures(`dnsperf, ${what}`, { completed: seen.completed, lost: seen.lost });
    expect(seen).toMatchObject({ lost: 0, codes: "NOERROR" });
    expect(seen.completed).toBeGreaterThan(RATE * SECONDS / 2);
    for (const [at, total] of after.entries()) expect(total).toBeGreaterThan(before[at]!);
    await eventually("no session is left", async () => await active() === 0);
  });

  it("is answered while one of its servers is dead, and by both once it is back", async () => {
    await first.kill();
    const isDown = async () => await lintel.health("resolvers", "dns1") === "down";
    await eventually("dns1 is down", isDown);
    const before = await totals();
    expect(await dnsperf(VIP, ["-c", "20"])).toMatchObject({ lost: 0, codes: "NOERROR" });
    const after = await totals();
    expect(after[0]).toBe(before[0]);
    first = await Unbound.start(first.host, "172.16.0.21");
    await eventually("dns1 is up", async () => !await isDown());
    expect(await dnsperf(VIP, ["-c", "20"])).toMatchObject({ lost: 0, codes: "NOERROR" });
    expect((await totals())[0]).toBeGreaterThan(after[0]!);
  });
});

/** What dnsperf has seen at a steady rate. */
async function dnsperf(address: string, options: readonly string[]) {
  const queries = client.write("queries", NAMES.map((name) => `${name} A\n`).join(""));
  const limits = ["-l", String(SECONDS), "-Q", String(RATE), "-q", "200", "-t", "10"];
  const command = ["dnsperf", "-s", address, "-d", queries, ...limits, ...options];
  const printed = await client.run(command, { deadlineMs: SECONDS * 1_000 + 30_000 });
  const count = (name: string) =>
    Number(new RegExp(`Queries ${name}:\\s+(\\d+)`).exec(printed)?.[1]);
  return {
    completed: count("completed"),
    lost: count("lost"),
    codes: [...printed.matchAll(/([A-Z]+) \d+ \(\d+\.\d+%\)/g)].map(([, code]) => code).join(),
  };
}

/** Sessions since the start, by server. */
async function totals(): Promise<number[]> {
  const { servers } = await lintel.backend("resolvers");
  return servers.map(({ connections }) => connections.total);
}

async function active(): Promise<number> {
  const { servers } = await lintel.backend("resolvers");
  return servers.reduce((sum, { connections }) => sum + connections.active, 0);
}
