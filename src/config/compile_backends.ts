/**
 * Compiles `backends`: servers and timeouts. Checks have a module of their own.
 */

import { parseAddress } from "../core/net/address.ts";
import { parseEndpoint } from "../core/net/prefix.ts";
import type { BackendPlan, ServerPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import type { Compilation } from "./compilation.ts";
import { compileAgentCheck, compileCheck } from "./compile_checks.ts";
import { compileSourceAddress } from "./compile_limits.ts";
import type { FullBackend, FullServer } from "./defaults.ts";
import { milliseconds } from "./duration.ts";
import type { Path } from "./problem.ts";

/** Compiles every backend. */
export function compileBackends(
  compilation: Compilation,
  virtualRouters: readonly VirtualRouterPlan[],
): BackendPlan[] {
  return Object.entries(compilation.config.backends).map(([name, backend]) =>
    compileBackend(compilation, name, backend, virtualRouters)
  );
}

function compileBackend(
  compilation: Compilation,
  name: string,
  backend: FullBackend,
  virtualRouters: readonly VirtualRouterPlan[],
): BackendPlan {
  const path: Path = ["backends", name];
  const { report } = compilation;
  const { timeouts, keepalive, check } = backend;
  checkKeepalive(compilation, [...path, "keepalive"], keepalive);
  const servers = Object.entries(backend.servers).map(([server, settings]) =>
    compileServer(compilation, path, server, settings, backend.proxyProtocol)
  );
  if (backend.profile === "kube-apiserver") refuseProxyProtocol(compilation, path, backend);
  const hasPassive = ["errorLimit", "action"].some((key) =>
    report.given([...path, "passive", key])
  );
  if (check === "none" && hasPassive) {
    const text = "passive feeds a check, and there is none: leave it out, or set check";
    report.problem([...path, "passive"], text, [[...path, "check"]]);
  }
  const needsPort = check !== "none" && check.type !== "script" && check.port === undefined;
  if (needsPort) requirePorts(compilation, path, servers);
  return {
    name,
    balance: backend.balance,
    check: check === "none"
      ? null
      : compileCheck(compilation, [...path, "check"], check, backend.passive),
    agentCheck: backend.agentCheck === undefined ? null : compileAgentCheck(backend.agentCheck),
    connectTimeoutMs: milliseconds(timeouts.connect),
    idleTimeoutMs: milliseconds(timeouts.idle),
    halfClosedTimeoutMs: milliseconds(timeouts.halfClosed),
    keepalive: {
      idleMs: milliseconds(keepalive.idle),
      intervalMs: milliseconds(keepalive.interval),
      probes: keepalive.probes,
      userTimeoutMs: keepalive.userTimeout === undefined
        ? null
        : milliseconds(keepalive.userTimeout),
    },
    retries: backend.retries,
    redispatch: backend.redispatch,
    onMarkedDown: backend.onMarkedDown,
    onMarkedUp: backend.onMarkedUp,
    slowStartMs: backend.slowStart === undefined ? null : milliseconds(backend.slowStart),
    maxQueue: backend.serverDefaults.maxQueue ?? null,
    queueTimeoutMs: milliseconds(timeouts.queue),
    whenEmpty: backend.whenEmpty,
    sourceAddress: compileSourceAddress(
      compilation,
      [...path, "sourceAddress"],
      backend,
      virtualRouters,
    ),
    udp: {
      idleTimeoutMs: milliseconds(backend.udp.idle),
      replies: backend.udp.replies ?? null,
      maxSessions: backend.udp.maxSessions,
    },
    serverDefaults: {
      weight: backend.serverDefaults.weight,
      maxConnections: backend.serverDefaults.maxConnections ?? null,
      proxyProtocol: backend.proxyProtocol ?? null,
    },
    servers,
  };
}

/** The kernel counts these in whole seconds, 32767 at most: tcp(7). */
function checkKeepalive(
  { report }: Compilation,
  path: Path,
  keepalive: FullBackend["keepalive"],
): void {
  for (const key of ["idle", "interval"] as const) {
    const ms = milliseconds(keepalive[key]);
    if (ms % 1000 !== 0 || ms > 32_767_000) {
      report.problem(
        [...path, key],
        `found ${keepalive[key]}; allowed: whole seconds from 1s to 32767s`,
      );
    }
  }
}

function compileServer(
  { report }: Compilation,
  backend: Path,
  name: string,
  { address: written, weight, backup, maxConnections, state, proxyProtocol: own }: FullServer,
  proxyProtocol: FullBackend["proxyProtocol"],
): ServerPlan {
  const entry = [...backend, "servers", name];
  const path = report.given([...entry, "address"]) ? [...entry, "address"] : entry;
  const endpoint = parseEndpoint(written);
  if (!endpoint) report.problem(path, serverAddressProblem(written));
  const bytes = endpoint && parseAddress(endpoint.address)?.bytes;
  if (bytes && (bytes.every((byte) => byte === 0) || isMulticast(bytes))) {
    report.problem(path, `found ${written}; allowed: the address of one host`);
  }
  return {
    name,
    address: endpoint?.address ?? "",
    family: endpoint?.family ?? 4,
    port: endpoint?.port ?? null,
    weight,
    backup,
    maxConnections: maxConnections ?? null,
    state,
    proxyProtocol: own === "none" ? null : own ?? proxyProtocol ?? null,
  };
}

/** It would take the header for a broken TLS record, and refuse every connection. */
function refuseProxyProtocol(
  { report }: Compilation,
  path: Path,
  { proxyProtocol, servers }: FullBackend,
): void {
  const message = "a kube-apiserver does not speak the PROXY protocol: leave this key out";
  if (proxyProtocol !== undefined) report.problem([...path, "proxyProtocol"], message);
  for (const [name, server] of Object.entries(servers)) {
    if (server.proxyProtocol === undefined || server.proxyProtocol === "none") continue;
    report.problem([...path, "servers", name, "proxyProtocol"], message);
  }
}

function serverAddressProblem(written: string): string {
  const bare = parseAddress(written.replace(/:\d+$/, ""));
  if (bare?.family === 6) {
    return `found "${written}"; an IPv6 address with a port stands in brackets: "[ADDRESS]:PORT"`;
  }
  if (/^[A-Za-z_][A-Za-z0-9._-]*(?::\d{1,5})?$/.test(written)) {
    return `${written} is a host name, which is not supported until discovery exists: ` +
      "write the address";
  }
  return `found "${written}"; allowed: ADDRESS or ADDRESS:PORT, with a port from 1 to 65535`;
}

function isMulticast(bytes: Uint8Array): boolean {
  const first = bytes[0]!;
  return bytes.length === 4 ? first >= 224 : first === 0xff;
}

function requirePorts(
  { report }: Compilation,
  path: Path,
  servers: readonly ServerPlan[],
): void {
  for (const { name, port, address } of servers) {
    if (port !== null || address === "") continue;
    const host = address.includes(":") ? `[${address}]` : address;
    report.problem(
      [...path, "servers", name],
      `${address} has no port, so there is nothing to check: write "${host}:PORT", or set ` +
        "check.port, or check: none",
      [[...path, "check"]],
    );
  }
}
