/**
 * Who has opened a connection of the admin socket, as the kernel and the host's list of users tell.
 * It decides nothing.
 */

import type { LocalPeer } from "../admin/callers.ts";
import type { Fd } from "../linux/libc.ts";
import { peerCredentials } from "../linux/socket.ts";

/** The process at the other end; `undefined` where the kernel does not tell. */
export function localPeer(
  descriptor: number,
  readUsers: () => string = readPasswd,
): LocalPeer | undefined {
  const credentials = peerCredentials(descriptor as Fd);
  if (!credentials) return undefined;
  const { uid, pid } = credentials;
  return { uid, user: userName(uid, readUsers()), pid: pid === 0 ? null : pid };
}

/** @see passwd(5) */
function userName(uid: number, users: string): string | null {
  const line = users.split("\n").find((one) => one.split(":")[2] === String(uid));
  return line?.split(":")[0] || null;
}

function readPasswd(): string {
  try {
    return Deno.readTextFileSync("/etc/passwd");
  } catch {
    // A container need not have one.
    return "";
  }
}
