/**
 * TCP keepalive: how a connection whose peer has vanished comes to an end.
 */

import type { KeepalivePlan } from "../core/plan/plan.ts";
import type { Fd } from "../linux/libc.ts";
import {
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from "../linux/socket.ts";
import type { SocketIo } from "./kernel.ts";

/** Turns keepalive on for a socket, or for all that a listener will accept. @see tcp(7) */
export function keepAlive(
  io: Pick<SocketIo, "setOption">,
  fd: Fd,
  { idleMs, intervalMs, probes }: KeepalivePlan,
): void {
  io.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  io.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(idleMs));
  io.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(intervalMs));
  io.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, probes);
}

/** The kernel counts in whole seconds, and refuses 0. */
function seconds(durationMs: number): number {
  return Math.max(1, Math.round(durationMs / 1000));
}
