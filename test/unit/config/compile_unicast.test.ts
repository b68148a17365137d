import { describe, expect, it } from "vitest";
import { PAIR, planOf, problemsOf } from "./source.ts";

describe("unicast", () => {
  it("auto sends to the other nodes", () => {
    expect(unicast("", "lb2")).toEqual({
      source: "10.0.0.3",
      peers: ["10.0.0.2"],
      ttl: 255,
      minTtl: null,
      checkSource: true,
    });
  });

  it("auto takes the nodes' addresses of the family", () => {
    const text = PAIR.replace("[10.0.0.2]", '[10.0.0.2, "fd00::2"]')
      .replace("[10.0.0.3]", '[10.0.0.3, "FD00::3"]').replace("[10.0.0.10]", '["fe80::10"]');
    expect(planOf(text, { node: "lb1" }).virtualRouters[0]?.unicast).toMatchObject({
      source: "fd00::2",
      peers: ["fd00::3"],
    });
  });

  it("false, or auto without others, is multicast", () => {
    expect(unicast("unicast: false", "lb1")).toBeNull();
    const alone = "virtualRouters: { a: { vrid: 1, addresses: [10.0.0.1], interface: eth0 } }";
    expect(planOf(alone).virtualRouters[0]?.unicast).toBeNull();
  });

  it("true wants others", () => {
    const alone =
      "virtualRouters: { a: { vrid: 1, addresses: [10.0.0.1], interface: eth0, unicast: true } }";
    expect(problemsOf(alone)[0]).toContain("virtualRouters.a.unicast: there is no other node");
  });

  it("takes a source and peers of its own", () => {
    expect(unicast("unicast: { peers: [10.9.9.9], ttl: 3 }", "lb1")).toEqual({
      source: "10.0.0.2",
      peers: ["10.9.9.9"],
      ttl: 3,
      minTtl: null,
      checkSource: true,
    });
    expect(unicast("unicast: { source: 10.0.0.7, peers: [10.9.9.9], checkSource: false }", "lb1"))
      .toMatchObject({ source: "10.0.0.7", checkSource: false });
    expect(unicast("unicast: { peers: [10.9.9.9], minTtl: 254 }", "lb1"))
      .toMatchObject({ minTtl: 254 });
  });

  it.each([
    ["peers: []", "unicast.peers: found an empty list; allowed: a list of addresses, at least one"],
    ['peers: ["fd00::3"]', "peers[0]: fd00::3 is not IPv4 as the virtual addresses are"],
    ["peers: [10.0.0.2]", "peers[0]: 10.0.0.2 is this node's own address"],
    ["peers: [10.0.0.3, 10.0.0.3]", "peers[1]: 10.0.0.3 stands here a second time"],
    ["peers: [10.0.0.10]", "peers[0]: 10.0.0.10 is a virtual address"],
    ["peers: [224.0.0.18]", "peers[0]: found 224.0.0.18; allowed: the address of one host"],
    ['peers: [10.0.0.3], source: "fd00::2"', "source: fd00::2 is not IPv4"],
    ["peers: [10.0.0.3], source: 0.0.0.0", "source: found 0.0.0.0; allowed: the address of one"],
  ])("refuses { %s }", (keys, words) => {
    const text = PAIR.replace("vrid: 1", `vrid: 1, unicast: { ${keys} }`);
    const problems = problemsOf(text, { node: "lb1" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words);
  });
});

function unicast(keys: string, node: string) {
  const text = keys === "" ? PAIR : PAIR.replace("vrid: 1", `vrid: 1, ${keys}`);
  return planOf(text, { node }).virtualRouters[0]?.unicast;
}
