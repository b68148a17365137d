/**
 * Limits and queues with real workers and sockets: who gets a place, who waits for one, who is
 * refused.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { ECONNRESET } from "../../src/linux/errno.ts";
import type { Row } from "../../src/memory/server_table.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { Dataplane, type DataplaneOptions, ENGINES } from "./dataplane_rig.ts";

const FIRST = 0 as Row;
const SECOND = 1 as Row;

describe.each(ENGINES)("connections through workers on %s", (engine) => {
  let servers: PeerListener[];
  let peers: Peer[];

  beforeEach(() => {
    servers = [new PeerListener(), new PeerListener()];
    peers = [];
  });

  afterEach(() => {
    for (const one of [...peers, ...servers]) one[Symbol.dispose]();
  });

  const start = (options: Partial<DataplaneOptions>) =>
    Dataplane.start({ engine, workers: 2, servers: [servers[0]!.port], ...options });

  /** So many clients at once. */
  const dial = (dataplane: Dataplane, count: number, from?: string) => {
    const dialled = Array.from({ length: count }, () => Peer.dial(dataplane.port, from));
    peers.push(...dialled);
    return dialled;
  };

  /** The next connection of a server. */
  const accept = async (server = 0) => {
    const peer = await servers[server]!.next();
    peers.push(peer);
    return peer;
  };

  it("wait, where the server may have one, and come in one by one from both workers", async () => {
    await using dataplane = await start({ limit: 1 });
    const count = 30;
    const clients = dial(dataplane, count);
    await eventually("all wait but one", () => dataplane.queues.queued(FIRST) === count - 1);
    let holder: number | undefined;
    const fromSame: number[] = [];
    const fromOther: number[] = [];
    let current = await accept();
    for (let left = count - 1; left > 0; left--) {
      expect(servers[0]!.isIdle).toBe(true);
      expect(dataplane.servers.active(FIRST)).toBe(1);
      // A connection that is reset while it is being made is tried again.
      const made = count - left;
      await eventually("it is made", () => dataplane.server(0, "connections") === made);
      const next = dataplane.queues.firstWorker(0);
      const freedAt = performance.now();
      current.reset();
      current = await accept();
      const tookMs = performance.now() - freedAt;
      if (holder !== undefined) (next === holder ? fromSame : fromOther).push(tookMs);
      holder = next;
    }
    // A worker that is not woken for the place of another looks for one twice a second.
    if (fromOther.length >= 5) expect(mean(fromOther) - mean(fromSame)).toBeLessThan(150);
    current.close();
    for (const client of clients) client.close();
    await dataplane.empty();
    expect(dataplane.servers.active(FIRST)).toBe(0);
  });

  it("are refused where the queue is as long as it may be", async () => {
    await using dataplane = await start({ limit: 1, backend: { maxQueue: 2 } });
    const clients = dial(dataplane, 6);
    await eventually("three are refused", () => dataplane.frontend("closed") === 3);
    expect(dataplane.frontend("deniedQueueFull")).toBe(3);
    expect([dataplane.servers.active(FIRST), dataplane.queues.queued(FIRST)]).toEqual([1, 2]);
    const ends = clients.filter((client) => client.peek() === -ECONNRESET);
    expect(ends.length).toBe(3);
  });

  it("are refused when they have waited for too long; who is served stays", async () => {
    await using dataplane = await start({ limit: 1, backend: { queueTimeoutMs: 300 } });
    const [served] = dial(dataplane, 1);
    const server = await accept();
    const startedAt = performance.now();
    const [waiting] = dial(dataplane, 1);
    expect(await waiting!.next()).toBe(-ECONNRESET);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
    expect(dataplane.frontend("deniedQueueTimeout")).toBe(1);
    await served!.sendAll("still here");
    expect(await server.next()).toBe(10);
  });

  it("wait for another server when theirs goes down", async () => {
    const backend = { balance: "leastconn", queueTimeoutMs: 30_000 } as const;
    const ports = servers.map(({ port }) => port);
    await using dataplane = await start({ limit: 1, servers: ports, backend });
    const queued = () => [FIRST, SECOND].map((row) => dataplane.queues.queued(row));
    dial(dataplane, 2);
    const [, second] = [await accept(0), await accept(1)];
    dial(dataplane, 6);
    await eventually("all wait", () => queued()[0]! + queued()[1]! === 6);
    expect(Math.max(...queued())).toBeLessThan(6);
    dataplane.servers.setHealth(FIRST, "down");
    await eventually("all wait for the second", () => queued().join() === "0,6");
    second.reset();
    await accept(1);
    await eventually("fewer wait", () => queued().join() === "0,5");
    expect(servers[0]!.isIdle).toBe(true);
  });

  it.each([
    ["a frontend", { frontend: { maxConnections: 3 } }],
    ["the process", { processConnections: 3 }],
  ])("wait outside where %s may have no more", async (_, limits) => {
    await using dataplane = await start(limits);
    dial(dataplane, 8);
    const inside = [await accept(), await accept(), await accept()];
    for (let made = 3; made < 8; made++) {
      await eventually("all are made", () => dataplane.server(0, "connections") === made);
      expect([dataplane.open, servers[0]!.isIdle]).toEqual([3, true]);
      inside.shift()!.reset();
      inside.push(await accept());
    }
    expect(dataplane.frontend("opened")).toBe(8);
  });

  it("come in at the rate of their frontend, and none is lost", async () => {
    await using dataplane = await start({ frontend: { connectionRate: 20 } });
    const startedAt = performance.now();
    dial(dataplane, 12);
    for (let come = 0; come < 12; come++) await accept();
    // Two come at once, ten in half a second; a worker may have looked at the clock earlier.
    expect(performance.now() - startedAt).toBeGreaterThan(300);
  });

  it("are refused by where they come from, and a denial wins", async () => {
    const frontend = { allow: ["127.0.0.0/30", "::1/128"], deny: ["127.0.0.2/32"] };
    await using dataplane = await start({ frontend });
    for (const from of ["127.0.0.2", "127.0.0.4", "127.1.0.1"]) {
      const [client] = dial(dataplane, 1, from);
      expect(await client!.next()).toBe(-ECONNRESET);
    }
    expect(dataplane.frontend("deniedAddress")).toBe(3);
    dial(dataplane, 1, "127.0.0.1");
    await accept();
    dial(dataplane, 1, "127.0.0.3");
    await accept();
  });

  it.each([
    ["allowed", { allow: ["10.0.0.0/8", "::/126"] }, true],
    ["not allowed", { allow: ["0.0.0.0/0", "fd00::/8"] }, false],
    ["denied", { allow: ["::/0"], deny: ["::1/128"] }, false],
    ["not denied", { deny: ["0.0.0.0/0", "::2/128"] }, true],
  ])("over IPv6 are %s by prefix", async (_, frontend, isLetIn) => {
    await using dataplane = await start({ address: "::1", frontend });
    const client = Peer.dial(dataplane.port, "::1", "::1");
    peers.push(client);
    if (isLetIn) await accept();
    else expect(await client.next()).toBe(-ECONNRESET);
    expect(dataplane.frontend("deniedAddress")).toBe(isLetIn ? 0 : 1);
  });

  it("are held, where that is asked for, until a server comes", async () => {
    const backend = { whenEmpty: "hold", queueTimeoutMs: 30_000 } as const;
    await using dataplane = await start({ backend });
    dataplane.servers.setHealth(FIRST, "down");
    dial(dataplane, 4);
    await eventually("all are held", () => dataplane.queues.waiting(0) === 4);
    await delay(50);
    expect([dataplane.open, servers[0]!.isIdle]).toEqual([4, true]);
    dataplane.servers.setHealth(FIRST, "up");
    for (let come = 0; come < 4; come++) await accept();
  });

  it("are held no longer than they may wait", async () => {
    const backend = { whenEmpty: "hold", queueTimeoutMs: 200 } as const;
    await using dataplane = await start({ backend });
    dataplane.servers.setHealth(FIRST, "down");
    const [client] = dial(dataplane, 1);
    expect(await client!.next()).toBe(-ECONNRESET);
    expect(dataplane.frontend("deniedNoServer")).toBe(1);
  });
});

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}
