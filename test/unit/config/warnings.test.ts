import { describe, expect, it } from "vitest";
import { checkAllNodes, loadConfig } from "../../../src/config/load.ts";
import { PAIR, source } from "./source.ts";

describe("warnAbout", () => {
  it("says nothing about a good pair", () => expect(warnings("")).toEqual([]));

  it("names nodes of equal priority, once", () => {
    expect(warnings("priority: 120")).toEqual([
      "virtualRouters.web: lb1, lb2 have the same priority, 120: the higher address wins a " +
      "simultaneous start",
    ]);
  });

  it("sees priorities that overrides make equal", () => {
    const overrides = "overrides: { virtualRouters: { web: { priority: 150 } } }";
    const text = PAIR.replace("[10.0.0.3]", `[10.0.0.3], ${overrides}`);
    expect(checkAllNodes(text, source()).warnings[0]?.message).toContain("the same priority, 150");
    const loaded = loadConfig(text, source({ node: "lb1" }));
    expect(loaded.warnings[0]?.message).toContain("the same priority, 150");
  });

  it("compares deadman with the patience of the peer", () => {
    // The peers wait 3 s and a skew: 156/256 s for lb2, 106/256 s for lb1.
    expect(warnings("deadman: 4s").map((text) => text.slice(-24))).toEqual([
      "wo nodes have them (on lb1)".slice(-24),
      "wo nodes have them (on lb2)".slice(-24),
    ]);
    expect(warnings("deadman: 4s")[0]).toContain(
      "for up to 4s, but the peer takes over after 3.609s",
    );
    expect(warnings("deadman: 4s")[1]).toContain("after 3.414s");
    expect(warnings("deadman: 3s")).toEqual([]);
    expect(warnings("deadman: none, advertisementInterval: 10ms")).toEqual([]);
  });

  it("says that a node which holds a peer's own address cannot hear that peer", () => {
    const own = PAIR.replace("[10.0.0.10]", "[10.0.0.2], priority: { lb1: 255 }");
    expect(warnings("", own)).toEqual([
      expect.stringMatching(/^virtualRouters\.web\.addresses: lb1 owns 10\.0\.0\.2 .* \(on lb2\)$/),
    ]);
    expect(warnings("priority: { lb1: 255 }")).toEqual([]);
  });

  it("skews by a second in version 2, by the interval in version 3", () => {
    const keys = "advertisementInterval: 2s, deadman: 8s";
    expect(warnings(`version: 2, ${keys}`)[0]).toContain("after 6.609s");
    expect(warnings(`version: 3, ${keys}`)[0]).toContain("after 7.219s");
  });
});

function warnings(keys: string, pair = PAIR): string[] {
  const text = keys === "" ? pair : pair.replace("vrid: 1", `vrid: 1, ${keys}`);
  const { problems, warnings: found } = checkAllNodes(text, source());
  expect(problems).toEqual([]);
  return found.map(({ path, message }) => `${path}: ${message}`);
}
