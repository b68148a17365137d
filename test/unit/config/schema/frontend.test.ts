import { expect, it } from "vitest";
import { FrontendSchema } from "../../../../src/config/schema/frontend.ts";

it("FrontendSchema has the defaults of the documentation", () => {
  expect(FrontendSchema.parse({ listen: "*:80" })).toEqual({
    listen: "*:80",
    routes: [],
    timeouts: { clientHello: "5s" },
    required: true,
  });
});

it.each(["git.example.com", "*.example.com", "localhost", "a_b.X-1", "1.example", "xn--bcher-kva"])(
  "FrontendSchema routes %s",
  (name) => {
    const routes = [{ sni: [name], backend: "web" }];
    expect(FrontendSchema.parse({ listen: "*:443", routes })).toMatchObject({ routes });
  },
);

it.each([
  {},
  { listen: [] },
  { listen: 80 },
  { listen: "*:80", backend: "a b" },
  ...["*", "*.", "a*.example", "*.*.example", "a..b", "a.", ".a", "10.0.0.1", "::1", "bücher"].map(
    (name) => ({ listen: "*:443", routes: [{ sni: [name], backend: "web" }] }),
  ),
  { listen: "*:443", routes: [{ sni: [`${"a".repeat(64)}.example`], backend: "web" }] },
  { listen: "*:443", routes: [{ sni: [`${"a.".repeat(127)}ab`], backend: "web" }] },
  { listen: "*:80", proxyProtocol: { from: [] } },
  { listen: "*:80", proxyProtocol: { from: ["10.0.0.0/8", "all"] } },
  { listen: "*:80", timeouts: { clientHello: "0s" } },
])("FrontendSchema refuses %j", (frontend) => {
  expect(FrontendSchema.safeParse(frontend).success).toBe(false);
});
