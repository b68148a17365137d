import { expect, it } from "vitest";
import { VirtualRouterSchema } from "../../../../src/config/schema/virtual_router.ts";

it("VirtualRouterSchema has the defaults of the documentation", () => {
  expect(VirtualRouterSchema.parse({ vrid: 60, addresses: ["10.0.0.10"] })).toEqual({
    interface: "auto",
    vrid: 60,
    version: 3,
    addresses: ["10.0.0.10"],
    excludedAddresses: [],
    virtualRoutes: [],
    virtualRules: [],
    advertisementInterval: "1s",
    preempt: true,
    preemptDelay: "0s",
    unicast: "auto",
    checksum: "rfc5798",
    strictChecksum: false,
    addressList: "ignore",
    track: {},
    announce: { repeat: 5, delay: "5s", refresh: "10s", refreshRepeat: 1 },
    deadman: "3s",
    existingAddress: "remove",
    startDelay: "0s",
    virtualMac: false,
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
  { excludedAddresses: "10.0.0.1" },
  { virtualRoutes: [{ via: "10.0.0.1" }] },
  { virtualRules: [{ from: "10.0.0.0/8" }] },
  { preemptDelay: "1" },
  { authentication: "1111" },
  { authentication: {} },
  { authentication: { password: "1111", type: "pass" } },
  { addressList: "obey" },
  { track: { uplink: 0 } },
  { announce: { refresh: "0s" } },
  { announce: { refresh: "false" } },
  { existingAddress: "keep" },
  { notify: { command: "/bin/true" } },
  { notify: { command: ["bin/true"] } },
  { notify: { webhook: "ftp://example.com" } },
])("VirtualRouterSchema refuses %j", (change) => {
  const router = { vrid: 60, addresses: ["10.0.0.10"], ...change };
  expect(VirtualRouterSchema.safeParse(router).success).toBe(false);
});
