import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../../src/core/net/address.ts";
import { checksumOf, onesComplementSum } from "../../../../src/core/net/checksum.ts";
import type { Packet } from "../../../../src/core/wire/ipv4.ts";
import {
  type Advertisement,
  authenticationData,
  type Expectation,
  GROUP_IPV4,
  messageBytes,
  type OutgoingAdvertisement,
  parseAdvertisement,
  type Rejection,
  REJECTION_REASONS,
  writeAdvertisement,
} from "../../../../src/core/wire/vrrp.ts";

const PEER = bytesOf("10.77.0.2");
const OURS = bytesOf("10.77.0.1");
const VIP = bytesOf("10.77.0.100");

/** Sent by keepalived 2.2.7: VRID 51, priority 100, one address, 1 s and 10 cs. */
const KEEPALIVED_V2 = "2133640100017019" + "0a4d0064" + "0000000000000000";
const KEEPALIVED_V3 = "31336401000a7532" + "0a4d0064";

const V3: OutgoingAdvertisement = {
  version: 3,
  vrid: 51,
  priority: 100,
  intervalMs: 100,
  addresses: [VIP],
  source: PEER,
  destination: GROUP_IPV4,
  checksum: "pseudoHeader",
  password: null,
};
const V2: OutgoingAdvertisement = { ...V3, version: 2, intervalMs: 1000 };

const EXPECTS_V3: Expectation = {
  vrid: 51,
  version: 3,
  intervalMs: 100,
  addresses: [VIP],
  owner: false,
  source: OURS,
  destination: GROUP_IPV4,
  minTtl: 255,
  peers: null,
  password: null,
  checksum: null,
  otherAddresses: "ignore",
};
const EXPECTS_V2: Expectation = { ...EXPECTS_V3, version: 2, intervalMs: 1000 };
const PASSWORD = authenticationData("s3cret");
const EXPECTS_PASSWORD: Expectation = { ...EXPECTS_V2, password: PASSWORD };

describe("writeAdvertisement()", () => {
  it("writes version 2 with its eight octets of authentication data", () => {
    expect(hex(write(V2))).toBe(KEEPALIVED_V2);
  });

  it("writes version 3 with a checksum over a pseudo-header", () => {
    expect(hex(write(V3))).toBe(KEEPALIVED_V3);
  });

  it("writes version 3 with a plain checksum", () => {
    expect(hex(write({ ...V3, checksum: "plain" }))).toBe(KEEPALIVED_V3.replace("7532", "6010"));
  });

  it("writes a password, and covers it by the checksum", () => {
    expect(hex(write({ ...V2, password: PASSWORD })))
      .toBe("21336401010132ff" + "0a4d0064" + "7333637265740000");
  });

  it("keeps the order of the addresses and the reserved bits zero", () => {
    const addresses = [bytesOf("10.77.0.102"), VIP, bytesOf("10.77.0.101")];
    const message = write({ ...V3, addresses, intervalMs: 40_950 });
    expect(hex(message.subarray(3, 6))).toBe("030fff");
    expect(hex(message.subarray(8))).toBe("0a4d0066" + "0a4d0064" + "0a4d0065");
  });

  it("writes IPv6 with its pseudo-header", () => {
    const outgoing: OutgoingAdvertisement = {
      ...V3,
      addresses: [bytesOf("fe80::100")],
      source: bytesOf("fe80::2"),
      destination: bytesOf("ff02::12"),
      checksum: "plain",
    };
    const packet = packetOf(outgoing);
    const expected: Expectation = {
      ...EXPECTS_V3,
      addresses: [bytesOf("fe80::100")],
      source: bytesOf("fe80::1"),
      destination: bytesOf("ff02::12"),
    };
    expect(parse(packet, expected)).toMatchObject({ priority: 100, checksum: "pseudoHeader" });
  });
});

describe("parseAdvertisement()", () => {
  it.each(
    [
      [KEEPALIVED_V2, EXPECTS_V2, { intervalMs: 1000, checksum: "plain" }],
      [KEEPALIVED_V3, EXPECTS_V3, { intervalMs: 100, checksum: "pseudoHeader" }],
    ] as const,
  )("reads what keepalived sends: %s", (text, expected, differing) => {
    const packet = { source: PEER, destination: GROUP_IPV4, ttl: 255, payload: octets(text) };
    const common = { vrid: 51, priority: 100, source: PEER, sameAddresses: true };
    expect(parse(packet, expected)).toEqual({ ...common, ...differing });
  });

  it("reads what writeAdvertisement() has written", () => {
    const address = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const outgoing = fc.record({
      version: fc.constantFrom(2 as const, 3 as const),
      vrid: fc.integer({ min: 1, max: 255 }),
      priority: fc.integer({ min: 0, max: 255 }),
      interval: fc.integer({ min: 1, max: 255 }),
      addresses: fc.uniqueArray(address, {
        minLength: 1,
        maxLength: 20,
        selector: (bytes) => bytes.join("."),
      }),
      source: address.filter((bytes) => bytes.join(".") !== OURS.join(".")),
      checksum: fc.constantFrom("plain" as const, "pseudoHeader" as const),
      password: fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 })),
    });
    fc.assert(fc.property(outgoing, ({ interval, ...rest }) => {
      const intervalMs = interval * (rest.version === 2 ? 1000 : 10);
      const sent = { ...rest, intervalMs, destination: GROUP_IPV4 };
      const expected = { ...EXPECTS_V3, ...rest, checksum: null, intervalMs, source: OURS };
      expect(parse(packetOf(sent), expected)).toMatchObject({
        vrid: rest.vrid,
        priority: rest.priority,
        intervalMs,
        source: rest.source,
        sameAddresses: true,
      });
    }));
  });

  it.each(
    [
      ["plain", "plain"],
      ["pseudoHeader", "pseudoHeader"],
    ] as const,
  )("accepts the checksum form %s of version 3 and reports it", (checksum, seen) => {
    expect(parse(packetOf({ ...V3, checksum }), EXPECTS_V3)).toMatchObject({ checksum: seen });
  });

  it("accepts a unicast checksum over the group's address", () => {
    const packet = { ...packetOf(V3), destination: OURS };
    const expected = { ...EXPECTS_V3, destination: OURS };
    expect(parse(packet, expected)).toMatchObject({ checksum: "group" });
  });

  it("accepts the same addresses in another order, and says when they differ", () => {
    const other = bytesOf("10.77.0.101");
    const both = { ...EXPECTS_V3, addresses: [VIP, other] };
    const said = (addresses: Uint8Array[]) => parse(packetOf({ ...V3, addresses }), both);
    expect(said([other, VIP])).toMatchObject({ sameAddresses: true });
    expect(said([VIP])).toMatchObject({ sameAddresses: false });
    expect(said([VIP, other, bytesOf("10.77.0.102")])).toMatchObject({ sameAddresses: false });
    expect(said([VIP, VIP])).toMatchObject({ sameAddresses: false });
  });

  it("keeps an interval of version 3 that is not ours, and ignores reserved bits", () => {
    const packet = packetOf({ ...V3, intervalMs: 2000, checksum: "plain" });
    packet.payload[4]! |= 0xf0;
    repair(packet);
    expect(parse(packet, EXPECTS_V3)).toMatchObject({ intervalMs: 2000 });
  });

  it("keeps the addresses of a version 2 owner, if ours are among them", () => {
    const packet = packetOf({ ...V2, priority: 255, addresses: [VIP, bytesOf("10.77.0.101")] });
    expect(parse(packet, EXPECTS_V2)).toMatchObject({ priority: 255, sameAddresses: false });
  });

  it("accepts any TTL where routers may lie between", () => {
    const packet = { ...packetOf(V3), ttl: 3 };
    expect(parse(packet, { ...EXPECTS_V3, minTtl: 0 })).toMatchObject({ priority: 100 });
  });
});

/** What is wrong, the reason it is rejected by, and how to make it from a good packet. */
const BROKEN: [string, Rejection["rejected"], Expectation, () => Packet][] = [
  ["nothing", "length", EXPECTS_V3, () => cut(0)],
  ["less than a header", "length", EXPECTS_V3, () => cut(7)],
  ["an address too few", "length", EXPECTS_V3, () => cut(8)],
  ["half an address", "length", EXPECTS_V3, () => cut(11)],
  ["trailing octets", "length", EXPECTS_V3, () => longer(packetOf(V3), 4)],
  ["version 2 without authentication data", "length", EXPECTS_V2, () => cut(12, V2)],
  ["a router in between", "ttl", EXPECTS_V3, () => ({ ...packetOf(V3), ttl: 254 })],
  ["version 2 where 3 is configured", "version", EXPECTS_V3, () => packetOf(V2)],
  ["version 3 where 2 is configured", "version", EXPECTS_V2, () => packetOf(V3)],
  ["version 4", "version", EXPECTS_V3, () => set(0, 0x41)],
  ["version 0", "version", EXPECTS_V3, () => set(0, 0x01)],
  ["type 2", "type", EXPECTS_V3, () => set(0, 0x32)],
  ["type 0", "type", EXPECTS_V3, () => set(0, 0x30)],
  ["one bit of a version 3 message", "checksum", EXPECTS_V3, () => flip(packetOf(V3), 2)],
  ["one bit of a version 2 message", "checksum", EXPECTS_V2, () => flip(packetOf(V2), 2)],
  ["a pseudo-header in version 2", "checksum", EXPECTS_V2, pseudoHeaderInVersion2],
  ["another virtual router", "vrid", EXPECTS_V3, () => packetOf({ ...V3, vrid: 52 })],
  ["virtual router 0", "vrid", EXPECTS_V3, () => packetOf({ ...V3, vrid: 0 })],
  ["no address", "addressCount", EXPECTS_V3, () => packetOf({ ...V3, addresses: [] })],
  ["authentication type 3", "authenticationType", EXPECTS_V2, () => set(4, 3, V2)],
  ["authentication type 1", "authenticationMismatch", EXPECTS_V2, () => set(4, 1, V2)],
  ["authentication type 2", "authenticationMismatch", EXPECTS_V2, () => set(4, 2, V2)],
  ["no password", "authenticationMismatch", EXPECTS_PASSWORD, () => packetOf(V2)],
  ["another password", "authenticationFailure", EXPECTS_PASSWORD, () => packetOf(otherPassword())],
  [
    "the right password in the wrong octets",
    "authenticationFailure",
    EXPECTS_PASSWORD,
    () => early(packetOf({ ...V2, password: PASSWORD })),
  ],
  [
    "a checksum without pseudo-header where only that is taken",
    "checksum",
    { ...EXPECTS_V3, checksum: "pseudoHeader" },
    () => packetOf({ ...V3, checksum: "plain" }),
  ],
  ["interval 0 in version 3", "interval", EXPECTS_V3, () => packetOf({ ...V3, intervalMs: 0 })],
  ["interval 2 in version 2", "interval", EXPECTS_V2, () => packetOf({ ...V2, intervalMs: 2000 })],
  ["our own address", "ownAddress", EXPECTS_V3, () => packetOf({ ...V3, source: OURS })],
  [
    "a second owner in version 2",
    "ownerConflict",
    { ...EXPECTS_V2, owner: true },
    () => packetOf({ ...V2, priority: 255 }),
  ],
  ["unicast", "destination", EXPECTS_V3, () => packetOf({ ...V3, destination: OURS })],
  ["multicast", "destination", { ...EXPECTS_V3, destination: OURS }, () => packetOf(V3)],
  [
    "a stranger",
    "unknownPeer",
    { ...EXPECTS_V3, peers: [bytesOf("10.77.0.3")] },
    () => packetOf(V3),
  ],
  [
    "other addresses in version 2",
    "addressList",
    EXPECTS_V2,
    () => packetOf({ ...V2, addresses: [VIP, bytesOf("10.77.0.101")] }),
  ],
  [
    "more than our addresses where that is to be dropped",
    "addressList",
    { ...EXPECTS_V3, otherAddresses: "drop" },
    () => packetOf({ ...V3, addresses: [VIP, bytesOf("10.77.0.101")] }),
  ],
  [
    "none of our addresses in version 2, by their owner",
    "addressList",
    EXPECTS_V2,
    () => packetOf({ ...V2, priority: 255, addresses: [bytesOf("10.77.0.101")] }),
  ],
  [
    "none of our addresses in version 3",
    "addressList",
    EXPECTS_V3,
    () => packetOf({ ...V3, addresses: [bytesOf("10.77.0.101")] }),
  ],
];

describe("parseAdvertisement() rejects", () => {
  it.each(BROKEN)("%s: %s", (_name, rejected, expected, packet) => {
    expect(parse(packet(), expected)).toMatchObject({ rejected });
  });

  it("for each reason in its list", () => {
    expect(new Set(BROKEN.map(([, reason]) => reason))).toEqual(new Set(REJECTION_REASONS));
  });

  it("in the order of its list: two faults give the earlier reason", () => {
    const packet = { ...packetOf({ ...V3, source: OURS, intervalMs: 0 }), ttl: 1 };
    expect(parse(packet, EXPECTS_V3)).toMatchObject({ rejected: "ttl" });
    expect(parse({ ...packet, ttl: 255 }, EXPECTS_V3)).toMatchObject({ rejected: "interval" });
  });

  it("naming the virtual router that was meant, if it is one of ours", () => {
    expect(parse(set(0, 0x32), EXPECTS_V3)).toMatchObject({ vrid: 51 });
    expect(parse(packetOf({ ...V3, vrid: 52 }), EXPECTS_V3)).toMatchObject({ vrid: undefined });
  });

  it("IPv6 whose first address is not link-local", () => {
    const addresses = [bytesOf("2001:db8::1")];
    const source = bytesOf("fe80::2");
    const destination = bytesOf("ff02::12");
    const packet = packetOf({ ...V3, addresses, source, destination });
    const expected = { ...EXPECTS_V3, addresses, source: bytesOf("fe80::1"), destination };
    expect(parse(packet, expected)).toMatchObject({ rejected: "addressList" });
  });

  it("IPv6 multicast from an address that is not link-local", () => {
    const addresses = [bytesOf("fe80::51")];
    const source = bytesOf("2001:db8::2");
    const sent = { ...V3, addresses, source };
    const expected = { ...EXPECTS_V3, addresses, source: bytesOf("fe80::1") };
    const group = bytesOf("ff02::12");
    expect(parse(packetOf({ ...sent, destination: group }), { ...expected, destination: group }))
      .toMatchObject({ rejected: "addressList" });
    // Unicast peers may well be known by such addresses.
    const ours = bytesOf("2001:db8::1");
    expect(parse(packetOf({ ...sent, destination: ours }), { ...expected, destination: ours }))
      .toMatchObject({ priority: 100 });
  });

  it("or accepts any bytes, and never throws", () => {
    const expectations = [EXPECTS_V2, EXPECTS_V3];
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(1), (payload, index) => {
      const packet = { ...packetOf(V3), payload };
      expect(parse(packet, expectations[index]!)).toBeTypeOf("object");
    }));
  });

  it("every single changed octet: nothing but the reserved bits goes unnoticed", () => {
    for (const [good, expected] of [[V2, EXPECTS_V2], [V3, EXPECTS_V3]] as const) {
      const length = messageBytes(good.version, 1, 4);
      for (let at = 0; at < length; at++) {
        for (let value = 1; value < 256; value++) {
          const packet = packetOf(good);
          packet.payload[at]! ^= value;
          expect(parse(packet, expected), `octet ${at} ^ ${value}`).toHaveProperty("rejected");
        }
      }
    }
  });
});

describe("authenticationData()", () => {
  it.each([
    ["s3cret", "7333637265740000"],
    ["exactly8", "65786163746c7938"],
    ["twelve chars", "7477656c76652063"],
  ])("pads and cuts %s", (password, data) => {
    expect(hex(authenticationData(password))).toBe(data);
  });
});

function parse(packet: Packet, expected: Expectation): Advertisement | Rejection {
  return parseAdvertisement(packet, new Map([[expected.vrid, expected]]));
}

function write(outgoing: OutgoingAdvertisement): Uint8Array<ArrayBuffer> {
  const { version, addresses, source } = outgoing;
  const room = messageBytes(version, addresses.length, source.length);
  const target = new Uint8Array(4 + room + 4).fill(0xa5);
  const length = writeAdvertisement(target, 4, outgoing);
  expect(length).toBe(room);
  expect(Array.from(target.subarray(4 + length))).toEqual([0xa5, 0xa5, 0xa5, 0xa5]);
  return target.slice(4, 4 + length);
}

function packetOf(outgoing: OutgoingAdvertisement): Packet {
  const source = Uint8Array.from(outgoing.source);
  const destination = Uint8Array.from(outgoing.destination);
  return { source, destination, ttl: 255, payload: write(outgoing) };
}

function cut(length: number, good = V3): Packet {
  const packet = packetOf(good);
  return { ...packet, payload: packet.payload.slice(0, length) };
}

function longer(packet: Packet, by: number): Packet {
  const payload = new Uint8Array(packet.payload.length + by);
  payload.set(packet.payload);
  return { ...packet, payload };
}

/** It counts two more addresses, so that the password comes too early. */
function early(packet: Packet): Packet {
  const moved = longer(packet, 8);
  moved.payload[3]! += 2;
  return repair(moved);
}

function otherPassword(): OutgoingAdvertisement {
  return { ...V2, password: authenticationData("s3creT") };
}

/** One octet changed, and the checksum right again. */
function set(at: number, value: number, good = V3): Packet {
  const packet = packetOf({ ...good, checksum: "plain" });
  packet.payload[at] = value;
  return repair(packet);
}

function flip(packet: Packet, at: number): Packet {
  packet.payload[at]! ^= 1;
  return packet;
}

function pseudoHeaderInVersion2(): Packet {
  const packet = packetOf(V2);
  const pseudoHeader = Uint8Array.of(...packet.source, ...GROUP_IPV4, 0, 112, 0, 20);
  return repair(packet, onesComplementSum(pseudoHeader));
}

function repair(packet: Packet, initial = 0): Packet {
  const { payload } = packet;
  payload.fill(0, 6, 8);
  const checksum = checksumOf(onesComplementSum(payload, 0, payload.length, initial));
  payload[6] = checksum >> 8;
  payload[7] = checksum;
  return packet;
}

function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g)!, (octet) => Number.parseInt(octet, 16));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return parseAddress(text)!.bytes;
}
