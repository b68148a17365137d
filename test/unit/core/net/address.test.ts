import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalAddress,
  compareAddresses,
  formatAddress,
  fromBytes,
  isLinkLocal,
  parseAddress,
  sameAddress,
} from "../../../../src/core/net/address.ts";

/** Text as it comes back after being read, or nothing. */
function normal(text: string): string | undefined {
  const address = parseAddress(text);
  return address && formatAddress(address.bytes);
}

describe("parseAddress", () => {
  it.each([
    ["0.0.0.0", "0.0.0.0"],
    ["192.0.2.255", "192.0.2.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["0:0:0:1:0:0:0:0", "0:0:0:1::"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ])("reads %s, which is written %s (RFC 5952)", (text, written) => {
    expect(normal(text)).toBe(written);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.04",
    "1.2.3.-4",
    "1.2.3.4 ",
    " 1.2.3.4",
    "0x1.2.3.4",
    "localhost",
    ":",
    ":::",
    "1::2::3",
    ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1:2:3:4:5:6:7:8",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "::1/128",
    "1.2.3.4::",
    "1.2.3.4::1",
    "::1.2.3.4:1",
    "::1.2.3",
    "1:2:3:4:5:6:7:1.2.3.4",
  ])("refuses %j", (text) => expect(parseAddress(text)).toBeUndefined());

  it("reads whatever formatAddress writes", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(fc.constantFrom(0, 0, 0xff), { minLength: 16, maxLength: 16 })
        .map((values) => Uint8Array.from(values)),
    );
    fc.assert(fc.property(bytes, (given) => {
      expect(parseAddress(formatAddress(given))?.bytes).toEqual(Uint8Array.from(given));
    }));
  });

  it("never throws", () => {
    const text = fc.string({ unit: fc.constantFrom(..."0123456789abcdef:.:.%/") });
    fc.assert(fc.property(fc.oneof(text, fc.string()), (given) => {
      const address = parseAddress(given);
      if (address) expect(address.bytes.length).toBe(address.family === 4 ? 4 : 16);
    }));
  });
});

describe("fromBytes", () => {
  it("knows the family by the length", () => {
    expect(fromBytes(new Uint8Array(4)).family).toBe(4);
    expect(fromBytes(new Uint8Array(16)).family).toBe(6);
  });
});

describe("compareAddresses", () => {
  it.each([["10.0.0.1", "10.0.0.2"], ["9.255.255.255", "10.0.0.0"], ["127.0.0.1", "128.0.0.0"]])(
    "puts %s before %s",
    (low, high) => {
      const [left, right] = [parseAddress(low)!.bytes, parseAddress(high)!.bytes];
      expect(compareAddresses(left, right)).toBeLessThan(0);
      expect(compareAddresses(right, left)).toBeGreaterThan(0);
      expect(compareAddresses(left, left)).toBe(0);
    },
  );
});

describe("sameAddress", () => {
  it("compares family and bytes", () => {
    expect(sameAddress(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(1, 2, 3, 4))).toBe(true);
    expect(sameAddress(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(1, 2, 3, 5))).toBe(false);
    expect(sameAddress(new Uint8Array(4), new Uint8Array(16))).toBe(false);
  });
});

describe("isLinkLocal", () => {
  it.each([
    ["fe80::1", true],
    ["febf::1", true],
    ["fec0::1", false],
    ["fe00::1", false],
    ["2001:db8::1", false],
    ["169.254.0.1", false],
  ])("%s: %s", (text, is) => expect(isLinkLocal(parseAddress(text)!.bytes)).toBe(is));
});

describe("canonicalAddress", () => {
  it.each([["FD00:0::1", "fd00::1"], ["10.0.0.1", "10.0.0.1"], ["lb1", "lb1"]])(
    "of %s is %s",
    (text, canonical) => expect(canonicalAddress(text)).toBe(canonical),
  );
});
