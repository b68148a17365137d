import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../src/core/net/address.ts";
import type { UnicastPlan, VirtualRouterPlan } from "../../../src/core/plan/plan.ts";
import {
  IFA_F_DADFAILED,
  IFA_F_SECONDARY,
  IFA_F_TENTATIVE,
  IFF_RUNNING,
  IFF_UP,
  type InterfaceAddress,
  type Link,
} from "../../../src/core/wire/rtnetlink.ts";
import { findPlace } from "../../../src/speaker/place.ts";
import { routerPlan } from "../plans.ts";

const PLAN = routerPlan();
const VIP6 = { address: "fe80::100", prefixLength: 128 };
const LO = link(1, "lo");
const ETH0 = link(2, "eth0");
const ETH1 = link(3, "eth1");
const LINKS = [LO, ETH0, ETH1];
const ADDRESSES = [
  on(1, "127.0.0.1", 8),
  on(2, "10.77.0.100", 32),
  on(2, "fe80::1", 64),
  on(2, "10.77.0.9", 24, IFA_F_SECONDARY),
  on(2, "10.77.0.1", 24),
  on(3, "192.0.2.1", 24),
];

describe("findPlace()", () => {
  it("takes the interface by name, and its first own address of the family", () => {
    expect(place({})).toEqual({ link: ETH0, source: bytes("10.77.0.1"), peersOnLink: true });
  });

  it("takes the interface that carries this node's address", () => {
    expect(place({ interface: null, nodeAddress: "192.0.2.1" })).toMatchObject({
      link: ETH1,
      source: bytes("192.0.2.1"),
    });
  });

  it("prefers the address the plan names, if it is on the interface", () => {
    expect(place({ nodeAddress: "10.77.0.9" })).toMatchObject({ source: bytes("10.77.0.9") });
    expect(place({ nodeAddress: "192.0.2.1" })).toMatchObject({ source: bytes("10.77.0.1") });
    expect(place({ unicast: unicast("10.77.0.9"), nodeAddress: "10.77.0.1" }))
      .toMatchObject({ source: bytes("10.77.0.9") });
  });

  it("takes no other address than the one by which unicast peers know it", () => {
    const missing = {
      down: false,
      why: "interface eth0 has no usable address 10.77.0.7, by which its peers know this node",
    };
    expect(place({ unicast: unicast("10.77.0.7", "10.77.0.2") })).toEqual(missing);
    expect(place({ unicast: unicast(null, "10.77.0.2") }))
      .toMatchObject({ source: bytes("10.77.0.1") });
  });

  it("takes a virtual address for its own only as the owner", () => {
    expect(place({ nodeAddress: "10.77.0.100" })).toMatchObject({ source: bytes("10.77.0.1") });
    expect(place({ nodeAddress: "10.77.0.100", priority: 255 }))
      .toMatchObject({ source: bytes("10.77.0.100") });
  });

  it("takes no address that is virtual in another router, or has our mark", () => {
    const other = routerPlan({ addresses: [{ address: "10.77.0.9", prefixLength: 32 }] });
    const found = [on(2, "10.77.0.9", 32), on(2, "10.77.0.1", 24)];
    const ours = { source: bytes("10.77.0.1") };
    expect(findPlace(PLAN, LINKS, found, [PLAN, other])).toMatchObject(ours);
    const owned = [PLAN, { ...other, priority: 255 }];
    expect(findPlace(PLAN, LINKS, found, owned)).toMatchObject({ source: bytes("10.77.0.9") });
    const marked = [{ ...on(2, "10.77.0.8", 32), protocol: 18 }, on(2, "10.77.0.1", 24)];
    expect(findPlace(PLAN, LINKS, marked)).toMatchObject(ours);
  });

  it("takes a link-local address for IPv6 multicast, and one that is ready for use", () => {
    const six = { ...PLAN, family: 6 as const, addresses: [VIP6] };
    const found = [
      on(2, "fd00::2", 64),
      on(2, "fe80::100", 128),
      on(2, "fe80::8", 64, IFA_F_TENTATIVE),
      on(2, "fe80::9", 64, IFA_F_DADFAILED),
      on(2, "fe80::2", 64),
    ];
    expect(findPlace(six, LINKS, found)).toMatchObject({ source: bytes("fe80::2") });
    expect(findPlace({ ...six, unicast: unicast("fd00::2", "fd00::3") }, LINKS, found))
      .toMatchObject({ source: bytes("fd00::2"), peersOnLink: true });
    expect(findPlace(six, LINKS, found.slice(0, 4))).toEqual({
      down: false,
      why: "interface eth0 has no link-local IPv6 address of its own",
    });
  });

  it("tells whether all unicast peers are on the link", () => {
    expect(place({ unicast: unicast(null, "10.77.0.2") })).toMatchObject({ peersOnLink: true });
    expect(place({ unicast: unicast(null, "10.77.0.2", "10.78.0.2") }))
      .toMatchObject({ peersOnLink: false });
  });

  it.each([
    ["absent", { interface: "eth7" }, LINKS, "there is no interface eth7", true],
    ["down", {}, [link(2, "eth0", 0)], "interface eth0 is down", true],
    ["unplugged", {}, [link(2, "eth0", IFF_UP)], "interface eth0 has no carrier", true],
    [
      "of no use",
      { interface: null, nodeAddress: "10.0.0.1" },
      LINKS,
      "no interface has this node's address 10.0.0.1",
      false,
    ],
  ])("says when the interface is %s", (_name, changes, links, why, down) => {
    expect(findPlace({ ...PLAN, ...changes }, links, ADDRESSES)).toEqual({ down, why });
  });

  it("says when the interface has no address but virtual ones", () => {
    expect(findPlace(PLAN, LINKS, [on(2, "10.77.0.100", 32), on(2, "fe80::1", 64)])).toEqual({
      down: false,
      why: "interface eth0 has no IPv4 address of its own",
    });
  });
});

function place(changes: Partial<VirtualRouterPlan>) {
  return findPlace({ ...PLAN, ...changes }, LINKS, ADDRESSES);
}

function unicast(source: string | null, ...peers: string[]): UnicastPlan {
  return { source, peers, ttl: 255, minTtl: null, checkSource: true };
}

function link(index: number, name: string, flags = IFF_UP | IFF_RUNNING): Link {
  const mac = Uint8Array.of(2, 0, 0, 0, 0, index);
  const seldom = { carrierChanges: 0, event: 0 };
  return { index, name, mac, flags, operstate: 6, mtu: 1500, controller: 0, ...seldom };
}

function on(index: number, text: string, prefixLength: number, flags = 0): InterfaceAddress {
  const lifetime = { validSeconds: Infinity, preferredSeconds: Infinity };
  const family = text.includes(":") ? 6 : 4;
  const address = bytes(text);
  return { index, family, address, prefixLength, scope: 0, flags, protocol: 0, ...lifetime };
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return parseAddress(text)!.bytes;
}
