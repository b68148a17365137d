import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHECKSUM_VALID, onesComplementSum } from "../../../../src/core/net/checksum.ts";
import {
  IPV4_HEADER_BYTES,
  type Ipv4Header,
  parseIpv4,
  setIdentification,
  writeIpv4Header,
} from "../../../../src/core/wire/ipv4.ts";

const HEADER: Ipv4Header = {
  tos: 0xc0,
  identification: 1,
  ttl: 255,
  protocol: 112,
  source: Uint8Array.of(10, 77, 0, 2),
  destination: Uint8Array.of(224, 0, 0, 18),
};

describe("writeIpv4Header()", () => {
  it("writes the header of an advertisement as keepalived 2.2.7 does", () => {
    const packet = new Uint8Array(32).fill(0xa5);
    writeIpv4Header(packet, HEADER, 12);
    expect(Array.from(packet.subarray(0, 20))).toEqual([
      ...[0x45, 0xc0, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00],
      ...[0xff, 0x70, 0xd0, 0x4b, 0x0a, 0x4d, 0x00, 0x02],
      ...[0xe0, 0x00, 0x00, 0x12],
    ]);
    expect(onesComplementSum(packet, 0, 20)).toBe(CHECKSUM_VALID);
  });
});

describe("parseIpv4()", () => {
  it("reads what writeIpv4Header() has written", () => {
    const octets = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const payloads = fc.uint8Array({ maxLength: 64 });
    fc.assert(
      fc.property(octets, octets, fc.nat(255), payloads, (source, destination, ttl, sent) => {
        const packet = new Uint8Array(IPV4_HEADER_BYTES + sent.length);
        packet.set(sent, IPV4_HEADER_BYTES);
        writeIpv4Header(packet, { ...HEADER, source, destination, ttl }, sent.length);
        expect(parseIpv4(packet)).toEqual({ source, destination, ttl, payload: sent });
      }),
    );
  });

  it("goes by the total length: Ethernet padding is no payload", () => {
    const packet = new Uint8Array(46);
    writeIpv4Header(packet, HEADER, 12);
    expect(parseIpv4(packet)?.payload.length).toBe(12);
  });

  it("skips options", () => {
    const packet = new Uint8Array(28);
    writeIpv4Header(packet, HEADER, 8);
    packet[0] = 0x46;
    expect(parseIpv4(packet)?.payload.length).toBe(4);
  });

  it.each([
    ["no bytes", 0, {}],
    ["less than a header", 19, {}],
    ["another version", 32, { 0: 0x65 }],
    ["a header shorter than the least", 32, { 0: 0x44 }],
    ["a header longer than the packet", 32, { 0: 0x4f }],
    ["more than was received", 31, {}],
  ])("refuses %s", (_name, length, changes) => {
    const packet = new Uint8Array(32);
    writeIpv4Header(packet, HEADER, 12);
    for (const [at, value] of Object.entries(changes)) packet[Number(at)] = value;
    expect(parseIpv4(packet.slice(0, length))).toBeUndefined();
  });
});

it("setIdentification() changes the identification and nothing else", () => {
  const packet = new Uint8Array(32);
  writeIpv4Header(packet, HEADER, 12);
  const expected = packet.slice();
  expected.set([0x12, 0x34], 4);
  setIdentification(packet, 0x1234);
  expect(packet).toEqual(expected);
});
