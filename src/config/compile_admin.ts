/**
 * Compiles `admin`: listeners and tokens. A secret is hashed here and goes no further.
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import type { AdminPlan, AdminTlsPlan, AdminToken } from "../core/plan/admin_plan.ts";
import { type Compilation, readPem, readSecret, sha256 } from "./compilation.ts";
import { isLoopback, listenersOverlap, parseListen } from "./listen.ts";
import type { Path } from "./problem.ts";

/** Compiles the admin API's listeners and tokens. */
export function compileAdmin(compilation: Compilation): AdminPlan {
  const { config: { admin }, report } = compilation;
  const listen = plainListener(compilation, ["admin", "listen"], admin.listen);
  const probes = plainListener(compilation, ["admin", "probes"], admin.probes);
  const tls = compileTls(compilation);
  const isProtected = admin.tls && (admin.tokens?.length || admin.tls.clientCa);
  if (listen && !isLoopback(listen.address) && !isProtected) {
    report.problem(
      ["admin", "listen"],
      `${admin.listen} can be reached from other hosts: that takes tls, and tokens or ` +
        "tls.clientCa; or listen on 127.0.0.1 or [::1], or use the socket",
    );
  }
  if (listen && probes?.port === listen.port && listenersOverlap(listen.address, probes.address)) {
    report.problem(
      ["admin", "probes"],
      `port ${probes.port} is already taken by admin.listen: choose another port`,
      [["admin", "listen"]],
    );
  }
  return {
    socket: admin.socket,
    socketGroup: admin.socketGroup,
    listen,
    tls,
    probes,
    tokens: compileTokens(compilation),
  };
}

function plainListener(
  { report }: Compilation,
  path: Path,
  text: string | undefined,
): { address: string; port: number } | null {
  if (text === undefined) return null;
  const listen = parseListen(text);
  if (typeof listen === "string") {
    report.problem(path, listen);
    return null;
  }
  const { host, ports, protocol } = listen;
  if (host.kind === "virtualRouter" || ports[0] !== ports[1] || protocol === "udp") {
    report.problem(path, `found "${text}"; allowed: one address and one TCP port`);
    return null;
  }
  return { address: host.address, port: ports[0] };
}

function compileTls(compilation: Compilation): AdminTlsPlan | null {
  const { config: { admin: { tls, listen } }, report } = compilation;
  if (!tls) return null;
  const path = ["admin", "tls"];
  if (listen === undefined) report.problem(path, "there is no admin.listen that it could be for");
  const certificate = readPem(compilation, [...path, "certificate"], tls.certificate);
  const key = readPem(compilation, [...path, "key"], tls.key);
  const clientCa = tls.clientCa === undefined
    ? null
    : readPem(compilation, [...path, "clientCa"], tls.clientCa);
  if (certificate === undefined || key === undefined || clientCa === undefined) return null;
  const fault = pairFault(certificate, key);
  if (fault) report.problem([...path, "certificate"], fault, [[...path, "key"]]);
  return { certificate, key, clientCa, clientRole: tls.clientRole };
}

/** What keeps a certificate and a key from serving together. */
function pairFault(certificate: string, key: string): string | undefined {
  try {
    const isPair = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
    return isPair ? undefined : "the key is not that of the certificate";
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return `the certificate or its key cannot be read: ${cause}`;
  }
}

function compileTokens(compilation: Compilation): AdminToken[] {
  const { config, report } = compilation;
  const names = new Set<string>();
  return (config.admin.tokens ?? []).map(({ name, role, secret }, at) => {
    const path = ["admin", "tokens", at];
    if (names.has(name)) {
      report.problem([...path, "name"], `a second token is called ${name}: name it otherwise`);
    }
    names.add(name);
    const plain = readSecret(compilation, [...path, "secret"], secret);
    if (!SENDABLE.test(plain)) {
      report.problem(
        [...path, "secret"],
        "it has white space or a character outside ASCII, so no Authorization header can carry " +
          "it: choose another, such as the output of `openssl rand -hex 32`",
      );
    }
    return { name, role, secretHash: sha256(plain) };
  });
}

/** What a caller can send as a bearer token; empty is what could not be read. */
const SENDABLE = /^[\x21-\x7e]*$/;
