import { describe, expect, it } from "vitest";
import {
  ROUTER_COUNTERS,
  RouterTable,
  type RouterTableShape,
} from "../../../src/memory/router_table.ts";

const SHAPE: RouterTableShape = {
  routers: 2,
  rejections: ["ttl", "checksum"],
  transitions: ["startup", "peerSilent"],
};
const ADDRESS = Uint8Array.of(10, 77, 0, 1);

describe("RouterTable", () => {
  it("says initialize before the speaker has said anything", () => {
    const table = new RouterTable(SHAPE);
    expect(table.status(1)).toEqual({
      state: "initialize",
      reason: null,
      priority: 0,
      interfaceIndex: 0,
      since: 0,
      activeIntervalMs: 0,
      source: null,
    });
    expect(table.peer(1)).toBeNull();
  });

  it("shows another thread what was published, row by row", () => {
    const written = new RouterTable(SHAPE);
    const read = new RouterTable(structuredClone(written.shape));
    const status = {
      state: "active",
      reason: "peerSilent",
      priority: 254,
      interfaceIndex: 7,
      since: 90 * 86_400_000 + 5,
      activeIntervalMs: 40_950,
      source: ADDRESS,
    } as const;
    written.setStatus(1, status);
    expect(read.status(1)).toEqual(status);
    expect(read.status(0).state).toBe("initialize");
  });

  it("keeps the peer, of either family, apart from the status", () => {
    const table = new RouterTable(SHAPE);
    const peer = {
      address: Uint8Array.from({ length: 16 }, (_, at) => 240 + at),
      priority: 100,
      intervalMs: 10,
      at: 2 ** 40,
    };
    table.setPeer(0, peer);
    expect(table.peer(0)).toEqual(peer);
    table.setPeer(0, { ...peer, address: ADDRESS });
    expect(table.peer(0)?.address).toEqual(ADDRESS);
    expect(table.status(0).source).toBeNull();
    table.setPeerAt(0, 2 ** 41);
    expect(table.peer(0)).toEqual({ ...peer, address: ADDRESS, at: 2 ** 41 });
  });

  it("forgets the source when there is none any more", () => {
    const table = new RouterTable(SHAPE);
    const status = { ...table.status(0), source: ADDRESS };
    table.setStatus(0, status);
    table.setStatus(0, { ...status, source: null, reason: null });
    expect(table.status(0)).toMatchObject({ source: null, reason: null });
  });

  it("counts each thing apart", () => {
    const table = new RouterTable(SHAPE);
    for (const [times, counter] of ROUTER_COUNTERS.entries()) table.count(1, counter, times + 1);
    table.countRejection(1, "checksum");
    table.countTransition(1, "startup");
    table.countTransition(1, "startup");
    for (const [times, counter] of ROUTER_COUNTERS.entries()) {
      expect(table.counter(1, counter)).toBe(times + 1);
      expect(table.counter(0, counter)).toBe(0);
    }
    expect(table.rejections(1, "ttl")).toBe(0);
    expect(table.rejections(1, "checksum")).toBe(1);
    expect(table.transitions(1, "startup")).toBe(2);
    expect(table.transitions(1, "peerSilent")).toBe(0);
  });

  it("refuses a reason that is not in its lists", () => {
    const table = new RouterTable(SHAPE);
    expect(() => table.countRejection(0, "startup")).toThrow('"startup" is not in the closed list');
    expect(() => table.countTransition(0, "ttl")).toThrow('"ttl" is not in the closed list');
  });

  it("remembers the greatest lateness", () => {
    const table = new RouterTable(SHAPE);
    for (const latenessMs of [0.5, 12.25, 3]) table.noteLateness(0, latenessMs);
    expect(table.maxLatenessMs(0)).toBe(12.25);
    table.noteLateness(0, 1e9);
    expect(table.maxLatenessMs(0)).toBeCloseTo(2 ** 31 / 1e3, 0);
    expect(table.maxLatenessMs(1)).toBe(0);
  });

  it("shares the histogram of gaps between advertisements", () => {
    const table = new RouterTable(SHAPE);
    table.advertisementAge.observe(0, 1, 100);
    expect(new RouterTable(structuredClone(table.shape)).advertisementAge.read(1).sum).toBe(0.1);
  });

  it("shows what there is where the speaker has died while writing, and waits no longer", () => {
    const table = new RouterTable(SHAPE);
    const status = { ...table.status(1), state: "active", priority: 7 } as const;
    table.setStatus(1, status);
    dieWriting(table, 1);
    expect(table.status(1)).toEqual(status);
    expect(table.peer(1)).toBeNull();
  });

  it("is whole again once it is mended", () => {
    const table = new RouterTable(SHAPE);
    dieWriting(table, 1);
    table.mend();
    expect(version(table, 0)).toBe(0);
    expect(version(table, 1) % 2).toBe(0);
    table.setStatus(1, { ...table.status(1), priority: 9 });
    expect(version(table, 1) % 2).toBe(0);
    expect(table.status(1).priority).toBe(9);
  });
});

/** The first cell of a row is odd while the row is being written. */
function dieWriting(table: RouterTable, row: number): void {
  const cells = cellsOf(table);
  cells[row * cells.length / 2]!++;
}

function version(table: RouterTable, row: number): number {
  const cells = cellsOf(table);
  return cells[row * cells.length / 2]!;
}

function cellsOf(table: RouterTable): Int32Array {
  return new Int32Array(table.shape.memory!.status);
}
