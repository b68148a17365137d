import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExpectAnswer } from "../../../src/prober/expect_answer.ts";
import type { Outcome } from "../../../src/prober/probe.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function feed(expected: string, pieces: readonly Uint8Array[]): Outcome | undefined {
  const answer = new ExpectAnswer(expected);
  for (const piece of pieces) {
    const outcome = answer.feed(piece);
    if (outcome) return outcome;
  }
  return undefined;
}

describe("ExpectAnswer", () => {
  it("finds the text anywhere in the answer, in whatever pieces it comes", () => {
    const text = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom("a", "b", "é") });
    fc.assert(fc.property(text, fc.string(), fc.array(fc.nat(20)), (expected, before, cuts) => {
      const whole = bytes(`${before}${expected}!`);
      const pieces: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) {
        pieces.push(whole.subarray(at, at + cut));
        at += cut;
      }
      expect(feed(expected, [...pieces, whole.subarray(at)])).toEqual({ code: "L7OK", text: "" });
    }));
  });

  it("does not find what is not there, and quotes how the answer began", () => {
    const answer = new ExpectAnswer("+PONG");
    expect(answer.feed(bytes("-ERR +PO"))).toBeUndefined();
    expect(answer.feed(bytes("NO\r\n"))).toBeUndefined();
    expect(answer.end("connection closed")).toEqual({
      code: "L7RSP",
      text: 'the expected text did not come before: connection closed; found "-ERR +PONO\\r\\n"',
    });
  });

  it("says whether anything has come when the time is up", () => {
    const answer = new ExpectAnswer("220");
    expect(answer.timeOut()).toEqual({ code: "L7TOUT", text: "no answer in time" });
    answer.feed(bytes("421 busy"));
    expect(answer.timeOut().text).toBe('the expected text did not come in time, but "421 busy"');
  });

  it("gives up on a server that says anything but that", () => {
    const pieces = Array.from({ length: 20 }, () => new Uint8Array(4096).fill(0x61));
    const outcome = feed("b", pieces);
    expect(outcome?.code).toBe("L7RSP");
    expect(outcome?.text.length).toBeLessThan(160);
    expect(outcome?.text).toContain("in 65536 bytes");
  });
});
