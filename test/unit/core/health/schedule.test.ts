import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Schedule } from "../../../../src/core/health/schedule.ts";

describe("Schedule", () => {
  it("has nothing due while it is empty", () => {
    const schedule = new Schedule(1);
    expect(schedule.nextAt()).toBe(Infinity);
    expect(schedule.takeDue(Infinity)).toBeUndefined();
  });

  it("gives out what is due, earliest first, and nothing before its time", () => {
    const schedule = new Schedule(4);
    for (const [key, at] of [30, 10, 40, 20].entries()) schedule.set(key, at);
    expect(schedule.takeDue(9.9)).toBeUndefined();
    expect(schedule.takeDue(20)).toBe(1);
    expect(schedule.takeDue(20)).toBe(3);
    expect(schedule.takeDue(20)).toBeUndefined();
    expect(schedule.nextAt()).toBe(30);
  });

  it("is what sorting would give, whatever is set and removed", () => {
    const capacity = 12;
    const step = fc.record({
      key: fc.nat(capacity - 1),
      at: fc.nat(50),
      what: fc.constantFrom("set", "remove", "take"),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const schedule = new Schedule(capacity);
      const model = new Map<number, number>();
      for (const { key, at, what } of steps) {
        if (what === "set") {
          schedule.set(key, at);
          model.set(key, at);
        } else if (what === "remove") {
          schedule.remove(key);
          model.delete(key);
        } else {
          const due = schedule.takeDue(at);
          const earliest = Math.min(...model.values());
          if (due === undefined) {
            expect(earliest).toBeGreaterThan(at);
          } else {
            expect(model.get(due)).toBe(earliest);
            model.delete(due);
          }
        }
        expect(schedule.nextAt()).toBe(Math.min(...model.values()));
      }
    }));
  });
});
