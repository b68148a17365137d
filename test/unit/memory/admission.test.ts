import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Admission, gateOf, PROCESS_GATE } from "../../../src/memory/admission.ts";

describe("Admission.claim()", () => {
  it("never counts more than the limit, over all workers, and gives places back", () => {
    const { one, other } = tables();
    const claims = [one.claim(0, PROCESS_GATE, 2), other.claim(1, PROCESS_GATE, 2)];
    expect([...claims, one.claim(0, PROCESS_GATE, 2)]).toEqual([true, true, false]);
    other.release(1, PROCESS_GATE);
    expect(one.open(PROCESS_GATE)).toBe(1);
    expect(one.claim(0, PROCESS_GATE, 2)).toBe(true);
    expect(one.open(gateOf(0))).toBe(0);
  });

  it("tells who gives a place back that somebody waits for it", () => {
    const { one, other } = tables();
    one.claim(0, gateOf(1), 1);
    expect(one.release(0, gateOf(1))).toBe(false);
    other.setWaiting(1, gateOf(1), true);
    other.setWaiting(1, gateOf(1), true);
    one.claim(0, gateOf(1), 1);
    expect(one.release(0, gateOf(1))).toBe(true);
    expect([one.isWaiting(1, gateOf(1)), one.isWaiting(0, gateOf(1))]).toEqual([true, false]);
    other.setWaiting(1, gateOf(1), false);
    one.claim(0, gateOf(1), 1);
    expect(one.release(0, gateOf(1))).toBe(false);
  });

  it("counts those who were there before, and forgets them again, whatever the limit", () => {
    const { one, other } = tables();
    one.adopt(0, gateOf(0), 3);
    expect([other.open(gateOf(0)), other.claim(1, gateOf(0), 3)]).toEqual([3, false]);
    one.release(0, gateOf(0));
    expect(other.claim(1, gateOf(0), 3)).toBe(true);
    one.adopt(0, gateOf(0), -2);
    expect(one.open(gateOf(0))).toBe(1);
    one.adopt(0, gateOf(0), 2);
    other.forget(0);
    expect(one.open(gateOf(0))).toBe(1);
  });

  it("forgets what a worker that is gone has left, and nothing else", () => {
    const { one, other } = tables();
    one.setWake(0, 17);
    one.claim(0, PROCESS_GATE, 9);
    one.claim(0, gateOf(0), 9);
    one.setWaiting(0, gateOf(0), true);
    other.claim(1, PROCESS_GATE, 9);
    other.forget(0);
    other.forget(0);
    expect([one.open(PROCESS_GATE), one.open(gateOf(0))]).toEqual([1, 0]);
    expect(other.release(1, gateOf(0))).toBe(false);
    expect([other.wake(0), other.wake(1), other.workers]).toEqual([17, 0, 2]);
  });
});

describe("Admission.admit()", () => {
  it.each([1, 7, 300, 100_000])("lets %i a second in, a tenth of that at once", (rate) => {
    const { one, other } = tables();
    const burst = Math.max(1, Math.floor(rate / 10));
    let admitted = 0;
    const start = 1_234_567;
    for (let now = start, wait = 0; now < start + 10_000; now += Math.max(wait, 1e-3)) {
      wait = (admitted % 2 === 0 ? one : other).admit(gateOf(0), now, rate);
      if (wait === 0) admitted++;
      if (admitted > 20_000) break;
    }
    const expected = Math.min(20_001, 10 * rate + burst);
    expect(admitted).toBeLessThanOrEqual(expected);
    expect(admitted).toBeGreaterThanOrEqual(Math.min(20_001, expected - burst - 1));
  });

  it("never lets more in than the rate and the burst allow, however they come", () => {
    const waits = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 200 });
    fc.assert(fc.property(waits, fc.integer({ min: 1, max: 500 }), (gaps, rate) => {
      const { one } = tables();
      let now = 5e8;
      const times: number[] = [];
      for (const gap of gaps) {
        now += gap;
        if (one.admit(gateOf(1), now, rate) === 0) times.push(now);
      }
      const burst = Math.max(1, Math.floor(rate / 10));
      times.forEach((from, first) => {
        const to = times.at(-1) ?? from;
        expect(times.length - first).toBeLessThanOrEqual(burst + (to - from) / 1e3 * rate + 1);
      });
    }));
  });

  it("says how long to wait, and means it", () => {
    const { one } = tables();
    expect(one.admit(gateOf(0), 1000, 5)).toBe(0);
    expect(one.admit(gateOf(0), 1000, 5)).toBeCloseTo(200, 2);
    expect(one.admit(gateOf(0), 1199, 5)).toBeCloseTo(1, 2);
    expect(one.admit(gateOf(0), 1200.1, 5)).toBe(0);
  });

  it("is not held up by what was long ago, though instants wrap", () => {
    for (const pause of [20_000, 40_000, 67_000, 100_000, 1e9]) {
      const { one } = tables();
      one.admit(gateOf(0), 1000, 10);
      one.forgetPast(11_000);
      expect(one.admit(gateOf(0), 1000 + pause, 10)).toBe(0);
    }
  });

  it("is not misled by a worker that has looked at the clock earlier", () => {
    const { one, other } = tables();
    for (let turn = 0; turn < 2; turn++) expect(one.admit(gateOf(0), 1000, 20)).toBe(0);
    for (const early of [999, 990, 500]) {
      expect(other.admit(gateOf(0), early, 20)).toBeCloseTo(1050 - early, 2);
      other.forgetPast(early);
    }
    expect(one.admit(gateOf(0), 1000, 20)).toBeCloseTo(50, 2);
  });

  it("takes back a grant that nobody has used", () => {
    const { one } = tables();
    one.admit(gateOf(0), 1000, 5);
    one.refund(gateOf(0), 5);
    expect(one.admit(gateOf(0), 1000, 5)).toBe(0);
    // Nor is it missed where all is forgotten by then.
    one.forgetPast(2000);
    one.refund(gateOf(0), 5);
    for (const wait of [0, 200]) expect(one.admit(gateOf(0), 2000, 5)).toBeCloseTo(wait, 2);
  });
});

function tables() {
  const one = new Admission({ workers: 2, frontends: 2 });
  return { one, other: new Admission(one.shape) };
}
