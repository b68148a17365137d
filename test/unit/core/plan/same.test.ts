import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSame } from "../../../../src/core/plan/same.ts";

describe("isSame()", () => {
  it("compares leaves, whatever the order of keys", () => {
    const one = { name: "api", addresses: [{ address: "10.0.0.1" }], unicast: null };
    expect(isSame(one, { unicast: null, addresses: [{ address: "10.0.0.1" }], name: "api" }))
      .toBe(true);
    expect(isSame(one, { ...one, addresses: [{ address: "10.0.0.2" }] })).toBe(false);
    expect(isSame(one, { ...one, unicast: {} })).toBe(false);
    expect(isSame(one, { ...one, more: undefined })).toBe(false);
  });

  it("minds the order of a list, and does not take one for a map", () => {
    expect(isSame([1, 2], [2, 1])).toBe(false);
    expect(isSame([1], { 0: 1 })).toBe(false);
    expect(isSame([], {})).toBe(false);
    expect(isSame([1], [1, 2])).toBe(false);
  });

  it("agrees with what is written of both", () => {
    const value = fc.jsonValue({ maxDepth: 3 }).filter((one) =>
      !JSON.stringify(one).includes("-0")
    );
    fc.assert(fc.property(value, value, (left, right) => {
      expect(isSame(left, structuredClone(left))).toBe(true);
      // Keys may be in another order.
      if (JSON.stringify(left) === JSON.stringify(right)) expect(isSame(left, right)).toBe(true);
      if (isSame(left, right)) {
        expect(JSON.stringify(left)).toHaveLength(JSON.stringify(right).length);
      }
    }));
  });
});
