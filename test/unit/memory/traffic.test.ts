import { describe, expect, it } from "vitest";
import {
  ADVERTISEMENT_AGE_BOUNDS,
  CONNECT_BOUNDS,
  FRONTEND_COUNTERS,
  LAG_BOUNDS,
  SERVER_COUNTERS,
  SERVER_FAILURES,
} from "../../../src/memory/traffic.ts";

describe("counters", () => {
  it.each([["SERVER_COUNTERS", SERVER_COUNTERS], ["FRONTEND_COUNTERS", FRONTEND_COUNTERS]])(
    "%s name each column once",
    (_, columns) => expect(new Set(columns).size).toBe(columns.length),
  );

  it("SERVER_FAILURES are columns, each once", () => {
    expect(new Set(SERVER_FAILURES).size).toBe(SERVER_FAILURES.length);
    for (const failure of SERVER_FAILURES) expect(SERVER_COUNTERS).toContain(failure);
  });
});

describe("bounds", () => {
  it.each([
    ["CONNECT_BOUNDS", CONNECT_BOUNDS],
    ["LAG_BOUNDS", LAG_BOUNDS],
    ["ADVERTISEMENT_AGE_BOUNDS", ADVERTISEMENT_AGE_BOUNDS],
  ])("%s ascend", (_, bounds) => {
    expect(bounds).toEqual([...new Set(bounds)].sort((left, right) => left - right));
  });
});
