/**
 * The words of a check. Which of them go together is not judged here.
 */

import { z } from "zod";
import { RCODES, RECORD_TYPES } from "../../core/wire/dns.ts";
import { address, choice, command, duration, keys, text, whole } from "./words.ts";

const STATUS = "200, 200-399, or a list of these, with codes from 100 to 599";

const StatusCodes = z.union([
  whole(100, 599),
  text(STATUS, /^[1-5]\d\d(?:-[1-5]\d\d)?$/),
], { error: STATUS });

/** Labels of letters, digits, '-' and '_'; TLS knows no SNI for addresses (RFC 6066, section 3). */
const HOST = /^(?!\d+\.\d+\.\d+\.\d+$)[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** Labels of 63 octets at most, 253 in all (RFC 1035, section 2.3.4); `.` is the root. */
const DNS_NAME = /^(?:\.|(?=.{1,254}$)(?:[A-Za-z0-9_*-]{1,63}\.)*[A-Za-z0-9_*-]{1,63}\.?)$/;

/** `check` of a backend. */
export const CheckSchema = keys({
  type: choice(["tcp", "http", "https", "tls", "dns", "script"]).prefault("tcp")
    .describe("What counts as healthy."),
  interval: duration(1).prefault("2s").describe("Time between checks of a server."),
  timeout: duration(1).optional().describe("How long a check may take; default: interval."),
  rise: whole(1, 1000).prefault(2).describe("Successes in a row that make a server up."),
  fall: whole(1, 1000).prefault(3).describe("Failures in a row that make a server down."),
  fastInterval: duration(1).optional()
    .describe("Interval while a server is between up and down; default: interval."),
  downInterval: duration(1).optional()
    .describe("Interval while a server is down; default: interval."),
  port: whole(1, 65535).optional().describe("Checked instead of the server's own port."),
  address: address().optional().describe("Checked instead of the server's own address."),
  send: bytes().optional().describe("tcp: sent once connected."),
  expect: bytes().optional().describe("tcp: text that the server's answer must contain."),
  method: text("an HTTP method in capitals, such as GET or HEAD", /^[A-Z]{1,20}$/).optional()
    .describe("http, https: the method; default GET."),
  path: text("a path that starts with / and holds no blank", /^\/[\x21-\x7e]*$/).optional()
    .describe("http, https: the path; default /."),
  host: text("a Host header without blanks", /^[\x21-\x7e]+$/).optional()
    .describe("http, https: the Host header; default: the server's address and port."),
  status: z.union(
    [StatusCodes, z.array(StatusCodes, { error: STATUS }).min(1, { error: STATUS })],
    {
      error: STATUS,
    },
  ).optional().describe("http, https: the statuses that count as healthy; default 200-399."),
  token: text("a secret, or file:/path").optional()
    .describe("https: sent as a bearer token; file:/path or the token itself."),
  serverName: text("a host name; for an address leave it out: the one checked is verified", HOST)
    .optional()
    .describe("tls, https: sent as SNI and verified."),
  ca: text("a file of certificates, or system").optional()
    .describe("tls, https: the authorities to trust: a PEM file, or system."),
  verify: z.literal("none", { error: "none, or leave it out and name a ca" }).optional()
    .describe("tls, https: none accepts any certificate."),
  certificate: text("a PEM file").optional()
    .describe("tls, https: the client certificate to show, with its chain."),
  key: text("a PEM file").optional().describe("tls, https: the key of certificate."),
  query: text("a domain name, such as health.example.com", DNS_NAME).optional()
    .describe("dns: the name that is asked for."),
  recordType: choice(RECORD_TYPES).optional().describe("dns: the type of record; default A."),
  rcode: choice(RCODES).optional().describe("dns: the answer that counts; default NOERROR."),
  transport: choice(["udp", "tcp"]).optional().describe("dns: default udp."),
  command: command().optional().describe(
    "script: a program and its arguments, run without a shell; 0 is healthy.",
  ),
});

/** `agentCheck` of a backend. */
export const AgentCheckSchema = keys({
  port: whole(1, 65535).describe("The agent's TCP port."),
  address: address().optional().describe("Asked instead of the server's own address."),
  interval: duration(1).prefault("2s").describe("Time between questions, and for an answer."),
  send: bytes().optional().describe("Sent once connected; double quotes write \\n."),
});

/** Bytes as text, in UTF-8; YAML's double quotes write control characters. */
function bytes() {
  const error = "text of up to 1024 characters; in double quotes \\r and \\n are line ends";
  return z.string({ error }).min(1, { error, abort: true }).max(1024, { error, abort: true });
}
