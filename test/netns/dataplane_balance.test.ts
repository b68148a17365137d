/**
 * Which server connections go to, with real workers and sockets.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../../scripts/lab/wait.ts";
import type { Row } from "../../src/memory/server_table.ts";
import { serverPlan } from "../unit/plans.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { Dataplane, ENGINES } from "./dataplane_rig.ts";

const FIRST = 0 as Row;
const SECOND = 1 as Row;
const CLIENTS = Array.from({ length: 24 }, (_, at) => `127.0.1.${at + 1}`);

describe.each(ENGINES)("connections through workers on %s", (engine) => {
  let servers: PeerListener[];

  beforeEach(() => {
    servers = [new PeerListener(), new PeerListener(), new PeerListener()];
  });

  afterEach(() => {
    for (const one of servers) one[Symbol.dispose]();
  });

  const ports = () => servers.map(({ port }) => port);

  /** Which server somebody's next connection goes to. */
  async function serverOf(dataplane: Dataplane, from?: string): Promise<number> {
    const counts = () => servers.map((_, row) => dataplane.server(row, "connections"));
    const before = counts();
    using _client = Peer.dial(dataplane.port, from);
    const chosen = () => counts().findIndex((count, row) => count !== before[row]);
    await eventually("a server is connected", () => chosen() >= 0, { everyMs: 1 });
    const row = chosen();
    using _server = await servers[row]!.next();
    return row;
  }

  it("go to a backup only as long as no other server is usable", async () => {
    const plans = ports().map((port, row) =>
      serverPlan({ name: `s${row}`, address: "127.0.0.1", port, backup: row > 0 })
    );
    const backend = { servers: plans };
    await using dataplane = await Dataplane.start({ engine, servers: ports(), backend });
    const three = async () => {
      const rows = [];
      for (let turn = 0; turn < 3; turn++) rows.push(await serverOf(dataplane));
      return rows;
    };
    expect(await three()).toEqual([0, 0, 0]);
    dataplane.servers.setHealth(FIRST, "down");
    expect(await three()).toEqual([1, 1, 1]);
    dataplane.servers.setHealth(SECOND, "down");
    expect(await three()).toEqual([2, 2, 2]);
    dataplane.servers.setHealth(FIRST, "up");
    expect(await three()).toEqual([0, 0, 0]);
  });

  it("of one client go to one server, and to another only if that one goes", async () => {
    const backend = { balance: "source" } as const;
    const options = { engine, servers: ports(), workers: 2, backend };
    await using dataplane = await Dataplane.start(options);
    const all = async () => {
      const rows = [];
      for (const client of CLIENTS) rows.push(await serverOf(dataplane, client));
      return rows;
    };
    const before = await all();
    expect(new Set(before)).toEqual(new Set([0, 1, 2]));
    expect(await all()).toEqual(before);
    dataplane.servers.setHealth(SECOND, "down");
    const without = await all();
    expect(without).not.toContain(1);
    expect(moved(before, without)).toBeLessThanOrEqual(CLIENTS.length / 6);
    dataplane.servers.setHealth(SECOND, "up");
    expect(await all()).toEqual(before);
  });

  it.each(["leastconn", "random"] as const)(
    "of all workers count for %s, by weight",
    async (balance) => {
      const options = { engine, servers: ports(), workers: 2, backend: { balance } };
      await using dataplane = await Dataplane.start(options);
      dataplane.servers.setWeight(FIRST, 200);
      const active = () => servers.map((_, row) => dataplane.servers.active(row as Row));
      const clients: Peer[] = [];
      const dial = async (count: number) => {
        for (; count > 0; count--) {
          clients.push(Peer.dial(dataplane.port));
          const made = clients.length;
          await eventually("it is connected", () => dataplane.open === made, { everyMs: 1 });
        }
      };
      await dial(40);
      expectNear(active(), [20, 10, 10]);
      // One that is full gets no more.
      dataplane.servers.setLimit(FIRST, 1);
      await dial(20);
      expectNear(active(), [20, 20, 20]);
      for (const client of clients) client.close();
    },
  );

  it("go to the first server that has a place", async () => {
    const backend = { balance: "first" } as const;
    const options = { engine, servers: ports(), limit: 2, backend };
    await using dataplane = await Dataplane.start(options);
    const clients = [];
    for (let turn = 0; turn < 5; turn++) clients.push(Peer.dial(dataplane.port));
    const active = () => servers.map((_, row) => dataplane.servers.active(row as Row)).join();
    await eventually("all are connected", () => active() === "2,2,1");
    for (const client of clients) client.close();
  });
});

/** One off is a tie; two that are chosen at random may be the wrong two for a while. */
function expectNear(counts: readonly number[], expected: readonly number[]): void {
  const off = counts.map((count, row) => Math.abs(count - expected[row]!));
  expect(Math.max(...off), counts.join()).toBeLessThanOrEqual(5);
}

/** How many had another server than the one that went, and have not kept it. */
function moved(before: readonly number[], after: readonly number[]): number {
  return before.filter((row, at) => row !== SECOND && after[at] !== row).length;
}
