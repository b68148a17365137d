import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorkerTable } from "../../../src/memory/worker_table.ts";

const WRAP = 2 ** 30;

describe("WorkerTable.silence", () => {
  it("is unknown before the first sign of life", () => {
    expect(new WorkerTable(1).silence(0, 123_456)).toBeUndefined();
  });

  it("is the time since the last one, within a millisecond", () => {
    const gap = fc.double({ min: 0, max: 1_000_000, noNaN: true });
    fc.assert(fc.property(fc.double({ min: 1, max: 1e12, noNaN: true }), gap, (beatAt, silence) => {
      fc.pre(beatAt % WRAP >= 1);
      const table = new WorkerTable(1);
      table.beat(0, beatAt);
      expect(Math.abs(table.silence(0, beatAt + silence)! - silence)).toBeLessThanOrEqual(1.01);
    }));
  });

  it("is nothing when the sign came after the caller had read its clock", () => {
    const table = new WorkerTable(1);
    table.beat(0, 5001);
    expect(table.silence(0, 4999.5)).toBe(0);
  });
});

describe("WorkerTable", () => {
  it("says of each worker whether it does its work in another way", () => {
    const table = new WorkerTable(2);
    table.setFallback(1, true);
    expect([table.isFallback(0), table.isFallback(1)]).toEqual([false, true]);
    table.setFallback(1, false);
    expect(table.isFallback(1)).toBe(false);
  });

  it("counts orders and connections of each worker", () => {
    const table = new WorkerTable(2);
    const other = new WorkerTable(table.buffer);
    table.order(1);
    table.order(1);
    other.setConnections(0, 42);
    expect([other.orders(0), other.orders(1)]).toEqual([0, 2]);
    table.forgetOrders(1);
    table.order(1);
    expect(other.orders(1)).toBe(1);
    expect([table.connections(0), table.connections(1)]).toEqual([42, 0]);
  });
});
