import { describe, expect, it } from "vitest";
import { keysAt } from "../../../src/config/json_schema.ts";
import { LATER_KEYS, laterAt } from "../../../src/config/later.ts";

describe("laterAt", () => {
  it("lets * stand for any name", () => {
    expect(laterAt(["frontends", "web"])).toContain("forwarding");
    expect(laterAt([])).toContain("cluster");
  });

  it("knows nothing of other places", () => {
    expect(laterAt(["virtualRouters"])).toEqual([]);
    expect(laterAt(["nodes", "lb1", "overrides"])).toEqual([]);
  });
});

describe("LATER_KEYS", () => {
  it.each(Object.entries(LATER_KEYS))("of %j are in no schema", (pattern, later) => {
    const path = pattern === "" ? [] : pattern.split(".");
    const known = keysAt(path);
    expect(known.length).toBeGreaterThan(0);
    expect(known.filter((key) => later.includes(key))).toEqual([]);
  });
});
