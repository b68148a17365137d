/**
 * The relay between hosts: bytes in great numbers, connections in great numbers, networks that lose
 * packets, and readers that have stopped reading.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { EAGAIN, ECONNRESET } from "../../src/linux/errno.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { ENGINES } from "./dataplane_rig.ts";
import { isSoak } from "./figures.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";

const LB = "172.16.0.2";
const WEB = "172.16.0.21";
const BYTES = isSoak ? 1 << 30 : 64 << 20;
const STORM = 2_000;
/** How many of the storm reach their server at once. */
const LIMIT = 200;
const LOST_PERCENT = 3;
/** With a dozen buffers each they have all that a worker shares; no more than one byte can say. */
const STALLED = 120;

/** A connection as its ends see it. */
interface Pair {
  readonly client: Peer;
  readonly server: Peer;
}

const config = (engine: string) => `
engine: ${engine}
workers: 1
frontends:
  echo: { listen: "${LB}:80", backend: echo }
  limited: { listen: "${LB}:81", backend: limited }
  peer: { listen: "${LB}:82", backend: peer }
backends:
  echo: { check: none, timeouts: { connect: 20s }, servers: { web: "${WEB}:80" } }
  limited:
    check: none
    timeouts: { connect: 20s, queue: 1m }
    servers: { web: { address: "${WEB}:81", maxConnections: ${LIMIT} } }
  peer: { check: none, timeouts: { connect: 20s }, servers: { web: "${WEB}:82" } }
`;

describe.each(ENGINES)("between hosts, on %s,", (engine) => {
  let lab: Lab;
  let client: Host;
  let lb: Host;
  let web: Host;
  let lintel: Lintel;

  beforeAll(async () => {
    const command = await product();
    lab = Lab.create();
    client = lab.host("client", { addresses: ["172.16.0.100/24"] });
    lb = lab.host("lb", { addresses: [`${LB}/24`] });
    web = lab.host("web", { addresses: [`${WEB}/24`] });
    lintel = new Lintel(lb, command, config(engine));
    const echo = web.script(TRANSFERS, ["echo", WEB, "80"]);
    await Nginx.start(web, { port: 81 });
    await echo.printed(/listens/, 30_000);
    await lintel.ready();
  });

  afterAll(() => lab?.[Symbol.asyncDispose]());

  it(`${BYTES >> 20} MiB go both ways unharmed`, async () => {
    expect(await move(80, 1, BYTES)).toEqual({ whole: 1 });
  });

  it(`${STORM} clients who come at once are served, ${LIMIT} at a time`, async () => {
    const waiting = client.inside(() =>
      Array.from({ length: STORM }, () => Peer.dial(81, undefined, LB))
    );
    const asked = new Set<Peer>();
    const wrong: number[] = [];
    await eventually("everybody is answered", () => {
      for (const peer of waiting) if (!asked.has(peer) && peer.send(REQUEST) > 0) asked.add(peer);
      for (const peer of asked) {
        const result = peer.peek();
        if (result === -EAGAIN) continue;
        if (result !== 1) wrong.push(result);
        asked.delete(peer);
        peer.close();
        waiting.splice(waiting.indexOf(peer), 1);
      }
      return waiting.length === 0;
    }, { deadlineMs: 60_000, everyMs: 5 });
    expect(wrong).toEqual([]);
    const { connections } = await lintel.server("web", "limited");
    expect(connections.total).toBe(STORM);
  });

  it(`bytes and resets arrive where ${LOST_PERCENT} % of all packets do not`, async () => {
    using listener = web.inside(() => new PeerListener(WEB, 82));
    const hosts = [client, lb, web];
    await Promise.all(hosts.map(lose));
    const pairs = await relayed(20, client, listener);
    const moved = move(80, 10, 200_000);
    await Promise.all(pairs.map(async ({ client, server }, index) => {
      const [source, target] = index % 2 === 0 ? [client, server] : [server, client];
      source.reset();
      await resets(target);
      target.close();
    }));
    expect(await moved).toEqual({ whole: 10 });
    await Promise.all(hosts.map((host) => host.run(["nft", "delete", "table", "inet", "loss"])));
  });

  it("many who have stopped reading hold up nobody else, and get everything later", async () => {
    using listener = web.inside(() => new PeerListener(WEB, 82));
    const slow = lab.host("slow", { addresses: ["172.16.0.101/24"] });
    // The kernel keeps little for them: the rest waits in buffers that all share.
    slow.sysctl("net.ipv4.tcp_rmem", "4096 8192 8192");
    lb.sysctl("net.ipv4.tcp_wmem", "4096 16384 16384");
    const pairs = await relayed(STALLED, slow, listener);
    const messages = Array.from({ length: 60 }, (_, index) => `${index}`.padEnd(1_000, "."));
    for (const message of messages) {
      await Promise.all(pairs.map(({ server }) => server.sendAll(message)));
      await delay(5);
    }
    for (const { server } of pairs) server.end();
    expect(await move(80, 10, 500_000)).toEqual({ whole: 10 });
    const wanted = messages.join("");
    const received = await Promise.all(pairs.map(({ client }) => client.text()));
    expect(received.filter((text) => text !== wanted)).toEqual([]);
    for (const { client, server } of pairs) [client, server].map((peer) => peer.close());
  });

  const move = async (port: number, connections: number, bytes: number) => {
    const args = ["move", LB, port, connections, bytes].map(String);
    const process = client.script(TRANSFERS, args);
    await process.end(isSoak ? 600_000 : 90_000);
    return JSON.parse(process.stdout) as Record<string, number>;
  };
});

/** Some of what arrives is thrown away. */
async function lose(host: Host): Promise<void> {
  const file = host.write(
    "loss.nft",
    `table inet loss {
      chain in {
        type filter hook input priority 0;
        meta l4proto tcp numgen random mod 100 < ${LOST_PERCENT} drop
      }
    }`,
  );
  await host.run(["nft", "-f", file]);
}

/** Both ends of so many connections, each of which has carried a byte. */
async function relayed(count: number, host: Host, listener: PeerListener): Promise<Pair[]> {
  const dial = () => Peer.dial(listener.port, undefined, LB);
  const clients = host.inside(() => Array.from({ length: count }, dial));
  await Promise.all(clients.map((client, index) => client.sendAll(String.fromCharCode(index))));
  const pairs = clients.map(async (): Promise<Pair> => {
    const server = await listener.next();
    const byte = new Uint8Array(1);
    expect(await server.next(byte)).toBe(1);
    return { client: clients[byte[0]!]!, server };
  });
  return await Promise.all(pairs);
}

/** Waits for a reset. One may be lost, and is said again to those who go on talking. */
async function resets(peer: Peer): Promise<void> {
  await eventually("a reset arrives", () => {
    const result = peer.peek();
    return result === -ECONNRESET ||
      (result === -EAGAIN && peer.send(new Uint8Array(1)) === -ECONNRESET);
  }, { deadlineMs: 30_000, everyMs: 50 });
}

const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nhost: storm\r\n\r\n");
const TRANSFERS = new URL("./transfers.ts", import.meta.url).pathname;
