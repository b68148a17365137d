import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TICK_MS, TimerWheel } from "../../../src/dataplane/timer_wheel.ts";

const START = 5000;
const SPAN_MS = 2047 * TICK_MS;

describe("TimerWheel", () => {
  it("has nothing to say while nothing is scheduled", () => {
    const wheel = new TimerWheel(4, START);
    expect(wheel.expire(START + 1e9)).toBe(-1);
    expect(wheel.waitMs(START, 250)).toBe(250);
    expect(wheel.dueAt(2)).toBe(Infinity);
  });

  it("fires once, not before its time and at most a tick after it", () => {
    const wheel = new TimerWheel(4, START);
    wheel.schedule(2, START + 100);
    expect(wheel.expire(START + 99)).toBe(-1);
    expect(wheel.expire(START + 100 + TICK_MS)).toBe(2);
    expect(wheel.expire(START + 10_000)).toBe(-1);
  });

  it("keeps the last deadline of an entry", () => {
    const wheel = new TimerWheel(4, START);
    wheel.schedule(1, START + 100);
    wheel.schedule(1, START + 1000);
    expect(wheel.expire(START + 900)).toBe(-1);
    expect(wheel.expire(START + 1032)).toBe(1);
  });

  it("forgets what is cancelled, wherever it stands", () => {
    const wheel = new TimerWheel(4, START);
    for (const entry of [0, 1, 2]) wheel.schedule(entry, START + 100);
    for (const entry of [1, 1, 0]) wheel.cancel(entry);
    expect(wheel.expire(START + 200)).toBe(2);
    expect(wheel.expire(START + 200)).toBe(-1);
  });

  it("brings up early, once a turn, what lies beyond its span", () => {
    const wheel = new TimerWheel(1, START);
    wheel.schedule(0, START + 10 * SPAN_MS);
    expect(wheel.expire(START + SPAN_MS - 1)).toBe(-1);
    expect(wheel.expire(START + SPAN_MS)).toBe(0);
  });

  it("says how long it is to the next deadline", () => {
    const wheel = new TimerWheel(2, START);
    wheel.schedule(0, START + 3 * TICK_MS);
    expect(wheel.waitMs(START, 250)).toBe(3 * TICK_MS);
    expect(wheel.waitMs(START + TICK_MS / 2, 250)).toBe(2.5 * TICK_MS);
    expect(wheel.waitMs(START, 50)).toBe(50);
    expect(wheel.waitMs(START + 1000, 250)).toBe(0);
  });

  it("keeps time for decades", () => {
    const wheel = new TimerWheel(1, 0);
    const now = 30 * 365 * 86_400_000;
    expect(wheel.expire(now)).toBe(-1);
    wheel.schedule(0, now + 100);
    expect(wheel.dueAt(0)).toBeGreaterThanOrEqual(now + 100);
    expect(wheel.expire(now)).toBe(-1);
    expect(wheel.expire(now + 100 + TICK_MS)).toBe(0);
  });

  it("fires each of many within a tick, however time is divided", () => {
    const action = fc.record({
      entry: fc.nat(9),
      delayMs: fc.nat(2 * SPAN_MS),
      stepMs: fc.oneof(fc.nat(100), fc.nat(SPAN_MS)),
      cancels: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
      const wheel = new TimerWheel(10, START);
      const deadlines = new Map<number, number>();
      let now = START;
      for (const { entry, delayMs, stepMs, cancels } of actions) {
        if (cancels) {
          wheel.cancel(entry);
          deadlines.delete(entry);
        } else {
          wheel.schedule(entry, now + delayMs);
          deadlines.set(entry, now + delayMs);
        }
        now += stepMs;
        for (let due = wheel.expire(now); due >= 0; due = wheel.expire(now)) {
          const deadline = deadlines.get(due) ?? NaN;
          deadlines.delete(due);
          // Only what was a whole turn away may come early, and is put back.
          if (deadline <= now) continue;
          expect(deadline).toBeGreaterThan(now - stepMs + TICK_MS);
          wheel.schedule(due, deadline);
          deadlines.set(due, deadline);
        }
        for (const deadline of deadlines.values()) expect(deadline).toBeGreaterThan(now - TICK_MS);
        for (const entry of deadlines.keys()) expect(wheel.dueAt(entry)).toBeLessThan(Infinity);
      }
    }));
  });
});
