import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../../src/core/net/address.ts";
import { writeGratuitousArp } from "../../../../src/core/wire/arp.ts";
import { MessageWriter } from "../../../../src/core/wire/netlink.ts";
import {
  addAddress,
  type InterfaceAddress,
  removeAddress,
} from "../../../../src/core/wire/rtnetlink.ts";
import {
  arpClaimFilter,
  neighbourClaimFilter,
  routeEventFilter,
  senderFilter,
} from "../../../../src/core/wire/bpf.ts";
import {
  addRoute,
  addRule,
  removeRoute,
  removeRule,
  type Route,
  type Rule,
} from "../../../../src/core/wire/rtroute.ts";
import { writeIpv4Header } from "../../../../src/core/wire/ipv4.ts";
import { writeIpv6Header } from "../../../../src/core/wire/ipv6.ts";
import {
  NEIGHBOUR_ADVERTISEMENT_BYTES,
  writeNeighbourAdvertisement,
} from "../../../../src/core/wire/ndisc.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const VIPS = ["10.77.0.100", "200.77.0.101", "fd00::10", "fd00::ffff:ffff"].map(bytesOf);

const ANYWHERE = { bytes: new Uint8Array(4), length: 0 };
const ROUTE: Route = {
  family: 4,
  to: ANYWHERE,
  via: null,
  index: 2,
  source: null,
  table: 254,
  metric: null,
};
const RULE: Rule = { family: 4, from: ANYWHERE, to: null, table: 300, priority: 7 };

describe("arpClaimFilter()", () => {
  it.each([["10.77.0.100", true], ["200.77.0.101", true], ["10.77.0.1", false]])(
    "of a sender that claims %s: %s",
    (sender, passes) => {
      const frame = new Uint8Array(42);
      writeGratuitousArp(frame, MAC, bytesOf(sender));
      expect(run(arpClaimFilter(VIPS), frame)).toBe(passes);
    },
  );

  it("takes as many addresses as the kernel takes instructions", () => {
    const many = Array.from({ length: 5_000 }, (_, at) => Uint8Array.of(10, 0, at >> 8, at));
    expect(arpClaimFilter(many).length / 8).toBe(4_096);
  });

  it("passes nothing without addresses", () => {
    expect(run(arpClaimFilter([]), new Uint8Array(42))).toBe(false);
  });
});

it.each([["fd00::10", true], ["fd00::ffff:ffff", true], ["fd00::11", false]])(
  "neighbourClaimFilter() of an advertisement for %s: %s",
  (target, passes) => {
    const frame = new Uint8Array(NEIGHBOUR_ADVERTISEMENT_BYTES);
    writeNeighbourAdvertisement(frame, MAC, bytesOf(target), false);
    expect(run(neighbourClaimFilter(VIPS), frame.subarray(54))).toBe(passes);
  },
);

describe("senderFilter()", () => {
  it.each([
    ["10.77.0.9", 112, true],
    ["10.77.0.8", 112, false],
    ["10.77.0.9", 17, false],
    ["fe80::9", 112, true],
    ["fe80::8", 112, false],
    ["fe80::9", 58, false],
  ])("of %s, protocol %i: %s", (sender, protocol, passes) => {
    const source = bytesOf(sender);
    const frame = new Uint8Array(80);
    const packet = frame.subarray(14);
    const destination = source;
    if (source.length === 4) {
      const header = { tos: 0, identification: 1, ttl: 255, protocol, source, destination };
      writeIpv4Header(packet, header, 8);
    } else {
      const header = { trafficClass: 0, hopLimit: 255, nextHeader: protocol, source, destination };
      writeIpv6Header(packet, header, 8);
    }
    const sought = bytesOf(source.length === 4 ? "10.77.0.9" : "fe80::9");
    expect(run(senderFilter(sought, 112), frame)).toBe(passes);
  });
});

describe("routeEventFilter()", () => {
  const address: InterfaceAddress = {
    ...{ index: 2, family: 4, address: bytesOf("10.77.0.100"), prefixLength: 32, scope: 0 },
    ...{ flags: 0, protocol: 18, validSeconds: 2, preferredSeconds: 2 },
  };

  it.each([
    ["an address of ours", addAddress(address, "replace"), false],
    ["one of another's", addAddress({ ...address, protocol: 3 }, "replace"), true],
    ["one of nobody's", addAddress({ ...address, protocol: 0 }, "replace"), true],
    ["one of ours that goes", removeAddress(address), true],
    ["a link", new MessageWriter(16, 0).zeros(16).finish(), true],
    ["a route of ours", addRoute(ROUTE), false],
    ["one of ours that goes", removeRoute(ROUTE), true],
    ["one of another's that goes", ofAnother(removeRoute(ROUTE)), false],
    ["a rule", addRule(RULE), false],
    ["one that goes", removeRule(RULE), true],
  ])("of %s: %s", (_what, message, passes) => {
    expect(run(routeEventFilter(18), message)).toBe(passes);
  });
});

/** The same with another `rtm_protocol`. */
function ofAnother(message: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  message[21] = 3;
  return message;
}

/** The few instructions that are used here, as the kernel carries them out. */
function run(program: Uint8Array<ArrayBuffer>, packet: Uint8Array): boolean {
  const view = new DataView(program.buffer);
  const data = new DataView(packet.buffer, packet.byteOffset, packet.length);
  let accumulator = 0;
  let index = 0;
  for (let at = 0;; at += 8) {
    const k = view.getUint32(at + 4, true);
    const isEqual = accumulator === k;
    switch (view.getUint16(at, true)) {
      case 0x20:
        accumulator = k === 0xfffff00c
          ? findAttribute(data, accumulator, index)
          : data.getUint32(k);
        break;
      case 0x28:
        accumulator = data.getUint16(k);
        break;
      case 0x50:
        accumulator = data.getUint8(index + k);
        break;
      case 0x00:
        accumulator = k;
        break;
      case 0x01:
        index = k;
        break;
      case 0x07:
        index = accumulator;
        break;
      case 0x30:
        accumulator = data.getUint8(k);
        break;
      case 0x15:
        at += 8 * view.getUint8(at + (isEqual ? 2 : 3));
        break;
      case 0x06:
        return k !== 0;
      default:
        throw new Error("no such instruction");
    }
  }
}

/** `SKF_AD_NLATTR`. */
function findAttribute(data: DataView, from: number, type: number): number {
  for (let at = from; at + 4 <= data.byteLength;) {
    if (data.getUint16(at + 2, true) === type) return at;
    at += (data.getUint16(at, true) + 3) & ~3;
  }
  return 0;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return parseAddress(text)!.bytes;
}
