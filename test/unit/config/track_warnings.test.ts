import { describe, expect, it } from "vitest";
import { checkAllNodes } from "../../../src/config/load.ts";
import { PAIR, source } from "./source.ts";

describe("points that cannot change the order", () => {
  it.each([
    ["-50", false],
    ["-51", true],
    ["50", false],
    ["51", true],
    ["-30, second: -21", true],
    ["-30, second: 20", false],
    ["-30, second: 21", true],
    ["yield", true],
  ])("with a gap of 50: hold: %s", (effect, silent) => {
    expect(warnings(`track: { hold: ${effect} }`).length === 0).toBe(silent);
  });

  it("are named once for all nodes, with the remedy", () => {
    expect(warnings("track: { hold: -20, second: 5 }")).toEqual([
      "virtualRouters.web.track: points cannot change the order of the nodes: with hold, second " +
      "bad, lb1 still has 130 of 150, and lb2 has 105; say yield, or points of 51 and more",
    ]);
  });

  it("may be those of auto, where nothing is below the other node", () => {
    const frontend = "frontends: { web: { listen: 'vip:web:80', backend: web } }\n" +
      "backends: { web: {} }\n";
    expect(warnings("priority: { lb2: 1 }", frontend)).toEqual([
      "virtualRouters.web.track: points cannot change the order of the nodes: with dataplane " +
      "bad, lb1 still has 1 of 150, and lb2 has 1; nothing ranks below priority 1: give lb2 a " +
      "higher one",
    ]);
    expect(warnings("priority: { lb2: 2 }", frontend)).toEqual([]);
    expect(warnings("", frontend)).toEqual([]);
  });

  it("are enough if any two nodes can change places", () => {
    const third = PAIR.replace("lb2:", "lb3: { addresses: [10.0.0.4], priority: 140 }\n  lb2:");
    const track = "track: { hold: -11 }";
    expect(warnings(track, "", third)).toEqual([]);
    expect(warnings("track: { hold: -10 }", "", third)[0]).toContain(
      "and lb3 has 140; say yield, " +
        "or points of 11 and more",
    );
  });
});

describe("points without preemption", () => {
  it("never move anything", () => {
    expect(warnings("preempt: false, track: { hold: -60 }")).toEqual([
      "virtualRouters.web.preempt: without preemption nobody takes over from an Active router of " +
      "lower priority, so that the points of hold never move the addresses: in track, say yield " +
      "instead of points or auto, or dataplane: false",
    ]);
    expect(warnings("preempt: false, track: { hold: yield }")).toEqual([]);
  });
});

describe("what an owner tracks", () => {
  it("has no effect as points, which is said of those that were asked for", () => {
    expect(warnings("priority: { lb1: 255 }, track: { hold: -60 }")).toEqual([
      "virtualRouters.web.track: lb1 owns the addresses (priority 255), and an owner's priority " +
      "never changes: points have no effect there; for a node that is to give them up, take a " +
      "priority below 255 and addresses that are no node's own (on lb1)",
    ]);
    expect(warnings("priority: { lb1: 255 }")).toEqual([]);
  });

  it("leaves the addresses where they are when it yields", () => {
    expect(warnings("priority: { lb1: 255 }, track: { hold: yield, dataplane: false }")).toEqual([
      "virtualRouters.web.track: lb1 owns the addresses (priority 255): when it yields they stay " +
      "on its interface, and the peer that takes over has them too; take a priority below 255 " +
      "and addresses that are no node's own (on lb1)",
    ]);
  });
});

describe("a delay of the interface that carries the advertisements", () => {
  it.each([["1999ms", true], ["2s", false]])("of %s", (length, silent) => {
    const keys = `interface: eth1, track: { link: yield }`;
    const trackers = `  link: { type: interface, interface: eth1, downDelay: ${length} }\n`;
    const found = warnings(keys, "", PAIR, trackers);
    expect(found.length === 0).toBe(silent);
    if (!silent) expect(found[0]).toContain("trackers.link.downDelay: advertisements of web go");
  });
});

function warnings(keys: string, more = "", pair = PAIR, trackers = ""): string[] {
  const used = ["hold", "second"].filter((name) => keys.includes(`${name}:`))
    .map((name) => `  ${name}: { type: file, path: /${name} }\n`).join("") + trackers;
  const text = `${keys === "" ? pair : pair.replace("vrid: 1", `vrid: 1, ${keys}`)}${more}` +
    (used && `trackers:\n${used}`);
  const found = checkAllNodes(text, source());
  expect(found.problems).toEqual([]);
  return found.warnings.map(({ path, message }) => `${path}: ${message}`);
}
