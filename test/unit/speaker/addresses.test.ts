import { describe, expect, it } from "vitest";
import type { VirtualRouterPlan } from "../../../src/core/plan/plan.ts";
import { addAddress, type InterfaceAddress } from "../../../src/core/wire/rtnetlink.ts";
import { EADDRNOTAVAIL, EEXIST, ENOBUFS, EPERM } from "../../../src/linux/errno.ts";
import { removeLeftOvers, VirtualAddresses } from "../../../src/speaker/addresses.ts";
import { routerPlan } from "../plans.ts";

const ANY: InterfaceAddress = {
  index: 1,
  family: 4,
  address: new Uint8Array(4),
  prefixLength: 32,
  scope: 0,
  flags: 0,
  protocol: 0,
  validSeconds: 1,
  preferredSeconds: 1,
};

describe("VirtualAddresses", () => {
  it("adds once, then replaces, then removes", () => {
    const { addresses, requests } = held({});
    expect(addresses.add()).toEqual([]);
    expect(addresses.renew()).toEqual([]);
    expect(addresses.remove()).toEqual([]);
    expect(requests).toEqual(["add", "replace", "remove"]);
  });

  it("goes by another plan: what is no more goes first, and only what is new is added", () => {
    const { addresses, requests } = held({});
    addresses.add();
    const [first] = routerPlan().addresses;
    const second = { address: "10.77.0.101", prefixLength: 32 };
    expect(addresses.change(routerPlan({ addresses: [first!, second] }))).toEqual([]);
    expect(addresses.all).toHaveLength(2);
    expect(requests).toEqual(["add"]);
    expect(addresses.add()).toEqual([]);
    expect(requests).toEqual(["add", "replace", "add"]);
    addresses.change(routerPlan({ addresses: [second] }));
    expect(requests).toEqual(["add", "replace", "add", "remove"]);
    addresses.remove();
    expect(requests).toEqual(["add", "replace", "add", "remove", "remove"]);
  });

  it("removes nothing for another plan that it has not put there", () => {
    const { addresses, requests } = held({}, -EEXIST);
    addresses.add();
    addresses.change(routerPlan({ addresses: [] }));
    expect(requests).toEqual(["add"]);
  });

  it("leaves alone what was there before it, and says so", () => {
    const { addresses, requests } = held({}, -EEXIST);
    expect(addresses.add()).toEqual([{ address: "10.77.0.100", errno: EEXIST }]);
    expect(addresses.remove()).toEqual([]);
    expect(requests).toEqual(["add"]);
  });

  it.each([EEXIST, ENOBUFS])("adds later what errno %i has kept it from", (errno) => {
    const { addresses, requests } = held({}, -errno, -errno, 0);
    expect([addresses.add().length, addresses.renew().length]).toEqual([1, 1]);
    expect(addresses.renew()).toEqual([]);
    expect(addresses.remove()).toEqual([]);
    expect(requests).toEqual(["add", "add", "add", "remove"]);
  });

  it("finds nothing wrong with an owner's address that is there already", () => {
    const { addresses } = held({ priority: 255, deadmanMs: null }, -EEXIST);
    expect(addresses.add()).toEqual([]);
  });

  it("finds nothing wrong with an address that is gone when it is to be removed", () => {
    const { addresses } = held({}, 0, -EADDRNOTAVAIL);
    addresses.add();
    expect(addresses.remove()).toEqual([]);
  });

  it("puts back what is missing, and nothing that is still there", () => {
    const { addresses, requests } = held({}, 0, -EEXIST, 0);
    addresses.add();
    expect(addresses.restore()).toEqual({ restored: [], routes: [], problems: [] });
    expect(addresses.restore()).toEqual({ restored: ["10.77.0.100"], routes: [], problems: [] });
    addresses.remove();
    expect(addresses.restore()).toEqual({ restored: [], routes: [], problems: [] });
    expect(requests).toEqual(["add", "add", "add", "remove"]);
  });

  it("carries excluded addresses of any family, but does not advertise them", () => {
    const excludedAddresses = [{ address: "fd00::10", prefixLength: 128 }];
    const { addresses, requests } = held({ excludedAddresses });
    expect([addresses.bytes.length, addresses.excluded.length, addresses.all.length])
      .toEqual([1, 1, 2]);
    addresses.add();
    expect(requests).toEqual(["add", "add"]);
  });

  it("tells what else the kernel refuses", () => {
    const { addresses } = held({}, 0, 0, -EPERM);
    addresses.add();
    addresses.renew();
    expect(addresses.remove()).toEqual([{ address: "10.77.0.100", errno: EPERM }]);
  });
});

describe("removeLeftOvers()", () => {
  const vip = { ...ANY, address: Uint8Array.of(10, 77, 0, 100), protocol: 18 };
  const left = (said: Partial<VirtualRouterPlan>, found: InterfaceAddress) =>
    removeLeftOvers([routerPlan(said)], [found], { request: () => 0 })
      .map(({ address }) => address);

  it.each<[string, Partial<VirtualRouterPlan>, InterfaceAddress, boolean]>([
    ["with our mark", { existingAddress: "refuse" }, vip, true],
    ["without it", { existingAddress: "refuse" }, { ...vip, protocol: 0 }, false],
    ["without it where told to", { existingAddress: "remove" }, { ...vip, protocol: 0 }, true],
    ["of the owner", { existingAddress: "remove", priority: 255 }, vip, false],
    ["that is not virtual", {}, { ...vip, address: Uint8Array.of(10, 77, 0, 1) }, false],
  ])("removes an address %s", (_what, said, found, removed) => {
    expect(left(said, found)).toEqual(removed ? ["10.77.0.100"] : []);
  });

  it("removes no address that somebody who runs holds", () => {
    const running = [routerPlan({ name: "other" })];
    expect(removeLeftOvers([routerPlan()], [vip], { request: () => 0 }, running)).toEqual([]);
  });
});

/** The addresses of a router with such a plan, over a kernel that gives these answers, then 0. */
function held(said: Partial<VirtualRouterPlan>, ...answers: number[]) {
  const requests: string[] = [];
  const request = (message: Uint8Array) => {
    const isAdd = message[TYPE] === addAddress(ANY, "refuse")[TYPE];
    const how = isAdd && (message[FLAGS_HIGH]! & REPLACE) !== 0 ? "replace" : "add";
    requests.push(isAdd ? how : "remove");
    return answers.shift() ?? 0;
  };
  const addresses = new VirtualAddresses(routerPlan(said), { request });
  addresses.moveTo(2);
  return { addresses, requests };
}

/** Places in a netlink message, and NLM_F_REPLACE in the upper octet of its flags. */
const TYPE = 4;
const FLAGS_HIGH = 7;
const REPLACE = 1;
