import { describe, expect, it } from "vitest";
import { lastInterval } from "../../../../src/core/vrrp/handover.ts";
import { skewTime } from "../../../../src/core/vrrp/router.ts";

const EVERY_SECOND = { version: 3, advertisementIntervalMs: 1000 } as const;

describe("lastInterval()", () => {
  it("is a centisecond for one Backup, whatever its priority", () => {
    expect(lastInterval(EVERY_SECOND, 1, [])).toBe(10);
    expect(lastInterval(EVERY_SECOND, 1, [100])).toBe(10);
    expect(lastInterval(EVERY_SECOND, 0, [])).toBe(10);
  });

  it("keeps the skews of several Backups 20 ms apart, and hardly more", () => {
    for (const priorities of [[100, 50], [50, 100], [200, 199, 10], [254, 1]]) {
      const intervalMs = lastInterval(EVERY_SECOND, priorities.length, priorities);
      const skews = priorities.map((priority) => skewTime(EVERY_SECOND, priority, intervalMs))
        .sort((left, right) => left - right);
      const gaps = skews.slice(1).map((skew, index) => skew - skews[index]!);
      const least = Math.min(...gaps);
      if (intervalMs < 1000) expect(least).toBeGreaterThanOrEqual(20);
      expect(least).toBeLessThan(20 + 10 + 1);
    }
    expect(lastInterval(EVERY_SECOND, 2, [100, 50])).toBe(110);
  });

  it("shortens nothing for Backups that are equal, too close, or not known", () => {
    expect(lastInterval(EVERY_SECOND, 2, [100, 100])).toBe(1000);
    expect(lastInterval(EVERY_SECOND, 2, [100, 99])).toBe(1000);
    expect(lastInterval(EVERY_SECOND, 2, [100])).toBe(1000);
    expect(lastInterval(EVERY_SECOND, 3, [100, 50])).toBe(1000);
  });

  it("never lengthens an interval", () => {
    expect(lastInterval({ version: 3, advertisementIntervalMs: 10 }, 1, [])).toBe(10);
    expect(lastInterval({ version: 3, advertisementIntervalMs: 100 }, 2, [100, 60])).toBe(100);
  });

  it("leaves version 2 its own", () => {
    expect(lastInterval({ version: 2, advertisementIntervalMs: 1000 }, 1, [])).toBe(1000);
  });
});
