import { describe, expect, it } from "vitest";
import { QueueTable } from "../../../src/memory/queue_table.ts";

describe("QueueTable", () => {
  it("counts who waits by row and by queue, over all workers", () => {
    const { one, other } = tables();
    one.addQueued(0, 2, 1);
    other.addQueued(1, 2, 1);
    other.addQueued(1, 2, 1);
    one.addWaiting(0, 1, 1);
    expect([one.queued(2), one.queued(0), other.waiting(1), other.waiting(0)]).toEqual([
      3,
      0,
      1,
      0,
    ]);
    other.addQueued(1, 2, -1);
    expect(one.queued(2)).toBe(2);
  });

  it("has a queue for each backend and for each row", () => {
    const { one, other } = tables();
    expect([one.queues, other.queues]).toEqual([5, 5]);
    one.addWaiting(0, 4, 1);
    expect(other.waiting(4)).toBe(1);
  });

  it("lets no more wait for a row than there may", () => {
    const { one, other } = tables();
    const claims = [one.claim(0, 0, 2), other.claim(1, 0, 2), one.claim(0, 0, 2)];
    expect(claims).toEqual([true, true, false]);
    expect(one.queued(0)).toBe(2);
  });

  it("knows which worker has had somebody wait longest", () => {
    const { one, other } = tables();
    expect(one.firstWorker(0)).toBeUndefined();
    const [first, second] = [one.ticket(0), other.ticket(0)];
    other.setFirst(1, 0, second);
    expect(one.firstWorker(0)).toBe(1);
    one.setFirst(0, 0, first);
    expect(other.firstWorker(0)).toBe(0);
    one.setFirst(0, 0, 0);
    expect(other.firstWorker(0)).toBe(1);
  });

  it("keeps the order when tickets wrap, and none is 0", () => {
    const { one, other, cells } = tables();
    // The next ticket of queue 0: after three rows and five queues.
    cells[8] = 2 ** 31 - 2;
    const tickets = [1, 2, 3].map(() => one.ticket(0));
    expect(tickets[0]).toBeGreaterThan(0);
    expect(tickets[2]).toBeLessThan(0);
    one.setFirst(0, 0, tickets[2]!);
    other.setFirst(1, 0, tickets[0]!);
    expect(one.firstWorker(0)).toBe(1);
    cells[8] = -1;
    expect(one.ticket(0)).not.toBe(0);
  });

  it("forgets what a worker that is gone has left, and nothing else", () => {
    const { one, other } = tables();
    one.addQueued(0, 1, 1);
    one.claim(0, 2, 9);
    one.addWaiting(0, 1, 2);
    one.setFirst(0, 1, one.ticket(1));
    other.addQueued(1, 1, 1);
    other.addWaiting(1, 1, 1);
    other.setFirst(1, 1, other.ticket(1));
    other.forget(0);
    expect([other.queued(1), other.queued(2), other.waiting(1)]).toEqual([1, 0, 1]);
    expect(other.firstWorker(1)).toBe(1);
    other.forget(0);
    expect(other.queued(1)).toBe(1);
  });
});

function tables() {
  const one = new QueueTable({ workers: 2, backends: 2, rows: 3 });
  const { buffer = new SharedArrayBuffer(0) } = one.shape;
  return { one, other: new QueueTable(one.shape), cells: new Int32Array(buffer) };
}
