/**
 * The resources of the admin API as zod schemas, from which requests are validated, OpenAPI is made
 * and types are inferred. It decides nothing: values come from the appliance.
 */

import { z } from "@hono/zod-openapi";
import { parseDuration } from "../config/duration.ts";

const DURATION_EXPECTED = 'expected a duration with its unit, such as "60s"';

/** A duration as the file has it, and more than none. */
export const duration = (description: string) =>
  z.string(DURATION_EXPECTED)
    .refine((text) => (parseDuration(text) ?? 0) > 0, DURATION_EXPECTED)
    .describe(description);

/**
 * A named schema or null. `nullable` would have the OpenAPI document say null of the name itself,
 * or of nothing.
 */
export const orNull = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.null()]);

const count = (description: string) => z.int().min(0).describe(description);
const instant = (description: string) => z.iso.datetime().nullable().describe(description);
const byReason = (description: string) =>
  z.record(z.string(), z.int().min(0)).describe(description);

/** The parameters that every change takes. */
export const WishQuerySchema = z.strictObject({
  dryRun: z.enum(["true", "false"]).optional().describe("true: only tell what it would be"),
  reason: z.string().max(1000).optional().describe("Why; the body's wins"),
});

/** What an operator has said about a server. */
export const AdminStateSchema = z.enum(["ready", "drain", "maint"]).openapi("AdminState");

/** What the last checks say about a server. */
export const HealthSchema = z.strictObject({
  state: z.enum(["unchecked", "up", "down"]),
  code: z.string().nullable().describe(
    "Result of the last check, such as L4OK, L4CON, L6TOUT, L7STS",
  ),
  status: z.int().nullable().describe("HTTP status of the last check; null: it had none"),
  latencySeconds: z.number().min(0).nullable().describe("How long the last check took"),
  checkedAt: instant("When the last check ended"),
  changedAt: instant("When the state last changed"),
  failure: z.string().nullable().describe("What the last failed check said"),
  failureCode: z.string().nullable().describe("How it ended; PASSIVE: no check, but connections"),
  failureStatus: z.int().nullable().describe("Its HTTP status; null: it had none"),
  failedAt: instant("When it ended"),
}).openapi("Health");

/** What an agent beside a server has said of it; null: nothing yet. */
export const AgentSchema = z.strictObject({
  down: z.boolean().describe("Whether it says so: no new connections then, whatever checks say"),
  word: z.string().nullable().describe("Its own word for that: up, down, stopped, fail or failed"),
  text: z.string().nullable().describe("What it said about that, after #"),
  admin: AdminStateSchema.nullable().describe("An operator's word comes before it"),
  weightPercent: count("Of the weight in the file; an operator's weight comes before it")
    .nullable(),
  maxConnections: count("0: any number").nullable(),
}).openapi("Agent");

/** What becomes, at a time, of connections that are still open. */
export const DeadlineSchema = z.strictObject({
  at: z.iso.datetime(),
  then: z.enum(["leave", "kill"]),
}).openapi("Deadline");

/** What of a server differs from the file, and who said so. */
export const OverrideSchema = z.strictObject({
  state: orNull(AdminStateSchema).describe("null: as in the file"),
  weight: z.int().min(0).max(256).nullable().describe("null: as in the file"),
  reason: z.string().nullable(),
  by: z.string().describe("The caller who changed it last"),
  at: z.iso.datetime(),
  until: instant("When the last change ends by itself; null: never"),
  deadline: orNull(DeadlineSchema)
    .describe("For connections that remain; null: none, or it has passed"),
}).openapi("Override");

/** One server of a backend; its facts are kept apart, never merged into one word. */
export const ServerSchema = z.strictObject({
  backend: z.string(),
  name: z.string(),
  address: z.string(),
  port: z.int().min(1).max(65535).nullable().describe("null: the port the client connected to"),
  backup: z.boolean().describe("Takes connections only while no server that is none can"),
  maxConnections: count("At once; further ones wait").nullable()
    .describe("The file's; an agent's comes before it; null: any number"),
  admin: AdminStateSchema,
  health: HealthSchema,
  agent: orNull(AgentSchema).describe("null: the file has no agentCheck"),
  weight: z.strictObject({
    configured: count("The file's"),
    runtime: z.int().min(0).max(256).nullable().describe("Set at run time; null: as in the file"),
    effective: count(
      "What balancing goes by while the server is ready; 0 takes no new connections",
    ),
  }),
  connections: z.strictObject({
    active: count("Open or being opened"),
    queued: count("Waiting for this server"),
    total: count("Since start"),
  }),
  bytes: z.strictObject({
    received: count("Received from the server"),
    sent: count("Sent to the server"),
  }),
  failures: byReason("Failed connections by reason"),
  retries: count("Connects tried again on this server"),
  redispatches: count("Connections given to another server instead of this one"),
  override: orNull(OverrideSchema).describe("What differs from the file; null: nothing"),
}).openapi("Server");

/** A named set of servers. */
export const BackendSchema = z.strictObject({
  name: z.string(),
  balance: z.string(),
  check: z.strictObject({ type: z.string(), intervalSeconds: z.number() }).nullable()
    .describe("null: servers take connections unchecked"),
  usableServers: count("Servers that take new connections"),
  servers: z.array(ServerSchema),
}).openapi("Backend");

/** One address and port that a frontend listens on. */
export const ListenerSchema = z.strictObject({
  protocol: z.enum(["tcp", "udp"]),
  address: z.string().describe("* is every address of both families"),
  port: z.int().min(1).max(65535),
  virtualRouter: z.string().nullable().describe("The virtual router whose address it is"),
  bound: z.boolean(),
}).openapi("Listener");

/** Where connections arrive. */
export const FrontendSchema = z.strictObject({
  name: z.string(),
  listeners: z.array(ListenerSchema),
  backend: z.string().nullable().describe("null: what no route matches is refused"),
  routes: z.array(z.strictObject({
    serverNames: z.array(z.string()),
    backend: z.string(),
  })).describe("Backends by TLS server name"),
  required: z.boolean().describe("Counts for /readyz"),
  maxConnections: count("Open at once").nullable().describe("null: any number"),
  connections: z.strictObject({
    active: count("Open now"),
    total: count("Since start"),
  }),
  bytes: z.strictObject({
    received: count("Received from clients"),
    sent: count("Sent to clients"),
  }),
  denied: byReason("Connections refused by reason"),
  evictedSessions: count("UDP sessions that were ended to make room for new ones"),
}).openapi("Frontend");

/** The last advertisement accepted from another router. */
export const PeerSchema = z.strictObject({
  address: z.string(),
  priority: z.int().min(0).max(255),
  advertisementIntervalSeconds: z.number(),
  receivedAt: z.iso.datetime(),
}).openapi("Peer");

/** Where a virtual router stands. */
export const RouterStateSchema = z.enum(["initialize", "backup", "active"]).openapi("RouterState");

/** Something that a virtual router tracks. */
export const TrackerSchema = z.strictObject({
  name: z.string(),
  good: z.boolean(),
  effect: z.union([z.literal("yield"), z.int()]).describe(
    "yield: given up while bad; points: negative ones count while bad, positive ones while good",
  ),
  since: instant("Since when it is so; null: nothing is known yet"),
  detail: z.string().describe("Why, in words: of a script the last line it wrote"),
}).openapi("Tracker");

/** One virtual router on this node. */
export const VirtualRouterSchema = z.strictObject({
  name: z.string(),
  vrid: z.int().min(1).max(255),
  version: z.int().min(2).max(3),
  interface: z.string().nullable().describe("null: none carries this node's address"),
  addresses: z.array(z.string()).describe("The virtual addresses as ADDRESS/LENGTH"),
  syncGroup: z.string().nullable().describe("Active together with the others of it"),
  state: RouterStateSchema,
  since: instant("When this state began"),
  cause: z.string().nullable().describe("Why the last transition happened"),
  priority: z.strictObject({
    configured: z.int().min(0).max(255),
    effective: z.int().min(0).max(255).describe("After trackers"),
  }),
  preempt: z.boolean(),
  heldUntil: instant("After a handover: until then it does not preempt; null: no hold"),
  trackers: z.array(TrackerSchema),
  timers: z.strictObject({
    advertisementIntervalSeconds: z.number(),
    activeDownIntervalSeconds: z.number().nullable()
      .describe("Without an advertisement for so long a Backup becomes Active"),
    skewSeconds: z.number().nullable(),
    deadmanSeconds: z.number().nullable().describe("null: addresses have no lifetime"),
  }),
  counters: z.strictObject({
    advertisementsSent: count("Since start"),
    advertisementsReceived: count("Accepted since start"),
    advertisementsRejected: byReason("Rejected since start by reason"),
    announcements: count("Gratuitous ARPs and unsolicited neighbour advertisements sent"),
    transitions: z.array(
      z.strictObject({ state: z.string(), reason: z.string(), total: z.int().min(0) }),
    ).describe("Transitions into a state by reason"),
    statistics: byReason("Everything that the speaker counts, by name"),
    rfc6527: byReason("The same as RFC 6527 names its objects, without vrrpv3"),
  }),
  peer: orNull(PeerSchema).describe("null: no advertisement accepted yet"),
}).openapi("VirtualRouter");

/** One thread of the appliance. */
export const WorkerSchema = z.strictObject({
  name: z.string().describe("dataplane-0, speaker, prober"),
  silenceSeconds: z.number().nullable().describe("Since its last sign of life"),
  connections: z.int().min(0).nullable().describe("null: not a data-plane worker"),
  restarts: z.int().min(0),
}).openapi("Worker");

/** Whether this node refuses to be Active. */
export const StandbySchema = z.strictObject({
  enabled: z.boolean(),
  until: z.iso.datetime().nullable().describe("When it ends by itself; null: never"),
  reason: z.string().nullable(),
  by: z.string().nullable().describe("The caller who wanted it"),
  at: z.iso.datetime().nullable().describe("Since when"),
}).openapi("Standby");

/** The node itself: the status without what other routes tell. */
export const NodeStatusSchema = z.strictObject({
  node: z.string(),
  version: z.string(),
  pid: z.int(),
  engine: z.string().describe(
    "How the kernel is used: uring; epoll where a worker has no io_uring",
  ),
  startedAt: z.iso.datetime(),
  uptimeSeconds: z.number(),
  configuration: z.strictObject({
    file: z.string(),
    hash: z.string().describe("SHA-256 of the file"),
    loadedAt: z.iso.datetime(),
    lastReloadSuccessful: z.boolean(),
  }),
  workers: z.array(WorkerSchema),
  standby: StandbySchema,
});

/** Whether all is well, and if not why. */
export const VerdictSchema = z.strictObject({ ok: z.boolean(), causes: z.array(z.string()) })
  .openapi("Verdict");

const SAID = {
  id: z.string().describe("BACKEND:SERVER:FIELD"),
  backend: z.string(),
  server: z.string(),
  by: z.string().describe("The caller who said it"),
  reason: z.string().nullable(),
  at: z.iso.datetime(),
  until: z.iso.datetime().nullable().describe("When it ends by itself; null: never"),
};

/** One field of one server that differs from the file. */
export const OverrideFactSchema = z.discriminatedUnion("field", [
  z.strictObject({
    ...SAID,
    field: z.literal("state"),
    value: AdminStateSchema,
    file: AdminStateSchema.describe("What the file said at the time"),
    deadline: orNull(DeadlineSchema),
  }),
  z.strictObject({
    ...SAID,
    field: z.literal("weight"),
    value: z.int().min(0).max(256),
    file: z.int().min(0).max(256).describe("What the file said at the time"),
  }),
  z.strictObject({
    ...SAID,
    field: z.literal("server"),
    value: z.strictObject({
      address: z.string(),
      family: z.union([z.literal(4), z.literal(6)]),
      port: z.int().min(1).max(65535).nullable(),
      weight: z.int().min(0).max(256),
    }),
    file: z.null().describe("The file does not have this server"),
  }),
]).openapi("OverrideFact");

/** Everything in one document. */
export const StatusSchema = NodeStatusSchema.extend({
  live: VerdictSchema,
  ready: VerdictSchema,
  virtualRouters: z.array(VirtualRouterSchema),
  frontends: z.array(FrontendSchema),
  backends: z.array(BackendSchema),
  overrides: z.array(OverrideFactSchema).describe("Everything that differs from the file"),
}).openapi("Status");

/** An error, RFC 9457. */
export const ProblemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), detail: z.string() })).optional()
    .describe("Each bad value with its path"),
}).openapi("Problem");

export type AdminState = z.infer<typeof AdminStateSchema>;
export type Health = z.infer<typeof HealthSchema>;

/** What an agent beside a server has said of it. */
export type Agent = z.infer<typeof AgentSchema>;
export type Override = z.infer<typeof OverrideSchema>;
export type Server = z.infer<typeof ServerSchema>;
export type Backend = z.infer<typeof BackendSchema>;
export type Peer = z.infer<typeof PeerSchema>;
export type Listener = z.infer<typeof ListenerSchema>;
export type Frontend = z.infer<typeof FrontendSchema>;
export type Tracker = z.infer<typeof TrackerSchema>;
export type VirtualRouter = z.infer<typeof VirtualRouterSchema>;
export type Standby = z.infer<typeof StandbySchema>;
export type Worker = z.infer<typeof WorkerSchema>;
export type NodeStatus = z.infer<typeof NodeStatusSchema>;
export type Status = z.infer<typeof StatusSchema>;
export type ShownFact = z.infer<typeof OverrideFactSchema>;
export type Problem = z.infer<typeof ProblemSchema>;
