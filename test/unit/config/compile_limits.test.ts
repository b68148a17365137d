import { describe, expect, it } from "vitest";
import { NO_LIMITS } from "../plans.ts";
import { PAIR, planOf, problemsOf } from "./source.ts";

describe("the limits of a frontend", () => {
  it("are none unless the file has some", () => {
    expect(frontend("")).toMatchObject(NO_LIMITS);
  });

  it("are kept, prefixes in one spelling", () => {
    const text =
      "maxConnections: 5, connectionRate: 9, allow: [fd00:0::/8, 10.0.0.1], deny: [::/0]";
    expect(frontend(text)).toMatchObject({
      maxConnections: 5,
      connectionRate: 9,
      allow: ["fd00::/8", "10.0.0.1/32"],
      deny: ["::/0"],
    });
  });
});

describe("the source address of a backend", () => {
  it("is this node's, by family, where the kernel would take a virtual one", () => {
    const pair = PAIR.replace("[10.0.0.2]", '[10.0.0.2, "fd00:0::2"]');
    expect(source("", pair)).toEqual({
      ipv4: "10.0.0.2",
      ipv6: "fd00::2",
      insteadOf: ["10.0.0.10"],
    });
  });

  it("leaves the owner of an address what is its own", () => {
    const pair = PAIR.replace("[10.0.0.10]", "[10.0.0.2]").replace(
      "priority: 150",
      "priority: 255",
    );
    expect(source("", pair).insteadOf).toEqual([]);
  });

  it("is the kernel's where the file names no nodes", () => {
    const text = 'frontends: { f: { listen: "*:80", backend: b } }\nbackends: { b: {} }';
    expect(planOf(text).backends[0]?.sourceAddress)
      .toEqual({ ipv4: null, ipv6: null, insteadOf: [] });
  });

  it("is what the file says, of every node", () => {
    const fixed = { ipv4: "10.0.0.5", ipv6: null, insteadOf: null };
    expect(source("sourceAddress: { lb1: 10.0.0.5, lb2: 10.0.0.6 }")).toEqual(fixed);
    expect(source("sourceAddress: 10.0.0.5")).toEqual(fixed);
  });

  it.each([
    ["{ lb2: 10.0.0.6 }", "names no address of node lb1"],
    ["{ lb1: 10.0.0.5, lb9: 10.0.0.6 }", 'there is no node "lb9"; did you mean lb1?'],
    ["{ lb1: 10.0.0.10 }", "10.0.0.10 is a virtual address"],
    ["10.0.0.10", "10.0.0.10 is a virtual address"],
  ])("refuses %s", (text, message) => {
    const problems = problemsOf(fileOf(`sourceAddress: ${text}`), { node: "lb1" });
    expect(problems.join()).toContain(message);
  });
});

function fileOf(backend: string, pair = PAIR): string {
  return `${pair}
frontends: { f: { listen: "*:80", backend: b } }
backends: { b: { ${backend} } }
`;
}

function source(backend: string, pair = PAIR) {
  const [plan] = planOf(fileOf(backend, pair), { node: "lb1" }).backends;
  if (!plan) throw new Error("the file of this test has no backend");
  return plan.sourceAddress;
}

function frontend(more: string) {
  const text = `
frontends: { f: { listen: "*:80", backend: b${more && `, ${more}`} } }
backends: { b: {} }
`;
  return planOf(text).frontends[0];
}
