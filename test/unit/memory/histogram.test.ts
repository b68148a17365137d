import { describe, expect, it } from "vitest";
import { Histogram } from "../../../src/memory/histogram.ts";

const bounds = [0.001, 0.01, 1];

describe("Histogram", () => {
  it.each([
    [0, [1, 0, 0, 0]],
    [0.001, [1, 0, 0, 0]],
    [0.0011, [0, 1, 0, 0]],
    [0.01, [0, 1, 0, 0]],
    [1, [0, 0, 1, 0]],
    [1.5, [0, 0, 0, 1]],
    [1799, [0, 0, 0, 1]],
  ])("counts %d s in the bucket whose bound is not less", (seconds, counts) => {
    const histogram = new Histogram({ bounds, rows: 1, stripes: 1 });
    histogram.observe(0, 0, seconds * 1e3);
    expect(histogram.read(0)).toEqual({ counts, sum: seconds });
  });

  it("keeps rows apart and adds stripes up, also through its shape", () => {
    const histogram = new Histogram({ bounds, rows: 2, stripes: 2 });
    const other = new Histogram(histogram.shape);
    histogram.observe(0, 1, 500);
    other.observe(1, 1, 250);
    expect(histogram.read(1)).toEqual({ counts: [0, 0, 2, 0], sum: 0.75 });
    expect(other.read(0)).toEqual({ counts: [0, 0, 0, 0], sum: 0 });
  });

  it("mends what the thread of a stripe was counting when it died", () => {
    const histogram = new Histogram({ bounds, rows: 1, stripes: 2 });
    const cells = new Int32Array(histogram.shape.buffer!);
    cells[1] = 0x8000_0000 | 0;
    histogram.mend(1);
    expect(cells[1]).toBe(0x8000_0000 | 0);
    histogram.mend(0);
    expect(cells[1]).toBe(1);
  });
});
