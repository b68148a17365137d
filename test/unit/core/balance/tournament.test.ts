import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NOBODY, Tournament } from "../../../../src/core/balance/tournament.ts";

describe("Tournament", () => {
  it("knows the first of those that take part, after every change", () => {
    const change = fc.tuple(fc.nat(12), fc.boolean(), fc.nat(5));
    fc.assert(fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const values = new Array<number>(13).fill(0);
      const value = (entry: number) => 100 * (values[entry] ?? 0) + entry;
      const tournament = new Tournament(13, (left, right) => value(left) < value(right));
      const present = new Set<number>();
      for (const [entry, isIn, next] of changes) {
        values[entry] = next;
        tournament.set(entry, isIn);
        if (isIn) present.add(entry);
        else present.delete(entry);
        const [first = NOBODY] = [...present].sort((left, right) => value(left) - value(right));
        expect(tournament.first).toBe(first);
        expect(tournament.has(entry)).toBe(isIn);
      }
    }));
  });

  it("takes one match for each doubling of the entries", () => {
    let matches = 0;
    const tournament = new Tournament(1000, (left, right) => ++matches > 0 && left < right);
    for (let entry = 0; entry < 1000; entry++) tournament.set(entry, true);
    matches = 0;
    tournament.set(500, true);
    expect(matches).toBeLessThanOrEqual(10);
  });
});
