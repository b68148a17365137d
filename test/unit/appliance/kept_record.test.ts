import { describe, expect, it } from "vitest";
import {
  isKeptRecord,
  type KeptRecord,
  type KeptResult,
} from "../../../src/appliance/kept_record.ts";

const RESULT: KeptResult = {
  ...{ at: 1, code: "L7STS", status: 503, durationMs: 2, text: "no", ok: false },
  ...{ health: "down", changed: true },
};
const RECORD: KeptRecord = {
  ...{ of: "x", health: "down", count: 0, at: 5, changedAt: 1 },
  ...{ lastCheck: RESULT, lastFailure: RESULT },
};

describe("isKeptRecord", () => {
  it.each([
    RECORD,
    { ...RECORD, count: null, changedAt: null, lastCheck: null, lastFailure: null },
  ])("takes what is kept: %j", (record) => {
    expect(isKeptRecord(JSON.parse(JSON.stringify(record)))).toBe(true);
  });

  it.each([
    ...[null, 7, "up", [], {}],
    { ...RECORD, health: "sideways" },
    { ...RECORD, of: undefined },
    { ...RECORD, at: "yesterday" },
    { ...RECORD, count: "3" },
    { ...RECORD, lastCheck: { ...RESULT, code: "L9OK" } },
    { ...RECORD, lastFailure: { ...RESULT, text: 7 } },
    { ...RECORD, lastFailure: 7 },
  ])("refuses anything else: %j", (value) => {
    expect(isKeptRecord(value)).toBe(false);
  });
});
