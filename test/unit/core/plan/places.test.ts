import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isPresent,
  laidOut,
  noPlaces,
  place,
  type Placed,
  type Places,
} from "../../../../src/core/plan/places.ts";

describe("place()", () => {
  test("gives indexes in the order of the names", () => {
    const { places, fresh } = given(noPlaces(3), ["a", "b"]);
    expect([...places.indexes]).toEqual([["a", 0], ["b", 1]]);
    expect(fresh).toEqual([0, 1]);
  });

  test("a name keeps its index, whatever comes before it and goes", () => {
    const { places } = given(given(noPlaces(5), ["a", "b"]).places, ["x", "b"]);
    expect(places.indexes.get("b")).toBe(1);
    expect(places.indexes.get("x")).toBe(2);
    expect(places.indexes.has("a")).toBe(false);
  });

  test("an index that is still used is not given away", () => {
    const gone = given(given(noPlaces(3), ["a", "b"]).places, ["b"]).places;
    expect(given(gone, ["b", "c"], (index) => index === 0).places.indexes.get("c")).toBe(2);
    const { places, fresh } = given(gone, ["b", "c"]);
    expect(places.indexes.get("c")).toBe(0);
    expect(fresh).toEqual([0]);
  });

  test("an index is not given away by the change that sets it free", () => {
    const first = given(noPlaces(3), ["a"]).places;
    const second = given(first, ["b"]).places;
    expect(given(second, ["a"]).places.indexes.get("a")).toBe(0);
    expect(place(given(noPlaces(1), ["a"]).places, ["b"], () => false)).toBeUndefined();
  });

  test("who comes back has its index again, even if it is still used", () => {
    const gone = given(given(noPlaces(3), ["a", "b"]).places, ["b"]).places;
    const { places, fresh } = given(gone, ["b", "a"], () => true);
    expect(places.indexes.get("a")).toBe(0);
    expect(fresh).toEqual([]);
  });

  test("more names than places are refused, also for what goes but is used", () => {
    expect(place(noPlaces(1), ["a", "b"], () => false)).toBeUndefined();
    const gone = given(given(noPlaces(2), ["a", "b"]).places, ["b"]).places;
    expect(place(gone, ["b", "c"], () => true)).toBeUndefined();
  });

  test("over any changes everybody has a place of its own and keeps it", () => {
    const names = fc.uniqueArray(fc.constantFrom(..."abcdefgh"), { maxLength: 6 });
    const step = fc.record({ names, used: fc.uniqueArray(fc.nat(11)) });
    fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let places = noPlaces(12);
      for (const { names, used } of steps) {
        const placed = place(places, names, (index) => used.includes(index));
        if (!placed) continue;
        const { places: after, fresh } = placed;
        expect([...after.indexes.keys()]).toEqual(names);
        expect(new Set(after.indexes.values()).size).toBe(names.length);
        for (const [name, index] of after.indexes) {
          expect(after.names[index]).toBe(name);
          expect(fresh.includes(index)).toBe(places.names[index] !== name);
          if (places.indexes.has(name)) expect(index).toBe(places.indexes.get(name));
        }
        for (const index of fresh) {
          expect(isPresent(places, index)).toBe(false);
          if (index < places.names.length) expect(used).not.toContain(index);
        }
        // The change can be undone.
        const back = given(after, [...places.indexes.keys()], () => true);
        expect(back.places.indexes).toEqual(places.indexes);
        expect(back.fresh).toEqual([]);
        places = after;
      }
    }));
  });
});

describe("laidOut()", () => {
  test("who has gone leaves its last entry where it was", () => {
    const first = given(noPlaces(3), ["a", "b"]).places;
    const before = laidOut(first, (name) => `${name}1`, []);
    const second = given(first, ["b", "c"]).places;
    expect(laidOut(second, (name) => `${name}2`, before)).toEqual(["a1", "b2", "c2"]);
  });
});

function given(before: Places, names: readonly string[], isUsed = (_: number) => false): Placed {
  const placed = place(before, names, isUsed);
  if (!placed) throw new Error("there is no place");
  return placed;
}
