import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConnectionLog, LOG_FIELDS, NO_ROOM } from "../../../src/memory/connection_log.ts";

const SENT = LOG_FIELDS.indexOf("sent");

/** A writer and a reader over the same memory, as two threads have them. */
function pair(capacity: number) {
  const writer = new ConnectionLog({ capacity });
  return { writer, reader: new ConnectionLog(writer.shape) };
}

function write(log: ConnectionLog, sent: number): boolean {
  const place = log.claim();
  if (place === NO_ROOM) return false;
  log.put(place, SENT, sent);
  log.commit();
  return true;
}

describe("ConnectionLog", () => {
  it("hands over all of a record, the address too", () => {
    const { writer, reader } = pair(4);
    const place = writer.claim();
    LOG_FIELDS.forEach((_, at) => writer.put(place, at, at + 0.5));
    const clients = new Uint8Array(56).map((_, at) => at);
    writer.putClient(place, clients, 1);
    expect(reader.take()).toBeUndefined();
    writer.commit();
    const record = reader.take();
    expect(LOG_FIELDS.map((field) => record?.[field])).toEqual(
      LOG_FIELDS.map((_, at) => at + 0.5),
    );
    expect(record?.client).toEqual(clients.slice(28));
    expect(reader.take()).toBeUndefined();
  });

  it("counts what finds no room, and goes on when there is some", () => {
    const { writer, reader } = pair(2);
    expect([1, 2, 3, 4].map((sent) => write(writer, sent))).toEqual([true, true, false, false]);
    expect(reader.lost).toBe(2);
    expect(reader.take()?.sent).toBe(1);
    expect(write(writer, 5)).toBe(true);
    expect([reader.take()?.sent, reader.take()?.sent, reader.take()]).toEqual([2, 5, undefined]);
  });

  it("is a queue that loses only what it counts, whoever comes first", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (turns) => {
        const { writer, reader } = pair(8);
        const expected: number[] = [];
        let lost = 0;
        turns.forEach((isWrite, at) => {
          if (!isWrite) expect(reader.take()?.sent).toBe(expected.shift());
          else if (write(writer, at)) expected.push(at);
          else lost++;
        });
        expect(reader.lost).toBe(lost);
      }),
    );
  });

  it("outlasts the wrap of its counts", () => {
    const { writer, reader } = pair(2);
    const counts = new Int32Array(writer.shape.buffer!, 2 * (8 * LOG_FIELDS.length + 28), 2);
    counts.fill(0x7fff_ffff);
    for (let turn = 0; turn < 5; turn++) {
      expect([write(writer, turn), write(writer, turn), write(writer, turn)])
        .toEqual([true, true, false]);
      expect([reader.take()?.sent, reader.take()?.sent, reader.take()])
        .toEqual([turn, turn, undefined]);
    }
  });
});
