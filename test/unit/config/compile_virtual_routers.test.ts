import { describe, expect, it } from "vitest";
import { PAIR, planOf, problemsOf } from "./source.ts";

describe("priority", () => {
  it.each([
    ["", "lb1", 150],
    ["", "lb2", 100],
    ["priority: 7", "lb1", 7],
    ["priority: { lb2: 9 }", "lb1", 150],
    ["priority: { lb2: 9 }", "lb2", 9],
  ])("with %j on %s is %i", (key, node, priority) => {
    expect(router(key, node).priority).toBe(priority);
  });
});

describe("unicast", () => {
  it("auto sends to the other nodes", () => {
    expect(router("", "lb2").unicast).toEqual({
      source: "10.0.0.3",
      peers: ["10.0.0.2"],
      ttl: 255,
      checkSource: true,
    });
  });

  it("false, or auto without others, is multicast", () => {
    expect(router("unicast: false", "lb1").unicast).toBeNull();
    const alone = "virtualRouters: { a: { vrid: 1, addresses: [10.0.0.1], interface: eth0 } }";
    expect(planOf(alone).virtualRouters[0]?.unicast).toBeNull();
  });

  it("true wants others", () => {
    const alone =
      "virtualRouters: { a: { vrid: 1, addresses: [10.0.0.1], interface: eth0, unicast: true } }";
    expect(problemsOf(alone)[0]).toContain("virtualRouters.a.unicast: there is no other node");
  });

  it("takes a source and peers of its own", () => {
    expect(router("unicast: { peers: [10.9.9.9], ttl: 3 }", "lb1").unicast).toEqual({
      source: "10.0.0.2",
      peers: ["10.9.9.9"],
      ttl: 3,
      checkSource: true,
    });
  });

  it("refuses an empty list of peers", () => {
    expect(routerProblems("unicast: { peers: [] }")).toEqual([
      "virtualRouters.web.unicast.peers: found an empty list; allowed: a list of addresses, at " +
      "least one",
    ]);
  });
});

describe("interface", () => {
  it("follows the node's address where there is one, else it must be named", () => {
    expect(router("", "lb1")).toMatchObject({ interface: null, nodeAddress: "10.0.0.2" });
    expect(router("interface: eth7", "lb1").interface).toBe("eth7");
    const alone = "virtualRouters: { a: { vrid: 1, addresses: [10.0.0.1] } }";
    expect(problemsOf(alone)[0]).toContain("virtualRouters.a: missing the key interface");
    const other = PAIR.replaceAll(/10\.0\.0\.[23]\]/g, (text) => `"fd00::${text[7]}"]`);
    expect(problemsOf(other, { node: "lb1" })[0]).toContain("the IPv4 address of node lb1");
  });
});

describe("advertisementInterval", () => {
  it.each([
    [3, "10ms", true],
    [3, "15ms", false],
    [3, "40.95s", true],
    [3, "40.96s", false],
    [2, "1s", true],
    [2, "500ms", false],
    [2, "1.5s", false],
    [2, "255s", true],
    [2, "256s", false],
  ])("in version %i, %s: %s", (version, interval, fits) => {
    const problems = routerProblems(`version: ${version}, advertisementInterval: ${interval}`);
    expect(problems.length === 0).toBe(fits);
  });
});

describe("deadman", () => {
  it.each([["2s", 2000], ["none", null], ["1m", 60_000]])("%s is %j", (text, ms) => {
    expect(router(`deadman: ${text}`, "lb1").deadmanMs).toBe(ms);
  });

  it("is none for an owner", () => {
    expect(router("priority: 255, deadman: 5s", "lb1").deadmanMs).toBeNull();
  });

  it.each(["1s", "2500ms", "0s", "3"])("refuses %s", (text) => {
    expect(routerProblems(`deadman: ${text}`)).toHaveLength(1);
  });
});

describe("addresses", () => {
  it("without a mask are host addresses, in the order of the file", () => {
    const text = PAIR.replace("[10.0.0.10]", "[10.0.0.20/24, 10.0.0.10]");
    expect(planOf(text, { node: "lb1" }).virtualRouters[0]?.addresses).toEqual([
      { address: "10.0.0.20", prefixLength: 24 },
      { address: "10.0.0.10", prefixLength: 32 },
    ]);
  });

  it.each([
    ["[10.0.0.10/33]", "allowed: an address such as"],
    ["[10.0.0.010]", "allowed: an address such as"],
    ["[224.0.0.18]", "a unicast address"],
    ["[127.0.0.1]", "a unicast address"],
    ["[10.0.0.10/0]", "a prefix length of 1 or more"],
    ["[10.0.0.10, 10.0.0.10/24]", "stands here a second time"],
    ['[10.0.0.10, "fd00::1"]', "one family only"],
    ['["fd00::1"], version: 2', "VRRP version 2 has no IPv6"],
    ["[10.0.0.2]", "is the address of node lb1 itself"],
  ])("%s is refused", (addresses, words) => {
    const text = PAIR.replace("[10.0.0.10]", addresses);
    expect(problemsOf(text, { node: "lb1" }).join("\n")).toContain(words);
  });

  it("are 255 at most", () => {
    const many = (count: number) =>
      PAIR.replace("10.0.0.10]", Array.from({ length: count }, (_, at) => `10.1.0.${at}`) + "]");
    expect(problemsOf(many(255), { node: "lb1" })).toEqual([]);
    const tooMany = many(255).replace("10.1.0.0,", "10.1.0.0, 10.1.1.0,");
    expect(problemsOf(tooMany, { node: "lb1" })[0]).toContain("found 256 addresses; allowed: 255");
  });

  it("of a node may be virtual for its owner", () => {
    const text = PAIR.replace("[10.0.0.10]", "[10.0.0.2], priority: { lb1: 255 }");
    expect(planOf(text, { node: "lb1" }).virtualRouters[0]?.priority).toBe(255);
  });
});

describe("two virtual routers", () => {
  it.each([
    ["vrid: 1, addresses: [10.0.0.11]", "VRID 1 is also that of web on the same interface"],
    ["vrid: 2, addresses: [10.0.0.10]", "10.0.0.10 is also an address of virtual router web"],
  ])("must not share: %s", (keys, words) => {
    const problems = problemsOf(`${PAIR}  two: { ${keys} }\n`, { node: "lb1" });
    expect(problems.join("\n")).toContain(words);
  });

  it("may have one VRID on two interfaces", () => {
    const two = `${PAIR}  two: { vrid: 1, interface: eth1, addresses: [10.0.0.11] }\n`;
    expect(problemsOf(two, { node: "lb1" })).toEqual([]);
  });
});

function withKeys(keys: string): string {
  return keys === "" ? PAIR : PAIR.replace("vrid: 1", `vrid: 1, ${keys}`);
}

function router(keys: string, node: string) {
  const [first] = planOf(withKeys(keys), { node }).virtualRouters;
  if (!first) throw new Error("no virtual router");
  return first;
}

function routerProblems(keys: string): string[] {
  return problemsOf(withKeys(keys), { node: "lb1" });
}
