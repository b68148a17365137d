/**
 * Whether somebody listens, asked from inside a host without a process of its own.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { delay } from "../../scripts/lab/wait.ts";
import { must } from "../../src/linux/errno.ts";
import { inetAddressOf } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  getOption,
  SO_ERROR,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
} from "../../src/linux/socket.ts";

/** Whether a connection from `host` to a place on the same LAN is accepted. */
export async function connects(host: Host, address: string, port: number): Promise<boolean> {
  const family = address.includes(":") ? AF_INET6 : AF_INET;
  const fd = host.inside(() => must("socket", socket(family, SOCK_STREAM, 0)));
  try {
    const target = inetAddressOf(address, port);
    connect(fd, target);
    await delay(PATIENCE_MS);
    // Asked again once connected, the kernel says EISCONN; while it is trying, EALREADY.
    return getOption(fd, SOL_SOCKET, SO_ERROR) === 0 && connect(fd, target) !== -EALREADY;
  } finally {
    close(fd);
  }
}

const PATIENCE_MS = 20;
const EALREADY = 114;
