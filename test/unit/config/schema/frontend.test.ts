import { expect, it } from "vitest";
import { FrontendSchema } from "../../../../src/config/schema/frontend.ts";

it("FrontendSchema counts a frontend for readiness unless told otherwise", () => {
  expect(FrontendSchema.parse({ listen: "*:80" })).toEqual({ listen: "*:80", required: true });
});

it.each([{}, { listen: [] }, { listen: 80 }, { listen: "*:80", backend: "a b" }])(
  "FrontendSchema refuses %j",
  (frontend) => expect(FrontendSchema.safeParse(frontend).success).toBe(false),
);
