import { expect, it } from "vitest";
import { VirtualRouterSchema } from "../../../../src/config/schema/virtual_router.ts";

it("VirtualRouterSchema has the defaults of the documentation", () => {
  expect(VirtualRouterSchema.parse({ vrid: 60, addresses: ["10.0.0.10"] })).toEqual({
    interface: "auto",
    vrid: 60,
    version: 3,
    addresses: ["10.0.0.10"],
    advertisementInterval: "1s",
    preempt: true,
    unicast: "auto",
    checksum: "rfc5798",
    announce: { repeat: 5 },
    deadman: "3s",
  });
});

it.each([
  { vrid: 0 },
  { vrid: 256 },
  { version: 4 },
  { addresses: [] },
  { priority: 0 },
  { priority: 256 },
  { priority: { lb1: 0 } },
  { unicast: "yes" },
  { unicast: {} },
  { unicast: { peers: ["lb2"] } },
  { announce: { repeat: 0 } },
  { interface: "sixteen-letters-" },
  { deadman: "1999ms" },
])("VirtualRouterSchema refuses %j", (change) => {
  const router = { vrid: 60, addresses: ["10.0.0.10"], ...change };
  expect(VirtualRouterSchema.safeParse(router).success).toBe(false);
});
