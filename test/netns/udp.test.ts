/**
 * The product between clients and servers that speak UDP: who is answered, from which address, and
 * what becomes of sessions when servers go and come.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { always, eventually } from "../../scripts/lab/wait.ts";
import type { Frontend } from "../../src/admin/model.ts";
import { Lintel, product } from "./product.ts";
import { UdpAnswerer, UdpPeer } from "./udp_peer.ts";

const VIP = "172.16.0.10";
const VIP6 = "fd00::10";
const IDLE_MS = 500;

const CONFIG = `
workers: 2
virtualRouters:
  dns:
    interface: eth0
    vrid: 5
    addresses: [${VIP}]
    excludedAddresses: ["${VIP6}"]
    priority: 255
    advertisementInterval: 100ms
frontends:
  vip: { listen: "vip:dns:53/udp", backend: echo }
  any: { listen: ["*:54/udp", "*:54"], backend: echo }
  ipv4: { listen: "0.0.0.0:55/udp", backend: echo }
  ports: { listen: "172.16.0.2:56-58/udp", backend: same }
  named: { listen: "172.16.0.2:60/udp", backend: named }
  once: { listen: "172.16.0.2:61/udp", backend: once }
  brief: { listen: "172.16.0.2:62/udp", backend: brief }
  few: { listen: "172.16.0.2:63/udp", backend: few }
  refused: { listen: "172.16.0.2:64/udp", backend: refused }
  checked: { listen: "172.16.0.2:65/udp", backend: checked }
  closed: { listen: "172.16.0.2:66/udp", deny: [172.16.0.0/24], backend: echo }
backends:
  echo: { check: none, servers: { one: "172.16.0.21:7" } }
  same: { check: none, servers: { one: "172.16.0.21" } }
  named: { check: none, servers: { one: "172.16.0.21:53", two: "[fd00::22]:53" } }
  once: { check: none, udp: { replies: 2 }, servers: { one: "172.16.0.21:8" } }
  brief: { check: none, udp: { idle: ${IDLE_MS}ms }, servers: { one: "172.16.0.21:53" } }
  few: { check: none, udp: { maxSessions: 2 }, servers: { one: "172.16.0.21:53" } }
  refused: { check: none, servers: { one: "172.16.0.21:9", two: "172.16.0.22:53" } }
  checked:
    check: { type: tcp, port: 80, interval: 100ms, fall: 2, rise: 1 }
    servers: { one: "172.16.0.21:53", two: "[fd00::22]:53" }
`;

let lab: Lab;
let client: Host;
let lb: Host;
let lintel: Lintel;
const servers: Host[] = [];
const answerers: Disposable[] = [];

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24", "fd00::100/64"] });
  lb = lab.host("lb", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  for (const at of [1, 2]) {
    const addresses = [`172.16.0.2${at}/24`, `fd00::2${at}/64`];
    servers.push(lab.host(["one", "two"][at - 1]!, { addresses }));
  }
  const [one, two] = servers as [Host, Host];
  const echo = (bytes: Uint8Array<ArrayBuffer>) => [bytes];
  answerers.push(
    new UdpAnswerer(one, "172.16.0.21", 7, echo),
    new UdpAnswerer(one, "172.16.0.21", 57, () => ["57"]),
    new UdpAnswerer(one, "172.16.0.21", 58, () => ["58"]),
    new UdpAnswerer(one, "172.16.0.21", 8, () => ["first", "second", "third"]),
    new UdpAnswerer(one, "172.16.0.21", 53, () => ["one"]),
    new UdpAnswerer(two, "fd00::22", 53, () => ["two"]),
    new UdpAnswerer(two, "172.16.0.22", 53, () => ["two"]),
  );
  lintel = new Lintel(lb, command, CONFIG);
  await lintel.process.printed(/lintel \S+ runs/, 60_000);
  await eventually("the VIP is there", () => lb.holds(VIP) && lb.holds(VIP6));
});

afterAll(async () => {
  for (const one of answerers) one[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("answers", () => {
  it.each([
    ["a VIP", VIP, 53],
    ["an IPv6 VIP", VIP6, 53],
    ["the host's address, over *", "172.16.0.2", 54],
    ["a VIP, over *", VIP, 54],
    ["the host's IPv6 address, over *", "fd00::2", 54],
    ["an IPv6 VIP, over *", VIP6, 54],
    ["a VIP, over 0.0.0.0", VIP, 55],
    ["the host's address, over 0.0.0.0", "172.16.0.2", 55],
  ])("come from where the client has asked: %s", async (_, address, port) => {
    using peer = new UdpPeer(client, address.includes(":") ? "fd00::100" : "172.16.0.100");
    expect(await peer.ask(address, port, "hello")).toBe("hello");
    expect(await peer.ask(address, port, "again")).toBe("again");
  });

  it("to one client's questions at two addresses come each from its own", async () => {
    using peer = new UdpPeer(client, "172.16.0.100");
    for (const address of [VIP, "172.16.0.2", VIP]) {
      expect(await peer.ask(address, 54, address)).toBe(address);
    }
  });

  it.each([0, 1, 1_472, 1_473, 8_000, 65_507])(
    "of %d bytes come whole, in fragments where they have to",
    async (length) => {
      const bytes = Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8));
      for (const [own, address] of [["172.16.0.100", VIP], ["fd00::100", VIP6]] as const) {
        using peer = new UdpPeer(client, own);
        peer.send(address, 54, bytes);
        expect((await peer.next()).bytes).toEqual(bytes);
      }
    },
  );

  it("come from the port that the client has asked at, where servers name none", async () => {
    using peer = new UdpPeer(client, "172.16.0.100");
    expect(await peer.ask("172.16.0.2", 57, "?")).toBe("57");
    expect(await peer.ask("172.16.0.2", 58, "?")).toBe("58");
  });
});

it("clients that are denied are not answered, and are counted", async () => {
  using peer = new UdpPeer(client, "172.16.0.100");
  peer.send("172.16.0.2", 66, "?");
  const isDenied = async () => (await frontend("closed")).denied.address === 1;
  await eventually("it is counted", isDenied);
  expect(peer.take()).toBeUndefined();
  expect((await frontend("closed")).connections.total).toBe(0);
});

describe("a session", () => {
  it("stays with its server, also while that drains; new clients go elsewhere", async () => {
    using peer = new UdpPeer(client, "172.16.0.100");
    const answers = new Set<string>();
    for (let turn = 0; turn < 6; turn++) answers.add(await peer.ask("172.16.0.2", 60, "?"));
    expect(answers.size).toBe(1);
    const [server = ""] = answers;
    const other = server === "one" ? "two" : "one";
    await lintel.patchServer("named", server, { state: "drain" });
    for (let turn = 0; turn < 6; turn++) {
      using newcomer = new UdpPeer(client, "172.16.0.100");
      expect(await newcomer.ask("172.16.0.2", 60, "?")).toBe(other);
      expect(await peer.ask("172.16.0.2", 60, "?")).toBe(server);
    }
    // What is in maintenance keeps none.
    await lintel.patchServer("named", server, { state: "maint" });
    expect(await peer.ask("172.16.0.2", 60, "?")).toBe(other);
    await lintel.patchServer("named", server, { state: "ready" });
    expect(await peer.ask("172.16.0.2", 60, "?")).toBe(other);
  });

  it("ends after as many answers as it is said, and is counted", async () => {
    using peer = new UdpPeer(client, "172.16.0.100");
    const before = await frontend("once");
    // Two questions at once, as resolvers ask for both kinds of addresses: two answers to each.
    peer.send("172.16.0.2", 61, "A");
    peer.send("172.16.0.2", 61, "AAAA");
    const texts: string[] = [];
    for (let at = 0; at < 4; at++) {
      texts.push(new TextDecoder().decode((await peer.next()).bytes));
    }
    expect(texts).toEqual(expect.arrayContaining(["first", "second"]));
    await eventually("it has ended", async () => (await frontend("once")).connections.active === 0);
    await always("nothing else comes", () => peer.take() === undefined, { forMs: 100 });
    const after = await frontend("once");
    expect(after.connections.total - before.connections.total).toBe(1);
    expect(after.bytes.received - before.bytes.received).toBe(5);
    expect(after.bytes.sent - before.bytes.sent).toBe(texts.join("").length);
  });

  it("ends when nobody has said anything for long", async () => {
    using peer = new UdpPeer(client, "172.16.0.100");
    const connections = async () => (await lintel.server("one", "brief")).connections;
    for (const total of [1, 2]) {
      expect(await peer.ask("172.16.0.2", 62, "?")).toBe("one");
      expect((await connections()).total).toBe(total);
      await eventually("it has ended", async () => (await connections()).active === 0);
      expect((await frontend("brief")).connections.active).toBe(0);
    }
  });

  it("makes room for another client once it is idle, and never are there more", async () => {
    using first = new UdpPeer(client, "172.16.0.100");
    using second = new UdpPeer(client, "172.16.0.100");
    using third = new UdpPeer(client, "172.16.0.100");
    await first.insist("172.16.0.2", 63, "?");
    await second.insist("172.16.0.2", 63, "?");
    expect(await third.insist("172.16.0.2", 63, "?")).toBe("one");
    const { connections, evictedSessions } = await frontend("few");
    expect(connections.active).toBeLessThanOrEqual(2);
    expect(evictedSessions).toBeGreaterThanOrEqual(1);
  });
});

describe("a server", () => {
  it("that refuses loses its sessions, and the refusals are counted", async () => {
    // Nobody is at its port: each client that comes there is answered by the other one at last.
    for (let turn = 0; turn < 4; turn++) {
      using peer = new UdpPeer(client, "172.16.0.100");
      expect(await peer.insist("172.16.0.2", 64, "?")).toBe("two");
    }
    const { failures } = await lintel.server("one", "refused");
    expect(failures.connectRefused).toBeGreaterThanOrEqual(1);
    expect((await lintel.server("one", "refused")).connections.active).toBe(0);
  });

  it("that goes down loses its sessions to others, and gets none while it is", async () => {
    const [one, two] = servers as [Host, Host];
    const listen = (host: Host, hostname: string) => {
      // A web server is what the check looks for.
      return host.spawn(["nginx", "-e", "stderr", "-c", host.write("nginx.conf", nginx(hostname))]);
    };
    let checked = listen(one, "172.16.0.21");
    listen(two, "[fd00::22]");
    const isUp = (name: string) => async () => await lintel.health("checked", name) === "up";
    await eventually("one is up", isUp("one"));
    await eventually("two is up", isUp("two"));
    const peers = Array.from({ length: 8 }, () => new UdpPeer(client, "172.16.0.100"));
    const ask = () => Promise.all(peers.map((peer) => peer.ask("172.16.0.2", 65, "?")));
    const before = await ask();
    expect(new Set(before)).toEqual(new Set(["one", "two"]));
    expect(await ask()).toEqual(before);
    await checked.stop("SIGKILL");
    await eventually("one is down", async () => await lintel.health("checked", "one") === "down");
    expect(new Set(await ask())).toEqual(new Set(["two"]));
    expect((await lintel.server("one", "checked")).connections.active).toBe(0);
    checked = listen(one, "172.16.0.21");
    await eventually("one is up again", isUp("one"));
    expect(new Set(await ask())).toEqual(new Set(["two"]));
    for (const peer of peers) peer[Symbol.dispose]();
  });
});

async function frontend(name: string): Promise<Frontend> {
  return await lintel.json("GET", `/v1/frontends/${name}`) as Frontend;
}

function nginx(hostname: string): string {
  return `daemon off; master_process off; user root; pid /dev/null;
events {}
http { access_log off; server { listen ${hostname}:80; location / { return 200; } } }
`;
}
