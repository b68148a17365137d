import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CHECKSUM_VALID,
  checksumOf,
  onesComplementSum,
} from "../../../../src/core/net/checksum.ts";

const bytes = fc.uint8Array({ maxLength: 3000 });

describe("onesComplementSum", () => {
  it("is the example of RFC 1071, section 3", () => {
    const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(onesComplementSum(example)).toBe(0xddf2);
    expect(checksumOf(onesComplementSum(example))).toBe(0x220d);
  });

  it("takes an odd byte at the end as if zero followed", () => {
    expect(onesComplementSum(Uint8Array.of(1, 2, 3))).toBe(0x0402);
  });

  it("sums a part of the bytes", () => {
    expect(onesComplementSum(Uint8Array.of(9, 1, 2, 3, 4, 9), 1, 5)).toBe(0x0406);
  });

  it("does not mind where a message is cut, at even places", () => {
    fc.assert(fc.property(bytes, fc.nat(1500), (message, half) => {
      const cut = Math.min(2 * half, message.length);
      const sum = onesComplementSum(
        message,
        cut,
        message.length,
        onesComplementSum(message, 0, cut),
      );
      expect(sum).toBe(onesComplementSum(message));
    }));
  });
});

describe("checksumOf", () => {
  it("makes a message that sums up to CHECKSUM_VALID", () => {
    fc.assert(fc.property(bytes, (message) => {
      const checksum = checksumOf(onesComplementSum(message));
      const padded = new Uint8Array(message.length + (message.length & 1) + 2);
      padded.set(message);
      padded.set([checksum >> 8, checksum & 0xff], padded.length - 2);
      expect(onesComplementSum(padded)).toBe(CHECKSUM_VALID);
    }));
  });

  it("is never normalised", () => {
    expect(checksumOf(0xffff)).toBe(0);
    expect(checksumOf(0)).toBe(0xffff);
  });
});
