import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messagesOf, MessageWriter } from "../../../../src/core/wire/netlink.ts";
import {
  addAddress,
  addressDump,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFF_UP,
  type InterfaceAddress,
  linkDump,
  linkMessage,
  parseRouteEvent,
  removeAddress,
  setLinkFlags,
} from "../../../../src/core/wire/rtnetlink.ts";

const VIP: InterfaceAddress = {
  index: 2,
  family: 4,
  address: Uint8Array.of(172, 16, 0, 10),
  prefixLength: 32,
  scope: 0,
  flags: IFA_F_NOPREFIXROUTE,
  protocol: 77,
  validSeconds: 2,
  preferredSeconds: 2,
};

const VIP6: InterfaceAddress = {
  ...VIP,
  family: 6,
  address: bytes("20010db8 00000000 00000000 00000009"),
  prefixLength: 128,
  flags: IFA_F_NODAD | IFA_F_NOPREFIXROUTE,
  validSeconds: Infinity,
  preferredSeconds: 0,
};

describe("requests", () => {
  it.each([
    ["linkDump", linkDump(), "20000000 12000103 00000000 00000000" + "00".repeat(16)],
    ["addressDump", addressDump(), "18000000 16000103 00000000 00000000" + "00".repeat(8)],
    [
      "setLinkFlags",
      setLinkFlags(3, IFF_UP, IFF_UP),
      "20000000 10000500 00000000 00000000" + "00000000 03000000 01000000 01000000",
    ],
    [
      "addAddress to replace one with a lifetime",
      addAddress(VIP, "replace"),
      "4c000000 14000505 00000000 00000000" + // REQUEST ACK REPLACE CREATE
      "02200000 02000000" + // AF_INET, /32, universe, interface 2
      "08000200 ac10000a" + "08000100 ac10000a" + // IFA_LOCAL, IFA_ADDRESS
      "08000800 00020000" + // IFA_FLAGS: NOPREFIXROUTE
      "05000b00 4d000000" + // IFA_PROTO 77
      "14000600 02000000 02000000 00000000 00000000", // IFA_CACHEINFO: preferred, valid
    ],
    [
      "addAddress for ever and without a mark",
      addAddress(
        { ...VIP, protocol: 0, validSeconds: Infinity, preferredSeconds: Infinity },
        "refuse",
      ),
      "30000000 14000506 00000000 00000000" + // REQUEST ACK EXCL CREATE
      "02200000 02000000" + "08000200 ac10000a" + "08000100 ac10000a" + "08000800 00020000",
    ],
    [
      "addAddress for a deprecated IPv6 address",
      addAddress(VIP6, "replace"),
      "64000000 14000505 00000000 00000000" +
      "0a800000 02000000" +
      "14000200 20010db8 00000000 00000000 00000009" +
      "14000100 20010db8 00000000 00000000 00000009" +
      "08000800 02020000" +
      "05000b00 4d000000" +
      "14000600 00000000 ffffffff 00000000 00000000",
    ],
    [
      "removeAddress",
      removeAddress(VIP),
      "28000000 15000500 00000000 00000000" +
      "02200000 02000000" + "08000200 ac10000a" + "08000100 ac10000a",
    ],
  ])("%s is laid out as the kernel wants it", (_, message, expected) => {
    expect(message.toHex()).toBe(bytes(expected).toHex());
  });
});

describe("parseRouteEvent", () => {
  it("reads a link as Linux 6.18 lists it", () => {
    const body = bytes(
      "00000100 07000000 43100100 00000000" + // ARPHRD_ETHER, index 7, UP BROADCAST RUNNING …
        "09000300 65746830 00000000" + // IFLA_IFNAME
        "0a000100 0200ac10 00020000" + // IFLA_ADDRESS
        "08000400 dc050000" + // IFLA_MTU
        "08000a00 03000000" + // IFLA_MASTER
        "05001000 06000000" + // IFLA_OPERSTATE
        "08002300 05000000" + // IFLA_CARRIER_CHANGES
        "08002c00 03000000", // IFLA_EVENT
    );
    const link = {
      index: 7,
      name: "eth0",
      mac: Uint8Array.of(2, 0, 0xac, 0x10, 0, 2),
      flags: 0x11043,
      operstate: 6,
      mtu: 1500,
      controller: 3,
      carrierChanges: 5,
      event: 3,
    };
    expect(parseRouteEvent(message(16, body))).toEqual({ kind: "link", link });
    expect(parseRouteEvent(message(17, body))).toEqual({ kind: "linkGone", link });
  });

  it("reads a link without attributes", () => {
    const body = bytes("00000100 07000000 00000000 00000000");
    expect(parseRouteEvent(message(16, body))).toEqual({
      kind: "link",
      link: {
        index: 7,
        name: "",
        mac: new Uint8Array(0),
        flags: 0,
        operstate: 0,
        mtu: 0,
        controller: 0,
        carrierChanges: 0,
        event: 0,
      },
    });
  });

  it("reads the local end of a point-to-point address", () => {
    const body = bytes("02200000 02000000" + "08000100 0a000002" + "08000200 0a000001");
    expect(parseRouteEvent(message(20, body))).toMatchObject({
      kind: "address",
      address: { address: Uint8Array.of(10, 0, 0, 1), validSeconds: Infinity },
    });
  });

  it("takes the flags from the header where there is no attribute", () => {
    const body = bytes("02208000 02000000" + "08000200 0a000001");
    expect(parseRouteEvent(message(20, body))).toMatchObject({ address: { flags: 0x80 } });
  });

  it("reads that a route or a rule goes", () => {
    for (const type of [25, 33]) {
      expect(parseRouteEvent(message(type, new Uint8Array(12)))).toEqual({ kind: "routeGone" });
    }
  });

  it.each([
    ["a route", 24, "02200000 02000000 08000200 0a000001"],
    ["a link cut short", 16, "00000100 07000000 00000000"],
    ["an address cut short", 20, "02200000"],
    ["an address without an address", 20, "02200000 02000000"],
    ["an address of the wrong length", 20, "02200000 02000000 06000200 0a000000"],
    ["an address of another family", 20, "07200000 02000000 08000200 0a000001"],
  ])("answers undefined for %s", (_, type, text) => {
    expect(parseRouteEvent(message(type, bytes(text)))).toBeUndefined();
  });

  it("reads back every address that can be written", () => {
    const seconds = fc.oneof(fc.constant(Infinity), fc.nat(0xfffffffe));
    const shape = fc.record({
      index: fc.nat(),
      prefixLength: fc.nat(32),
      scope: fc.nat(255),
      flags: fc.nat(),
      protocol: fc.nat(255),
      validSeconds: seconds,
      preferredSeconds: seconds,
    });
    const ip = fc.constantFrom(4, 16).chain((length) =>
      fc.uint8Array({ minLength: length, maxLength: length })
    );
    fc.assert(fc.property(shape, ip, (rest, random) => {
      const family = random.length === 4 ? 4 : 6;
      const address = { ...rest, family, address: new Uint8Array(random) } as const;
      const [written] = messagesOf(addAddress(address, "replace"));
      expect(parseRouteEvent(written!)).toEqual({ kind: "address", address });
    }));
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 17, 20, 21),
        fc.uint8Array({ maxLength: 80 }),
        (type, body) => {
          parseRouteEvent(message(type, new Uint8Array(body)));
        },
      ),
    );
  });
});

describe("linkMessage", () => {
  it("takes attributes after its header", () => {
    const written = linkMessage(16, 0x400, 0).attributeText(3, "br0").finish();
    expect(written.toHex()).toBe(
      bytes("28000000 10000504 00000000 00000000" + "00".repeat(16) + "08000300 62723000").toHex(),
    );
    expect(parseRouteEvent([...messagesOf(written)][0]!)).toMatchObject({ link: { name: "br0" } });
  });
});

function message(type: number, body: Uint8Array<ArrayBuffer>) {
  const [only] = messagesOf(new MessageWriter(type, 0).raw(body).finish());
  return only!;
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}
