/**
 * Plans for tests: everything as the defaults of a file have it.
 */

import type {
  BackendPlan,
  FrontendPlan,
  ServerPlan,
  VirtualRouterPlan,
} from "../../src/core/plan/plan.ts";

/** A virtual router with the defaults, and what a test says of it. */
export function routerPlan(said: Partial<VirtualRouterPlan> = {}): VirtualRouterPlan {
  return { ...DEFAULT_ROUTER, ...said };
}

/** A frontend with the defaults and no listeners, and what a test says of it. */
export function frontendPlan(said: Partial<FrontendPlan> = {}): FrontendPlan {
  return { ...DEFAULT_FRONTEND, ...said };
}

/** A backend `web` with a server `s1`, and what a test says of it. */
export function backendPlan(said: Partial<BackendPlan> = {}): BackendPlan {
  return { ...DEFAULT_BACKEND, ...said };
}

/** A server `s1`, and what a test says of it. */
export function serverPlan(said: Partial<ServerPlan> = {}): ServerPlan {
  return { ...DEFAULT_SERVER, ...said };
}

/** A frontend that lets everybody in. */
export const NO_LIMITS = {
  maxConnections: null,
  connectionRate: null,
  allow: null,
  deny: null,
} as const;
const DEFAULT_FRONTEND: FrontendPlan = {
  name: "web",
  listeners: [],
  backend: "web",
  routes: [],
  clientSpeaksFirst: false,
  proxyProtocolFrom: null,
  clientHelloTimeoutMs: 5_000,
  required: true,
  ...NO_LIMITS,
};

const DEFAULT_SERVER: ServerPlan = {
  name: "s1",
  address: "192.0.2.1",
  family: 4,
  port: 80,
  weight: 100,
  backup: false,
  maxConnections: null,
  state: "ready",
  proxyProtocol: null,
};

const DEFAULT_BACKEND: BackendPlan = {
  name: "web",
  balance: "roundrobin",
  check: null,
  agentCheck: null,
  connectTimeoutMs: 5_000,
  idleTimeoutMs: 3_600_000,
  halfClosedTimeoutMs: 30_000,
  keepalive: { idleMs: 60_000, intervalMs: 10_000, probes: 6, userTimeoutMs: null },
  retries: 3,
  redispatch: true,
  onMarkedDown: "keep-connections",
  onMarkedUp: "keep-connections",
  slowStartMs: null,
  maxQueue: null,
  queueTimeoutMs: 5_000,
  whenEmpty: "reject",
  sourceAddress: { ipv4: null, ipv6: null, insteadOf: null },
  udp: { idleTimeoutMs: 30_000, replies: null, maxSessions: 65_536 },
  serverDefaults: { weight: 100, maxConnections: null, proxyProtocol: null },
  servers: [DEFAULT_SERVER],
};

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
