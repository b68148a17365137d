import { describe, expect, it } from "vitest";
import { ENETUNREACH } from "../../../src/linux/errno.ts";
import type { Backend, Frontend } from "../../../src/dataplane/orders.ts";
import { TCP_KEEPIDLE } from "../../../src/linux/socket.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import type { Endpoint } from "../../simulation/relay_kernel.ts";
import { backendOf, World, type WorldOptions } from "../../simulation/relay_world.ts";
import { serverPlan } from "../plans.ts";
import { OPENSSL_HELLO } from "../core/wire/client_hellos.ts";

const [FIRST, SECOND, THIRD] = [0, 1, 2].map((row) => row as Row) as [Row, Row, Row];

describe("another plan", () => {
  it("is answered, and gives a server that it adds its share", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 2 });
    add(world, THIRD);
    plan({ backend: backendOf([FIRST, SECOND, THIRD]) });
    expect(world.reports).toContainEqual({ kind: "planned" });
    for (let client = 0; client < 6; client++) dial();
    world.pass(50);
    expect(servers.map(({ port }) => port - 8000).sort()).toEqual([0, 0, 1, 1, 2, 2]);
    expect(world.server(2, "connections")).toBe(2);
  });

  it("leaves those alone who relay to a server that it removes", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 1 });
    const client = dial();
    world.pass(50);
    world.servers.setAdmin(FIRST, "maint");
    add(world, SECOND);
    plan({ backend: backendOf([FIRST, SECOND]) });
    const other = dial();
    world.pass(2000);
    expect(servers.map(({ port }) => port)).toEqual([8000, 8001]);
    expect(exchange(world, client, servers[0]!.end)).toEqual([1, 2]);
    expect(exchange(world, other, servers[1]!.end)).toEqual([1, 2]);
    finish(world, client, servers[0]!.end);
    expect([world.active(0), world.active(1)]).toEqual([0, 1]);
  });

  it("lets an attempt go on, and the next one find a server that it adds", () => {
    const { world, servers, dial, plan } = worldOf({
      servers: 1,
      backend: { connectTimeoutMs: 500 },
    });
    world.kernel.answer = (port) =>
      port === 8000 ? undefined : { accept: (end) => servers.push({ port, end }) };
    const client = dial();
    world.pass(100);
    world.servers.setAdmin(FIRST, "maint");
    add(world, SECOND);
    plan({ backend: { ...backendOf([FIRST, SECOND]), connectTimeoutMs: 500 } });
    world.pass(300);
    expect([world.active(0), client.isDead]).toEqual([1, false]);
    world.pass(500);
    expect(servers.map(({ port }) => port)).toEqual([8001]);
    expect(exchange(world, client, servers[0]!.end)).toEqual([1, 2]);
    expect([world.active(0), world.active(1)]).toEqual([0, 1]);
  });

  it("finds a server for who waits for his next attempt", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 1 });
    world.kernel.answer = (port) =>
      port === 8000 ? { error: ENETUNREACH } : { accept: (end) => servers.push({ port, end }) };
    const client = dial();
    world.pass(300);
    world.servers.setAdmin(FIRST, "maint");
    add(world, SECOND);
    plan({ backend: { ...backendOf([FIRST, SECOND]), balance: "source" } });
    world.pass(1500);
    expect(servers.map(({ port }) => port)).toEqual([8001]);
    expect(exchange(world, client, servers[0]!.end)).toEqual([1, 2]);
  });

  it.each([["roundrobin", "source"], ["source", "leastconn"], ["source", "source"]] as const)(
    "keeps those in line, first come first served, from %s to %s",
    (before, after) => {
      const { world, servers, dial, plan } = worldOf({
        servers: 1,
        limit: 1,
        backend: { balance: before, maxQueue: 4 },
      });
      const clients = Array.from({ length: 4 }, () => {
        const client = dial();
        world.pass(50);
        return client;
      });
      expect([world.active(0), world.queues.queued(0)]).toEqual([1, 3]);
      // Fewer may wait than there are: that holds for those who come from now on.
      plan({ backend: { ...backendOf([FIRST]), balance: after, maxQueue: 1 } });
      world.pass(50);
      expect(world.queues.queued(0)).toBe(3);
      const late = dial();
      world.pass(50);
      expect(late.isDead).toBe(true);
      for (const [at, client] of clients.entries()) {
        expect(servers.length).toBe(at + 1);
        expect(exchange(world, client, servers[at]!.end)).toEqual([1, 2]);
        finish(world, client, servers[at]!.end);
      }
      const { queues } = world;
      expect([world.active(0), queues.queued(0)]).toEqual([0, 0]);
      for (let queue = 0; queue < queues.queues; queue++) expect(queues.waiting(queue)).toBe(0);
    },
  );

  it("lets each client in line wait for his own server, where he has one now", () => {
    const { world, plan } = worldOf({ servers: 2, limit: 1 });
    for (let client = 0; client < 18; client++) {
      world.kernel.dial(world.listener, undefined, `10.0.0.${client}`);
      world.pass(50);
    }
    plan({ backend: { ...backendOf([FIRST, SECOND]), balance: "source" } });
    const { queues } = world;
    const waiting = [FIRST, SECOND].map((row) => queues.waiting(queues.shape.backends + row));
    expect(waiting).toEqual([queues.queued(FIRST), queues.queued(SECOND)]);
    expect(Math.min(...waiting)).toBeGreaterThan(0);
    expect([waiting[0]! + waiting[1]!, queues.waiting(0)]).toEqual([16, 0]);
  });

  it("gives those in line a place at a server that it adds, and none at one it removes", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 1, limit: 1 });
    const [first, second] = [dial(), dial()];
    world.pass(50);
    expect([servers.length, world.queues.queued(0)]).toEqual([1, 1]);
    world.servers.setAdmin(FIRST, "maint");
    plan({ backend: { ...backendOf([FIRST, SECOND]), whenEmpty: "hold" } });
    add(world, SECOND, 1);
    world.pass(1000);
    expect(servers.map(({ port }) => port)).toEqual([8000, 8001]);
    expect(exchange(world, first, servers[0]!.end)).toEqual([1, 2]);
    expect(exchange(world, second, servers[1]!.end)).toEqual([1, 2]);
  });

  it("applies timeouts and keepalive to connections that are relayed already", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 2 });
    const [silent, busy] = [dial(), dial()];
    world.pass(75_000);
    const idleSeconds = () => servers.map(({ end }) => end.other?.options.get(TCP_KEEPIDLE));
    expect(idleSeconds()).toEqual([60, 60]);
    const keepalive = { idleMs: 7_000, intervalMs: 1_000, probes: 3, userTimeoutMs: null };
    plan({ backend: { ...backendOf([FIRST, SECOND]), idleTimeoutMs: 90_000, keepalive } });
    busy.send(Uint8Array.of(1));
    world.pass(10_000);
    expect([silent.isDead, busy.isDead]).toEqual([false, false]);
    world.pass(10_000);
    expect([silent.isDead, busy.isDead]).toEqual([true, false]);
    expect(idleSeconds()).toContain(7);
    world.pass(75_000);
    expect(busy.isDead).toBe(true);
  });

  it("lets a client whose words were awaited go on where they are not asked for any more", () => {
    const routes = [{ serverNames: ["git.example.com"], backend: 1 }];
    const { world, servers, dial, plan } = worldOf({
      servers: 2,
      backend: backendOf([FIRST]),
      others: [backendOf([SECOND])],
      frontend: { backend: -1, routes },
    });
    const [silent, talking] = [dial(), dial()];
    talking.send(OPENSSL_HELLO.subarray(0, 20));
    world.pass(50);
    expect(servers.length).toBe(0);
    plan({ backend: backendOf([FIRST]), others: [backendOf([SECOND])], frontend: { backend: 1 } });
    world.pass(200);
    expect(servers.map(({ port }) => port)).toEqual([8001, 8001]);
    const [one, other] = servers.map(({ end }) => end);
    const isSilents = other!.events > 0 && count(other!) === 20;
    const [ofSilent, ofTalking] = isSilents ? [one!, other!] : [other!, one!];
    if (!isSilents) expect(count(ofTalking)).toBe(20);
    expect(exchange(world, silent, ofSilent)).toEqual([1, 2]);
    // Every byte is told of again.
    expect(talking.other?.leastReadable).toBe(1);
    expect(exchange(world, talking, ofTalking)).toEqual([1, 2]);
  });

  it("refuses a client whose words were awaited where they lead nowhere any more", () => {
    const routes = [{ serverNames: ["git.example.com"], backend: 0 }];
    const { world, servers, dial, plan } = worldOf({
      ...{ servers: 1, frontend: { backend: -1, routes } },
    });
    const clients = [dial(), dial()];
    clients[1]!.send(OPENSSL_HELLO.subarray(0, 20));
    world.pass(50);
    plan({ backend: backendOf([FIRST]), frontend: { backend: -1 } });
    world.pass(200);
    expect([servers.length, world.frontend("closed")]).toEqual([0, 2]);
    expect([world.frontend("deniedAddress"), ...clients.map(({ isDead }) => isDead)])
      .toEqual([2, true, true]);
  });

  it("routes a client by the names of the moment when he has said all", () => {
    const others = [backendOf([SECOND])];
    const backend = backendOf([FIRST]);
    const to = (index: number) => [{ serverNames: ["*.example.com"], backend: index }];
    const { world, servers, dial, plan } = worldOf({
      servers: 2,
      backend,
      others,
      frontend: { routes: to(0) },
    });
    const client = dial();
    client.send(OPENSSL_HELLO.subarray(0, 100));
    world.pass(50);
    plan({ backend: backendOf([FIRST]), others, frontend: { routes: to(1) } });
    client.send(OPENSSL_HELLO.subarray(100));
    world.pass(50);
    expect(servers.map(({ port }) => port)).toEqual([8001]);
  });

  it("counts who is there already against a limit that it sets, and forgets them without", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 1 });
    const clients = [1, 2].map(() => {
      const client = dial();
      world.pass(50);
      return client;
    });
    plan({ backend: backendOf([FIRST]), frontend: { maxConnections: 3 } });
    expect(world.admission.open(1)).toBe(2);
    dial();
    dial();
    world.pass(600);
    expect(servers.length).toBe(3);
    finish(world, clients[0]!, servers[0]!.end);
    world.pass(600);
    expect([servers.length, world.admission.open(1)]).toEqual([4, 3]);
    dial();
    world.pass(600);
    expect(servers.length).toBe(4);
    // Whoever waits outside comes in at once.
    plan({ backend: backendOf([FIRST]) });
    world.pass(50);
    expect([servers.length, world.admission.open(1)]).toEqual([5, 0]);
    finish(world, clients[1]!, servers[1]!.end);
    expect(world.admission.open(1)).toBe(0);
  });

  it("turns away only who comes after it", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 1 });
    const client = dial();
    world.pass(50);
    plan({ backend: backendOf([FIRST]), frontend: { deny: ["0.0.0.0/0"] } });
    const late = dial();
    world.pass(50);
    expect([late.isDead, world.frontend("deniedAddress")]).toEqual([true, 1]);
    expect(exchange(world, client, servers[0]!.end)).toEqual([1, 2]);
  });

  it("connects to a server's new address, and leaves who has the old one", () => {
    const { world, servers, dial, plan } = worldOf({ servers: 1 });
    const client = dial();
    world.pass(50);
    const backend = backendOf([FIRST]);
    const moved = [serverPlan({ ...backend.servers[0]!, port: 9000 })];
    plan({ backend: { ...backend, servers: moved } });
    dial();
    world.pass(50);
    expect(servers.map(({ port }) => port)).toEqual([8000, 9000]);
    expect(exchange(world, client, servers[0]!.end)).toEqual([1, 2]);
    expect(world.active(0)).toBe(2);
  });

  it("brings frontends and backends that come by new listeners", () => {
    const { world, servers, dial, plan, plans } = worldOf({ servers: 1 });
    add(world, SECOND);
    const added = { ...backendOf([SECOND]), name: "other" };
    plan({ backend: backendOf([FIRST]), others: [added] });
    const frontends = [plans.frontends[0]!, { ...plans.frontends[0]!, name: "other", backend: 1 }];
    world.engine.carryOut({
      kind: "plan",
      frontends,
      backends: [backendOf([FIRST]), added],
      virtualRouters: [],
    });
    const fd = world.kernel.listen();
    const listener = { ...world.start.listeners[0]!, fd, frontend: 1, port: 81 };
    world.engine.carryOut({ kind: "listen", listeners: [listener] });
    const client = world.kernel.dial(fd);
    world.pass(50);
    expect(servers.map(({ port }) => port)).toEqual([8001]);
    // And they go again: who came by them stays.
    world.engine.carryOut({ kind: "close", listeners: [fd], handedOver: [] });
    expect(world.reports).toContainEqual({ kind: "closed", listeners: [fd] });
    expect(exchange(world, client, servers[0]!.end)).toEqual([1, 2]);
    dial();
    world.pass(50);
    expect(servers.map(({ port }) => port)).toEqual([8001, 8000]);
  });
});

function worldOf(options: WorldOptions) {
  const world = new World(options);
  const servers: { readonly port: number; readonly end: Endpoint }[] = [];
  world.kernel.answer = (port) => ({ accept: (end) => servers.push({ port, end }) });
  const plans = { frontends: world.start.frontends, backends: world.start.backends };
  const [usual] = new World().start.frontends;
  const plan = ({ backend, others = [], frontend = {} }: {
    readonly backend: Backend;
    readonly others?: readonly Backend[];
    readonly frontend?: Partial<Frontend>;
  }) => {
    const backends = [backend, ...others];
    const frontends = [{ ...usual!, ...frontend }];
    world.engine.carryOut({ kind: "plan", frontends, backends, virtualRouters: [] });
  };
  return { world, servers, plans, plan, dial: () => world.kernel.dial(world.listener) };
}

/** A server's row becomes its own. */
function add(world: World, row: Row, limit = 0): void {
  world.servers.setWeight(row, 100);
  world.servers.setLimit(row, limit);
  world.servers.setAdmin(row, "ready");
  world.servers.setHealth(row, "up");
}

/** How many bytes have come. */
function count(end: Endpoint): number {
  return end.recv(new Uint8Array(1000));
}

/** Both sides say goodbye. */
function finish(world: World, client: Endpoint, server: Endpoint): void {
  client.close();
  server.close();
  world.pass(50);
}

/** A byte each way. @returns what the server has received, and what the client. */
function exchange(world: World, client: Endpoint, server: Endpoint): number[] {
  const bytes = new Uint8Array(10);
  client.send(Uint8Array.of(1));
  world.pass(50);
  const received = server.recv(bytes) === 1 ? bytes[0]! : -1;
  server.send(Uint8Array.of(2));
  world.pass(50);
  return [received, client.recv(bytes) === 1 ? bytes[0]! : -1];
}
