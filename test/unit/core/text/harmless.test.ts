import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { harmless } from "../../../../src/core/text/harmless.ts";

describe("harmless", () => {
  it("puts spaces for whatever moves a cursor, ends a line or turns the writing", () => {
    expect(harmless("a\u001b[2Jb\r\nc\td\u007fe\u009bf\u2028g\u202eh"))
      .toBe("a [2Jb  c d e f g h");
  });

  it("leaves words as they are", () => {
    expect(harmless("größer 大 😀 – ok")).toBe("größer 大 😀 – ok");
  });

  it("keeps the length, so that columns fit", () => {
    fc.assert(fc.property(fc.array(fc.nat(0x2fff)), (codes) => {
      const text = String.fromCharCode(...codes);
      expect(harmless(text)).toHaveLength(text.length);
      expect(harmless(text)).not.toMatch(/\p{Cc}/u);
    }));
  });
});
