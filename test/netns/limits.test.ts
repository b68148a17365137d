/**
 * What a file says of who may come in, who waits, and from where servers are asked: the product on
 * a host with two addresses and a virtual one.
 */

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import type { Frontend } from "../../src/admin/model.ts";
import { ECONNRESET } from "../../src/linux/errno.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { Lintel, product } from "./product.ts";
import { UdpPeer } from "./udp_peer.ts";

const OWN = ["172.16.0.2", "172.16.1.2"] as const;
const OWN6 = "fd00::2";
/** The first is alone in the network of a server: it is what the kernel would take. */
const VIPS = ["172.16.5.10", "172.16.0.10", "fd00::10"] as const;

const CONFIG = `
maxConnections: 20
nodes: { lb: { addresses: [${OWN[0]}, "${OWN6}"] } }
virtualRouters:
  web:
    interface: eth0
    vrid: 5
    addresses: [${VIPS[0]}/24, ${VIPS[1]}/32]
    excludedAddresses: ["${VIPS[2]}"]
    priority: 255
    advertisementInterval: 100ms
    unicast: false
frontends:
  doors:
    listen: ["*:80"]
    allow: [172.16.0.0/24, "fd00::/64"]
    deny: [172.16.0.101, "fd00::101"]
    backend: plain
  virtual: { listen: ["vip:web:81", "vip:web:81/udp"], backend: beside }
  six: { listen: "vip:web:82", backend: six }
  chosen: { listen: ["vip:web:83", "vip:web:83/udp"], backend: chosen }
  lined: { listen: "*:84", backend: lined }
  few: { listen: "*:85", maxConnections: 2, backend: plain }
  resetting: { listen: "*:86", backend: resetting }
  nowhere: { listen: ["*:87", "*:87/udp"] }
backends:
  plain: { check: none, servers: { one: "172.16.0.21:80" } }
  beside: { check: none, udp: { idle: 200ms }, servers: { one: "172.16.5.21:80" } }
  six: { check: none, servers: { one: "[fd00::21]:80" } }
  chosen:
    check: none
    sourceAddress: ${OWN[1]}
    udp: { idle: 200ms }
    servers: { one: "172.16.0.21:80" }
  lined:
    check: none
    serverDefaults: { maxConnections: 2, maxQueue: 1 }
    timeouts: { queue: 1m }
    servers: { one: "172.16.0.21:80" }
  resetting:
    check: { type: tcp, port: 90, interval: 60s, fastInterval: 60s }
    passive: { errorLimit: 3, action: mark-down }
    servers: { good: "172.16.0.21:80", bad: "172.16.0.21:81" }
`;

let lab: Lab;
let lintel: Lintel;
let client: Host;
let server: Host;
/** By its address. */
const listeners = new Map<string, PeerListener>();
const peers: Peer[] = [];

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  const clients = ["172.16.0.100/24", "172.16.0.101/24", "fd00::100/64", "fd00::101/64"];
  client = lab.host("client", { addresses: [...clients, "172.16.1.100/24", "172.16.5.100/24"] });
  const addresses = [`${OWN[0]}/24`, `${OWN[1]}/24`, `${OWN6}/64`];
  const balancer = lab.host("lb", { addresses });
  const theirs = ["172.16.0.21", "172.16.5.21", "fd00::21"];
  server = lab.host("server", {
    addresses: [...theirs.map((one) => `${one}/${one.includes(":") ? 64 : 24}`), "172.16.1.21/24"],
  });
  for (const address of theirs) {
    listeners.set(address, server.inside(() => new PeerListener(address, 80)));
  }
  // Checks go elsewhere: what comes to port 80 comes from clients.
  listeners.set("checks", server.inside(() => new PeerListener("172.16.0.21", 90)));
  lintel = new Lintel(balancer, command, CONFIG);
  await lintel.ready();
  await eventually("the VIPs are there", () => VIPS.every((address) => balancer.holds(address)));
});

afterEach(settle);

afterAll(async () => {
  for (const one of [...peers, ...listeners.values()]) one[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

it.each([
  ["172.16.0.100", OWN[0], true],
  ["172.16.0.100", VIPS[1], true],
  ["172.16.0.101", OWN[0], false],
  ["172.16.1.100", OWN[1], false],
  ["fd00::100", OWN6, true],
  ["fd00::101", OWN6, false],
])("%s comes in by %s: %s", async (from, to, isLetIn) => {
  const peer = dial(80, to, from);
  if (isLetIn) await next("172.16.0.21");
  else expect(await peer.next()).toBe(-ECONNRESET);
});

it("who comes where nothing leads anywhere is refused, and counted", async () => {
  expect(await dial(87).next()).toBe(-ECONNRESET);
  using asking = new UdpPeer(client, "172.16.0.100");
  asking.send(OWN[0], 87, "?");
  await eventually("both are counted", async () => {
    const { items } = await lintel.json("GET", "/v1/frontends") as { items: Frontend[] };
    return items.find(({ name }) => name === "nowhere")?.denied.address === 2;
  });
});

it.each([
  ["the kernel would take the VIP", VIPS[0], 81, "172.16.5.21", OWN[0]],
  ["the VIP is nearer to the server, over IPv6", VIPS[2], 82, "fd00::21", OWN6],
  ["another address is asked for", VIPS[0], 83, "172.16.0.21", OWN[1]],
])("servers see an address that stays: %s", async (_, to, port, server, expected) => {
  dial(port, to);
  expect((await next(server)).remote).toBe(expected);
});

it.each([
  ["the kernel would take the VIP", VIPS[0], 81, "172.16.5.21", OWN[0]],
  ["another address is asked for", VIPS[0], 83, "172.16.0.21", OWN[1]],
])("also over UDP: %s", async (_, to, port, address, expected) => {
  using asked = new UdpPeer(server, address, 80);
  using asking = new UdpPeer(client, "172.16.5.100");
  asking.send(to, port, "?");
  expect((await asked.next()).from.address).toBe(expected);
});

it("a server's limit and its queue are those of the file, and can be read", async () => {
  const clients = Array.from({ length: 5 }, () => dial(84));
  const connections = async () => (await lintel.server("one", "lined")).connections;
  await eventually("two are refused", () => clients.filter(isOver).length === 2);
  expect(await connections()).toMatchObject({ active: 2, queued: 1 });
  (await next("172.16.0.21")).reset();
  await next("172.16.0.21");
  await next("172.16.0.21");
  expect(await connections()).toMatchObject({ active: 2, queued: 0 });
});

it.each([
  ["frontend", 85, 2],
  ["process", 80, 20],
])("the limit of the %s is that of the file", async (_, port, limit) => {
  for (let count = 0; count < limit + 5; count++) dial(port);
  const inside: Peer[] = [];
  for (let count = 0; count < limit; count++) inside.push(await next("172.16.0.21"));
  expect(listeners.get("172.16.0.21")!.isIdle).toBe(true);
  // Each that leaves lets in one of those who wait.
  for (let count = 0; count < 5; count++) {
    inside.shift()!.reset();
    inside.push(await next("172.16.0.21"));
  }
});

it("a server that resets its connections at once is found out by them", async () => {
  const bad = server.inside(() => new PeerListener("172.16.0.21", 81));
  const timer = setInterval(() => {
    const peer = bad.take();
    // Later, or it would be as if it had never accepted.
    if (peer) setTimeout(() => peer.reset(), 50);
  }, 2);
  try {
    const health = async () => (await lintel.server("bad", "resetting")).health;
    await eventually("both servers are up", async () => {
      const { usableServers } = await lintel.backend("resetting");
      return usableServers === 2;
    });
    await eventually("it is marked down", async () => {
      dial(86);
      return (await health()).state === "down";
    }, { everyMs: 100, deadlineMs: 20_000 });
    expect((await health()).failureCode).toBe("PASSIVE");
    expect((await lintel.server("good", "resetting")).health.state).toBe("up");
    const { failures } = await lintel.server("bad", "resetting");
    expect(failures.serverReset).toBeGreaterThanOrEqual(3);
  } finally {
    clearInterval(timer);
    bad[Symbol.dispose]();
  }
});

/** A client's connection from one of its addresses. */
function dial(port: number, to: string = OWN[0], from?: string): Peer {
  const peer = client.inside(() => Peer.dial(port, from, to));
  peers.push(peer);
  return peer;
}

/** The next connection to a server. */
async function next(address: string): Promise<Peer> {
  const peer = await listeners.get(address)!.next();
  peers.push(peer);
  return peer;
}

/** A reset is told once; after that there is nothing more to read. */
function isOver(peer: Peer): boolean {
  const told = peer.peek();
  return told === -ECONNRESET || told === 0;
}

/** Ends all connections. */
async function settle(): Promise<void> {
  for (const peer of peers.splice(0)) peer.reset();
  const active = async (backend: string) =>
    (await lintel.server("one", backend)).connections.active;
  await eventually("nobody is connected", async () => {
    const counts = await Promise.all(["plain", "beside", "six", "chosen", "lined"].map(active));
    for (const one of listeners.values()) one.take()?.reset();
    return counts.every((count) => count === 0);
  });
}
