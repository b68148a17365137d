import { describe, expect, it } from "vitest";
import { monotonicMs, monotonicMsSince } from "../../../src/linux/clock.ts";

describe("monotonicMs", () => {
  it("never goes back, and has fractions", () => {
    const readings = Array.from({ length: 1000 }, monotonicMs);
    for (const [at, reading] of readings.entries()) {
      expect(reading).toBeGreaterThanOrEqual(readings[at - 1] ?? 0);
    }
    expect(readings.some((reading) => !Number.isInteger(reading))).toBe(true);
  });

  it("is the time since boot, as the kernel tells it elsewhere", () => {
    const before = monotonicMs();
    const uptimeMs = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]) * 1e3;
    // Uptime counts suspended time too, and has hundredths of a second only.
    expect(uptimeMs).toBeGreaterThan(before - 20);
  });
});

describe("monotonicMsSince", () => {
  it("is the same clock in whole milliseconds, counted from a second", () => {
    const second = Math.floor(monotonicMs() / 1e3) - 1;
    const before = monotonicMs();
    const since = monotonicMsSince(second);
    expect(Number.isInteger(since)).toBe(true);
    expect(second * 1e3 + since).toBeGreaterThan(before - 1);
    expect(second * 1e3 + since).toBeLessThanOrEqual(monotonicMs());
  });
});
