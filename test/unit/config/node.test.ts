import { describe, expect, it } from "vitest";
import { chooseNode, type NodeChoice, nodeNames } from "../../../src/config/node.ts";
import type { TreeNode } from "../../../src/config/tree.ts";
import { readYaml } from "../../../src/config/yaml_tree.ts";
import { hostFacts, PAIR } from "./source.ts";

describe("chooseNode", () => {
  it.each<[string, Partial<NodeChoice>, string]>([
    ["--node before LINTEL_NODE", { asked: "lb1", environment: "lb2" }, "lb1"],
    ["LINTEL_NODE before the host", { environment: "lb2", host: hostFacts() }, "lb2"],
    ["the entry whose address is here", { host: hostFacts() }, "lb1"],
    ["the full host name", { host: elsewhere("lb2") }, "lb2"],
    ["an empty LINTEL_NODE is none", { environment: "", host: hostFacts() }, "lb1"],
  ])("takes %s", (_, choice, name) => {
    expect(choose(PAIR, choice)).toEqual({ name });
  });

  it("takes the full host name before the short one", () => {
    const text = "nodes: { lb9: {}, lb9.example.com: {} }";
    expect(choose(text, { host: hostFacts() })).toEqual({ name: "lb9.example.com" });
    expect(choose("nodes: { lb9: {}, lb8: {} }", { host: hostFacts() })).toEqual({ name: "lb9" });
  });

  it("compares addresses, not their spelling", () => {
    const address = { interface: "eth0", address: "fd00::1", prefixLength: 64, ours: false };
    const host = hostFacts({ addresses: [address] });
    const text = 'nodes: { a: { addresses: ["FD00:0::01"] }, b: {} }';
    expect(choose(text, { host })).toEqual({ name: "a" });
  });

  it.each<[string, Partial<NodeChoice>, string]>([
    ["an unknown --node", { asked: "lb3" }, "--node names lb3, but the nodes are lb1, lb2"],
    ["an unknown LINTEL_NODE", { environment: "x" }, "LINTEL_NODE names x, but the nodes are"],
    ["no host", {}, "name it with --node or LINTEL_NODE: lb1, lb2"],
    ["a foreign host", { host: elsewhere("other") }, "none is called other"],
  ])("names the candidates with %s", (_, choice, words) => {
    expect(choose(PAIR, choice)).toMatchObject({ problem: expect.stringContaining(words) });
  });

  it("does not choose between two nodes that are both here", () => {
    const addresses = ["10.0.0.2", "10.0.0.3"].map((address) => ({
      interface: "eth0",
      address,
      prefixLength: 24,
      ours: false,
    }));
    expect(choose(PAIR, { host: hostFacts({ addresses }) })).toHaveProperty("problem");
  });

  it("gives a file without nodes a name", () => {
    expect(choose("log: {}", { host: hostFacts() })).toEqual({ name: "lb9.example.com" });
    expect(choose("log: {}", { asked: "me" })).toEqual({ name: "me" });
    expect(choose("log: {}", {})).toEqual({ name: "localhost" });
  });
});

describe("nodeNames", () => {
  it("keeps the order of the file", () => expect(nodeNames(tree(PAIR))).toEqual(["lb1", "lb2"]));
});

function choose(text: string, choice: Partial<NodeChoice>) {
  return chooseNode(tree(text), {
    asked: undefined,
    environment: undefined,
    host: null,
    ...choice,
  });
}

function elsewhere(hostname: string) {
  return hostFacts({ hostname, shortHostname: hostname, addresses: [] });
}

function tree(text: string): TreeNode {
  const read = readYaml(text, "a.yaml").tree;
  if (!read) throw new Error("not YAML");
  return read;
}
