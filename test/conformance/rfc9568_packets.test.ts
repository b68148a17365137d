/**
 * RFC 9568, sections 5 and 7, what an advertisement looks like and which are taken, a clause a
 * test, each once obeyed and once provoked. What version 2 (RFC 3768) does otherwise stands at the
 * end.
 */

import { describe, expect, it } from "vitest";
import { checksumOf, onesComplementSum } from "../../src/core/net/checksum.ts";
import type { Packet } from "../../src/core/wire/ipv4.ts";
import {
  type Expectation,
  GROUP_IPV4,
  GROUP_IPV6,
  type OutgoingAdvertisement,
  parseAdvertisement,
  writeAdvertisement,
} from "../../src/core/wire/vrrp.ts";
import { addressOf } from "./trial.ts";

const VIP = addressOf("10.0.0.100");
const SENT: OutgoingAdvertisement = {
  version: 3,
  vrid: 51,
  priority: 100,
  intervalMs: 1000,
  addresses: [VIP],
  source: addressOf("10.0.0.9"),
  destination: GROUP_IPV4,
  checksum: "pseudoHeader",
  password: null,
};
const EXPECTED: Expectation = {
  vrid: 51,
  version: 3,
  intervalMs: 1000,
  addresses: [VIP],
  owner: false,
  source: addressOf("10.0.0.5"),
  destination: GROUP_IPV4,
  minTtl: 255,
  peers: null,
  password: null,
  checksum: null,
  otherAddresses: "ignore",
};

const LINK_LOCAL = addressOf("fe80::100");
const SENT_V6: OutgoingAdvertisement = {
  ...SENT,
  addresses: [LINK_LOCAL, addressOf("2001:db8::100")],
  source: addressOf("fe80::9"),
  destination: GROUP_IPV6,
};
const EXPECTED_V6: Expectation = {
  ...EXPECTED,
  addresses: SENT_V6.addresses,
  source: addressOf("fe80::5"),
  destination: GROUP_IPV6,
};

const SENT_V2: OutgoingAdvertisement = { ...SENT, version: 2 };
const EXPECTED_V2: Expectation = { ...EXPECTED, version: 2 };

function message(changes: Partial<OutgoingAdvertisement> = {}): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1500).fill(0xa5);
  return bytes.slice(0, writeAdvertisement(bytes, 0, { ...SENT, ...changes }));
}

/** What becomes of a message: `taken`, or the reason why not. */
function verdict(
  payload: Uint8Array<ArrayBuffer>,
  expected: Expectation = EXPECTED,
  packet: Partial<Packet> = {},
): string {
  const { source, destination } = expected.version === 3 && expected.source.length === 16
    ? SENT_V6
    : SENT;
  const whole: Packet = {
    source: Uint8Array.from(source),
    destination: Uint8Array.from(destination),
    ttl: 255,
    payload,
    ...packet,
  };
  const heard = parseAdvertisement(whole, new Map([[expected.vrid, expected]]));
  return "rejected" in heard ? heard.rejected : "taken";
}

/** Another octet, and a checksum that is right all the same. */
function forged(
  at: number,
  octet: number,
  from: Uint8Array<ArrayBuffer> = message({ checksum: "plain" }),
): Uint8Array<ArrayBuffer> {
  const bytes = from.slice();
  bytes[at] = octet;
  bytes.fill(0, 6, 8);
  const checksum = checksumOf(onesComplementSum(bytes));
  bytes[6] = checksum >> 8;
  bytes[7] = checksum;
  return bytes;
}

describe("5.1 the IP header", () => {
  it("5.1.1.3: the TTL must be 255", () => {
    expect(verdict(message())).toBe("taken");
    expect(verdict(message(), EXPECTED, { ttl: 254 })).toBe("ttl");
  });

  it("5.1.2.3: the hop limit must be 255", () => {
    expect(verdict(message(SENT_V6), EXPECTED_V6)).toBe("taken");
    expect(verdict(message(SENT_V6), EXPECTED_V6, { ttl: 254 })).toBe("ttl");
  });

  it("5.1.1.2: the destination is the group", () => {
    const destination = addressOf("10.0.0.5");
    const unicast = message({ destination });
    expect(verdict(unicast, EXPECTED, { destination: Uint8Array.from(destination) }))
      .toBe("destination");
  });

  it("5.1.2.1: the source is a link-local address", () => {
    const source = addressOf("2001:db8::9");
    expect(verdict(message({ ...SENT_V6, source }), EXPECTED_V6, {
      source: Uint8Array.from(source),
    })).toBe("addressList");
  });
});

describe("5.2 the message", () => {
  it("5.2.1: the version is 3", () => {
    expect(message()[0]! >> 4).toBe(3);
    expect(verdict(forged(0, 0x41))).toBe("version");
    expect(verdict(message(SENT_V2))).toBe("version");
  });

  it("5.2.2: the type is 1, and no other is taken", () => {
    expect(message()[0]! & 0x0f).toBe(1);
    for (const type of [0, 2, 15]) expect(verdict(forged(0, 0x30 | type))).toBe("type");
  });

  it("5.2.3: the VRID is one of ours", () => {
    expect(message()[1]).toBe(51);
    expect(verdict(forged(1, 52))).toBe("vrid");
  });

  it("5.2.4: the priority is an octet: 0 gives up, 255 owns", () => {
    for (const priority of [0, 1, 254, 255]) {
      expect(message({ priority })[2]).toBe(priority);
      expect(verdict(message({ priority }))).toBe("taken");
    }
  });

  it("5.2.5, erratum 8299: there is at least one address", () => {
    expect(message()[3]).toBe(1);
    expect(verdict(message({ addresses: [] }))).toBe("addressCount");
  });

  it("5.2.6: the reserved bits are sent as 0 and ignored", () => {
    expect(message()[4]! >> 4).toBe(0);
    expect(verdict(forged(4, 0xf0))).toBe("taken");
  });

  it("5.2.7, erratum 8301: the interval is 1 to 4095 centiseconds", () => {
    expect([...message({ intervalMs: 40_950 }).subarray(4, 6)]).toEqual([0x0f, 0xff]);
    expect([...message({ intervalMs: 10 }).subarray(4, 6)]).toEqual([0, 1]);
    expect(verdict(message({ intervalMs: 0 }))).toBe("interval");
  });

  it("5.2.8: the checksum covers the message, and in IPv6 a pseudo-header", () => {
    expect(onesComplementSum(message({ checksum: "plain" }))).toBe(0xffff);
    expect(verdict(message({ checksum: "plain" }))).toBe("taken");
    const wrong = message();
    wrong[7]! ^= 1;
    expect(verdict(wrong)).toBe("checksum");
    expect(verdict(forged(2, 90, message(SENT_V6)), EXPECTED_V6)).toBe("checksum");
  });

  it("5.2.9, erratum 8300: the first IPv6 address is link-local", () => {
    expect([...message(SENT_V6).subarray(8, 24)]).toEqual([...LINK_LOCAL]);
    const addresses = SENT_V6.addresses.toReversed();
    expect(verdict(message({ ...SENT_V6, addresses }), EXPECTED_V6)).toBe("addressList");
  });

  it("5.2.9: the addresses come in the order of the configuration", () => {
    const addresses = ["10.0.0.102", "10.0.0.100", "10.0.0.101"].map(addressOf);
    expect([...message({ addresses }).subarray(8)])
      .toEqual(addresses.flatMap((address) => [...address]));
  });
});

describe("7.1 receiving", () => {
  it("the message has the length that its count says", () => {
    for (let length = 0; length < message().length; length++) {
      expect(verdict(message().slice(0, length)), `${length} octets`).toBe("length");
    }
    const longer = new Uint8Array(message().length + 4);
    longer.set(message());
    expect(verdict(longer)).toBe("length");
  });

  it("another interval than ours is taken all the same", () => {
    expect(verdict(message({ intervalMs: 500 }))).toBe("taken");
  });

  it("erratum 8298: an owner hears another owner", () => {
    expect(verdict(message({ priority: 255 }), { ...EXPECTED, owner: true })).toBe("taken");
  });

  it("another list of addresses is taken if it has one of ours, and never if it has none", () => {
    const other = addressOf("10.0.0.101");
    expect(verdict(message({ addresses: [other, VIP] }))).toBe("taken");
    expect(verdict(message({ addresses: [other] }))).toBe("addressList");
  });

  it("what we have sent ourselves is not taken", () => {
    const { source } = EXPECTED;
    expect(verdict(message({ source }), EXPECTED, { source: Uint8Array.from(source) }))
      .toBe("ownAddress");
  });
});

describe("RFC 3768, 5.3 and 7.1: version 2", () => {
  it("5.3.7: the interval is in seconds", () => {
    expect([...message({ ...SENT_V2, intervalMs: 5000 }).subarray(4, 6)]).toEqual([0, 5]);
  });

  it("5.3.8: the checksum covers the message alone, authentication data and all", () => {
    expect(onesComplementSum(message(SENT_V2))).toBe(0xffff);
  });

  it("5.3.10: eight octets of authentication data are always there, and ignored", () => {
    const sent = message(SENT_V2);
    expect(sent).toHaveLength(20);
    expect([...sent.subarray(12)]).toEqual(new Array(8).fill(0));
    expect(verdict(forged(19, 7, sent), EXPECTED_V2)).toBe("taken");
  });

  it("7.1: the interval must be ours", () => {
    expect(verdict(message(SENT_V2), EXPECTED_V2)).toBe("taken");
    expect(verdict(message({ ...SENT_V2, intervalMs: 2000 }), EXPECTED_V2)).toBe("interval");
  });

  it("7.1: authentication types but 0 are reserved", () => {
    expect(verdict(forged(4, 1, message(SENT_V2)), EXPECTED_V2)).toBe("authenticationMismatch");
    expect(verdict(forged(4, 3, message(SENT_V2)), EXPECTED_V2)).toBe("authenticationType");
  });

  it("7.1: an owner drops what another owner says", () => {
    const owner = { ...EXPECTED_V2, owner: true };
    expect(verdict(message({ ...SENT_V2, priority: 255 }), owner)).toBe("ownerConflict");
    expect(verdict(message(SENT_V2), owner)).toBe("taken");
  });

  it("7.1: another list of addresses is dropped unless the owner sends it", () => {
    const addresses = [VIP, addressOf("10.0.0.101")];
    expect(verdict(message({ ...SENT_V2, addresses }), EXPECTED_V2)).toBe("addressList");
    expect(verdict(message({ ...SENT_V2, addresses, priority: 255 }), EXPECTED_V2)).toBe("taken");
  });
});
