/**
 * The words of one frontend.
 */

import { z } from "zod";
import {
  duration,
  flag,
  keys,
  limit,
  list,
  listOrEmpty,
  name,
  network,
  text,
  whole,
} from "./words.ts";

const LISTENER = "HOST:PORT[-PORT] with HOST one of *, an IPv4 address, [IPv6], vip:ROUTER";

/** Labels of letters, digits, '-' and '_', the last one no number; `*` may stand for the first. */
const SERVER_NAME = /^(?=.{1,255}$)(?:\*\.)?(?:[a-z0-9_-]{1,63}\.)*(?!\d+$)[a-z0-9_-]{1,63}$/i;
const SNI = "a server name such as git.example.com, or *.example.com for any one label before it";

const RouteSchema = keys({
  sni: list(text(SNI, SERVER_NAME), "server names")
    .describe("TLS server names; *. stands for one label, and an exact name comes before it."),
  backend: name().describe("The backend that takes the connections."),
});

/** One entry of `frontends`. */
export const FrontendSchema = keys({
  listen: z.union([text(LISTENER), list(text(LISTENER), "listeners")], {
    error: `${LISTENER}; or a list of these`,
  }).describe("Where connections arrive; vip:ROUTER is bound also while the address is not here."),
  backend: name().optional()
    .describe("The backend of connections that no route matches; absent = they are refused."),
  routes: listOrEmpty(RouteSchema, "routes").prefault([])
    .describe(
      "Backends by the server name in the client's TLS handshake, which is not ended here.",
    ),
  clientSpeaksFirst: flag().optional()
    .describe("The kernel hands a connection over with its first bytes: TLS, HTTP; default false."),
  proxyProtocol: keys({
    from: list(network(), "networks").describe("Who has to send a header; nobody else may."),
  }).optional().describe("PROXY protocol, version 1 or 2, in front of what clients send."),
  timeouts: keys({
    clientHello: duration().prefault("5s")
      .describe("Until a PROXY header and a ClientHello have arrived, where they are asked for."),
  }).prefault({}).describe("How long things may take."),
  maxConnections: limit()
    .describe("Connections at once; further clients wait to be accepted."),
  connectionRate: whole(1, 1_000_000).optional()
    .describe("New connections a second; further clients wait to be accepted."),
  allow: list(network(), "networks").optional()
    .describe("Networks of connecting addresses; left out: all."),
  deny: list(network(), "networks").optional()
    .describe("Networks of connecting addresses that are refused; it wins over allow."),
  required: flag().prefault(true).describe("Counts for /readyz."),
});
