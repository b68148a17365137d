import { describe, expect, it } from "vitest";
import { applyProfiles } from "../../../src/config/profile.ts";
import { nodeAt, placeOf, toValue, type TreeNode } from "../../../src/config/tree.ts";
import { readYaml } from "../../../src/config/yaml_tree.ts";

describe("applyProfiles", () => {
  it("fills in what the page says of kube-apiserver", () => {
    expect(backend("profile: kube-apiserver")).toEqual({
      profile: "kube-apiserver",
      balance: "leastconn",
      check: {
        type: "https",
        path: "/readyz",
        status: 200,
        verify: "none",
        interval: "3s",
        fastInterval: "1s",
        rise: 2,
        fall: 2,
      },
      timeouts: { idle: "24h" },
      onMarkedDown: "shutdown-connections",
      slowStart: "30s",
    });
  });

  it.each([
    ["balance: roundrobin", { balance: "roundrobin" }],
    ["check: none", { check: "none" }],
    ["check:", { check: null }],
    ["check: { ca: system }", { check: { ca: "system", path: "/readyz" } }],
    ["timeouts: { idle: 1h, connect: 1s }", { timeouts: { idle: "1h", connect: "1s" } }],
  ])("keeps what the user wrote: %s", (written, result) => {
    expect(backend(`profile: kube-apiserver\n    ${written}`)).toMatchObject(result);
  });

  it("drops verify: none where the user names authorities", () => {
    const filled = backend("profile: kube-apiserver\n    check: { ca: system }");
    expect(filled).not.toHaveProperty("check.verify");
  });

  it("gives another type of check the timing only", () => {
    expect(backend("profile: kube-apiserver\n    check: { type: tcp }")).toMatchObject({
      check: { type: "tcp", interval: "3s", fastInterval: "1s", rise: 2, fall: 2 },
    });
    expect(backend("profile: kube-apiserver\n    check: { type: tcp }")).not.toHaveProperty(
      "check.path",
    );
  });

  it("leaves other backends as they are", () => {
    expect(backend("balance: roundrobin")).toEqual({ balance: "roundrobin" });
    expect(backend("profile: unknown")).toEqual({ profile: "unknown" });
    expect(toValue(applyProfiles(tree("backends: 7")))).toEqual({ backends: 7 });
  });

  it("stands where the profile is named", () => {
    const filled = applyProfiles(tree("backends:\n  web:\n    profile: kube-apiserver\n"));
    expect(placeOf(filled, ["backends", "web", "check", "rise"])).toEqual({ line: 3, column: 14 });
  });
});

function backend(lines: string) {
  const filled = nodeAt(applyProfiles(tree(`backends:\n  web:\n    ${lines}\n`)), [
    "backends",
    "web",
  ]);
  return filled && toValue(filled);
}

function tree(text: string): TreeNode {
  const read = readYaml(text, "a.yaml").tree;
  if (!read) throw new Error("not YAML");
  return read;
}
