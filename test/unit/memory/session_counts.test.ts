import { describe, expect, it } from "vitest";
import { SessionCounts } from "../../../src/memory/session_counts.ts";

describe("SessionCounts", () => {
  it("bounds the sessions of a backend over all workers, and each backend by itself", () => {
    const counts = new SessionCounts({ workers: 2, backends: 2 });
    const other = new SessionCounts(counts.shape);
    expect([counts.enter(0, 1, 2), other.enter(1, 1, 2), counts.enter(0, 1, 2)])
      .toEqual([true, true, false]);
    expect([counts.total(0), counts.total(1)]).toEqual([0, 2]);
    expect(counts.enter(0, 0, 1)).toBe(true);
    other.leave(1, 1);
    expect(counts.enter(0, 1, 2)).toBe(true);
  });

  it("tells all workers that one of them wants a place, until it is found", () => {
    const counts = new SessionCounts({ workers: 2, backends: 2 });
    const other = new SessionCounts(counts.shape);
    counts.wantPlace(1);
    expect([other.isPlaceWanted(0), other.isPlaceWanted(1)]).toEqual([false, true]);
    other.placeFound(1);
    expect(counts.isPlaceWanted(1)).toBe(false);
  });

  it("forgets what a worker had that is gone", () => {
    const counts = new SessionCounts({ workers: 2, backends: 1 });
    counts.enter(0, 0, 9);
    counts.enter(1, 0, 9);
    counts.forget(1);
    expect(counts.total(0)).toBe(1);
  });
});
