import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NONE, SessionTable } from "../../../../src/dataplane/udp/session_table.ts";

describe("SessionTable", () => {
  it("finds each session by client, local address and listener, as a map would", () => {
    // Few addresses and a small table: sessions come and go, and meet in buckets.
    const step = fc.record({
      client: fc.nat(5),
      local: fc.constantFrom(-1, 0, 1),
      listener: fc.nat(1),
      backend: fc.nat(1),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 150 }), fc.integer(), (steps, seed) => {
      const table = new SessionTable(8, 2, seed);
      const model = new Map<string, { slot: number; backend: number; at: number }>();
      steps.forEach(({ client, local, listener, backend }, now) => {
        const key = `${client} ${local} ${listener}`;
        const known = model.get(key);
        const slot = find(table, client, local, listener);
        expect(slot).toBe(known?.slot ?? NONE);
        if (known && now % 3 === 0) {
          table.release(slot);
          model.delete(key);
        } else if (known) {
          table.touch(slot, now);
          known.at = now;
        } else if (table.available > 0) {
          const taken = table.take(backend, now);
          table.socket[taken] = 1;
          model.set(key, { slot: taken, backend, at: now });
        }
        expect(table.open).toBe(model.size);
        for (const one of [0, 1]) {
          const mine = [...model.values()].filter((session) => session.backend === one);
          const idlest = mine.toSorted((left, right) => left.at - right.at)[0];
          expect(table.idlest(one)).toBe(idlest?.slot ?? NONE);
        }
      });
    }));
  });

  it("gives back the addresses that it was given", () => {
    const table = new SessionTable(2, 1, 7);
    find(table, 3, 1, 5);
    const slot = table.take(0, 0);
    const words = wordsOf(3);
    expect([...table.keys.subarray(table.client(slot), table.client(slot) + 7)])
      .toEqual([...words.subarray(0, 7)]);
    expect([...table.keys.subarray(table.local(slot), table.local(slot) + 4)])
      .toEqual([...words.subarray(11, 15)]);
    expect(table.listener(slot)).toBe(5);
  });
});

function find(table: SessionTable, client: number, local: number, listener: number): number {
  return table.find(wordsOf(client), 0, local < 0 ? -1 : 7 + 4 * local, listener);
}

/** A client's socket address, then two local ones. */
function wordsOf(client: number): Int32Array {
  return Int32Array.of(2 + client * 0x1_0000, client, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
}
