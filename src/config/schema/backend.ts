/**
 * The words of one backend: servers, and how connections are spread over them.
 */

import { z } from "zod";
import { AgentCheckSchema, CheckSchema } from "./check.ts";
import { address, choice, duration, flag, keys, limit, named, text, whole } from "./words.ts";

const VERSIONS = ["v1", "v2"] as const;

const ServerSchema = keys({
  address: text("ADDRESS[:PORT]").describe(
    "ADDRESS[:PORT]; no port: the port the client asked for.",
  ),
  weight: whole(0, 256).optional().describe("Share of new connections; 0 takes none."),
  backup: flag().prefault(false)
    .describe("Takes connections only while no other server of the backend can."),
  maxConnections: limit().describe("Connections at once; further ones wait for a place."),
  state: choice(["ready", "drain", "maint"]).prefault("ready")
    .describe("The state at start: drain and maint take no connections."),
  proxyProtocol: choice([...VERSIONS, "none"]).optional()
    .describe("Overrides the backend's for this server."),
});

/** One entry of `backends`. */
export const BackendSchema = keys({
  profile: choice(["kube-apiserver"]).optional().describe("A named set of defaults."),
  balance: choice(["roundrobin", "leastconn", "source", "random", "first"]).prefault("roundrobin")
    .describe("How the next server is chosen."),
  check: z.union([z.literal("none"), CheckSchema], { error: "none, or a map of check keys" })
    .prefault({}).describe("What a server must pass to take connections."),
  agentCheck: AgentCheckSchema.optional().describe(
    "An agent beside each server: a line of up, down, stopped or failed (#why), ready, drain, " +
      "maint, 75% and maxconn:30.",
  ),
  timeouts: keys({
    connect: duration().prefault("5s").describe("Until a server accepts the connection."),
    idle: duration().prefault("1h").describe("No byte either way."),
    halfClosed: duration().prefault("30s").describe("After one side has finished sending."),
    queue: duration().prefault("5s").describe("Until a server has a place for the connection."),
  }).prefault({}).describe("How long things may take."),
  keepalive: keys({
    idle: duration(1000).prefault("60s").describe("Silence before the first probe; whole seconds."),
    interval: duration(1000).prefault("10s").describe("Time between probes; whole seconds."),
    probes: whole(1, 127).prefault(6).describe("Probes without an answer that end a connection."),
    userTimeout: duration(1).optional()
      .describe("Sent data without acknowledgement for so long ends a connection."),
  }).prefault({}).describe("TCP keepalive, on both sides."),
  retries: whole(0, 100).prefault(3).describe("Further attempts when a connect fails."),
  redispatch: flag().prefault(true).describe("Let the last attempt go to another server."),
  passive: z.union([
    z.literal("none"),
    keys({
      errorLimit: whole(1, 1_000_000).prefault(10)
        .describe("Connections in a row that fail, or are reset before the server has spoken."),
      action: choice(["fail-check", "fast-interval", "sudden-death", "mark-down"])
        .prefault("fail-check")
        .describe(
          "What follows beside a check after fastInterval: a failed check; nothing; that the " +
            "next failed check decides; down at once.",
        ),
    }),
  ], { error: "none, or a map of errorLimit and action" }).prefault({})
    .describe("What the connections of clients say about a server; never about the last usable."),
  onMarkedDown: choice(["keep-connections", "shutdown-connections"]).prefault("keep-connections")
    .describe("What becomes of a server's connections when it goes down or into maint."),
  onMarkedUp: choice(["keep-connections", "shutdown-backup-connections"])
    .prefault("keep-connections")
    .describe("What becomes of connections to backup servers when another comes up."),
  slowStart: duration(1).optional()
    .describe("A server that comes back has all of its weight and limits after so long."),
  whenEmpty: choice(["reject", "hold"]).prefault("reject")
    .describe("When no server is usable: a reset at once, or a wait of timeouts.queue for one."),
  sourceAddress: z.union([
    z.literal("auto"),
    address(),
    named(address(), "addresses of nodes"),
  ], { error: "auto, an address of this node, or a map of these by node" }).prefault("auto")
    .describe("The address that servers see: this node's, never a virtual one."),
  proxyProtocol: choice(VERSIONS).optional()
    .describe("Sends a PROXY header with the client's address, also in checks of the same port."),
  udp: keys({
    idle: duration(1).prefault("30s").describe("No datagram either way ends a session."),
    replies: whole(1, 1_000_000).optional()
      .describe("A session ends once each datagram of its client has had so many answers."),
    maxSessions: whole(1, 1_000_000).prefault(65_536)
      .describe("Sessions at once; for a new one more, the one that is idle longest ends."),
  }).prefault({}).describe("Sessions of frontends that listen on UDP."),
  serverDefaults: keys({
    weight: whole(0, 256).prefault(100).describe("The weight of servers that name none."),
    maxConnections: limit().describe("The maxConnections of servers that name none."),
    maxQueue: limit().describe("Connections that may wait for one server."),
  }).prefault({}).describe("What servers have that say nothing else."),
  servers: named(
    z.union([text("ADDRESS[:PORT]"), ServerSchema], {
      error: "ADDRESS[:PORT], or a map with address, weight, backup, maxConnections, state and " +
        "proxyProtocol",
    }),
    "servers",
  ).prefault({}).describe("The servers by name."),
});
