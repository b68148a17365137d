import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MAX_LINES, PERIOD_MS, Repeats } from "../../../src/appliance/repeats.ts";

const summaries: [string, number][] = [];
let repeats: Repeats<string>;

beforeEach(() => {
  // Deno's own timers are numbers; the fake ones must be, too.
  vi.useFakeTimers();
  vi.spyOn(Deno, "unrefTimer").mockImplementation(() => {});
  summaries.length = 0;
  repeats = new Repeats((last, count) => summaries.push([last, count]));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("Repeats", () => {
  it("lets a few through, and sums up the others at the end of the period", () => {
    const written = Array.from({ length: 50 }, (_, at) => repeats.admit("a", `a ${at}`));
    expect(written.filter(Boolean)).toHaveLength(MAX_LINES);
    vi.advanceTimersByTime(PERIOD_MS);
    expect(summaries).toEqual([["a 49", 50 - MAX_LINES]]);
  });

  it("begins anew after each period, and says nothing of lines that were all written", () => {
    for (let period = 0; period < 3; period++) {
      for (let at = 0; at < MAX_LINES; at++) expect(repeats.admit("a", "a")).toBe(true);
      vi.advanceTimersByTime(PERIOD_MS);
    }
    expect(summaries).toEqual([]);
  });

  it("holds back nothing for the sake of others, however many there are", () => {
    for (let at = 0; at < 5_000; at++) expect(repeats.admit(`line ${at}`, "")).toBe(true);
    expect(repeats.admit("line 0", "")).toBe(true);
  });
});
