import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reclaimSessions } from "../../../../src/dataplane/udp/session_memory.ts";
import { ECONNREFUSED, EHOSTUNREACH } from "../../../../src/linux/errno.ts";
import type { Row } from "../../../../src/memory/server_table.ts";
import type { Fd } from "../../../../src/linux/libc.ts";
import { backendOf } from "../../../simulation/relay_world.ts";
import { LISTENER, UdpWorld } from "../../../simulation/udp_world.ts";

const [FIRST, SECOND] = [0, 1].map((row) => row as Row) as [Row, Row];

describe("Sessions", () => {
  it("answers each client, and only him, from the address that he used, whatever happens", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("send"), client: fc.nat(12), local: fc.nat(1) }),
      fc.record({ kind: fc.constant("answer"), client: fc.nat(30), local: fc.nat(3) }),
      fc.record({ kind: fc.constant("refuse"), client: fc.nat(30), local: fc.constant(0) }),
      fc.record({ kind: fc.constant("pass"), client: fc.nat(1_500), local: fc.constant(0) }),
      fc.record({ kind: fc.constant("health"), client: fc.nat(1), local: fc.nat(1) }),
    );
    const replies = fc.constantFrom(null, 1, 2);
    const limit = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), replies, limit, limit, limit, run),
      { numRuns: 100 },
    );
    function run(
      steps: readonly { kind: string; client: number; local: number }[],
      replies: number | null,
      maxSessions: number,
      slots: number,
      descriptors: number,
    ) {
      const world = new UdpWorld({ replies, maxSessions }, slots);
      world.descriptors = descriptors;
      for (const { kind, client, local } of steps) {
        const fds = [...world.sockets.keys()];
        const { [client % Math.max(1, fds.length)]: fd } = fds;
        if (kind === "send") world.send({ client, local });
        else if (kind === "pass") world.pass(client);
        else if (kind === "health") {
          world.tcp.servers.setHealth(client as Row, local === 0 ? "up" : "down");
        } else if (fd !== undefined && kind === "answer") world.answer(fd, { times: local });
        else if (fd !== undefined) world.answer(fd, { error: ECONNREFUSED });
        const { open } = world.sessions;
        expect(open).toBeLessThanOrEqual(Math.min(maxSessions, slots, descriptors));
        expect(world.tcp.active(FIRST) + world.tcp.active(SECOND)).toBe(open);
        expect(world.tcp.frontend("opened") - world.tcp.frontend("closed")).toBe(open);
        expect(world.counts.total(0)).toBe(open);
      }
      world.sessions.stop(world.clock);
      expect([world.sockets.size, world.sessions.open, world.counts.total(0)]).toEqual([0, 0, 0]);
      expect(world.tcp.active(FIRST) + world.tcp.active(SECOND)).toBe(0);
    }
  });

  it("ends the one that is idle longest for a new client, but none that is in use", () => {
    const full = { maxSessions: 2, idleTimeoutMs: 60_000 };
    const busy = new UdpWorld(full, 10);
    busy.send({ client: 1, local: 0 }, { client: 2, local: 0 }, { client: 3, local: 0 });
    expect([busy.sessions.open, busy.tcp.frontend("deniedLimit")]).toEqual([2, 1]);
    const world = new UdpWorld(full, 10);
    world.send({ client: 1, local: 0 }, { client: 2, local: 0 });
    world.pass(1_000);
    world.send({ client: 1, local: 0 });
    world.send({ client: 3, local: 0 });
    expect([world.sessions.open, world.tcp.frontend("evicted")]).toEqual([2, 1]);
    // The second one was idle, and the first one is still there.
    world.answer(world.socketOf(1));
    world.answer(world.socketOf(3));
    expect(world.answers.map(({ client }) => client)).toEqual([1, 3]);
  });

  it("tries another server for the datagram that finds its own one gone, once", () => {
    const world = new UdpWorld({}, 10);
    world.send({ client: 1, local: 0 });
    const refused = world.socketOf(1);
    const { port } = world.sockets.get(refused)!;
    world.sockets.get(refused)!.error = EHOSTUNREACH;
    world.send({ client: 1, local: 0 });
    const other = world.sockets.get(world.socketOf(1))!;
    expect(other.port).not.toBe(port);
    expect(world.tcp.server(port - 8000, "connectUnreachable")).toBe(1);
    // Such a socket is lent to nobody again.
    expect(world.sockets.has(refused)).toBe(false);
  });

  it("gives nobody's datagrams to the session that takes another one's place", () => {
    const world = new UdpWorld({ maxSessions: 2, idleTimeoutMs: 60_000 }, 10);
    world.send({ client: 1, local: 0 }, { client: 2, local: 0 });
    world.pass(5_000);
    // Another worker has the place that the first one's refusal leaves: the second one has to go.
    world.counts.enter(1, 0, 1_000);
    world.sockets.get(world.socketOf(1))!.error = EHOSTUNREACH;
    world.send({ client: 1, local: 0 }, { client: 2, local: 0 });
    for (const fd of [...world.sockets.keys()]) world.answer(fd);
    expect(world.answers).toEqual([{ client: 1, local: 0 }]);
  });

  it("ends with so many answers to each of the client's datagrams", () => {
    const world = new UdpWorld({ replies: 2 }, 10);
    world.send({ client: 1, local: 0 }, { client: 1, local: 0 });
    const fd = world.socketOf(1);
    world.answer(fd, { times: 3 });
    expect([world.sessions.open, world.answers.length]).toEqual([1, 3]);
    world.answer(fd, { times: 2 });
    expect([world.sessions.open, world.answers.length]).toEqual([0, 4]);
  });

  it("lends sockets again, the one that has rested longest first, and closes idle ones", () => {
    const world = new UdpWorld({ replies: 1 }, 1_000);
    world.tcp.servers.setHealth(SECOND, "down");
    const used: number[] = [];
    for (let client = 0; client < 1_000; client++) {
      world.send({ client, local: 0 });
      used.push(world.socketOf(client));
      world.answer(used[client]!);
      world.pass(1);
    }
    expect(world.answers).toHaveLength(1_000);
    // A few hundred do for any number of short sessions, each after a long rest.
    expect(new Set(used).size).toBeLessThan(300);
    used.forEach((fd, at) => expect(used.slice(at + 1, at + 200)).not.toContain(fd));
    world.pass(20_000);
    expect(world.sockets.size).toBe(0);
  });

  it("gives each place back, for connections that wait for one", () => {
    const world = new UdpWorld({ replies: 1 }, 10);
    world.tcp.servers.setHealth(FIRST, "down");
    for (const client of [1, 2]) world.send({ client, local: 0 });
    world.answer(world.socketOf(1));
    expect(world.released).toEqual([SECOND]);
    world.pass(5_000);
    expect(world.released).toEqual([SECOND, SECOND]);
  });

  it("keeps sessions while a server drains, and moves them once it is in maintenance", () => {
    const world = new UdpWorld({}, 10);
    world.send({ client: 1, local: 0 });
    const { port } = world.sockets.get(world.socketOf(1))!;
    world.tcp.servers.setAdmin(port - 8000 as Row, "drain");
    world.send({ client: 1, local: 0 });
    expect(world.tcp.frontend("opened")).toBe(1);
    world.tcp.servers.setAdmin(port - 8000 as Row, "maint");
    world.send({ client: 1, local: 0 });
    expect(world.sockets.get(world.socketOf(1))!.port).not.toBe(port);
    expect(world.tcp.frontend("opened")).toBe(2);
  });

  it("begins none for addresses that are denied, and no more than the frontend may have", () => {
    // The number of a client is its address, in the order of this machine.
    const world = new UdpWorld({}, 10, { deny: ["7.0.0.0/32"], maxConnections: 2 });
    for (const client of [7, 1, 2, 3]) world.send({ client, local: 0 });
    const denied = [world.tcp.frontend("deniedAddress"), world.tcp.frontend("deniedLimit")];
    expect([world.sessions.open, ...denied]).toEqual([2, 1, 1]);
    world.pass(5_000);
    world.send({ client: 3, local: 0 });
    expect(world.sessions.open).toBe(1);
  });

  it("begins none while it drains itself, and gives up those of a virtual router", () => {
    const world = new UdpWorld({}, 10);
    world.send({ client: 1, local: 0 });
    world.sessions.drain();
    world.send({ client: 2, local: 0 }, { client: 1, local: 0 });
    world.answer(world.socketOf(1));
    expect([world.sessions.open, world.answers.length]).toEqual([1, 1]);
    expect(world.sessions.release("other", world.clock)).toBe(0);
    expect(world.sessions.release("vip", world.clock)).toBe(1);
    world.send({ client: 1, local: 0 });
    expect(world.sessions.open).toBe(0);
  });

  it("goes on with other backends: who is there stays, who comes has the new ones", () => {
    const world = new UdpWorld({}, 10);
    world.send({ client: 1, local: 0 });
    const { port } = world.sockets.get(world.socketOf(1))!;
    const { backends: [first] } = world.start;
    const third = { ...backendOf([2 as Row]), udp: { ...first!.udp, idleTimeoutMs: 3_000 } };
    for (const row of [2 as Row]) {
      world.tcp.servers.setWeight(row, 100);
      world.tcp.servers.setHealth(row, "up");
    }
    world.plan([first!, { ...third, servers: [], rows: [], inPlan: [] }, third], 2);
    world.send({ client: 1, local: 0 }, { client: 2, local: 0 });
    expect(world.sockets.get(world.socketOf(1))!.port).toBe(port);
    expect(world.sockets.get(world.socketOf(2))!.port).toBe(8002);
    expect([world.counts.total(0), world.counts.total(1), world.counts.total(2)]).toEqual([
      1,
      0,
      1,
    ]);
    world.pass(1_500);
    expect([world.counts.total(0), world.counts.total(2)]).toEqual([0, 1]);
    // Times hold for those who are there, too.
    world.plan([first!, third, { ...third, udp: { ...third.udp, idleTimeoutMs: 1_000 } }], 2);
    world.pass(1);
    expect(world.sessions.open).toBe(0);
  });

  it("turns to a server's new address, and never lends a socket of the old one for it", () => {
    const world = new UdpWorld({ idleTimeoutMs: 60_000 }, 10);
    const { backends: [first] } = world.start;
    world.tcp.servers.setAdmin(SECOND, "maint");
    world.send({ client: 1, local: 0 }, { client: 2, local: 0 });
    world.answer(world.socketOf(1), { error: ECONNREFUSED });
    world.pass(2_000);
    const servers = first!.servers.map((server) => ({ ...server, address: "192.0.2.7" }));
    world.plan([{ ...first!, servers: servers.map((server) => ({ ...server, port: 9_000 })) }]);
    expect([world.sessions.open, world.tcp.active(FIRST)]).toEqual([0, 0]);
    world.send({ client: 2, local: 0 }, { client: 3, local: 0 });
    expect([2, 3].map((client) => world.sockets.get(world.socketOf(client))!.port))
      .toEqual([9_000, 9_000]);
  });

  it("gives listeners up one by one, and their sessions with them", () => {
    const world = new UdpWorld({}, 10);
    world.send({ client: 1, local: 0 });
    const [listener] = world.start.listeners;
    world.sessions.listen({ ...listener!, protocol: "udp", fd: 77 as Fd });
    world.sessions.close([77 as Fd], world.clock);
    expect(world.sessions.open).toBe(1);
    world.sessions.close([LISTENER], world.clock);
    expect([world.sessions.open, world.tcp.active(FIRST) + world.tcp.active(SECOND)])
      .toEqual([0, 0]);
    // The next ones have their places.
    world.sessions.listen({ ...listener!, protocol: "udp", fd: LISTENER, address: "*" });
    world.send({ client: 1, local: 0 });
    world.answer(world.socketOf(1));
    expect([world.sessions.open, world.answers.length]).toEqual([1, 1]);
  });
});

describe("reclaimSessions()", () => {
  it("closes what a worker has left, and counts its sessions as ended", () => {
    const world = new UdpWorld({ replies: 1 }, 10);
    world.send({ client: 1, local: 0 }, { client: 2, local: 0 });
    world.answer(world.socketOf(2));
    const closed: number[] = [];
    const kernel = { close: (fd: number) => closed.push(fd) };
    expect(reclaimSessions(world.start, kernel)).toBe(1);
    expect(closed.toSorted()).toEqual([...world.sockets.keys()].toSorted());
    expect([world.tcp.frontend("closed"), world.counts.total(0)]).toEqual([2, 0]);
    expect(world.tcp.active(FIRST) + world.tcp.active(SECOND)).toBe(0);
    expect(reclaimSessions(world.start, kernel)).toBe(0);
  });
});
