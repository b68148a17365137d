import type { Socket } from "node:net";
import { afterAll, expect, it } from "vitest";
import type { CheckRequest } from "../../src/core/plan/plan.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { Poller, pollerMemory } from "../../src/prober/poller.ts";
import { startSocketProbe } from "../../src/prober/socket_probe.ts";
import { TlsProbes } from "../../src/prober/tls_probe.ts";
import { checkedServer, Servers } from "./prober_servers.ts";

const UNKNOWN = "PROXY UNKNOWN\r\n";
const LOCAL = "\r\n\r\n\0\r\nQUIT\n \0\0\0";
const HTTP = { method: "GET", path: "/", host: "x", status: [[200, 399]] } as const;
const TLS = { serverName: "x.test", verify: "none" } as const;

const poller = new Poller(pollerMemory(16));
const servers = new Servers();

afterAll(() => servers.close());

it.each<["v1" | "v2", CheckRequest, string]>([
  ["v1", { type: "tcp" }, UNKNOWN],
  ["v2", { type: "tcp" }, LOCAL],
  ["v2", { type: "tcp", send: "hello" }, `${LOCAL}hello`],
  ["v1", { type: "http", http: HTTP }, `${UNKNOWN}GET / HTTP/1.1`],
  ["v2", { type: "http", http: HTTP }, `${LOCAL}GET / HTTP/1.1`],
  // What follows is the first record of a handshake.
  ["v1", { type: "https", http: HTTP, tls: TLS }, `${UNKNOWN}\x16\x03`],
  ["v2", { type: "tls", tls: TLS }, `${LOCAL}\x16\x03`],
])("a check of a server that is sent %s, %j, begins with it", async (version, request, words) => {
  let heard = "";
  const port = await servers.serve((connection: Socket) =>
    connection.on("data", (piece) => heard += piece.toString("latin1"))
  );
  const server = { ...checkedServer(port, { request }), proxyProtocol: version };
  const probe = request.type === "https" || request.type === "tls"
    ? new TlsProbes().start(server, request, () => {})
    : startSocketProbe(poller, server, () => {});
  await eventually("the server has heard it", () => heard.length >= words.length);
  expect(heard.slice(0, words.length)).toBe(words);
  probe.abandon();
});
