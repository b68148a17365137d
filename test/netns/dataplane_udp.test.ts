/**
 * UDP sessions beside connections, with real workers and sockets.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../../scripts/lab/wait.ts";
import { reclaim } from "../../src/dataplane/connection_memory.ts";
import type { Row } from "../../src/memory/server_table.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { Dataplane, type DataplaneOptions, ENGINES } from "./dataplane_rig.ts";
import { HERE, UdpAnswerer, UdpPeer } from "./udp_peer.ts";

const LOCAL = "127.0.0.1";
const FIRST = 0 as Row;
const UDP = { idleTimeoutMs: 30_000, replies: null, maxSessions: 100 };

describe.each(ENGINES)("sessions of workers on %s", (engine) => {
  /** A server that takes connections, and answers datagrams with themselves at the same port. */
  let server: PeerListener;
  let answerer: UdpAnswerer;

  beforeEach(() => {
    server = new PeerListener();
    answerer = new UdpAnswerer(HERE, LOCAL, server.port, (bytes) => [bytes]);
  });

  afterEach(() => {
    for (const one of [answerer, server]) one[Symbol.dispose]();
  });

  const start = (options: Partial<DataplaneOptions> = {}) =>
    Dataplane.start({ engine, servers: [server.port], udp: true, ...options });

  it("are answered over both workers, and share a limit with connections", async () => {
    const backend = { udp: { ...UDP, replies: 1 } };
    await using dataplane = await start({ workers: 2, limit: 1, backend });
    const peers = Array.from({ length: 12 }, () => new UdpPeer(HERE, LOCAL));
    for (const peer of peers) expect(await peer.ask(LOCAL, dataplane.port, "?")).toBe("?");
    using first = Peer.dial(dataplane.port);
    using _accepted = await server.next();
    expect(dataplane.servers.active(FIRST)).toBe(1);
    peers[0]!.send(LOCAL, dataplane.port, "no place");
    await eventually(
      "it is refused",
      () => dataplane.frontend("deniedNoServer") + dataplane.frontend("deniedLimit") === 1,
    );
    first.reset();
    await dataplane.empty();
    expect(await peers[0]!.ask(LOCAL, dataplane.port, "a place")).toBe("a place");
    for (const peer of peers) peer[Symbol.dispose]();
  });

  it("leave their places to connections that wait for one", async () => {
    const backend = { udp: { ...UDP, idleTimeoutMs: 300 }, queueTimeoutMs: 30_000 };
    await using dataplane = await start({ workers: 2, limit: 1, backend });
    using peer = new UdpPeer(HERE, LOCAL);
    expect(await peer.ask(LOCAL, dataplane.port, "?")).toBe("?");
    using client = Peer.dial(dataplane.port);
    await eventually("it waits", () => dataplane.queues.queued(FIRST) === 1);
    expect(server.isIdle).toBe(true);
    using accepted = await server.next();
    await client.sendAll("here");
    expect(await accepted.next()).toBe(4);
  });

  it("begin anew after their worker has died; its listeners stay", async () => {
    await using dataplane = await start();
    using peer = new UdpPeer(HERE, LOCAL);
    expect(await peer.ask(LOCAL, dataplane.port, "before")).toBe("before");
    expect([dataplane.open, dataplane.servers.active(FIRST)]).toEqual([1, 1]);
    const before = await dataplane.crash();
    expect(reclaim(before)).toBe(1);
    expect([dataplane.open, dataplane.servers.active(FIRST)]).toEqual([0, 0]);
    // Nobody listens at the moment, but the socket is there.
    peer.send(LOCAL, dataplane.port, "meanwhile");
    dataplane.spawn(before);
    expect(new TextDecoder().decode((await peer.next()).bytes)).toBe("meanwhile");
    expect(await peer.ask(LOCAL, dataplane.port, "after")).toBe("after");
    expect([dataplane.open, dataplane.servers.active(FIRST)]).toEqual([1, 1]);
  });

  it("of a server are cut with its connections", async () => {
    await using dataplane = await start({ workers: 2 });
    using peer = new UdpPeer(HERE, LOCAL);
    expect(await peer.ask(LOCAL, dataplane.port, "before")).toBe("before");
    using _client = Peer.dial(dataplane.port);
    using _accepted = await server.next();
    await eventually("both are there", () => dataplane.server(0, "connections") === 2);
    dataplane.order({ kind: "cut", id: 1, which: { row: FIRST } });
    await dataplane.reported("cut");
    expect([dataplane.open, dataplane.servers.active(FIRST)]).toEqual([0, 0]);
    const counts = dataplane.reports.map((one) => one.kind === "cut" ? one.connections : 0);
    expect(counts.reduce((sum, count) => sum + count)).toBe(2);
    expect(await peer.ask(LOCAL, dataplane.port, "after")).toBe("after");
  });

  it("of a virtual router end with its release, and no other begins", async () => {
    await using dataplane = await start({ workers: 2 });
    using peer = new UdpPeer(HERE, LOCAL);
    expect(await peer.ask(LOCAL, dataplane.port, "before")).toBe("before");
    dataplane.order({ kind: "release", virtualRouter: "vip" });
    await dataplane.reported("released");
    expect([dataplane.open, dataplane.servers.active(FIRST)]).toEqual([0, 0]);
    const { count } = answerer;
    peer.send(LOCAL, dataplane.port, "after");
    dataplane.order({ kind: "drain" });
    await dataplane.reported("drained");
    expect(answerer.count).toBe(count);
  });
});
