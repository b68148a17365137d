import { describe, expect, it } from "vitest";
import {
  activeDownInterval,
  effectivePriority,
  isOwner,
  skewTime,
} from "../../../../src/core/vrrp/router.ts";
import { ROUTER } from "../../../conformance/trial.ts";

describe("skewTime() and activeDownInterval()", () => {
  it.each(
    [
      // Version, priority, interval, skew and down interval, all in milliseconds.
      [2, 100, 1000, 609.375, 3609.375],
      [2, 100, 5000, 609.375, 15609.375],
      [3, 100, 5000, 3046.875, 18046.875],
      [3, 100, 1000, 609.375, 3609.375],
      [3, 100, 100, 60.9375, 360.9375],
      [3, 100, 10, 6.09375, 36.09375],
      [3, 254, 1000, 7.8125, 3007.8125],
      [3, 1, 1000, 996.09375, 3996.09375],
      [3, 255, 1000, 3.90625, 3003.90625],
    ] as const,
  )("version %i, priority %i every %i ms: %f ms and %f ms", (
    version,
    priority,
    intervalMs,
    skewMs,
    downMs,
  ) => {
    expect(skewTime({ version }, priority, intervalMs)).toBe(skewMs);
    expect(activeDownInterval({ version }, priority, intervalMs)).toBe(downMs);
  });
});

describe("effectivePriority()", () => {
  it("keeps between 1 and 254 what is tracked", () => {
    expect([-5, 0, 1, 90, 254, 255, 400].map((tracked) => effectivePriority(ROUTER, tracked)))
      .toEqual([1, 1, 1, 90, 254, 254, 254]);
  });

  it("never changes an owner's", () => {
    expect(effectivePriority({ ...ROUTER, priority: 255 }, 50)).toBe(255);
  });
});

it("isOwner() is true for priority 255 only", () => {
  expect([254, 255].map((priority) => isOwner({ ...ROUTER, priority }))).toEqual([false, true]);
});
