import { describe, expect, it } from "vitest";
import { nodeAddress, notOneHost } from "../../../src/config/compile_addresses.ts";
import { fillDefaults } from "../../../src/config/defaults.ts";
import { FileSchema } from "../../../src/config/schema/file.ts";
import { parseAddress } from "../../../src/core/net/address.ts";
import { PAIR, planOf, problemsOf } from "./source.ts";

describe("IPv6", () => {
  it("begins with a link-local address", () => {
    const router = plan('["fe80::10", "FD00::10/64"]');
    expect(router).toMatchObject({ family: 6, version: 3, nodeAddress: "fd00::2" });
    expect(router?.addresses).toEqual([
      { address: "fe80::10", prefixLength: 128 },
      { address: "fd00::10", prefixLength: 64 },
    ]);
    expect(problems('["fd00::10", "fe80::10"]')).toEqual([
      "virtualRouters.web.addresses[0]: fd00::10 is not link-local, as the first IPv6 address of " +
      "a virtual router must be (RFC 9568, section 5.2.9): put one such as fe80::10 before it",
    ]);
  });

  it("is nothing that version 2 knows", () => {
    expect(problems('["fe80::10"], version: 2')).toEqual([
      "virtualRouters.web.addresses: VRRP version 2 has no IPv6: leave version out",
    ]);
  });

  it("is 90 addresses at most, as more exceed a packet", () => {
    const many = (count: number) =>
      `[${Array.from({ length: count }, (_, at) => `"fe80::${at + 100}"`).join(", ")}]`;
    expect(problems(many(90))).toEqual([]);
    expect(problems(many(91))[0]).toContain("found 91 addresses; allowed: 90, as many as fit");
  });
});

describe("excludedAddresses", () => {
  it("may be of any family", () => {
    const excluded = '[10.0.0.11/24, "fd00::11"]';
    expect(plan(`[10.0.0.10], excludedAddresses: ${excluded}`)?.excludedAddresses).toEqual([
      { address: "10.0.0.11", prefixLength: 24 },
      { address: "fd00::11", prefixLength: 128 },
    ]);
  });

  it.each([
    ["[10.0.0.10]", "excludedAddresses[0]: 10.0.0.10 stands here a second time"],
    ["[10.0.0.11, 10.0.0.11/24]", "excludedAddresses[1]: 10.0.0.11 stands here a second time"],
    ["[10.0.0.2]", "excludedAddresses: 10.0.0.2 is the address of node lb1 itself"],
    ['["fd00::2"]', "excludedAddresses: fd00::2 is the address of node lb1 itself"],
    ["[127.0.0.1]", "excludedAddresses[0]: found 127.0.0.1; allowed: a unicast address"],
    ["[ten]", "excludedAddresses[0]: found ten; allowed: an address such as"],
  ])("%s is refused", (excluded, words) => {
    expect(problems(`[10.0.0.10], excludedAddresses: ${excluded}`)[0]).toContain(words);
  });

  it("are listened on with vip:", () => {
    const text = PAIR.replace("[10.0.0.10]", '[10.0.0.10], excludedAddresses: ["fd00::9"]')
      .replace("vrid: 1", "vrid: 1, interface: eth0");
    const listen =
      'frontends: { web: { listen: "vip:web:80", backend: web } }\nbackends: { web: {} }';
    const listeners = planOf(`${text}${listen}`, { node: "lb1" }).frontends[0]?.listeners;
    expect(listeners?.map(({ address }) => address)).toEqual(["10.0.0.10", "fd00::9"]);
  });
});

describe("notOneHost", () => {
  it.each([
    ["10.0.0.1", true],
    ["0.0.0.1", false],
    ["127.0.0.1", false],
    ["224.0.0.18", false],
    ["255.255.255.255", false],
    ["fd00::1", true],
    ["::", false],
    ["::1", false],
    ["ff02::12", false],
  ])("%s: %s", (text, fits) => {
    const address = parseAddress(text);
    expect(address && notOneHost(address.bytes) === undefined).toBe(fits);
  });
});

describe("nodeAddress", () => {
  it("is that of the family", () => {
    const config = fillDefaults(
      FileSchema.parse({ nodes: { a: { addresses: ["10.0.0.1", "FD00::1"] } } }),
    );
    expect([4, 6].map((family) => nodeAddress({ config }, "a", family))).toEqual([
      "10.0.0.1",
      "fd00::1",
    ]);
    expect(nodeAddress({ config }, "b", 4)).toBeNull();
  });
});

const DUAL = PAIR.replace("[10.0.0.2]", '[10.0.0.2, "fd00::2"]')
  .replace("[10.0.0.3]", '[10.0.0.3, "fd00::3"]');

function plan(addresses: string) {
  return planOf(DUAL.replace("[10.0.0.10]", addresses), { node: "lb1" }).virtualRouters[0];
}

function problems(addresses: string): string[] {
  return problemsOf(DUAL.replace("[10.0.0.10]", addresses), { node: "lb1" });
}
