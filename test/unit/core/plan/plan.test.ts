import { expect, it } from "vitest";
import { backendsOf, type Plan } from "../../../../src/core/plan/plan.ts";
import { loadConfig } from "../../../../src/config/load.ts";

it("a plan is plain data: JSON and structuredClone keep all of it", () => {
  const file = new URL("../../../../config/kube-apiserver.yaml", import.meta.url);
  const readFile = () => "";
  const source = { file: "a.yaml", env: {}, host: null, readFile, node: "lb1" };
  const plan: Plan | null = loadConfig(Deno.readTextFileSync(file), source).plan;
  expect(plan?.node).toBe("lb1");
  expect(structuredClone(plan)).toEqual(plan);
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

it("backendsOf() names each backend once", () => {
  const route = (backend: string) => ({ serverNames: [], backend });
  expect(backendsOf({ backend: "a", routes: [route("b"), route("a"), route("b")] }))
    .toEqual(["a", "b"]);
  expect(backendsOf({ backend: null, routes: [route("b")] })).toEqual(["b"]);
});
