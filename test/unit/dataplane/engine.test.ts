import { afterEach, describe, expect, it, vi } from "vitest";
import { reclaim } from "../../../src/dataplane/connection_memory.ts";
import { Engine } from "../../../src/dataplane/engine.ts";
import type { Report } from "../../../src/dataplane/orders.ts";
import { EAGAIN, EBADF, EINTR } from "../../../src/linux/errno.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import { SO_KEEPALIVE, TCP_KEEPIDLE } from "../../../src/linux/socket.ts";
import { type Endpoint, FakeKernel } from "../../simulation/relay_kernel.ts";
import { World, type WorldOptions } from "../../simulation/relay_world.ts";

describe("deadlines", () => {
  it("cut a connection on which nothing has moved either way", () => {
    const { world, client, server } = relayed({ backend: { idleTimeoutMs: 2000 } });
    world.pass(1500);
    server.send(Uint8Array.of(1));
    world.pass(1900);
    expect(client.isDead).toBe(false);
    world.pass(200);
    expect([client.isDead, server.isDead]).toEqual([true, true]);
    expect(world.server(0, "idleTimeout")).toBe(1);
    expect(world.active(0)).toBe(0);
  });

  it("are others once one side has ended", () => {
    const backend = { idleTimeoutMs: 60_000, halfClosedTimeoutMs: 1000 };
    const { world, client, server } = relayed({ backend });
    world.pass(10_000);
    expect(client.isDead).toBe(false);
    client.end();
    world.pass(950);
    expect(server.isDead).toBe(false);
    world.pass(150);
    expect(server.isDead).toBe(true);
  });

  it("reach an hour", () => {
    const { world, client } = relayed({ backend: { idleTimeoutMs: 3_600_000 } });
    world.pass(3_590_000);
    expect(client.isDead).toBe(false);
    world.pass(11_000);
    expect(client.isDead).toBe(true);
  });

  it("turn keepalive on at servers of connections that last", () => {
    const { world, server } = relayed();
    expect(server.other?.options.has(SO_KEEPALIVE)).toBe(false);
    world.pass(6000);
    expect(server.other?.options.get(SO_KEEPALIVE)).toBe(1);
    expect(server.other?.options.get(TCP_KEEPIDLE)).toBe(60);
  });
});

describe("a listener for datagrams", () => {
  it("is not passed over in silence where there is no room for sessions", () => {
    const world = new World();
    const udp = {
      ...world.start.listeners[0]!,
      protocol: "udp",
      fd: world.kernel.listen(),
    } as const;
    world.engine.carryOut({ kind: "listen", listeners: [udp] });
    const message = expect.stringContaining("192.0.2.1:80/udp");
    expect(world.reports).toEqual([expect.objectContaining({ level: "error", message })]);
  });
});

describe("a wait that fails", () => {
  const failing = (...answers: number[]) => {
    const original = FakeKernel.prototype.events;
    vi.spyOn(FakeKernel.prototype, "events").mockImplementation(function (this: FakeKernel, room) {
      const events = original.call(this, room);
      return { ...events, wait: (...how) => answers.shift() ?? events.wait(...how) };
    });
  };

  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("is no reason to end if the next one does not: error numbers are misread", () => {
    failing(-EINTR, -EAGAIN);
    const { world, servers } = worldOf({}, 3);
    world.pass(100);
    expect(servers.length).toBe(3);
  });

  it("ends the worker if it fails for good", () => {
    failing(-EBADF, -EBADF);
    const { world } = worldOf({}, 0);
    expect(() => world.pass(100)).toThrow("epoll_wait: bad file descriptor (EBADF)");
  });
});

describe("shortages", () => {
  it("of slots let clients wait until one is free", () => {
    const { world, clients, servers } = worldOf({ maxConnections: 2 }, 5);
    world.pass(100);
    expect(servers.length).toBe(2);
    expect(world.reports.filter(({ kind }) => kind === "log").length).toBe(1);
    const turns = turnsOf(world, 1000);
    expect(turns).toBeLessThan(100);
    clients[0]!.lingersNot = true;
    clients[0]!.close();
    world.pass(100);
    expect(servers.length).toBe(3);
    for (const client of clients) client.close();
    for (const server of servers) server.close();
    world.pass(500);
    for (const server of servers) server.close();
    world.pass(500);
    expect(world.frontend("opened")).toBe(5);
    expect(world.frontend("closed")).toBe(5);
  });

  it("of descriptors at accept let clients wait, without spinning", () => {
    const { world, servers } = worldOf({}, 0);
    world.kernel.limit = world.kernel.open;
    const client = world.kernel.dial(world.listener);
    expect(turnsOf(world, 2000)).toBeLessThan(200);
    expect(client.isDead).toBe(false);
    world.kernel.limit += 2;
    world.pass(200);
    expect(servers.length).toBe(1);
  });

  it("of descriptors for the server are not the server's fault, and are waited out", () => {
    const { world, servers } = worldOf({ servers: 1 }, 0);
    world.kernel.limit = world.kernel.open + 1;
    const clients = [world.kernel.dial(world.listener), world.kernel.dial(world.listener)];
    world.pass(2000);
    expect(clients.map(({ isDead }) => isDead)).toEqual([false, false]);
    expect([world.frontend("opened"), world.active(0)]).toEqual([1, 0]);
    expect(world.reports.filter(({ kind }) => kind === "log").length).toBe(1);
    expect(turnsOf(world, 1000)).toBeLessThan(100);
    world.kernel.limit += 3;
    world.pass(300);
    expect(servers.length).toBe(2);
    expect([world.server(0, "connectError"), world.server(0, "retries")]).toEqual([0, 0]);
  });

  it("of descriptors for the server end a client's wait with the time to connect", () => {
    const { world } = worldOf({ servers: 1, backend: { connectTimeoutMs: 3000 } }, 0);
    world.kernel.limit = world.kernel.open + 1;
    const client = world.kernel.dial(world.listener);
    world.pass(2900);
    expect(client.isDead).toBe(false);
    world.pass(300);
    expect(client.isDead).toBe(true);
    expect([world.frontend("deniedShortage"), world.frontend("closed")]).toEqual([1, 1]);
    expect(world.server(0, "connectError")).toBe(0);
  });

  it("of buffers leave bytes in the kernel", () => {
    const { world, clients, servers } = worldOf({ maxConnections: 700 }, 600, 1000);
    world.pass(100);
    expect(servers.length).toBe(600);
    const sent = servers.map(() => 0);
    for (let turn = 0; turn < 5; turn++) {
      servers.forEach((server, index) => {
        sent[index]! += Math.max(0, server.send(PATTERN.subarray(sent[index]! % PATTERN.length)));
      });
      world.pass(5);
    }
    expect(world.kernel.calls.get("peek") ?? 0).toBeGreaterThan(0);
    const received = clients.map(() => 0);
    let wrong = 0;
    for (let turn = 0; turn < 30; turn++) {
      clients.forEach((client, index) => {
        const bytes = new Uint8Array(1000);
        const count = Math.max(0, client.recv(bytes));
        for (let at = 0; at < count; at++) {
          if (bytes[at] !== PATTERN[(received[index]! + at) % PATTERN.length]) wrong++;
        }
        received[index]! += count;
      });
      world.pass(1);
    }
    expect(wrong).toBe(0);
    expect(received.reduce(add)).toBe(sent.reduce(add));
  });
});

describe("orders", () => {
  it("release: accepts no more on a virtual router's listeners, resets what came by them", () => {
    const { world, client, server } = relayed();
    const waiting = world.kernel.dial(world.listener);
    world.engine.carryOut({ kind: "release", virtualRouter: "vip" });
    expect(world.reports.at(-1)).toEqual({
      kind: "released",
      virtualRouter: "vip",
      connections: 1,
    });
    expect([client, server, waiting].map(({ isDead }) => isDead)).toEqual([true, true, true]);
    const later = world.kernel.dial(world.listener);
    expect(turnsOf(world, 1000)).toBeLessThan(20);
    expect(later.isDead).toBe(false);
    expect(world.frontend("opened")).toBe(1);
  });

  it("release: leaves others alone", () => {
    const { world, client } = relayed();
    world.engine.carryOut({ kind: "release", virtualRouter: "other" });
    expect(world.reports.at(-1)).toMatchObject({ kind: "released", connections: 0 });
    world.pass(10);
    expect(client.isDead).toBe(false);
  });

  it("cut: resets the connections of one server, and leaves those of others", () => {
    const { world, clients, servers } = worldOf({ servers: 2 }, 4);
    world.run(() => servers.length === 4);
    world.pass(5);
    world.engine.carryOut({ kind: "cut", id: 7, which: { row: 1 as Row } });
    expect(world.reports.at(-1)).toEqual({ kind: "cut", id: 7, connections: 2 });
    expect(clients.filter(({ isDead }) => isDead).length).toBe(2);
    expect([world.active(0), world.active(1)]).toEqual([2, 0]);
  });

  it("cut: resets the connections that came by a listener, and no others", () => {
    const { world, client } = relayed();
    const fd = world.listener;
    const cut = (listeners: readonly Fd[]) =>
      world.engine.carryOut({ kind: "cut", id: 1, which: { listeners } });
    cut([fd + 1 as Fd]);
    expect(world.reports.at(-1)).toMatchObject({ kind: "cut", connections: 0 });
    cut([fd]);
    expect(world.reports.at(-1)).toMatchObject({ kind: "cut", connections: 1 });
    expect(client.isDead).toBe(true);
  });

  it("cut: resets the connections that are meant, not those that have taken their slots", () => {
    const { world, client } = relayed();
    const cut = (generation: number) =>
      world.engine.carryOut({
        kind: "cut",
        id: 1,
        which: { slots: [0, 1], generations: [generation, 0] },
      });
    cut(5);
    expect(world.reports.at(-1)).toMatchObject({ kind: "cut", connections: 0 });
    cut(0);
    expect(world.reports.at(-1)).toMatchObject({ kind: "cut", connections: 1 });
    expect(client.isDead).toBe(true);
    cut(0);
    expect(world.reports.at(-1)).toMatchObject({ kind: "cut", connections: 0 });
  });

  it("listen: servers without a port have that of the listener a client has come by", () => {
    const { world } = worldOf({ servers: 1 }, 0);
    const [server] = world.start.backends[0]!.servers;
    Object.assign(server!, { port: null });
    const ports: number[] = [];
    world.kernel.answer = (port) => {
      ports.push(port);
      return { accept: () => {} };
    };
    for (const port of [81, 82]) {
      world.engine.carryOut({ kind: "release", virtualRouter: "vip" });
      const fd = world.kernel.listen();
      world.engine.carryOut({
        kind: "listen",
        listeners: [{
          fd,
          frontend: 0,
          protocol: "tcp",
          address: "192.0.2.1",
          port,
          virtualRouter: "vip",
        }],
      });
      world.kernel.dial(fd);
      world.pass(20);
    }
    expect(ports).toEqual([81, 82]);
  });

  it("listen: accepts again after a release", () => {
    const { world } = relayed();
    world.engine.carryOut({ kind: "release", virtualRouter: "vip" });
    const fd = world.kernel.listen();
    const listener = {
      fd,
      frontend: 0,
      protocol: "tcp",
      address: "192.0.2.1",
      port: 80,
      virtualRouter: "vip",
    } as const;
    world.engine.carryOut({ kind: "listen", listeners: [listener] });
    world.kernel.dial(fd);
    world.pass(10);
    expect(world.frontend("opened")).toBe(2);
  });

  it("drain: serves who is there or waits, accepts no more, and says when it is empty", () => {
    const { world, client, server, servers } = relayed();
    const waiting = world.kernel.dial(world.listener);
    world.engine.carryOut({ kind: "drain" });
    expect(kinds(world)).toEqual(["draining"]);
    world.pass(50);
    expect(servers.length).toBe(2);
    expect(client.isDead).toBe(false);
    world.kernel.dial(world.listener);
    world.pass(50);
    expect(world.frontend("opened")).toBe(2);
    for (const end of [client, server, waiting, servers[1]!]) end.end();
    world.pass(50);
    expect(kinds(world)).toEqual(["draining", "drained"]);
  });

  it("drain: is over although clients keep coming whom no server takes", () => {
    const { world } = worldOf({ servers: 1 }, 0);
    world.servers.setAdmin(0 as never, "drain");
    const accept = world.kernel.accept.bind(world.kernel);
    let came = 0;
    world.kernel.accept = (listener) => {
      if (came++ > 200_000) throw new Error("clients are accepted for ever");
      world.kernel.dial(listener);
      return accept(listener);
    };
    world.engine.carryOut({ kind: "drain" });
    world.pass(300);
    expect(kinds(world)).toEqual(["draining", "drained"]);
  });

  it("drain: is over at once where nothing is open", () => {
    const world = new World();
    world.engine.carryOut({ kind: "drain" });
    world.pass(300);
    expect(kinds(world)).toEqual(["draining", "drained"]);
  });

  it("stop: resets what is left and leaves no descriptor", () => {
    const { world, client, server } = relayed();
    world.engine.carryOut({ kind: "stop" });
    world.engine.carryOut({ kind: "stop" });
    expect(world.reports).toEqual([{ kind: "stopped", connections: 1 }]);
    expect([client.isDead, server.isDead, world.engine.isStopped]).toEqual([true, true, true]);
    // The listener and the eventfd are the appliance's.
    expect(world.kernel.open).toBe(2);
    expect(world.active(0)).toBe(0);
  });

  it("are not waited for: a written eventfd ends the wait, once", () => {
    const world = new World();
    world.pass(10);
    world.kernel.signal(world.wake);
    const before = world.kernel.clock;
    world.engine.turn();
    expect(world.kernel.clock - before).toBeLessThan(1);
    expect(turnsOf(world, 1000)).toBeLessThan(20);
  });
});

describe("signs of life", () => {
  it("are left several times a second, with the connections", () => {
    const { world } = relayed();
    world.pass(400);
    expect(world.connections).toBe(1);
    for (let turn = 0; turn < 10; turn++) {
      world.pass(300);
      expect(world.silence).toBeLessThan(500);
    }
  });
});

describe("reclaim()", () => {
  it("closes what a crashed worker has left and settles its counts", () => {
    const { world, client, server } = relayed();
    const { start, kernel } = world;
    const count = reclaim(start, kernel);
    expect(count).toBe(1);
    expect([client.isDead, server.isDead]).toEqual([true, true]);
    expect(kernel.open).toBe(2);
    expect(world.active(0)).toBe(0);
    expect(world.frontend("closed")).toBe(1);
    expect(reclaim(start, kernel)).toBe(0);
    const engine = new Engine(start, kernel, () => {});
    kernel.dial(world.listener);
    for (let turn = 0; turn < 20; turn++) engine.turn();
    expect(world.frontend("opened")).toBe(2);
  });

  it("leaves connections of the next worker to those who mean them", () => {
    const { world: { start, kernel, listener } } = relayed();
    reclaim(start, kernel);
    const reports: Report[] = [];
    const engine = new Engine(start, kernel, (report) => reports.push(report));
    const client = kernel.dial(listener);
    for (let turn = 0; turn < 20; turn++) engine.turn();
    engine.carryOut({ kind: "cut", id: 1, which: { slots: [0], generations: [0] } });
    expect(reports.at(-1)).toMatchObject({ kind: "cut", connections: 0 });
    expect(client.isDead).toBe(false);
  });
});

describe("reclaim() of counters", () => {
  it("mends each that the crashed worker was writing", () => {
    const { world: { start, kernel } } = relayed();
    const { serverCounters, frontendCounters, connectDurations, workerLag } = start;
    const uppers = [serverCounters, frontendCounters, connectDurations, workerLag].map(
      ({ buffer }) => new Int32Array(buffer!),
    );
    for (const cells of uppers) cells[1] = 0x8000_0000 | 0;
    reclaim(start, kernel);
    expect(uppers.map((cells) => cells[1])).toEqual([1, 1, 1, 1]);
  });
});

const PATTERN = Uint8Array.from({ length: 3000 }, (_, at) => at % 253);

function worldOf(options: WorldOptions, count: number, room = 100_000) {
  const world = new World(options);
  world.kernel.room = () => room;
  const servers: Endpoint[] = [];
  world.kernel.answer = () => ({ accept: (end) => servers.push(end) });
  const clients = Array.from({ length: count }, () => world.kernel.dial(world.listener));
  return { world, clients, servers };
}

function relayed(options: WorldOptions = {}) {
  const { world, clients, servers } = worldOf({ servers: 1, ...options }, 1);
  world.run(() => servers.length > 0);
  world.pass(5);
  return { world, client: clients[0]!, server: servers[0]!, servers };
}

/** How often the engine turns in a while in which there is nothing to do. */
function turnsOf(world: World, durationMs: number): number {
  let turns = 0;
  const until = world.kernel.clock + durationMs;
  for (; world.kernel.clock < until; turns++) world.engine.turn();
  return turns;
}

function kinds(world: World): string[] {
  return world.reports.map(({ kind }) => kind);
}

function add(left: number, right: number): number {
  return left + right;
}
