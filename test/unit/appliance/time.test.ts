import { afterEach, describe, expect, it, vi } from "vitest";
import { wallTime } from "../../../src/appliance/time.ts";
import { monotonicMs } from "../../../src/linux/clock.ts";

describe("wallTime()", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("is now, without an instant", () => {
    expect(Math.abs(Date.parse(wallTime()) - Date.now())).toBeLessThan(200);
  });

  it("reads the same for the same instant each time", () => {
    const at = monotonicMs() - 12_345.6;
    const readings = new Set(Array.from({ length: 20_000 }, () => wallTime(at)));
    expect(readings.size).toBe(1);
  });

  it("does not jump when the thread is kept from running between two clocks", () => {
    const at = monotonicMs();
    const before = wallTime(at);
    const now = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => {
      const read = now();
      for (const endAt = monotonicMs() + 150; monotonicMs() < endAt;);
      return read;
    });
    expect(wallTime(at)).toBe(before);
  });

  it("follows a wall clock that is set", () => {
    const at = monotonicMs();
    const before = Date.parse(wallTime(at));
    const now = Date.now();
    vi.spyOn(Date, "now").mockReturnValue(now + 3_600_000);
    expect(Date.parse(wallTime(at)) - before).toBeGreaterThan(3_590_000);
  });
});
