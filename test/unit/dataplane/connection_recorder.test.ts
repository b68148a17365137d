import { describe, expect, it } from "vitest";
import { CLOSING } from "../../../src/dataplane/closing.ts";
import { readInetAddress } from "../../../src/linux/sockaddr.ts";
import { ECONNREFUSED } from "../../../src/linux/errno.ts";
import { ConnectionLog } from "../../../src/memory/connection_log.ts";
import type { Endpoint } from "../../simulation/relay_kernel.ts";
import { World, type WorldOptions } from "../../simulation/relay_world.ts";

function logged(options: WorldOptions = {}) {
  const log = new ConnectionLog({ capacity: 4 });
  const world = new World({ servers: 1, ...options, connectionLog: log.shape });
  const servers: Endpoint[] = [];
  world.kernel.answer = () => ({ accept: (end) => servers.push(end) });
  return { world, log, servers };
}

describe("ConnectionRecorder", () => {
  it("writes down who came, where it went, how long and why it ended", () => {
    const { world, log, servers } = logged();
    const client = world.kernel.dial(world.listener);
    world.run(() => servers.length > 0);
    world.pass(20);
    client.send(new Uint8Array(10));
    servers[0]!.send(new Uint8Array(3000));
    world.pass(2_500);
    client.lingersNot = true;
    client.close();
    world.pass(10);
    const record = log.take();
    expect(record).toMatchObject({
      ...{ frontend: 0, backend: 0, row: 0, closing: CLOSING.clientReset, queueMs: 0 },
      ...{ received: 10, sent: 3000, retries: 0, redispatched: 0 },
      ...{ openWorker: 1, openFrontend: 1, openServer: 0 },
    });
    expect(record!.connectMs).toBeGreaterThanOrEqual(0);
    expect(record!.endedAt - record!.acceptedAt).toBeGreaterThan(2_500);
    expect(readInetAddress(record!.client)).toMatchObject({ family: 4, address: "198.51.100.7" });
    expect(log.take()).toBeUndefined();
  });

  it("names the last server that was tried, and how often", () => {
    const { world, log } = logged({ servers: 2, backend: { retries: 1 } });
    world.kernel.answer = () => ({ error: ECONNREFUSED });
    world.kernel.dial(world.listener);
    world.pass(3_000);
    expect(log.take()).toMatchObject({
      ...{ row: 1, closing: CLOSING.connectFailed, connectMs: -1, queueMs: 0 },
      ...{ retries: 1, redispatched: 1, openServer: 0 },
    });
  });

  it("names no server where none was to be had", () => {
    const { world, log } = logged();
    world.servers.setAdmin(0 as never, "drain");
    world.kernel.dial(world.listener);
    world.pass(20);
    expect(log.take()).toMatchObject({
      ...{ row: -1, closing: CLOSING.noServer, connectMs: -1, queueMs: -1 },
    });
  });

  it.each(
    [["roundrobin", 0], ["source", 1]] as const,
  )("says how long somebody waited for a place, and where in the queue: %s", (balance, own) => {
    const { world, log, servers: peers } = logged({ backend: { balance, queueTimeoutMs: 300 } });
    world.servers.setLimit(0 as never, 1);
    world.kernel.dial(world.listener);
    world.run(() => peers.length > 0);
    world.kernel.dial(world.listener);
    world.run(() => world.frontend("closed") > 0);
    const record = log.take();
    expect(record).toMatchObject({
      ...{ row: -1, closing: CLOSING.queueTimeout, connectMs: -1, queuePlace: 1 },
      isOwnQueue: own,
    });
    expect(record!.queueMs).toBeGreaterThanOrEqual(300);
  });

  it("goes on where nobody reads", () => {
    const { world, log, servers } = logged();
    for (let count = 0; count < 6; count++) {
      const client = world.kernel.dial(world.listener);
      world.run(() => servers.length > count);
      client.lingersNot = true;
      client.close();
      world.pass(10);
    }
    expect(log.lost).toBe(2);
    expect(world.frontend("closed")).toBe(6);
  });
});
