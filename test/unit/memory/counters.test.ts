import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Counters } from "../../../src/memory/counters.ts";

const MOST = 2 ** 31 - 1;

describe("Counters", () => {
  it("keeps stripes, rows and columns apart, and adds stripes up", () => {
    const counters = new Counters({ rows: 2, columns: 3, stripes: 2 });
    counters.add(0, 1, 2, 5);
    counters.add(1, 1, 2, 7);
    counters.add(0, 0, 2, 1);
    expect(counters.read(0, 1, 2)).toBe(5);
    expect(counters.read(1, 1, 2)).toBe(7);
    expect(counters.total(1, 2)).toBe(12);
    expect(counters.total(0, 2)).toBe(1);
    expect(counters.total(1, 1)).toBe(0);
  });

  it("counts beyond 32 bits without a jump", () => {
    const counters = new Counters({ rows: 1, columns: 1, stripes: 1 });
    let sum = 0;
    for (const amount of [MOST, MOST, 1, 0, 1, MOST, MOST, MOST, 2 ** 30, 3]) {
      counters.add(0, 0, 0, amount);
      sum += amount;
      expect(counters.read(0, 0, 0)).toBe(sum);
    }
    expect(sum).toBeGreaterThan(2 ** 33);
  });

  it("is a sum, whatever is added", () => {
    const amounts = fc.array(fc.integer({ min: 0, max: MOST }), { maxLength: 50 });
    fc.assert(fc.property(amounts, (given) => {
      const counters = new Counters({ rows: 1, columns: 1, stripes: 1 });
      for (const amount of given) counters.add(0, 0, 0, amount);
      expect(counters.total(0, 0)).toBe(given.reduce((sum, amount) => sum + amount, 0));
    }));
  });

  it("is seen by others through its shape", () => {
    const counters = new Counters({ rows: 2, columns: 2, stripes: 2 });
    const other = new Counters(counters.shape);
    counters.add(1, 1, 1, 9);
    expect(other.total(1, 1)).toBe(9);
    expect(other.buffer).toBe(counters.buffer);
  });

  it("clears one row in all stripes", () => {
    const counters = new Counters({ rows: 2, columns: 2, stripes: 2 });
    for (const stripe of [0, 1]) {
      for (const row of [0, 1]) {
        for (const column of [0, 1]) counters.add(stripe, row, column, MOST);
      }
    }
    counters.clear(0);
    expect([counters.total(0, 0), counters.total(0, 1)]).toEqual([0, 0]);
    expect([counters.total(1, 0), counters.total(1, 1)]).toEqual([2 * MOST, 2 * MOST]);
  });

  describe("whose writer has died while the lower half wrapped", () => {
    const BEFORE = { lower: 2 ** 32 - 5, sum: 3 * 2 ** 32 + 2 ** 32 - 5 };
    const AFTER = { lower: 7, sum: 4 * 2 ** 32 + 7 };

    it.each([BEFORE, AFTER])("reads $sum and does not wait for it", ({ lower, sum }) => {
      expect(broken(lower).read(0, 0, 1)).toBe(sum);
    });

    it.each([BEFORE, AFTER])("goes on from $sum once it is mended", ({ lower, sum }) => {
      const counters = broken(lower);
      counters.mend(0);
      expect(counters.read(0, 0, 1)).toBe(sum);
      for (const total of [sum + MOST, sum + 2 * MOST, sum + 3 * MOST]) {
        counters.add(0, 0, 1, MOST);
        expect(counters.read(0, 0, 1)).toBe(total);
      }
      expect(counters.read(0, 0, 0)).toBe(9);
    });

    it("leaves other stripes alone, which may be carrying themselves", () => {
      const counters = broken(BEFORE.lower);
      const before = new Int32Array(counters.buffer).slice();
      counters.mend(1);
      expect(new Int32Array(counters.buffer)).toEqual(before);
    });

    /** Two stripes of one row; the second counter of the first is left carrying. */
    function broken(lower: number): Counters {
      const counters = new Counters({ rows: 1, columns: 2, stripes: 2 });
      counters.add(0, 0, 0, 9);
      const cells = new Int32Array(counters.buffer);
      cells[2] = lower;
      cells[3] = 3 | 0x8000_0000;
      return counters;
    }
  });
});
