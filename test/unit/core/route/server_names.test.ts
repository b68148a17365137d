import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NamedValue, NO_ROUTE, ServerNames } from "../../../../src/core/route/server_names.ts";

describe("ServerNames", () => {
  const names = new ServerNames([
    { name: "*.apps.example.com", value: 0 },
    { name: "git.example.com", value: 1 },
    { name: "git.apps.example.com", value: 2 },
    { name: "*.example.com", value: 3 },
    { name: "localhost", value: 4 },
  ]);

  it.each([
    ["git.example.com", 1],
    ["git.apps.example.com", 2],
    ["web.apps.example.com", 0],
    ["apps.example.com", 3],
    ["a.b.apps.example.com", NO_ROUTE],
    ["example.com", NO_ROUTE],
    [".example.com", NO_ROUTE],
    ["x.example.com.", NO_ROUTE],
    ["localhost", 4],
    ["local", NO_ROUTE],
    ["", NO_ROUTE],
  ])("leads %j to %i", (name, value) => {
    expect(find(names, name)).toBe(value);
  });

  it("is empty where nothing is routed", () => {
    expect(find(new ServerNames([]), "example.com")).toBe(NO_ROUTE);
  });

  it("looks at no more than the name's own bytes", () => {
    const bytes = new TextEncoder().encode("localhostile");
    expect(names.find(bytes, 9)).toBe(4);
    expect(names.find(bytes, 12)).toBe(NO_ROUTE);
  });

  it("finds each of a thousand names, as a plain search does", () => {
    const many = Array.from({ length: 1000 }, (_, value): NamedValue => ({
      name: value % 3 === 0 ? `*.z${value}.example` : `n${value}.z${value % 7}.example`,
      value,
    }));
    const table = new ServerNames(many);
    for (const { name, value } of many) {
      expect(find(table, name.replace("*", "any"))).toBe(value);
    }
    fc.assert(fc.property(fc.nat(2000), fc.nat(9), (label, zone) => {
      const name = `n${label}.z${zone}.example`;
      const exact = many.find((one) => one.name === name);
      const wildcard = many.find((one) => one.name === `*.z${zone}.example`);
      expect(find(table, name)).toBe((exact ?? wildcard)?.value ?? NO_ROUTE);
    }));
  });
});

function find(names: ServerNames, name: string): number {
  const bytes = new TextEncoder().encode(name);
  return names.find(bytes, bytes.length);
}
