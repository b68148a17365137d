import { describe, expect, it } from "vitest";
import { fillDefaults } from "../../../src/config/defaults.ts";
import { prioritiesOf, priorityOf } from "../../../src/config/priority.ts";
import { FileSchema } from "../../../src/config/schema/file.ts";

describe("priorityOf", () => {
  it.each([
    [undefined, "lb1", 150],
    [undefined, "lb2", 100],
    [undefined, "elsewhere", 100],
    [7, "lb1", 7],
    [{ lb2: 9 }, "lb1", 150],
    [{ lb2: 9 }, "lb2", 9],
  ])("with %j on %s is %i", (priority, node, result) => {
    expect(priorityOf(config(priority), node, "web")).toBe(result);
  });
});

describe("prioritiesOf", () => {
  it("asks each node's own view of the file, and leaves out who has no such virtual router", () => {
    const without = { ...config(undefined), virtualRouters: {} };
    const configs = new Map([
      ["lb1", config(undefined)],
      ["lb2", config(200)],
      ["lb3", without],
    ]);
    expect(prioritiesOf({ configs }, "web")).toEqual([
      { node: "lb1", priority: 150 },
      { node: "lb2", priority: 200 },
    ]);
  });
});

function config(priority: number | Record<string, number> | undefined) {
  return fillDefaults(FileSchema.parse({
    nodes: { lb1: { addresses: ["10.0.0.2"], priority: 150 }, lb2: { addresses: ["10.0.0.3"] } },
    virtualRouters: { web: { vrid: 1, addresses: ["10.0.0.10"], ...(priority && { priority }) } },
  }));
}
