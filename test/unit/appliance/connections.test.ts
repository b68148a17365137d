import { beforeEach, describe, expect, it } from "vitest";
import { Connections } from "../../../src/appliance/connections.ts";
import { connectionMemory } from "../../../src/dataplane/connection_memory.ts";
import { ConnectionTable, RELAYING } from "../../../src/dataplane/connection_table.ts";
import type { Chosen } from "../../../src/dataplane/orders.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import { inetAddressOf, SOCKADDR_IN6_BYTES } from "../../../src/linux/sockaddr.ts";

const CAPACITY = 8;

let tables: ConnectionTable[];
let cut: [worker: number, slots: readonly number[]][];
let pauses: number[];
let onPause: () => unknown;
let connections: Connections;

beforeEach(() => {
  const memories = [connectionMemory(CAPACITY), connectionMemory(CAPACITY)];
  tables = memories.map((memory) => new ConnectionTable(memory, CAPACITY));
  cut = [];
  pauses = [];
  onPause = () => {};
  connections = new Connections({
    workers: memories.map((memory) => ({ memory, capacity: CAPACITY })),
    frontend: (index) => `frontend${index}`,
    backend: (index) => `backend${index}`,
    server: (row) => `server${row}`,
    cuts: {
      chosen: (worker: number, { slots, generations }: Chosen) => {
        expect(generations).toHaveLength(slots.length);
        cut.push([worker, slots]);
        return Promise.resolve(slots.length);
      },
    },
    now: () => 61_000,
    pause: (ms) => {
      pauses.push(ms);
      onPause();
      return Promise.resolve();
    },
  });
});

/** A connection of a worker, accepted at 1 s, to a server of a backend. */
function open(worker: number, client: string, backend: number, row: number): number {
  const table = tables[worker]!;
  const slot = table.take(99 as Fd, 0, 0, 1_000);
  table.clients.set(inetAddressOf(client, 1234), SOCKADDR_IN6_BYTES * slot);
  table.backend[slot] = backend;
  table.setRow(slot, row);
  table.phase[slot] = RELAYING;
  table.lastActiveAt[slot] = 31_000;
  table.counted[2 * slot] = 5;
  table.moved[2 * slot] = 2;
  table.counted[2 * slot + 1] = 3_000_000_000;
  return slot;
}

function clients(filter: { backend?: string; server?: string; client?: string }) {
  return connections.list(filter, 100, null).items.map(({ client }) => client);
}

describe("list()", () => {
  it("says who is connected to what, since when, how idle, and how much has moved", () => {
    open(1, "10.0.0.7", 1, 3);
    expect(connections.list({}, 100, null)).toEqual({
      items: [{
        ...{ id: "1.0.0", client: "10.0.0.7:1234", frontend: "frontend0" },
        ...{ backend: "backend1", server: "server3", state: "established" },
        since: expect.stringMatching(/^\d{4}-.*Z$/),
        ...{ ageSeconds: 60, idleSeconds: 30, receivedBytes: 7, sentBytes: 3_000_000_000 },
      }],
      next: null,
    });
  });

  it("filters by backend, server and client", () => {
    open(0, "10.0.0.1", 0, 0);
    open(0, "10.0.1.1", 0, 1);
    open(1, "10.0.0.2", 1, 2);
    open(1, "2001:db8::1", 1, 2);
    expect(clients({})).toHaveLength(4);
    expect(clients({ backend: "backend0" })).toEqual(["10.0.0.1:1234", "10.0.1.1:1234"]);
    expect(clients({ server: "server2" })).toEqual(["10.0.0.2:1234", "[2001:db8::1]:1234"]);
    expect(clients({ client: "10.0.0.0/24" })).toEqual(["10.0.0.1:1234", "10.0.0.2:1234"]);
    expect(clients({ client: "2001:db8::/32" })).toEqual(["[2001:db8::1]:1234"]);
    expect(clients({ backend: "backend1", client: "10.0.0.1" })).toEqual([]);
  });

  it("goes on where it ended, page by page, over all workers", () => {
    for (let count = 0; count < 5; count++) {
      open(0, `10.0.0.${count}`, 0, 0);
      open(1, `10.0.1.${count}`, 0, 0);
    }
    const seen: string[] = [];
    let next: string | null = null;
    let pages = 0;
    do {
      const page = connections.list({}, 3, next);
      seen.push(...page.items.map(({ id }) => id));
      next = page.next;
      pages++;
    } while (next !== null);
    expect(pages).toBe(4);
    expect(new Set(seen).size).toBe(10);
  });

  it("leaves out what is over", () => {
    const slot = open(0, "10.0.0.1", 0, 0);
    tables[0]!.release(slot);
    expect(clients({})).toEqual([]);
  });
});

describe("kill()", () => {
  beforeEach(() => {
    for (let count = 0; count < 5; count++) open(count % 2, "10.0.0.1", 0, 0);
    open(1, "10.0.0.2", 1, 1);
  });

  it("kills what is meant, by an order to each worker", async () => {
    const wish = { perSecond: 1_000, dryRun: false };
    expect(await connections.kill({ backend: "backend0" }, wish)).toEqual({
      ...{ matched: 5, killed: 5, perSecond: 1_000 },
    });
    expect(cut).toEqual([[0, [0, 1, 2]], [1, [0, 1]]]);
    expect(pauses).toEqual([]);
  });

  it("kills no more in a second than it is told", async () => {
    await connections.kill({}, { perSecond: 20, dryRun: false });
    expect(cut).toEqual([[0, [0, 1]], [0, [2]], [1, [0]], [1, [1, 2]]]);
    // Two at a time, ten times a second.
    expect(pauses).toEqual([100, 100]);
    pauses = [];
    await connections.kill({ backend: "backend1" }, { perSecond: 1, dryRun: false });
    await connections.kill({ backend: "backend0" }, { perSecond: 1, dryRun: false });
    expect(pauses).toEqual([1_000, 1_000, 1_000, 1_000]);
  });

  it("ends when nobody waits for it any more, and says how far it has come", async () => {
    const gone = new AbortController();
    onPause = () => pauses.length === 2 && gone.abort();
    expect(await connections.kill({}, { perSecond: 20, dryRun: false, signal: gone.signal }))
      .toEqual({ matched: 6, killed: 4, perSecond: 20 });
    expect(cut).toEqual([[0, [0, 1]], [0, [2]], [1, [0]]]);
  });

  it("only counts, where it is a dry run", async () => {
    expect(await connections.kill({ client: "10.0.0.0/8" }, { perSecond: 9, dryRun: true }))
      .toEqual({ matched: 6, killed: 0, perSecond: 9 });
    expect(cut).toEqual([]);
  });
});
