import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAddress, parseAddress } from "../../../../src/core/net/address.ts";
import {
  Endpoints,
  findProxySignature,
  INVALID,
  MAX_HEADER_BYTES,
  MAX_WRITTEN_BYTES,
  MORE,
  readProxyHeader,
  writeProxyHeader,
} from "../../../../src/core/wire/proxy_protocol.ts";
import { Random } from "../../../simulation/random.ts";

const MUTATIONS = Deno.env.get("LINTEL_SOAK") === "1" ? 100_000 : 10_000;

/** Headers as others write them, and what they say. */
const GOLDEN: readonly (readonly [what: string, bytes: Uint8Array<ArrayBuffer>, ends: Said])[] = [
  [
    "version 1 over IPv4, the standard's longest",
    ascii("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
    { family: 4, from: "255.255.255.255:65535", to: "255.255.255.255:65535" },
  ],
  [
    "version 1 over IPv6, the standard's longest",
    ascii(`PROXY TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    { family: 6, from: `${"ffff:".repeat(7)}ffff:65535`, to: `${"ffff:".repeat(7)}ffff:65535` },
  ],
  [
    "version 1 over IPv6, compressed",
    ascii("PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 0 443\r\n"),
    { family: 6, from: "2001:db8::1:0", to: "::ffff:10.0.0.1:443" },
  ],
  ["version 1 of an unknown client", ascii("PROXY UNKNOWN\r\n"), { family: 0 }],
  [
    "version 1, unknown at the standard's greatest length",
    ascii(`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    { family: 0 },
  ],
  [
    "version 2 over IPv4",
    hex("0d0a0d0a000d0a515549540a 21 11 000c c0a80001 0a000001 dc04 01bb"),
    { family: 4, from: "192.168.0.1:56324", to: "10.0.0.1:443" },
  ],
  [
    "version 2 over IPv6 with TLVs, as a cloud's balancer sends it",
    hex(
      "0d0a0d0a000d0a515549540a 21 21 0030 20010db8000000000000000000000001" +
        "20010db8000000000000000000000002 ea60 1f90 ea 0009 01 7670632d30303031",
    ),
    { family: 6, from: "2001:db8::1:60000", to: "2001:db8::2:8080" },
  ],
  ["version 2, a check", hex("0d0a0d0a000d0a515549540a 20 00 0000"), { family: 0 }],
  [
    "version 2, a check whose protocol is passed over",
    hex("0d0a0d0a000d0a515549540a 20 ff 0003 010203"),
    { family: 0 },
  ],
  [
    "version 2 of a Unix socket",
    concat(hex("0d0a0d0a000d0a515549540a 21 31 00d8"), new Uint8Array(216)),
    { family: 0 },
  ],
  [
    "version 2 of datagrams",
    hex("0d0a0d0a000d0a515549540a 21 12 000c c0a80001 0a000001 dc04 01bb"),
    { family: 0 },
  ],
];

const BROKEN: readonly (readonly [what: string, bytes: Uint8Array<ArrayBuffer>])[] = [
  ["HTTP", ascii("GET / HTTP/1.1\r\n")],
  ["TLS", hex("16030100")],
  ["lower case", ascii("proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n")],
  ["another protocol", ascii("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n")],
  ["two blanks", ascii("PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n")],
  ["a blank at the end", ascii("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n")],
  ["something more", ascii("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n")],
  ["no destination", ascii("PROXY TCP4 1.2.3.4 1 1\r\n")],
  ["a zero in front", ascii("PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n")],
  ["a port with a zero in front", ascii("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n")],
  ["a port beyond the last", ascii("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n")],
  ["a negative port", ascii("PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n")],
  ["the other family", ascii("PROXY TCP4 ::1 ::1 1 1\r\n")],
  ["families mixed", ascii("PROXY TCP6 ::1 1.2.3.4 1 1\r\n")],
  ["a line feed alone", ascii("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n")],
  ["a carriage return alone", ascii("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\rx")],
  ["a byte of zero", ascii("PROXY UNKNOWN \0\r\n")],
  ["a line too long", ascii(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`)],
  ["a line without an end", ascii(`PROXY UNKNOWN ${"x".repeat(500)}`)],
  ["version 1 in binary", hex("0d0a0d0a000d0a515549540a 11 11 000c")],
  ["version 3", hex("0d0a0d0a000d0a515549540a 31 11 000c")],
  ["another command", hex("0d0a0d0a000d0a515549540a 22 11 000c")],
  ["another family", hex("0d0a0d0a000d0a515549540a 21 41 000c")],
  ["another transport", hex("0d0a0d0a000d0a515549540a 21 13 000c")],
  ["a block too short for IPv4", hex("0d0a0d0a000d0a515549540a 21 11 000b")],
  ["a block too short for IPv6", hex("0d0a0d0a000d0a515549540a 21 21 0023")],
  ["a block too long", hex("0d0a0d0a000d0a515549540a 21 11 0ff1")],
];

describe("readProxyHeader()", () => {
  it.each(GOLDEN)("reads %s", (_, bytes, said) => {
    const ends = new Endpoints();
    const whole = concat(bytes, ascii("what follows\r\n"));
    expect(readProxyHeader(whole, whole.length, ends)).toBe(bytes.length);
    expect(saidBy(ends)).toEqual(said);
  });

  it.each(GOLDEN)("waits for the rest of %s, wherever it is cut", (_, bytes) => {
    const ends = new Endpoints();
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(readProxyHeader(bytes, cut, ends), `after ${cut}`).toBe(MORE);
    }
    expect(readProxyHeader(bytes, bytes.length, ends)).toBe(bytes.length);
  });

  it.each(BROKEN)("refuses %s", (_, bytes) => {
    expect(readProxyHeader(bytes, bytes.length, new Endpoints())).toBe(INVALID);
  });

  it("reads what writeProxyHeader() writes", () => {
    fc.assert(
      fc.property(someEnds(), fc.constantFrom<1 | 2>(1, 2), (ends, version) => {
        const bytes = new Uint8Array(MAX_WRITTEN_BYTES).fill(0xa5);
        const length = writeProxyHeader(version, ends, bytes);
        const read = new Endpoints();
        expect(readProxyHeader(bytes, bytes.length, read)).toBe(length);
        expect(saidBy(read)).toEqual(saidBy(ends));
      }),
    );
  });

  it(`keeps to its word over ${MUTATIONS} broken headers`, () => {
    const dice = new Random(107);
    const met = new Set<number>();
    for (let count = 0; count < MUTATIONS; count++) {
      const bytes = mutated(GOLDEN[count % GOLDEN.length]![1], dice);
      const ends = new Endpoints();
      const verdict = readProxyHeader(bytes, bytes.length, ends);
      // No earlier moment may have been of another opinion.
      const before = readProxyHeader(bytes, dice.integer(0, bytes.length), new Endpoints());
      if (verdict > Math.min(bytes.length, MAX_HEADER_BYTES) || ![MORE, verdict].includes(before)) {
        expect.fail(`header ${count} is ${verdict}, and was ${before}: ${bytes}`);
      }
      met.add(Math.sign(verdict));
    }
    expect([...met].sort()).toEqual([-1, 0, 1]);
  });
});

describe("findProxySignature()", () => {
  it.each(GOLDEN)("knows %s before it is whole", (_, bytes) => {
    const length = bytes[0] === 13 ? 12 : 6;
    for (let cut = 0; cut < length; cut++) expect(findProxySignature(bytes, cut)).toBe(MORE);
    expect(findProxySignature(bytes, length)).toBe(length);
  });

  it.each(["\x16\x03\x01", "GET /", "PROPFIND /", "PROX\n", "\r\n\r\n\r\n"])(
    "takes %j for something else",
    (text) => {
      expect(findProxySignature(ascii(text), text.length)).toBe(INVALID);
    },
  );
});

describe("writeProxyHeader()", () => {
  it("writes version 1", () => {
    expect(text(1, ends(4, "192.0.2.1", 56324, "10.0.0.1", 443)))
      .toBe("PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n");
    expect(text(1, ends(6, "2001:db8::1", 0, "::ffff:10.0.0.1", 65535)))
      .toBe("PROXY TCP6 2001:db8:0:0:0:0:0:1 0:0:0:0:0:ffff:a00:1 0 65535\r\n");
    expect(text(1, new Endpoints())).toBe("PROXY UNKNOWN\r\n");
  });

  it("writes version 2", () => {
    const signature = "0d0a0d0a000d0a515549540a";
    expect(hexOf(written(2, ends(4, "192.168.0.1", 56324, "10.0.0.1", 443))))
      .toBe(`${signature}2111000cc0a800010a000001dc0401bb`);
    expect(hexOf(written(2, ends(6, "2001:db8::1", 60000, "2001:db8::2", 8080)))).toBe(
      `${signature}2121002420010db800000000000000000000000120010db8000000000000000000000002` +
        "ea601f90",
    );
    expect(hexOf(written(2, new Endpoints()))).toBe(`${signature}20000000`);
  });
});

/** What a header says; the ends are left out where it says nothing of them. */
interface Said {
  readonly family: 0 | 4 | 6;
  readonly from?: string;
  readonly to?: string;
}

function saidBy({ family, source, sourcePort, destination, destinationPort }: Endpoints): Said {
  if (family === 0) return { family };
  const size = family === 4 ? 4 : 16;
  return {
    family,
    from: `${formatAddress(source.subarray(0, size))}:${sourcePort}`,
    to: `${formatAddress(destination.subarray(0, size))}:${destinationPort}`,
  };
}

function ends(
  family: 4 | 6,
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
): Endpoints {
  const made = new Endpoints();
  made.source.set(parseAddress(source)!.bytes);
  made.destination.set(parseAddress(destination)!.bytes);
  return Object.assign(made, { family, sourcePort, destinationPort });
}

function someEnds() {
  return fc.record({
    family: fc.constantFrom<0 | 4 | 6>(0, 4, 6),
    source: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    destination: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    ports: fc.tuple(fc.nat(65535), fc.nat(65535)),
  }).map(({ family, source, destination, ports: [sourcePort, destinationPort] }) => {
    const made = new Endpoints();
    made.source.set(source);
    made.destination.set(destination);
    return Object.assign(made, { family, sourcePort, destinationPort });
  });
}

function written(version: 1 | 2, made: Endpoints): Uint8Array {
  const bytes = new Uint8Array(MAX_WRITTEN_BYTES).fill(0xa5);
  return bytes.subarray(0, writeProxyHeader(version, made, bytes));
}

function text(version: 1 | 2, made: Endpoints): string {
  return new TextDecoder().decode(written(version, made));
}

/** Changes one byte to four, or cuts, or repeats. */
function mutated(bytes: Uint8Array, dice: Random): Uint8Array {
  const octets = [...bytes, ...ascii("GET /")];
  for (let changes = dice.integer(1, 4); changes > 0; changes--) {
    const at = dice.integer(0, octets.length - 1);
    const kind = dice.integer(0, 5);
    if (kind === 0) octets.splice(at, dice.integer(1, 8));
    else if (kind === 1) octets.splice(at, 0, ...octets.slice(at, at + 4));
    else if (kind === 2) octets.length = Math.max(1, at);
    else if (kind === 3) octets[at] = dice.integer(0, 255);
    else octets[at]! ^= 1 << dice.integer(0, 7);
  }
  return Uint8Array.from(octets);
}

function ascii(written: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(written);
}

function hex(digits: string): Uint8Array<ArrayBuffer> {
  const pairs = digits.replaceAll(" ", "").match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
