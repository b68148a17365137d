/**
 * Another plan while real workers run: connections in every phase go on, with real sockets.
 */

import { describe, expect, it } from "vitest";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { Backend, Frontend } from "../../src/dataplane/orders.ts";
import { ECONNREFUSED, ECONNRESET } from "../../src/linux/errno.ts";
import type { Row } from "../../src/memory/server_table.ts";
import { OPENSSL_HELLO } from "../unit/core/wire/client_hellos.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import {
  Dataplane,
  type DataplaneOptions,
  ENGINES,
  unusedPort,
  usual,
  USUAL_FRONTEND,
} from "./dataplane_rig.ts";
import { HERE, UdpAnswerer, UdpPeer } from "./udp_peer.ts";

const LOCAL = "127.0.0.1";
const [FIRST, SECOND, THIRD] = [0, 1, 2].map((row) => row as Row) as [Row, Row, Row];

describe.each(ENGINES)("another plan for workers on %s", (engine) => {
  const start = (options: DataplaneOptions) => Dataplane.start({ engine, workers: 2, ...options });

  it("leaves who is relayed, and who has ended one way, at a server that it removes", async () => {
    using old = new PeerListener();
    using added = new PeerListener();
    await using dataplane = await start({ servers: [old.port] });
    using client = Peer.dial(dataplane.port);
    using server = await old.next();
    using half = Peer.dial(dataplane.port);
    using halfServer = await old.next();
    half.end();
    expect(await halfServer.next()).toBe(0);
    remove(dataplane, FIRST);
    await dataplane.plan({
      frontends: [USUAL_FRONTEND],
      backends: [backendOf([old.port, added.port], [FIRST, SECOND])],
    });
    add(dataplane, SECOND);
    using late = Peer.dial(dataplane.port);
    using lateServer = await added.next();
    await talk(late, lateServer);
    await talk(client, server);
    await halfServer.sendAll("the rest");
    halfServer.end();
    expect(await half.text()).toBe("the rest");
    expect(old.isIdle).toBe(true);
    await eventually("one is over", () => dataplane.servers.active(FIRST) === 1);
  });

  it("lets an attempt to connect to a server that it removes come to its end", async () => {
    // Its queue is full, so that the kernel answers nobody until somebody is taken out of it.
    using full = new PeerListener(LOCAL, 0, 0);
    using stuffing = Peer.dial(full.port);
    await using dataplane = await start({ servers: [full.port], backend: { retries: 0 } });
    await eventually("it is connected", () => stuffing.send(Uint8Array.of(1)) === 1);
    using client = Peer.dial(dataplane.port);
    await eventually("it is tried", () => dataplane.servers.active(FIRST) === 1);
    remove(dataplane, FIRST);
    await dataplane.plan({ frontends: [USUAL_FRONTEND], backends: [backendOf([], [])] });
    await dataplane.plan({
      frontends: [USUAL_FRONTEND],
      backends: [{ ...backendOf([full.port], [FIRST]), connectTimeoutMs: 30_000 }],
    });
    using _first = await full.next();
    using server = await full.next();
    await talk(client, server);
  });

  it("serves those in line, whatever becomes of their queue", async () => {
    using one = new PeerListener();
    using other = new PeerListener();
    const backend = { queueTimeoutMs: 60_000 };
    await using dataplane = await start({ servers: [one.port], limit: 1, backend });
    const clients = new Set<Peer>();
    try {
      for (let count = 0; count < 8; count++) {
        clients.add(Peer.dial(dataplane.port, `127.0.0.${10 + count}`));
      }
      await eventually("they wait", () => dataplane.queues.queued(FIRST) === 7);
      const plan = async (said: Partial<Backend>) => {
        const both = backendOf([one.port, other.port], [FIRST, SECOND]);
        const backends = [{ ...both, queueTimeoutMs: 60_000, ...said }];
        await dataplane.plan({ frontends: [USUAL_FRONTEND], backends });
      };
      await plan({ balance: "source", maxQueue: 1 });
      expect(dataplane.queues.queued(FIRST)).toBe(7);
      await plan({ balance: "leastconn" });
      await plan({ balance: "source" });
      add(dataplane, SECOND, 1);
      let served = 0;
      await eventually("all are served", () => {
        for (const listener of [one, other]) {
          const server = listener.take();
          if (!server) continue;
          served++;
          server.send(new TextEncoder().encode("served"));
          server.end();
          server.close();
        }
        for (const client of clients) {
          if (client.peek() !== 1) continue;
          client.close();
          // Its descriptor is somebody else's from now on.
          clients.delete(client);
        }
        return served === 8;
      }, { deadlineMs: 30_000, everyMs: 2 });
      expect(dataplane.server(1, "connections")).toBeGreaterThan(0);
      for (const column of ["deniedQueueFull", "deniedQueueTimeout", "deniedNoServer"] as const) {
        expect(dataplane.frontend(column)).toBe(0);
      }
    } finally {
      for (const client of clients) client.close();
    }
    await dataplane.empty();
    const { queues, servers } = dataplane;
    expect([servers.active(FIRST), servers.active(SECOND)]).toEqual([0, 0]);
    for (let queue = 0; queue < queues.queues; queue++) expect(queues.waiting(queue)).toBe(0);
  });

  it("routes who is in the middle of his words, and who need say none any more", async () => {
    using named = new PeerListener();
    using rest = new PeerListener();
    const to = (backend: number) => [{ serverNames: ["*.example.com"], backend }];
    const routed = (index: number): Frontend => ({ ...USUAL_FRONTEND, routes: to(index) });
    await using dataplane = await start({ servers: [rest.port], frontend: { routes: to(0) } });
    add(dataplane, SECOND);
    const backends = [
      backendOf([rest.port], [FIRST]),
      backendOf([named.port], [SECOND]),
    ];
    using client = Peer.dial(dataplane.port);
    client.send(OPENSSL_HELLO.slice(0, 100));
    using silent = Peer.dial(dataplane.port);
    await eventually("they are there", () => dataplane.open === 2);
    await dataplane.plan({ frontends: [routed(1)], backends });
    await eventually("it is sent", () => client.send(OPENSSL_HELLO.slice(100)) > 0);
    using server = await named.next();
    const bytes = new Uint8Array(10_000);
    let received = 0;
    while (received < OPENSSL_HELLO.length) received += await server.next(bytes);
    await talk(client, server);
    expect(rest.isIdle).toBe(true);
    await dataplane.plan({ frontends: [USUAL_FRONTEND], backends });
    using silentServer = await rest.next();
    await talk(silent, silentServer);
  });

  it("brings a frontend, takes one away, and those who came by it stay", async () => {
    using one = new PeerListener();
    using other = new PeerListener();
    await using dataplane = await start({ servers: [one.port] });
    const backends = [backendOf([one.port], [FIRST]), backendOf([other.port], [SECOND])];
    const frontends = [USUAL_FRONTEND, { ...USUAL_FRONTEND, name: "other", backend: 1 }];
    using client = Peer.dial(dataplane.port);
    using server = await one.next();
    await dataplane.plan({ frontends, backends });
    add(dataplane, SECOND);
    const port = unusedPort();
    dataplane.listen({ protocol: "tcp", frontend: 1, port, virtualRouter: null });
    using late = Peer.dial(port);
    using lateServer = await other.next();
    await talk(late, lateServer);
    await dataplane.close(dataplane.port);
    using refused = Peer.dial(dataplane.port);
    expect(await refused.next()).toBe(-ECONNREFUSED);
    // Its backend goes, too.
    remove(dataplane, FIRST);
    await dataplane.plan({ frontends, backends });
    await talk(client, server);
    client.end();
    expect(await server.next()).toBe(0);
    server.end();
    await dataplane.empty();
    expect([dataplane.frontend("opened", 1), dataplane.frontend("closed", 1)]).toEqual([1, 0]);
    await talk(late, lateServer);
  });

  it("fails nobody, time and again under load, and uses each server that it has", async () => {
    const servers = [new Answering(), new Answering(), new Answering()];
    try {
      const ports = servers.map(({ port }) => port);
      await using dataplane = await start({ servers: ports });
      let isOver = false;
      const clients = Array.from({ length: 8 }, async () => {
        let asked = 0;
        for (; !isOver; asked++) expect(await ask(dataplane.port)).toBe("ok");
        return asked;
      });
      const balances = ["roundrobin", "leastconn", "source", "random", "first"] as const;
      for (let round = 0; round < 40; round++) {
        // The last server comes and goes; it has no connection before its row says so.
        const isThere = round % 2 === 0;
        if (!isThere) remove(dataplane, THIRD);
        await dataplane.plan({
          frontends: [{ ...USUAL_FRONTEND, maxConnections: round % 3 === 0 ? 100 : null }],
          backends: [{
            ...backendOf(ports, [FIRST, SECOND, THIRD]),
            balance: balances[round % balances.length]!,
            maxQueue: round % 4 === 0 ? 50 : null,
          }],
        });
        if (isThere) add(dataplane, THIRD);
        await delay(25);
      }
      isOver = true;
      const asked = (await Promise.all(clients)).reduce((left, right) => left + right);
      const answered = servers.map(({ requests }) => requests);
      expect(answered.reduce((left, right) => left + right)).toBe(asked);
      for (const count of answered) expect(count).toBeGreaterThan(0);
      await dataplane.empty();
      expect([FIRST, SECOND, THIRD].map((row) => dataplane.servers.active(row)))
        .toEqual([0, 0, 0]);
      expect([dataplane.admission.open(0), dataplane.admission.open(1)]).toEqual([0, 0]);
    } finally {
      for (const server of servers) await server.close();
    }
  });

  it("moves sessions from a server that it removes, and begins with UDP when asked", async () => {
    const ports = [unusedPort(), unusedPort()] as const;
    using _one = new UdpAnswerer(HERE, LOCAL, ports[0], () => [encode("one")]);
    using _other = new UdpAnswerer(HERE, LOCAL, ports[1], () => [encode("other")]);
    await using dataplane = await start({ servers: [ports[0]] });
    const port = unusedPort();
    dataplane.listen({ protocol: "udp", frontend: 0, port, virtualRouter: null });
    const peers = Array.from({ length: 4 }, () => new UdpPeer(HERE, LOCAL));
    try {
      for (const peer of peers) expect(await peer.ask(LOCAL, port, "?")).toBe("one");
      expect(dataplane.open).toBe(4);
      const frontends = [USUAL_FRONTEND, { ...USUAL_FRONTEND, backend: 1 }];
      const backends = [
        backendOf(ports, [FIRST, SECOND]),
        backendOf([ports[1]], [THIRD]),
      ];
      await dataplane.plan({ frontends, backends });
      for (const row of [SECOND, THIRD]) add(dataplane, row);
      for (const peer of peers) expect(await peer.ask(LOCAL, port, "?")).toBe("one");
      expect(dataplane.open).toBe(4);
      remove(dataplane, FIRST);
      for (const peer of peers) expect(await peer.ask(LOCAL, port, "?")).toBe("other");
      const second = unusedPort();
      dataplane.listen({ protocol: "udp", frontend: 1, port: second, virtualRouter: null });
      expect(await peers[0]!.ask(LOCAL, second, "?")).toBe("other");
      expect(dataplane.servers.active(THIRD)).toBe(1);
      await dataplane.close(port);
      const { servers } = dataplane;
      expect([FIRST, SECOND, THIRD].map((row) => servers.active(row))).toEqual([0, 0, 1]);
      expect(await peers[0]!.ask(LOCAL, second, "?")).toBe("other");
    } finally {
      for (const peer of peers) peer[Symbol.dispose]();
    }
  });

  it("names virtual routers by the index by which they are released", async () => {
    using listener = new PeerListener();
    await using dataplane = await start({ servers: [listener.port] });
    const backends = [backendOf([listener.port], [FIRST])];
    await dataplane.plan({ frontends: [USUAL_FRONTEND], backends }, ["vip", "other"]);
    const port = unusedPort();
    dataplane.listen({ protocol: "tcp", frontend: 0, port, virtualRouter: "other" });
    using client = Peer.dial(dataplane.port);
    using server = await listener.next();
    using released = Peer.dial(port);
    using _releasedServer = await listener.next();
    await dataplane.release(1);
    expect(await released.next()).toBe(-ECONNRESET);
    await talk(client, server);
  });
});

function backendOf(ports: readonly number[], rows: readonly Row[]): Backend {
  return { ...usual(ports), rows };
}

/** The server of a row may be used. */
function add({ servers }: Dataplane, row: Row, limit = 0): void {
  servers.setWeight(row, 100);
  servers.setLimit(row, limit);
  servers.setHealth(row, "up");
  servers.setAdmin(row, "ready");
}

/** It may not, as when the plan has it no more. */
function remove({ servers }: Dataplane, row: Row): void {
  servers.setAdmin(row, "maint");
}

/** Both say something that the other one hears. */
async function talk(client: Peer, server: Peer): Promise<void> {
  await client.sendAll("hello");
  expect(await server.next()).toBe(5);
  await server.sendAll("hi");
  expect(await client.next()).toBe(2);
}

/** Answers each connection with "ok", and counts. */
class Answering {
  requests = 0;
  readonly #listener = Deno.listen({ hostname: LOCAL, port: 0 });
  readonly #isDone = this.#serve();

  get port(): number {
    return this.#listener.addr.port;
  }

  async close(): Promise<void> {
    this.#listener.close();
    await this.#isDone;
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.requests++;
      void connection.write(encode("ok")).finally(() => connection.close());
    }
  }
}

/** What a connection says up to its end. */
async function ask(port: number): Promise<string> {
  using connection = await Deno.connect({ hostname: LOCAL, port });
  return await new Response(connection.readable).text();
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
