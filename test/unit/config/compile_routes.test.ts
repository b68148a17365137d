import { describe, expect, it } from "vitest";
import { PAIR, planOf, problemsOf } from "./source.ts";

describe("virtualRoutes", () => {
  it("have defaults, and one spelling", () => {
    const keys = "[{ to: 10.1.0.0/16, via: 10.0.0.1 }, { to: 10.2.0.1, interface: eth1, " +
      'source: 10.0.0.10, table: 100, metric: 5 }, { to: "FD01::/16", via: "FD00:0::1" }]';
    expect(router(`virtualRoutes: ${keys}`)?.routes).toEqual([
      ROUTE,
      {
        to: "10.2.0.1/32",
        via: null,
        interface: "eth1",
        source: "10.0.0.10",
        table: 100,
        metric: 5,
      },
      { ...ROUTE, to: "fd01::/16", via: "fd00::1" },
    ]);
  });

  it("default is that of the gateway's family, else of the virtual router's", () => {
    const routes = (via: string) => router(`virtualRoutes: [{ to: default${via} }]`)?.routes;
    expect(routes(', via: "fd00::1"')?.[0]?.to).toBe("::/0");
    expect(routes(", via: 10.0.0.1")?.[0]?.to).toBe("0.0.0.0/0");
    expect(routes("")?.[0]?.to).toBe("0.0.0.0/0");
  });

  it.each([
    ["{ to: nowhere }", "[0].to: found nowhere; allowed: a network such as 10.1.0.0/16"],
    [
      "{ to: 10.1.2.3/20 }",
      "10.1.2.3/20 is an address within a network; did you mean 10.1.0.0/20?",
    ],
    ["{ to: 10.1.0.0/16, via: 10.0.0.256 }", "[0].via: found"],
    ['{ to: 10.1.0.0/16, via: "fd00::1" }', "[0].via: fd00::1 is not IPv4 as the destination is"],
    ['{ to: 10.1.0.0/16, source: "fd00::1" }', "[0].source: fd00::1 is not IPv4"],
    ["{ to: 10.1.0.0/16, via: 224.0.0.1 }", "[0].via: found 224.0.0.1; allowed: the address of"],
    ["{ to: 10.1.0.0/16, via: 10.0.0.10 }", "[0].via: 10.0.0.10 is a virtual address"],
    ["{ to: 10.1.0.0/16, table: 0 }", "[0].table: found 0; allowed: a whole number from 1"],
    ["{ to: 10.1.0.0/16 }, { to: 10.1.0.0/16 }", "[1]: this route stands here a second time"],
  ])("%s is refused", (routes, words) => {
    expect(problems(`virtualRoutes: [${routes}]`).join("\n")).toContain(words);
  });

  it("of two virtual routers must differ", () => {
    const route = "virtualRoutes: [{ to: 10.1.0.0/16, via: 10.0.0.1 }]";
    const text = PAIR.replace("vrid: 1", `vrid: 1, ${route}`) +
      `  two: { vrid: 2, addresses: [10.0.0.11], ${route} }\n`;
    expect(problemsOf(text, { node: "lb1" })).toEqual([
      "virtualRouters.two.virtualRoutes[0]: this route is also one of web: remove one of the two",
    ]);
  });
});

describe("virtualRules", () => {
  it("have the family of their networks", () => {
    const rules = '[{ from: 10.0.0.10, table: 100 }, { to: "fd00::/8", table: 7, priority: 9 }]';
    expect(router(`virtualRules: ${rules}`)?.rules).toEqual([
      { family: 4, from: "10.0.0.10/32", to: null, table: 100, priority: null },
      { family: 6, from: null, to: "fd00::/8", table: 7, priority: 9 },
    ]);
  });

  it.each([
    ["{ table: 5 }", "[0]: missing the key from or to: the rule would catch every packet"],
    ['{ table: 5, from: 10.0.0.0/8, to: "fd00::/8" }', "[0].to: fd00::/8 is not IPv4 as"],
    ["{ table: 5, from: 10.0.0.1/8 }", "[0].from: 10.0.0.1/8 is an address within a network"],
    ["{ from: 10.0.0.0/8 }", "[0].table: missing; required: a whole number"],
    ["{ table: 5, to: 10.0.0.1 }, { table: 5, to: 10.0.0.1/32 }", "[1]: this rule stands here"],
  ])("%s is refused", (rules, words) => {
    expect(problems(`virtualRules: [${rules}]`).join("\n")).toContain(words);
  });
});

const ROUTE = {
  to: "10.1.0.0/16",
  via: "10.0.0.1",
  interface: null,
  source: null,
  table: 254,
  metric: null,
};

function router(keys: string) {
  return planOf(PAIR.replace("vrid: 1", `vrid: 1, ${keys}`), { node: "lb1" }).virtualRouters[0];
}

function problems(keys: string): string[] {
  return problemsOf(PAIR.replace("vrid: 1", `vrid: 1, ${keys}`), { node: "lb1" });
}
