import { describe, expect, it } from "vitest";
import { formatSpan } from "../../../src/cli/status.ts";

describe("formatSpan", () => {
  it.each([
    [0, "0s"],
    [0.9, "0s"],
    [59, "59s"],
    [60, "1m"],
    [61.5, "1m 1s"],
    [3_600, "1h"],
    [3_601, "1h"],
    [93_784, "1d 2h"],
  ])("writes %d s as %s", (seconds, text) => expect(formatSpan(seconds)).toBe(text));
});
