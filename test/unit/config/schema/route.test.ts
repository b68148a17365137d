import { expect, it } from "vitest";
import { RouteSchema, RuleSchema } from "../../../../src/config/schema/route.ts";

it("RouteSchema means the main table unless told otherwise", () => {
  expect(RouteSchema.parse({ to: "10.1.0.0/16" })).toEqual({ to: "10.1.0.0/16", table: 254 });
});

it.each([
  {},
  { to: 10 },
  { to: "default", via: "gateway" },
  { to: "default", table: 0 },
  { to: "default", table: 2 ** 32 },
  { to: "default", metric: 0 },
  { to: "default", interface: "" },
  { to: "default", dev: "eth0" },
])("RouteSchema refuses %j", (route) => expect(RouteSchema.safeParse(route).success).toBe(false));

it.each([{}, { from: "10.0.0.0/8" }, { table: 0 }, { table: 1, priority: 0 }, { table: "main" }])(
  "RuleSchema refuses %j",
  (rule) => expect(RuleSchema.safeParse(rule).success).toBe(false),
);
