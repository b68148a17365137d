import { describe, expect, it } from "vitest";
import {
  EADDRNOTAVAIL,
  ECONNREFUSED,
  EHOSTUNREACH,
  ENETUNREACH,
  EPERM,
  ETIMEDOUT,
} from "../../../src/linux/errno.ts";
import { TCP_QUICKACK, TCP_USER_TIMEOUT } from "../../../src/linux/socket.ts";
import type { Endpoint } from "../../simulation/relay_kernel.ts";
import { World } from "../../simulation/relay_world.ts";
import { serverPlan } from "../plans.ts";

describe("an accepted connection", () => {
  it("goes to servers in turn", () => {
    const { world, tried } = worldOf({ answers: ["ok", "ok"] });
    for (let client = 0; client < 4; client++) dial(world);
    world.pass(50);
    expect(tried).toEqual([0, 1, 0, 1]);
    expect([world.server(0, "connections"), world.server(1, "connections")]).toEqual([2, 2]);
    expect([world.active(0), world.active(1)]).toEqual([2, 2]);
  });

  it("goes to the least busy server where the backend says so", () => {
    const { world, tried } = worldOf({
      answers: ["ok", "ok"],
      backend: { balance: "leastconn" },
    });
    world.servers.addActive(0 as never, 5);
    for (let client = 0; client < 3; client++) dial(world);
    world.pass(50);
    expect(tried).toEqual([1, 1, 1]);
  });

  it("goes to the port that the client connected to where the server has none", () => {
    const server = serverPlan({ port: null });
    const ports: number[] = [];
    const world = new World({ servers: 1, backend: { servers: [server] } });
    world.kernel.answer = (port) => {
      ports.push(port);
      return { accept: () => {} };
    };
    dial(world);
    world.pass(50);
    expect(ports).toEqual([80]);
  });

  it("is reset at once, and counted, where no server takes it", () => {
    const { world, tried } = worldOf({ answers: ["ok"] });
    world.servers.setAdmin(0 as never, "drain");
    const client = dial(world);
    world.pass(5);
    expect(client.isDead).toBe(true);
    expect(tried).toEqual([]);
    expect(world.frontend("deniedNoServer")).toBe(1);
    expect(world.frontend("closed")).toBe(1);
  });

  it("respects a drain and a weight from the very next connection on", () => {
    const { world, tried } = worldOf({ answers: ["ok", "ok"] });
    dial(world);
    world.pass(5);
    world.servers.setAdmin(1 as never, "drain");
    for (let client = 0; client < 3; client++) dial(world);
    world.pass(5);
    world.servers.setAdmin(1 as never, "ready");
    world.servers.setWeight(0 as never, 0);
    for (let client = 0; client < 3; client++) dial(world);
    world.pass(5);
    expect(tried).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });

  it("is redispatched at once from a server that refuses", () => {
    const { world, tried } = worldOf({ answers: [ECONNREFUSED, "ok"] });
    const before = world.kernel.clock;
    dial(world);
    world.run(() => tried.length === 2);
    expect(world.kernel.clock - before).toBeLessThan(20);
    world.pass(10);
    expect(world.server(0, "connectRefused")).toBe(1);
    expect(world.server(0, "redispatches")).toBe(1);
    expect(world.server(1, "connections")).toBe(1);
    expect([world.active(0), world.active(1)]).toEqual([0, 1]);
  });

  it.each(
    [
      { error: ECONNREFUSED, column: "connectRefused" },
      { error: EHOSTUNREACH, column: "connectUnreachable" },
      { error: ENETUNREACH, column: "connectUnreachable" },
      { error: ETIMEDOUT, column: "connectTimeout" },
      { error: EPERM, column: "connectError" },
      { error: EADDRNOTAVAIL, column: "connectNoPort" },
    ] as const,
  )("counts error $error as $column", ({ error, column }) => {
    const { world } = worldOf({ answers: [error], backend: { retries: 0 } });
    const client = dial(world);
    world.pass(50);
    expect(world.server(0, column)).toBe(1);
    expect(client.isDead).toBe(true);
  });

  it.each([500, 5_000, 120_000])("waits %i ms for an answer where it is to", (connectTimeoutMs) => {
    const { world } = worldOf({ answers: ["silent"], backend: { connectTimeoutMs, retries: 0 } });
    const client = dial(world);
    world.pass(connectTimeoutMs - 50);
    expect(client.isDead).toBe(false);
    world.pass(150);
    expect(client.isDead).toBe(true);
    expect(world.server(0, "connectTimeout")).toBe(1);
  });

  it("waits no shorter for having come after a silence", () => {
    const backend = { connectTimeoutMs: 300, retries: 0 };
    const { world } = worldOf({ answers: ["silent"], backend });
    // The engine has looked at the clock last when it left its last sign of life.
    let client: Endpoint | undefined;
    world.kernel.after(1240, () => client = dial(world));
    world.pass(1240 + 280);
    expect(client?.isDead).toBe(false);
    world.pass(100);
    expect(client?.isDead).toBe(true);
  });

  it("tries the same server again after a pause, so often and no more", () => {
    const { world, tried } = worldOf({ answers: [ECONNREFUSED], backend: { retries: 3 } });
    const client = dial(world);
    world.pass(990);
    expect(tried.length).toBe(1);
    world.pass(100);
    expect(tried.length).toBe(2);
    world.pass(5000);
    expect(tried.length).toBe(4);
    expect(world.server(0, "retries")).toBe(3);
    expect(client.isDead).toBe(true);
    expect(world.active(0)).toBe(0);
  });

  it("stays with its server where redispatch is off", () => {
    const { world, tried } = worldOf({
      answers: [ECONNREFUSED, "ok"],
      backend: { redispatch: false, connectTimeoutMs: 100 },
    });
    dial(world);
    world.pass(2000);
    expect(tried).toEqual([0, 0, 0, 0]);
    expect(world.server(0, "redispatches")).toBe(0);
  });

  it("leaves a server that was drained during the pause", () => {
    const { world, tried } = worldOf({ answers: [ECONNREFUSED, ECONNREFUSED, "ok"] });
    world.servers.setHealth(2 as never, "down");
    dial(world);
    world.pass(50);
    expect(tried).toEqual([0, 1]);
    world.servers.setHealth(2 as never, "up");
    world.servers.setAdmin(1 as never, "drain");
    world.pass(1100);
    expect(tried).toEqual([0, 1, 2]);
    expect(world.server(2, "connections")).toBe(1);
  });

  it("gives up a server that does not answer in time", () => {
    const { world, tried } = worldOf({
      answers: ["silent", "ok"],
      backend: { connectTimeoutMs: 300 },
    });
    dial(world);
    world.pass(290);
    expect(tried).toEqual([0]);
    world.pass(60);
    expect(tried).toEqual([0, 1]);
    expect(world.server(0, "connectTimeout")).toBe(1);
    expect(world.active(0)).toBe(0);
  });

  it("carries what the client has already said, and lets it go with the handshake", () => {
    const { world, servers } = worldOf({ answers: ["ok"] });
    const client = dial(world);
    client.send(Uint8Array.of(1, 2, 3));
    world.pass(10);
    expect(bytesOf(servers[0])).toEqual([1, 2, 3]);
    expect(servers[0]?.other?.options.get(TCP_QUICKACK)).toBe(0);
    servers[0]?.send(Uint8Array.of(4));
    world.pass(10);
    expect(servers[0]?.other?.options.get(TCP_QUICKACK)).toBe(1);
  });

  it("acknowledges nothing at once to a server whose answer comes with its end", () => {
    const { world, servers } = worldOf({ answers: ["ok"] });
    const client = dial(world);
    client.send(Uint8Array.of(1, 2, 3));
    world.pass(10);
    const other = servers[0]?.other;
    servers[0]?.send(Uint8Array.of(4));
    servers[0]?.end();
    world.pass(10);
    expect(bytesOf(client)).toEqual([4]);
    expect(other?.options.get(TCP_QUICKACK)).toBe(0);
  });

  it("keeps what the client has said through a redispatch", () => {
    const { world, servers } = worldOf({ answers: [ECONNREFUSED, "ok"] });
    dial(world).send(Uint8Array.of(4, 5));
    world.pass(10);
    expect(bytesOf(servers[0])).toEqual([4, 5]);
  });

  it("never reaches a server when the client is gone before", () => {
    const { world, tried } = worldOf({ answers: ["ok"] });
    const client = dial(world);
    client.lingersNot = true;
    client.close();
    world.pass(10);
    expect(tried).toEqual([]);
    expect(world.frontend("closed")).toBe(1);
  });

  it("limits unacknowledged time where the plan says so", () => {
    const keepalive = { idleMs: 1, intervalMs: 1, probes: 1, userTimeoutMs: 1234 };
    const { world, servers } = worldOf({ answers: ["ok"], backend: { keepalive } });
    dial(world);
    world.pass(10);
    expect(servers[0]?.other?.options.get(TCP_USER_TIMEOUT)).toBe(1234);
  });
});

type Answers = readonly ("ok" | "silent" | number)[];

/** A world whose servers answer so; `tried` is whom the engine has turned to. */
function worldOf({ answers, backend = {} }: {
  readonly answers: Answers;
  readonly backend?: NonNullable<ConstructorParameters<typeof World>[0]>["backend"];
}) {
  const world = new World({ servers: answers.length, ...(backend && { backend }) });
  const tried: number[] = [];
  const servers: Endpoint[] = [];
  world.kernel.answer = (port) => {
    tried.push(port - 8000);
    const answer = answers[port - 8000];
    if (answer === "silent" || answer === undefined) return undefined;
    return answer === "ok" ? { accept: (end) => servers.push(end) } : { error: answer };
  };
  return { world, tried, servers };
}

function dial(world: World): Endpoint {
  return world.kernel.dial(world.listener);
}

function bytesOf(end: Endpoint | undefined): number[] {
  const bytes = new Uint8Array(100);
  const count = end?.recv(bytes) ?? 0;
  return [...bytes.subarray(0, Math.max(0, count))];
}
