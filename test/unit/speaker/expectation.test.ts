import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../src/core/net/address.ts";
import type { UnicastPlan } from "../../../src/core/plan/plan.ts";
import { GROUP_IPV4, GROUP_IPV6 } from "../../../src/core/wire/vrrp.ts";
import { expectationOf, sentForm } from "../../../src/speaker/expectation.ts";
import { routerPlan } from "../plans.ts";

const OURS = parseAddress("10.77.0.1")!.bytes;
const PEER = parseAddress("10.77.0.2")!.bytes;
const ON_LINK = { source: OURS, peersOnLink: true };

describe("expectationOf()", () => {
  it("wants multicast from the link itself, and takes both forms of checksum", () => {
    expect(expectationOf(routerPlan(), ON_LINK, [], [GROUP_IPV4])).toMatchObject({
      destination: GROUP_IPV4,
      minTtl: 255,
      peers: null,
      checksum: null,
      password: null,
    });
    expect(expectationOf(routerPlan({ family: 6 }), ON_LINK, [], [GROUP_IPV6]))
      .toMatchObject({ destination: GROUP_IPV6, minTtl: 255 });
  });

  it("wants unicast to our own address, from the peers", () => {
    const plan = routerPlan({ unicast: unicast() });
    expect(expectationOf(plan, ON_LINK, [], [PEER]))
      .toMatchObject({ destination: OURS, minTtl: 255, peers: [PEER] });
    const anybody = routerPlan({ unicast: unicast({ checkSource: false }) });
    expect(expectationOf(anybody, ON_LINK, [], [PEER])).toMatchObject({ peers: null });
  });

  it.each([
    ["a peer is beyond a router", { unicast: unicast() }, false],
    ["a hop limit of our own is configured", { unicast: unicast({ ttl: 64 }) }, true],
    [
      "the family is IPv6, where keepalived sends 64",
      { unicast: unicast(), family: 6 as const },
      true,
    ],
  ])("takes any TTL where %s", (_case, said, peersOnLink) => {
    expect(expectationOf(routerPlan(said), { source: OURS, peersOnLink }, [], [PEER]))
      .toMatchObject({ minTtl: 0 });
  });

  it.each([[true, 4], [false, 4], [false, 6]] as const)(
    "takes no less than the configured TTL: peers on the link %s, IPv%i",
    (peersOnLink, family) => {
      const plan = routerPlan({ family, unicast: unicast({ minTtl: 254 }) });
      expect(expectationOf(plan, { source: OURS, peersOnLink }, [], [PEER]))
        .toMatchObject({ minTtl: 254 });
    },
  );

  it("takes the form that is sent alone where that is strict", () => {
    const strict = { strictChecksum: true };
    expect(expectationOf(routerPlan(strict), ON_LINK, [], [])).toMatchObject({
      checksum: "pseudoHeader",
    });
    expect(expectationOf(routerPlan({ ...strict, checksum: "rfc9568" }), ON_LINK, [], []))
      .toMatchObject({ checksum: "plain" });
  });

  it("pads the password as it is sent", () => {
    expect(expectationOf(routerPlan({ password: "1111" }), ON_LINK, [], [])).toMatchObject({
      password: Uint8Array.of(0x31, 0x31, 0x31, 0x31, 0, 0, 0, 0),
    });
  });
});

it("sentForm() knows no plain checksum over IPv6", () => {
  expect(sentForm(routerPlan({ checksum: "rfc9568" }))).toBe("plain");
  expect(sentForm(routerPlan({ checksum: "rfc9568", family: 6 }))).toBe("pseudoHeader");
});

function unicast(said: Partial<UnicastPlan> = {}): UnicastPlan {
  return { source: null, peers: ["10.77.0.2"], ttl: 255, minTtl: null, checkSource: true, ...said };
}
