import { describe, expect, it } from "vitest";
import { clientKey, nameHash, rehash } from "../../../../src/core/balance/hash.ts";
import { parseAddress } from "../../../../src/core/net/address.ts";

describe("clientKey()", () => {
  it("is the same for an IPv4 address, also mapped into IPv6, wherever it lies", () => {
    const plain = keyOf("192.0.2.7");
    expect(keyOf("::ffff:192.0.2.7")).toBe(plain);
    expect(clientKey(new Uint8Array([9, 9, 192, 0, 2, 7]), 2, 4)).toBe(plain);
    expect(keyOf("192.0.2.8")).not.toBe(plain);
  });

  it("is what it has always been: nodes of different versions must agree", () => {
    expect([keyOf("10.0.0.1"), keyOf("2001:db8::1")]).toEqual(AGREED);
  });

  it("spreads neighbouring addresses evenly", () => {
    const counts = new Array<number>(16).fill(0);
    for (let host = 0; host < 4096; host++) {
      counts[keyOf(`10.0.${host >> 8}.${host & 255}`) % 16]! += 1;
    }
    for (const count of counts) expect(Math.abs(count - 256)).toBeLessThan(80);
  });
});

describe("nameHash() and rehash()", () => {
  it("are other numbers for other names, salts and turns", () => {
    const hashes = [
      nameHash("a", 1),
      nameHash("b", 1),
      nameHash("a", 2),
      rehash(1, 0),
      rehash(1, 1),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    for (const hash of hashes) expect(hash).toBeGreaterThanOrEqual(0);
  });
});

function keyOf(text: string): number {
  const { bytes = new Uint8Array(4) } = parseAddress(text) ?? {};
  return clientKey(bytes, 0, bytes.length === 4 ? 4 : 16);
}

const AGREED = [3724189373, 1130583485];
