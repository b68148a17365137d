/**
 * The words of a whole file: what is supported now. Unknown keys are errors everywhere.
 */

import { z } from "zod";
import { BackendSchema } from "./backend.ts";
import { FrontendSchema } from "./frontend.ts";
import { TrackerSchema } from "./tracker.ts";
import { VirtualRouterSchema } from "./virtual_router.ts";
import { address, choice, duration, flag, keys, list, name, named, text, whole } from "./words.ts";

const ADDRESSES = "a list of one address, or of one per family";

const NodeSchema = keys({
  addresses: z.array(address(), { error: ADDRESSES }).min(1, { error: ADDRESSES })
    .max(2, { error: ADDRESSES })
    .describe("This node's own addresses, at most one per family."),
  priority: whole(1, 255).prefault(100).describe("Priority of its virtual routers."),
  overrides: z.record(z.string(), z.unknown(), { error: "a map of keys of this file" }).optional()
    .describe("Merged over the file on this node (RFC 7396)."),
});

const LogSchema = keys({
  level: choice(["debug", "info", "warn", "error"]).prefault("info")
    .describe("The least level that is logged."),
  format: choice(["text", "json"]).prefault("text").describe("One line of text, or of JSON."),
  connections: choice(["none", "json", "tcplog"]).prefault("none").describe(
    "A line for each connection that ends, on standard output: JSON, or as HAProxy writes it.",
  ),
});

const TokenSchema = keys({
  name: name().describe("Recorded as the caller."),
  role: choice(["viewer", "operator", "admin"]).describe("What the caller may do."),
  secret: text("the secret, or file:/path of a file that holds it").describe("The bearer token."),
});

const AdminTlsSchema = keys({
  certificate: text("a PEM file").describe("The certificate and those between it and its root."),
  key: text("a PEM file").describe("The key of the certificate."),
  clientCa: text("a PEM file").optional()
    .describe("Who has a certificate of this authority is let in, named by its common name."),
  clientRole: choice(["viewer", "operator", "admin"]).prefault("viewer")
    .describe("What those may do."),
});

const AdminSchema = keys({
  socket: text("an absolute path of at most 107 bytes", /^\/[^\0]{1,106}$/)
    .prefault("/run/lintel/admin.sock").describe("Unix socket, always on, mode 0660."),
  socketGroup: text("a group name or number", /^[^\s:]+$/).prefault("root")
    .describe("The group that may use the socket."),
  listen: text("ADDRESS:PORT").optional()
    .describe("TCP address of the admin API; without tokens its callers are viewers."),
  tls: AdminTlsSchema.optional().describe("Listen by TLS; needed off loopback."),
  tokens: list(TokenSchema, "tokens").optional().describe("Bearer tokens for TCP."),
  probes: text("HOST:PORT with HOST one of *, an IPv4 address, [IPv6]").optional()
    .describe("Plain listener for /livez, /readyz, /active and /metrics only."),
});

/** A configuration file. */
export const FileSchema = keys({
  nodes: named(NodeSchema, "nodes").optional().describe("The nodes that share this file."),
  log: LogSchema.prefault({}).describe("What is logged, and how."),
  stateDirectory: text("an absolute path", /^\//).prefault("/var/lib/lintel")
    .describe("Where lintel keeps what must survive a restart."),
  watch: flag().prefault(false).describe("Reload when this file changes."),
  workers: z.union([z.literal("auto"), whole(1, 256)], {
    error: "auto, or a whole number from 1 to 256",
  }).prefault("auto").describe("Data-plane workers; auto = number of CPUs."),
  engine: choice(["auto", "uring", "epoll"]).prefault("auto").describe(
    "How the data plane does I/O.",
  ),
  maxConnections: z.union([z.literal("auto"), whole(1, 1_000_000)], {
    error: "auto, or a whole number from 1 to 1000000",
  }).prefault("auto").describe("Connections at once of the whole process; auto = what fits."),
  stopTimeout: duration(0).prefault("30s").describe("Drain at stop, then cut what is left."),
  admin: AdminSchema.prefault({}).describe("Where the admin API answers."),
  trackers: named(TrackerSchema, "trackers").prefault({})
    .describe("What virtual routers may track; each runs once."),
  virtualRouters: named(VirtualRouterSchema, "virtual routers").prefault({})
    .describe("The virtual addresses that this pair of nodes keeps alive."),
  syncGroups: named(list(name(), "virtual routers"), "lists of virtual routers").prefault({})
    .describe("Virtual routers that are Active together or not at all."),
  frontends: named(FrontendSchema, "frontends").prefault({}).describe("Where connections arrive."),
  backends: named(BackendSchema, "backends").prefault({}).describe("Where connections go."),
});

/** A file in its user's words, with the defaults that depend on nothing else. */
export type Config = z.output<typeof FileSchema>;

/** One entry of `virtualRouters`. */
export type RouterConfig = Config["virtualRouters"][string];

/** One entry of `trackers`. */
export type TrackerConfig = Config["trackers"][string];

/** One entry of `backends`. */
export type BackendConfig = Config["backends"][string];

/** One entry of `frontends`. */
export type FrontendConfig = Config["frontends"][string];

/** A check that is not `none`. */
export type CheckConfig = Exclude<BackendConfig["check"], "none">;
