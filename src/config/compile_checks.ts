/**
 * Compiles `check`: what is asked of a server, and which keys belong to which type of check.
 */

import { formatAddress, parseAddress } from "../core/net/address.ts";
import type {
  AgentCheckPlan,
  CheckPlan,
  CheckRequest,
  HttpCheck,
  TlsCheck,
} from "../core/plan/plan.ts";
import { type Compilation, readPem, readSecret } from "./compilation.ts";
import type { FullBackend, FullCheck } from "./defaults.ts";
import { milliseconds } from "./duration.ts";
import type { Path } from "./problem.ts";

/** Compiles one check, whose defaults are filled in. */
export function compileCheck(
  compilation: Compilation,
  path: Path,
  check: FullCheck,
  passive: FullBackend["passive"],
): CheckPlan {
  const address = check.address === undefined ? undefined : parseAddress(check.address);
  refuseForeignKeys(compilation, path, check);
  return {
    intervalMs: milliseconds(check.interval),
    fastIntervalMs: milliseconds(check.fastInterval),
    downIntervalMs: milliseconds(check.downInterval),
    timeoutMs: milliseconds(check.timeout),
    rise: check.rise,
    fall: check.fall,
    address: address ? formatAddress(address.bytes) : null,
    port: check.port ?? null,
    request: compileRequest(compilation, path, check),
    passive: passive === "none" ? null : passive,
  };
}

/** Compiles who is asked beside the check. */
export function compileAgentCheck(
  agent: NonNullable<FullBackend["agentCheck"]>,
): AgentCheckPlan {
  const address = agent.address === undefined ? undefined : parseAddress(agent.address);
  return {
    port: agent.port,
    address: address ? formatAddress(address.bytes) : null,
    intervalMs: milliseconds(agent.interval),
    send: agent.send ?? null,
  };
}

function refuseForeignKeys({ report }: Compilation, path: Path, { type }: FullCheck): void {
  for (const [key, types] of KEYS_OF_TYPES) {
    if (types.includes(type) || !report.given([...path, key])) continue;
    report.problem(
      [...path, key],
      `${key} is a key of ${types.join(" and ")} checks, and this one is ${type}: ` +
        "leave it out, or set type",
      [[...path, "type"]],
    );
  }
}

function compileRequest(compilation: Compilation, path: Path, check: FullCheck): CheckRequest {
  switch (check.type) {
    case "tcp": {
      const { send, expect } = check;
      return { type: "tcp", ...(send !== undefined && { send }), ...(expect && { expect }) };
    }
    case "http":
      return { type: "http", http: compileHttp(compilation, path, check) };
    case "https": {
      const http = compileHttp(compilation, path, check);
      return { type: "https", http, tls: compileTls(compilation, path, check) };
    }
    case "tls":
      return { type: "tls", tls: compileTls(compilation, path, check) };
    case "dns": {
      const { query = ".", recordType = "A", rcode = "NOERROR", transport = "udp" } = check;
      if (check.query === undefined) missing(compilation, path, check, "query");
      return { type: "dns", query, recordType, rcode, transport };
    }
    case "script":
      if (check.command === undefined) missing(compilation, path, check, "command");
      return { type: "script", command: check.command ?? [] };
  }
}

/** Says that a key is missing which this type of check cannot do without. */
function missing({ report }: Compilation, path: Path, { type }: FullCheck, key: string): void {
  report.problem(path, `missing the key ${key}: it says what a ${type} check asks`, [
    [...path, key],
    [...path, "type"],
  ]);
}

function compileHttp(compilation: Compilation, path: Path, check: FullCheck): HttpCheck {
  const { token } = check;
  const secret = token === undefined
    ? undefined
    : readSecret(compilation, [...path, "token"], token);
  if (secret !== undefined && !/^[\x21-\x7e]*$/.test(secret)) {
    const text = "the token holds blanks or other characters that no header can carry";
    compilation.report.problem([...path, "token"], text);
  }
  return {
    method: check.method ?? "GET",
    path: check.path ?? "/",
    host: check.host ?? null,
    status: statusRanges(compilation, [...path, "status"], check.status ?? []),
    ...(secret !== undefined && { token: secret }),
  };
}

function statusRanges(
  { report }: Compilation,
  path: Path,
  status: NonNullable<FullCheck["status"]>,
): (readonly [number, number])[] {
  return [status].flat().map((item) => {
    const [from = 0, to = from] = String(item).split("-").map(Number);
    if (from > to) report.problem(path, `found ${item}; allowed: the lower status first`);
    return [from, to];
  });
}

function compileTls(compilation: Compilation, path: Path, check: FullCheck): TlsCheck {
  const client = compileClient(compilation, path, check);
  return {
    serverName: check.serverName ?? null,
    verify: compileVerify(compilation, path, check),
    ...(client && { client }),
  };
}

function compileVerify(
  compilation: Compilation,
  path: Path,
  { type, ca, verify }: FullCheck,
): TlsCheck["verify"] {
  if ((ca === undefined) === (verify === undefined)) {
    const found = ca === undefined ? "neither" : "both";
    const uses = ["type", "ca", "verify"].map((key) => [...path, key]);
    compilation.report.problem(
      path,
      `${type} takes exactly one of ca: FILE, ca: system and verify: none; found ${found}`,
      uses,
    );
    return "none";
  }
  if (ca === undefined) return "none";
  if (ca === "system") return "system";
  const pem = readPem(compilation, [...path, "ca"], ca);
  return pem === undefined ? "none" : { ca: pem };
}

function compileClient(
  compilation: Compilation,
  path: Path,
  { certificate, key }: FullCheck,
): TlsCheck["client"] | undefined {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    const [given, missing] = key === undefined ? ["certificate", "key"] : ["key", "certificate"];
    compilation.report.problem([...path, given], `${given} needs the file of its ${missing} too`, [
      [...path, missing],
    ]);
    return undefined;
  }
  const shown = readPem(compilation, [...path, "certificate"], certificate);
  const secret = readPem(compilation, [...path, "key"], key);
  return shown === undefined || secret === undefined
    ? undefined
    : { certificate: shown, key: secret };
}

/** Keys that only some types of check have. */
const KEYS_OF_TYPES: readonly (readonly [key: string, types: readonly string[]])[] = [
  ["send", ["tcp"]],
  ["expect", ["tcp"]],
  ["method", ["http", "https"]],
  ["path", ["http", "https"]],
  ["host", ["http", "https"]],
  ["status", ["http", "https"]],
  ["token", ["https"]],
  ["serverName", ["tls", "https"]],
  ["ca", ["tls", "https"]],
  ["verify", ["tls", "https"]],
  ["certificate", ["tls", "https"]],
  ["key", ["tls", "https"]],
  ["query", ["dns"]],
  ["recordType", ["dns"]],
  ["rcode", ["dns"]],
  ["transport", ["dns"]],
  ["command", ["script"]],
];
