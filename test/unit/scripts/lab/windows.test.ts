import { describe, expect, it } from "vitest";
import type { ProbeWindow } from "../../../../scripts/lab/probe.ts";
import { Windows } from "../../../../scripts/lab/windows.ts";

describe("Windows", () => {
  it("adds up what was reported since an instant", () => {
    const windows = windowsOf(
      { at: 100, answered: 9, gapMs: 900 },
      { at: 200, answered: 2, gapMs: 7, servers: { a: { answered: 2, lastStartedAt: 190 } } },
      {
        at: 300,
        answered: 3,
        failed: 2,
        gapMs: 5,
        servers: { a: { answered: 1, lastStartedAt: 210 }, b: { answered: 2, lastStartedAt: 290 } },
        failures: { timeout: 1, reset: 1 },
      },
      { at: 400, failed: 1, failures: { timeout: 1 } },
    );
    expect(windows.since(100)).toEqual({
      answered: 5,
      failed: 3,
      gapMs: 7,
      servers: { a: 3, b: 2 },
      failures: { timeout: 2, reset: 1 },
    });
    expect(windows.latest?.at).toBe(400);
  });

  it("knows who has answered what was begun after an instant", () => {
    const windows = windowsOf({ servers: { a: { answered: 1, lastStartedAt: 210 } } });
    expect(windows.reachedSince("a", 209)).toBe(true);
    expect(windows.reachedSince("a", 210)).toBe(false);
    expect(windows.reachedSince("b", 0)).toBe(false);
  });

  it("is answered from the first answer on", () => {
    const windows = windowsOf({ failed: 1 });
    expect(windows.areAnswered).toBe(false);
    windows.add(line({ answered: 1 }));
    expect(windows.areAnswered).toBe(true);
  });

  it("says nothing of what it has not heard", () => {
    const nothing = { answered: 0, failed: 0, gapMs: 0, servers: {}, failures: {} };
    expect(new Windows().since(0)).toEqual(nothing);
    expect(new Windows().latest).toBeUndefined();
  });
});

function windowsOf(...reported: Partial<ProbeWindow>[]): Windows {
  const windows = new Windows();
  for (const one of reported) windows.add(line(one));
  return windows;
}

function line(said: Partial<ProbeWindow>): string {
  const quiet = {
    at: 0,
    answered: 0,
    failed: 0,
    gapMs: 0,
    slowestMs: 0,
    servers: {},
    failures: {},
  };
  return JSON.stringify({ ...quiet, ...said });
}
