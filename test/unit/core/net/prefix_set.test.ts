import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../../src/core/net/address.ts";
import { contains, parsePrefix, type Prefix } from "../../../../src/core/net/prefix.ts";
import { PrefixSet } from "../../../../src/core/net/prefix_set.ts";

describe("PrefixSet.has()", () => {
  it.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "2001:db8::1", true],
    ["::/0", "203.0.113.9", false],
    ["192.0.2.7/32", "192.0.2.7", true],
    ["192.0.2.7/32", "192.0.2.6", false],
    ["192.0.2.0/24", "::ffff:192.0.2.9", true],
    ["::ffff:192.0.2.0/120", "192.0.2.9", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
  ])("%s: %s is %s", (prefix, address, isIn) => {
    expect(hasAddress([prefix], address)).toBe(isIn);
  });

  it("is empty without prefixes", () => {
    expect(hasAddress([], "10.0.0.1")).toBe(false);
  });

  it("finds what one of the prefixes contains, and nothing else", () => {
    const byte = fc.constantFrom(0, 1, 128, 192, 255);
    const bytes = fc.constantFrom(4, 16).chain((length) =>
      fc.array(byte, { minLength: length, maxLength: length })
    );
    const prefix = bytes.chain((list) =>
      fc.nat(8 * list.length).map((length): Prefix => ({
        family: list.length === 4 ? 4 : 6,
        bytes: Uint8Array.from(list),
        length,
      }))
    );
    fc.assert(fc.property(fc.array(prefix, { maxLength: 12 }), bytes, (prefixes, list) => {
      const address = Uint8Array.from([7, ...list]);
      const set = new PrefixSet(prefixes);
      const isIn = prefixes.some((one) => contains(one, Uint8Array.from(list)));
      expect(set.has(address, 1, list.length === 4 ? 4 : 16)).toBe(isIn);
    }));
  });
});

function hasAddress(prefixes: readonly string[], address: string): boolean {
  const set = new PrefixSet(prefixes.flatMap((text) => parsePrefix(text) ?? []));
  const { bytes = new Uint8Array(4) } = parseAddress(address) ?? {};
  return set.has(bytes, 0, bytes.length === 4 ? 4 : 16);
}
