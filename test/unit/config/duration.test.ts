import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, milliseconds, parseDuration } from "../../../src/config/duration.ts";

describe("parseDuration", () => {
  it.each([
    ["500us", 0.5],
    ["250ms", 250],
    ["2s", 2000],
    ["1.5m", 90_000],
    ["8h", 28_800_000],
    ["1d", 86_400_000],
    ["0s", 0],
    ["0.3s", 300],
    ["40.95s", 40_950],
  ])("reads %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["", "2", "2 s", "-1s", "1e3s", "s", "2S", "2sec", ".5s", "1.s", "1h30m", "2s\n"])(
    "refuses %j",
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );
});

describe("milliseconds", () => {
  it("is for durations that a schema has accepted", () => expect(milliseconds("2s")).toBe(2000));
});

describe("formatDuration", () => {
  it.each([
    [0, "0s"],
    [0.5, "500us"],
    [250, "250ms"],
    [3609, "3.609s"],
    [90_000, "90s"],
    [120_000, "2m"],
    [86_400_000, "1d"],
  ])("writes %d as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

  it("is undone by parseDuration", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }));
  });
});
