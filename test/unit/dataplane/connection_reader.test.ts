import { describe, expect, it } from "vitest";
import { ConnectionReader } from "../../../src/dataplane/connection_reader.ts";
import { RELAYING } from "../../../src/dataplane/connection_table.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import type { Endpoint } from "../../simulation/relay_kernel.ts";
import { World } from "../../simulation/relay_world.ts";

function relayed() {
  const world = new World({ servers: 1 });
  const servers: Endpoint[] = [];
  world.kernel.answer = () => ({ accept: (end) => servers.push(end) });
  const client = world.kernel.dial(world.listener);
  world.run(() => servers.length > 0);
  world.pass(20);
  const { connections, maxConnections } = world.start;
  const reader = new ConnectionReader(connections, maxConnections, world.kernel);
  return { world, reader, client, server: servers[0]! };
}

const any = () => true;

describe("ConnectionReader", () => {
  it("reads what a worker knows of a connection, while it is open", () => {
    const { world, reader, client, server } = relayed();
    client.send(new Uint8Array(10));
    world.pass(2_000);
    server.send(new Uint8Array(700));
    world.pass(20);
    const facts = reader.read(0, any);
    expect(facts).toMatchObject({
      ...{ slot: 0, phase: RELAYING, frontend: 0, backend: 0, row: 0 },
      ...{ receivedBytes: 10, sentBytes: 700, client: { address: "198.51.100.7", port: 40_000 } },
    });
    const now = world.kernel.beganAt + world.kernel.now();
    expect(now - facts!.acceptedAt).toBeLessThan(3_000);
    expect(facts!.lastActiveAt - facts!.acceptedAt).toBeGreaterThan(1_900);
    expect([reader.next(0), reader.next(1)]).toEqual([0, reader.capacity]);
    client.lingersNot = true;
    client.close();
    world.pass(20);
    expect([reader.next(0), reader.read(0, any)]).toEqual([reader.capacity, undefined]);
  });

  it("asks for an address only where the connection is wanted", () => {
    const { reader, world } = relayed();
    world.kernel.peerName = () => {
      throw new Error("asked");
    };
    expect(reader.read(0, () => false)).toBeUndefined();
  });

  it("takes no address for that of a connection that ended meanwhile", () => {
    const { reader, world } = relayed();
    const peerName = world.kernel.peerName.bind(world.kernel);
    world.kernel.peerName = (fd: Fd, address: Uint8Array<ArrayBuffer>) => {
      world.engine.carryOut({ kind: "stop" });
      return peerName(fd, address);
    };
    expect(reader.read(0, any)).toBeUndefined();
  });
});
