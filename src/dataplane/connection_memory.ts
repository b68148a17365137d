/**
 * What of a worker's connections must outlive it: descriptors, and what was counted where. The
 * worker writes it in passing; nobody reads it before the worker is gone.
 */

import type { Fd } from "../linux/libc.ts";
import { Counters } from "../memory/counters.ts";
import { Histogram } from "../memory/histogram.ts";
import { type Row, ServerTable } from "../memory/server_table.ts";
import { FRONTEND_COUNTERS } from "../memory/traffic.ts";
import { type Kernel, linux } from "./kernel.ts";
import type { StartOrder } from "./orders.ts";

/** Zeroed memory for a worker's `maxConnections`. 0 means none, in every cell. */
export function connectionMemory(maxConnections: number): SharedArrayBuffer {
  const cells = HEADER + maxConnections * COLUMNS;
  return new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT);
}

/** The parts of {@linkcode connectionMemory}, as the worker writes them. */
export interface ConnectionMemory {
  /** One cell: the descriptor of the driver, an epoll instance or a ring. */
  readonly poller: Int32Array<SharedArrayBuffer>;
  /** Both ends of each pipe. */
  readonly pipes: Int32Array<SharedArrayBuffer>;
  /** By slot and side: the client's and the server's descriptor. */
  readonly fds: Int32Array<SharedArrayBuffer>;
  /** By slot: 1 + the row of the server that counts the connection as active. */
  readonly rows: Int32Array<SharedArrayBuffer>;
  /** By slot: 1 + the index of the frontend that counts the connection as open. */
  readonly frontends: Int32Array<SharedArrayBuffer>;
}

/** Lays the parts over the memory. */
export function layConnections(
  memory: SharedArrayBuffer,
  maxConnections: number,
): ConnectionMemory {
  const at = (cell: number) => cell * Int32Array.BYTES_PER_ELEMENT;
  const n = maxConnections;
  return {
    poller: new Int32Array(memory, 0, 1),
    pipes: new Int32Array(memory, at(1), 2 * MAX_PIPES),
    fds: new Int32Array(memory, at(HEADER), 2 * n),
    rows: new Int32Array(memory, at(HEADER + 2 * n), n),
    frontends: new Int32Array(memory, at(HEADER + 3 * n), n),
  };
}

/**
 * Resets what a crashed worker has left and settles its counts. Call it only once the worker is
 * gone, before its successor starts; a worker that ended in order has left nothing.
 *
 * @returns how many connections were reset.
 */
export function reclaim(
  start: StartOrder,
  kernel: Pick<Kernel, "close" | "lingerReset"> = linux,
): number {
  const memory = layConnections(start.connections, start.maxConnections);
  const { fds, rows, frontends } = memory;
  const servers = new ServerTable(start.servers);
  const counters = new Counters(start.frontendCounters);
  counters.mend(start.worker);
  new Counters(start.serverCounters).mend(start.worker);
  new Histogram(start.connectDurations).mend(start.worker);
  new Histogram(start.workerLag).mend(start.worker);
  let connections = 0;
  for (let slot = 0; slot < start.maxConnections; slot++) {
    if (fds[2 * slot]! > 0) connections++;
    if (rows[slot]! > 0) servers.addActive((rows[slot]! - 1) as Row, -1);
    if (frontends[slot]! > 0) counters.add(start.worker, frontends[slot]! - 1, CLOSED, 1);
  }
  for (const fd of fds) {
    if (fd === 0) continue;
    kernel.lingerReset(fd as Fd);
    kernel.close(fd as Fd);
  }
  for (const fd of [...memory.poller, ...memory.pipes]) {
    if (fd !== 0) kernel.close(fd as Fd);
  }
  new Int32Array(start.connections).fill(0);
  return connections;
}

/** How many pipes a worker may hold, for the directions that move most. */
export const MAX_PIPES = 64;

const HEADER = 1 + 2 * MAX_PIPES;
const COLUMNS = 4;
const CLOSED = FRONTEND_COUNTERS.indexOf("closed");
