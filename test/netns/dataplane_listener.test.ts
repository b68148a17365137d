import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { reclaim } from "../../src/dataplane/connection_memory.ts";
import { openListener, probePort } from "../../src/dataplane/listener.ts";
import { EADDRINUSE, EADDRNOTAVAIL, ECONNRESET, must } from "../../src/linux/errno.ts";
import {
  accept,
  close,
  getOption,
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_DEFER_ACCEPT,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from "../../src/linux/socket.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import type { ListenerPlan } from "../../src/core/plan/plan.ts";
import { ReleaseLane } from "../../src/memory/release_lane.ts";
import { Dataplane, ENGINES, unusedPort } from "./dataplane_rig.ts";
import { serverPlan } from "../unit/plans.ts";

const listenerAt = (
  port: number,
  address = "127.0.0.1",
  virtualRouter: string | null = null,
): ListenerPlan => ({ protocol: "tcp", address, port, virtualRouter });

const CLIENTS = {
  keepalive: { idleMs: 61_000, intervalMs: 11_000, probes: 7, userTimeoutMs: 90_000 },
  clientSpeaksFirst: false,
};

describe("openListener()", () => {
  it("has the kernel wait for first bytes where clients speak first", () => {
    const plan = listenerAt(unusedPort());
    const plain = must("listen", openListener(plan, CLIENTS));
    const waiting = must("listen", openListener(plan, { ...CLIENTS, clientSpeaksFirst: true }));
    expect(getOption(plain, IPPROTO_TCP, TCP_DEFER_ACCEPT)).toBe(0);
    expect(getOption(waiting, IPPROTO_TCP, TCP_DEFER_ACCEPT)).toBe(1);
    close(plain);
    close(waiting);
  });

  it("gives accepted sockets all they need", async () => {
    const port = unusedPort();
    const plan = listenerAt(port);
    const listener = must("listen", openListener(plan, CLIENTS));
    using _ = await Deno.connect({ hostname: "127.0.0.1", port });
    const accepted = must("accept", accept(listener));
    const tcp = (name: number) => getOption(accepted, IPPROTO_TCP, name);
    expect(getOption(accepted, SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
    expect([TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT].map(tcp))
      .toEqual([1, 61, 11, 7, 90_000]);
    close(accepted);
    close(listener);
  });

  it("opens several on one port, and none beside a foreigner", () => {
    const port = unusedPort();
    const plan = listenerAt(port);
    const listeners = [1, 2].map(() => must("listen", openListener(plan, CLIENTS)));
    listeners.forEach(close);
    using _ = Deno.listen({ hostname: "127.0.0.1", port });
    expect(openListener(plan, CLIENTS)).toBe(-EADDRINUSE);
  });

  it("opens on an address that is elsewhere only for a virtual router", () => {
    const port = unusedPort();
    for (const address of ["192.0.2.77", "2001:db8::77"]) {
      expect(openListener(listenerAt(port, address), CLIENTS)).toBe(-EADDRNOTAVAIL);
      close(must("listen", openListener(listenerAt(port, address, "vip"), CLIENTS)));
    }
  });

  it.each([
    { address: "*", reachable: ["127.0.0.1", "::1"] },
    { address: "0.0.0.0", reachable: ["127.0.0.1"] },
    { address: "::", reachable: ["::1"] },
  ])("on $address is reached by $reachable", async ({ address, reachable }) => {
    const port = unusedPort();
    const listener = must(
      "listen",
      openListener(listenerAt(port, address), CLIENTS),
    );
    const reached: string[] = [];
    for (const hostname of ["127.0.0.1", "::1"]) {
      await Deno.connect({ hostname, port }).then((connection) => {
        reached.push(hostname);
        connection.close();
      }, () => {});
    }
    expect(reached).toEqual(reachable);
    close(listener);
  });
});

describe("probePort()", () => {
  it("notices a foreign owner who would let us in beside him", () => {
    const port = unusedPort();
    const plan = listenerAt(port);
    const foreign = must("listen", openListener(plan, CLIENTS));
    expect(probePort(plan)).toBe(-EADDRINUSE);
    expect(probePort({ ...plan, address: "*" })).toBe(-EADDRINUSE);
    close(foreign);
    expect(probePort(plan)).toBe(0);
  });
});

describe.each(ENGINES)("a data-plane worker on %s", (engine) => {
  it("accepts by both families at * and connects to IPv6 servers", async () => {
    await using server = Deno.serve(
      { hostname: "::1", port: 0, onListen() {} },
      () => new Response("six"),
    );
    const { port } = server.addr;
    const six = serverPlan({ name: "six", address: "::1", family: 6, port });
    await using dataplane = await Dataplane.start({
      engine,
      servers: [port],
      address: "*",
      backend: { servers: [six] },
    });
    for (const host of ["127.0.0.1", "[::1]"]) {
      const response = await fetch(`http://${host}:${dataplane.port}/`);
      expect(await response.text()).toBe("six");
    }
  });

  it("connects to the port that the client asked for where a server has none", async () => {
    const port = unusedPort("127.0.0.9");
    await using server = Deno.serve(
      { hostname: "127.0.0.9", port, onListen() {} },
      () => new Response("same port"),
    );
    await using dataplane = await Dataplane.start({
      engine,
      servers: [port],
      port,
      backend: { servers: [serverPlan({ address: "127.0.0.9", port: null })] },
    });
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect([await response.text(), server.addr.port]).toEqual(["same port", dataplane.port]);
  });

  it("moves 200 MB unharmed", async () => {
    const chunk = crypto.getRandomValues(new Uint8Array(65_536));
    const chunks = 3200;
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      let sent = 0;
      return new Response(
        new ReadableStream({
          pull(controller) {
            chunk[sent % chunk.length]! ^= 0x5a;
            controller.enqueue(chunk.slice());
            if (++sent === chunks) controller.close();
          },
        }),
      );
    });
    await using dataplane = await Dataplane.start({ engine, servers: [server.addr.port] });
    const expected = createHash("sha1");
    const copy = chunk.slice();
    for (let sent = 0; sent < chunks; sent++) {
      copy[sent % copy.length]! ^= 0x5a;
      expected.update(copy);
    }
    const received = createHash("sha1");
    const { body } = await fetch(`http://127.0.0.1:${dataplane.port}/`);
    for await (const part of body ?? []) received.update(part);
    expect(received.digest("hex")).toBe(expected.digest("hex"));
    // Bytes are counted once a second.
    await expect.poll(() => dataplane.frontend("sentBytes"), { timeout: 3_000 })
      .toBeGreaterThan(chunks * chunk.length);
  });

  it("gives up no listener for what was asked of the one before it", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    const start = await dataplane.crash();
    reclaim(start);
    const lane = new ReleaseLane({ routers: 1, workers: 1 });
    lane.ask(0);
    const release = { lane: lane.shape, virtualRouters: ["vip"], speaker: start.wake };
    dataplane.spawn({ ...start, release });
    await eventually("it does not hold up the speaker", () => lane.isDone(0));
    using client = Peer.dial(dataplane.port);
    await client.sendAll("hello");
    using accepted = await server.next();
    expect(await accepted.next()).toBe(5);
  });

  it("that has died leaves nothing behind once it is reclaimed, and has a successor", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    using client = Peer.dial(dataplane.port);
    await client.sendAll("hello");
    using accepted = await server.next();
    await accepted.next();
    const start = await dataplane.crash();
    expect(reclaim(start)).toBe(1);
    expect(await client.next()).toBe(-ECONNRESET);
    expect(await accepted.next()).toBe(-ECONNRESET);
    expect(dataplane.open).toBe(0);
    dataplane.spawn(start);
    using next = Peer.dial(dataplane.port);
    await next.sendAll("again");
    using again = await server.next();
    expect(await again.next()).toBe(5);
    await eventually("it is counted", () => dataplane.open === 1);
  });
});
