import { describe, expect, it } from "vitest";
import {
  IFF_ALLMULTI,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_UP,
  type Link,
} from "../../../src/core/wire/rtnetlink.ts";
import { ShakenLinks } from "../../../src/speaker/shaken_links.ts";

const LINK: Link = {
  index: 2,
  name: "eth0",
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  flags: IFF_UP | IFF_RUNNING,
  operstate: 6,
  mtu: 1_500,
  controller: 0,
  carrierChanges: 2,
  event: 0,
};

function after(...told: readonly Partial<Link>[]): readonly number[] {
  const links = new ShakenLinks();
  links.learn([LINK]);
  for (const one of told) links.note({ ...LINK, ...one }, false);
  return [...links.take()];
}

describe("a link", () => {
  it("is not shaken by what is put on it, or listens on it, or by another MTU", () => {
    const flags = LINK.flags | IFF_PROMISC | IFF_ALLMULTI;
    expect(after({}, { flags }, { mtu: 9_000, mac: LINK.mac.slice() }, {})).toEqual([]);
  });

  it.each<[string, Partial<Link>]>([
    ["a carrier that was away, back already when that is told", { carrierChanges: 4 }],
    ["being down", { flags: IFF_UP }],
    ["another hardware address", { mac: Uint8Array.of(2, 0, 0, 0, 0, 9) }],
    ["another name", { name: "lan" }],
    ["being given to a bridge", { controller: 7 }],
    ["a state in between", { operstate: 5 }],
    ["the failover of a bond", { event: 3 }],
  ])("is shaken by %s", (_, change) => {
    expect(after(change)).toEqual([2]);
    // Also if all is as before at once.
    expect(after(change, {})).toEqual([2]);
  });

  it("is shaken by going, and by coming", () => {
    const links = new ShakenLinks();
    links.note(LINK, false);
    expect([...links.take()]).toEqual([2]);
    links.note(LINK, true);
    expect([...links.take()]).toEqual([2]);
    links.note(LINK, false);
    expect([...links.take()]).toEqual([2]);
    expect([...links.take()]).toEqual([]);
  });

  it("that a later look finds changed is shaken once that is told", () => {
    const links = new ShakenLinks();
    links.learn([LINK]);
    links.learn([{ ...LINK, carrierChanges: 4 }]);
    links.note({ ...LINK, carrierChanges: 4 }, false);
    expect([...links.take()]).toEqual([2]);
  });
});
