/**
 * What of a worker's UDP sessions must outlive it: descriptors, and what was counted where. The
 * worker writes it in passing; nobody reads it before the worker is gone.
 */

import type { Fd } from "../../linux/libc.ts";
import { Counters } from "../../memory/counters.ts";
import { type Row, ServerTable } from "../../memory/server_table.ts";
import { SessionCounts } from "../../memory/session_counts.ts";
import { FRONTEND_COUNTERS } from "../../memory/traffic.ts";
import { type Kernel, linux } from "../kernel.ts";
import type { StartOrder } from "../orders.ts";

/** Zeroed memory for a worker's `maxSessions`. 0 means none, in every cell. */
export function sessionMemory(maxSessions: number): SharedArrayBuffer {
  return new SharedArrayBuffer(maxSessions * COLUMNS * Int32Array.BYTES_PER_ELEMENT);
}

/** The parts of {@linkcode sessionMemory}, as the worker writes them. */
export interface SessionMemory {
  /** The sockets that talk to servers, also while no session has them. */
  readonly fds: Int32Array<SharedArrayBuffer>;
  /** By slot: 1 + the row of the server that counts the session as active. */
  readonly rows: Int32Array<SharedArrayBuffer>;
  /** By slot: 1 + the index of the frontend that counts the session as open. */
  readonly frontends: Int32Array<SharedArrayBuffer>;
}

/** Lays the parts over the memory. */
export function laySessions(memory: SharedArrayBuffer): SessionMemory {
  const sessions = memory.byteLength / Int32Array.BYTES_PER_ELEMENT / COLUMNS;
  const part = (column: number) =>
    new Int32Array(memory, column * sessions * Int32Array.BYTES_PER_ELEMENT, sessions);
  return { fds: part(0), rows: part(1), frontends: part(2) };
}

/** How many sessions of a frontend there are. */
export function countSessions(memory: SharedArrayBuffer, frontend: number): number {
  return laySessions(memory).frontends.filter((of) => of === frontend + 1).length;
}

/**
 * Closes what a crashed worker's sessions have left and settles their counts, after the counters
 * were mended. A worker that ended in order has left nothing.
 *
 * @returns how many sessions there were.
 */
export function reclaimSessions(
  start: StartOrder,
  kernel: Pick<Kernel, "close"> = linux,
): number {
  const { fds, rows, frontends } = laySessions(start.sessions);
  const servers = new ServerTable(start.servers);
  const counters = new Counters(start.frontendCounters);
  let sessions = 0;
  for (const row of rows) if (row > 0) servers.addActive((row - 1) as Row, -1);
  for (const frontend of frontends) {
    if (frontend === 0) continue;
    counters.add(start.worker, frontend - 1, CLOSED, 1);
    sessions++;
  }
  for (const fd of fds) if (fd > 0) kernel.close(fd as Fd);
  new SessionCounts(start.sessionCounts).forget(start.worker);
  new Int32Array(start.sessions).fill(0);
  return sessions;
}

const COLUMNS = 3;
const CLOSED = FRONTEND_COUNTERS.indexOf("closed");
