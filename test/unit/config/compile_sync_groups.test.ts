import { describe, expect, it } from "vitest";
import { checkAllNodes } from "../../../src/config/load.ts";
import { PAIR, planOf, problemsOf, source } from "./source.ts";

describe("syncGroups", () => {
  it("are names of virtual routers", () => {
    expect(planOf(file("all: [web, two]"), { node: "lb2" }).syncGroups).toEqual([
      { name: "all", members: ["web", "two"] },
    ]);
  });

  it.each([
    ["all: [web, tow]", 'all[1]: there is no virtual router "tow"; did you mean two?'],
    ["all: [web, web]", "all[1]: web stands here a second time: remove one of the two"],
    ["one: [web, two], all: [three, two]", "all[1]: two is also in the sync group one: one group"],
    ["web: [two, three]", "web: web is also the name of a virtual router"],
    ["all: []", "all: found an empty list"],
  ])("{ %s } is refused", (groups, words) => {
    const problems = problemsOf(file(groups), { node: "lb1" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words);
  });

  it.each([
    [
      "priority: { lb1: 100, lb2: 150 }",
      "web ranks lb1 before lb2 (150, 100), but two ranks lb2 before lb1 (150, 100)",
    ],
    ["priority: 120", "but two ranks lb1 and lb2 equal (120, 120)"],
  ])("that would be Active nowhere are refused: %s", (priority, words) => {
    const problems = problemsOf(file("all: [three, web, two]", priority), { node: "lb1" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words.replace("web ranks", "three ranks"));
  });

  it.each(["priority: { lb1: 255 }", "priority: { lb1: 101 }", "priority: { lb2: 149 }"])(
    "may have other numbers in the same order: %s",
    (priority) => {
      expect(problemsOf(file("all: [web, two]", priority), { node: "lb1" })).toEqual([]);
    },
  );

  it("whose addresses could decide differently need an order of nodes", () => {
    const merged = (keys: string) =>
      file("all: [web, six]").replace("priority: 150", "priority: 100")
        .replace("syncGroups:", `  six: { ${keys} }\nsyncGroups:`);
    expect(problemsOf(merged('vrid: 6, addresses: ["fe80::6"], interface: eth0'), { node: "lb1" }))
      .toEqual([
        "syncGroups.all: lb1, lb2 have the same priority, 100: their addresses would decide, and " +
        "may decide otherwise for each member; give the nodes different priorities",
      ]);
    expect(problemsOf(merged("vrid: 6, addresses: [10.0.0.16]"), { node: "lb1" })).toEqual([]);
  });

  it("see the priorities that overrides change", () => {
    const overrides = "overrides: { virtualRouters: { two: { priority: 200 } } }";
    const text = file("all: [web, two]").replace("[10.0.0.3]", `[10.0.0.3], ${overrides}`);
    expect(problemsOf(text, { node: "lb1" })[0]).toContain("two ranks lb2 before lb1 (200, 150)");
  });

  it("warn of a single member, and of members that do not preempt alike", () => {
    const warnings = (groups: string, keys = "") =>
      checkAllNodes(file(groups, keys), source()).warnings.map(({ message }) => message);
    expect(warnings("all: [web]")[0]).toContain("web is its only member");
    expect(warnings("all: [web, two]", "preempt: false")).toEqual([
      "two must not preempt, so that none of the group can: say preempt: false for all of them, " +
      "or for none",
    ]);
  });
});

function file(groups: string, two = ""): string {
  return `${PAIR}  two: { vrid: 2, addresses: [10.0.0.11]${two && `, ${two}`} }
  three: { vrid: 3, addresses: [10.0.0.12] }
syncGroups: { ${groups} }
`;
}
