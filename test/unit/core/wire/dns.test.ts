import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dnsQuery, RCODES, readDnsAnswer } from "../../../../src/core/wire/dns.ts";

// A query for health.example.com as `dig +noedns` sends it.
const QUERY = Uint8Array.fromHex(
  "123401000001000000000000" + "066865616c7468076578616d706c6503636f6d00" + "00010001",
);

describe("dnsQuery", () => {
  it("asks one question, and for recursion", () => {
    expect(dnsQuery(0x1234, "health.example.com", "A").toHex()).toBe(QUERY.toHex());
    expect(dnsQuery(0x1234, "health.example.com.", "A").toHex()).toBe(QUERY.toHex());
  });

  it("asks for the root, and for other types", () => {
    expect(dnsQuery(1, ".", "NS").toHex()).toBe("00010100000100000000000000" + "00020001");
    expect(dnsQuery(1, "a", "CAA").toHex().slice(24)).toBe("0161" + "00" + "0101" + "0001");
  });
});

describe("readDnsAnswer", () => {
  it.each(RCODES.map((rcode, number) => [rcode, number] as const))("reads %s", (rcode, number) => {
    expect(readDnsAnswer(answer({ 2: 0x81, 3: 0x80 | number }), QUERY)).toEqual({ rcode });
  });

  it("reads a code that it has no name for", () => {
    expect(readDnsAnswer(answer({ 3: 0x8b }), QUERY)).toEqual({ rcode: 11 });
  });

  it("does not mind capitals, or a refusal without its question", () => {
    expect(readDnsAnswer(answer({ 13: 0x48 }), QUERY)).toEqual({ rcode: "NOERROR" });
    const bare = answer({ 3: 0x81, 5: 0 }).subarray(0, 12);
    expect(readDnsAnswer(bare, QUERY)).toEqual({ rcode: "FORMERR" });
  });

  it.each([
    ["another ID", { 0: 0x99 }],
    ["a query and no answer", { 2: 0x01 }],
    ["another opcode", { 2: 0xa8 }],
    ["another question", { 14: 0x61 }],
    ["another question", { 5: 0 }],
    ["another question", { 5: 2 }],
  ])("takes no message with %s: %j", (foreign, change) => {
    expect(readDnsAnswer(answer(change), QUERY)).toEqual({ foreign });
  });

  it("survives any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(readDnsAnswer(bytes, QUERY)).toBeDefined();
      const cut = answer({}).subarray(0, bytes.length % QUERY.length);
      expect(readDnsAnswer(cut, QUERY)).toHaveProperty("foreign");
    }));
  });
});

/** The answer NOERROR, with some octets changed. */
function answer(change: Readonly<Record<number, number>>): Uint8Array {
  const message = Uint8Array.from(QUERY);
  for (const [at, octet] of Object.entries({ 2: 0x81, 3: 0x80, ...change })) {
    message[Number(at)] = octet;
  }
  return message;
}
