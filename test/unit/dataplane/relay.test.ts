import { describe, expect, it } from "vitest";
import { TCP_NODELAY, TCP_QUICKACK } from "../../../src/linux/socket.ts";
import type { Endpoint } from "../../simulation/relay_kernel.ts";
import { World, type WorldOptions } from "../../simulation/relay_world.ts";

describe("a relayed connection", () => {
  it("passes an end on in each direction, and lets the other one go on", () => {
    const { world, client, server } = relayed();
    client.end();
    world.pass(5);
    expect(server.isOtherEnded).toBe(true);
    server.send(Uint8Array.of(7));
    world.pass(5);
    expect(read(client)).toEqual([7]);
    server.end();
    world.pass(5);
    expect(client.isOtherEnded).toBe(true);
    expect(client.isDead).toBe(false);
    expect(world.frontend("closed")).toBe(1);
  });

  it("sees an end that came with the last bytes", () => {
    const { world, client, server } = relayed();
    server.send(Uint8Array.of(1, 2, 3));
    server.end();
    world.pass(5);
    expect(read(client)).toEqual([1, 2, 3]);
    expect(client.isOtherEnded).toBe(true);
  });

  it.each(["client", "server"] as const)("reads on behind urgent data of the %s", (side) => {
    const { world, client, server } = relayed();
    const [source, target] = side === "client" ? [client, server] : [server, client];
    for (const at of [3, 1]) {
      source.other!.urgentAt = at;
      source.send(Uint8Array.of(1, 2, 3, 4, 5, 6));
      world.pass(5);
      expect(read(target)).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  it.each(["client", "server"] as const)("passes a reset by the %s on", (side) => {
    const { world, client, server } = relayed();
    const [source, target] = side === "client" ? [client, server] : [server, client];
    source.lingersNot = true;
    source.close();
    world.pass(5);
    expect(target.isDead).toBe(true);
    expect(world.server(0, side === "client" ? "clientReset" : "serverReset")).toBe(1);
    expect(world.active(0)).toBe(0);
  });

  it("delivers what a side had sent before it reset the connection", () => {
    const { world, client, server } = relayed();
    server.send(Uint8Array.of(9, 9));
    server.lingersNot = true;
    server.close();
    world.pass(5);
    expect(read(client)).toEqual([9, 9]);
    expect(client.isDead).toBe(true);
  });

  it("passes a reset on after an end, too", () => {
    const { world, client, server } = relayed();
    client.end();
    world.pass(5);
    client.lingersNot = true;
    client.close();
    world.pass(5);
    expect(server.isDead).toBe(true);
  });

  it("learns by sending that a side is gone", () => {
    const { world, client, server } = relayed();
    server.end();
    world.pass(5);
    server.close();
    client.send(new Uint8Array(100));
    world.pass(5);
    client.send(new Uint8Array(100));
    world.pass(5);
    expect(client.isDead).toBe(true);
    expect(world.frontend("closed")).toBe(1);
  });

  it("takes no more from one side than the other may still take", () => {
    const { world, client, server } = relayed();
    let sent = 0;
    for (let turn = 0; turn < 200; turn++) {
      sent += Math.max(0, client.send(new Uint8Array(100_000)));
      world.pass(5);
    }
    // Both sockets' buffers, one of ours, and a pipe at most.
    const sockets = client.room + (client.other?.room ?? 0) + server.room;
    expect(sent).toBeLessThanOrEqual(sockets + 65_536 + (1 << 20));
    expect(drain(world, server)).toBe(sent);
  });

  it("relays what does not fit into one write, in order", () => {
    const { world, client, server } = relayed();
    const bytes = Uint8Array.from({ length: 60_000 }, (_, at) => at % 251);
    let sent = 0;
    const received: number[] = [];
    for (let turn = 0; turn < 1000 && received.length < bytes.length; turn++) {
      if (sent < bytes.length) sent += Math.max(0, client.send(bytes.subarray(sent)));
      world.pass(1);
      received.push(...read(server, 999));
    }
    expect(received).toEqual([...bytes]);
  });

  it("turns Nagle's algorithm off on the server's side from the second send on", () => {
    const { world, client, server } = relayed();
    const nodelay = () => server.other?.options.get(TCP_NODELAY);
    client.send(Uint8Array.of(1));
    world.pass(5);
    expect(nodelay()).toBeUndefined();
    client.send(Uint8Array.of(2));
    world.pass(5);
    expect(nodelay()).toBe(1);
  });

  it("turns Nagle's algorithm off for a first send of more than a segment", () => {
    const { world, client, server } = relayed();
    client.send(new Uint8Array(501));
    world.pass(5);
    expect(server.other?.options.get(TCP_NODELAY)).toBe(1);
    expect(server.other?.options.has(TCP_QUICKACK)).toBe(false);
  });

  it("asks for writability only once a client is slow", () => {
    const { world, client, server } = relayed();
    server.send(Uint8Array.of(1));
    world.pass(5);
    expect(world.kernel.calls.get("epollModify")).toBeUndefined();
    let sent = 0;
    while (sent < client.room + 1) {
      sent += Math.max(0, server.send(new Uint8Array(client.room + 1 - sent)));
      world.pass(1);
    }
    expect(world.kernel.calls.get("epollModify")).toBe(1);
    expect(drain(world, client)).toBe(sent + 1);
  });

  it.each([
    { title: "through pipes", pipeLimit: 1 << 20, isSpliced: true },
    { title: "through small pipes", pipeLimit: 1 << 16, isSpliced: true },
    { title: "without pipes", pipeLimit: 1 << 12, isSpliced: false },
  ])("moves much $title", ({ pipeLimit, isSpliced }) => {
    const { world, client, server } = relayed({ seed: 3 });
    world.kernel.pipeLimit = pipeLimit;
    const total = 3_000_000;
    let sent = 0;
    let received = 0;
    const chunk = new Uint8Array(400_000);
    for (let turn = 0; turn < 20_000 && received < total; turn++) {
      if (sent < total) {
        sent += Math.max(0, server.send(chunk.subarray(0, Math.min(chunk.length, total - sent))));
      }
      world.pass(0.1);
      received += Math.max(0, client.recv(chunk));
    }
    expect(received).toBe(total);
    expect((world.kernel.calls.get("splice") ?? 0) > 0).toBe(isSpliced);
    const open = world.kernel.open;
    // A pipe that has nothing to do goes back within seconds, and is kept for the next.
    world.pass(3000);
    server.end();
    client.end();
    world.pass(5);
    expect(world.kernel.open).toBe(open - 2);
    expect(world.server(0, "receivedBytes")).toBe(total);
    expect(world.frontend("sentBytes")).toBe(total);
  });
});

/** A connection that is through, with large buffers; nothing has been said on it. */
function relayed(options: WorldOptions = {}) {
  const world = new World({ servers: 1, ...options });
  const servers: Endpoint[] = [];
  world.kernel.answer = () => ({ accept: (end) => servers.push(end) });
  world.kernel.room = () => 300_000;
  const client = world.kernel.dial(world.listener);
  world.run(() => servers.length > 0);
  world.pass(5);
  return { world, client, server: servers[0]! };
}

function read(end: Endpoint, limit = 100): number[] {
  const bytes = new Uint8Array(limit);
  return [...bytes.subarray(0, Math.max(0, end.recv(bytes)))];
}

function drain(world: World, end: Endpoint): number {
  let received = 0;
  const bytes = new Uint8Array(50_000);
  for (let turn = 0; turn < 1000; turn++) {
    received += Math.max(0, end.recv(bytes));
    world.pass(0.1);
  }
  return received;
}
