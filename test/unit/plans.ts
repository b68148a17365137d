/**
 * Plans for tests: everything as the defaults of a file have it.
 */

import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";

/** A virtual router with the defaults, and what a test says of it. */
export function routerPlan(said: Partial<VirtualRouterPlan> = {}): VirtualRouterPlan {
  return { ...DEFAULT_ROUTER, ...said };
}

const DEFAULT_ROUTER: VirtualRouterPlan = {
  name: "api",
  interface: "eth0",
  family: 4,
  vrid: 51,
  version: 3,
  addresses: [{ address: "10.77.0.100", prefixLength: 32 }],
  excludedAddresses: [],
  routes: [],
  rules: [],
  priority: 100,
  peerPriorities: [],
  advertisementIntervalMs: 1_000,
  preempt: true,
  preemptDelayMs: 0,
  unicast: null,
  nodeAddress: null,
  password: null,
  checksum: "rfc5798",
  strictChecksum: false,
  addressList: "ignore",
  track: [],
  announce: { repeat: 5, delayMs: 5_000, refreshMs: 10_000, refreshRepeat: 1 },
  deadmanMs: 3_000,
  existingAddress: "remove",
  startDelayMs: 0,
  notify: null,
  virtualMac: false,
};
