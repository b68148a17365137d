/**
 * The request of an HTTP check. No body.
 */

import { formatEndpoint } from "../core/net/prefix.ts";
import type { HttpCheck } from "../core/plan/plan.ts";

/** The bytes of an HTTP/1.1 request (RFC 9112, section 3) to a server at this address and port. */
export function httpRequest(
  { method, path, host, token }: HttpCheck,
  address: string,
  port: number,
  connection: "close" | "keep-alive",
): Uint8Array<ArrayBuffer> {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host ?? formatEndpoint(address, port)}`,
    "User-Agent: lintel",
    "Accept: */*",
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    `Connection: ${connection}`,
  ];
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}
