/**
 * What of a worker's connections others may see: descriptors and what was counted where, which must
 * outlive the worker, and the facts by which connections are listed. The worker writes it in
 * passing and locks nothing.
 */

import type { Fd } from "../linux/libc.ts";
import { SOCKADDR_IN6_BYTES } from "../linux/sockaddr.ts";
import { Admission } from "../memory/admission.ts";
import { Counters } from "../memory/counters.ts";
import { Histogram } from "../memory/histogram.ts";
import { QueueTable } from "../memory/queue_table.ts";
import { type Row, ServerTable } from "../memory/server_table.ts";
import { FRONTEND_COUNTERS } from "../memory/traffic.ts";
import { type Kernel, linux } from "./kernel.ts";
import type { StartOrder } from "./orders.ts";
import { reclaimSessions } from "./udp/session_memory.ts";

/** Zeroed memory for a worker's `maxConnections`. 0 means none, in every cell. */
export function connectionMemory(maxConnections: number): SharedArrayBuffer {
  return new SharedArrayBuffer(placesOf(maxConnections).bytes);
}

/** The parts of {@linkcode connectionMemory}, as the worker writes them. */
export interface ConnectionMemory {
  /** One cell: the instant that all others are counted from, on the clock that threads share. */
  readonly beganAt: Float64Array<SharedArrayBuffer>;
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
  /** By slot: the index of the backend. */
  readonly backends: Int32Array<SharedArrayBuffer>;
  /** By slot and side: changes with each new descriptor. */
  readonly generations: Int32Array<SharedArrayBuffer>;
  /** By slot: when the client was accepted, and when the last byte moved. */
  readonly acceptedAt: Float64Array<SharedArrayBuffer>;
  readonly lastActiveAt: Float64Array<SharedArrayBuffer>;
  /** By slot and side: bytes moved to the other side, not yet counted and counted. */
  readonly moved: Float64Array<SharedArrayBuffer>;
  readonly counted: Float64Array<SharedArrayBuffer>;
  /** By slot: its phase. */
  readonly phases: Uint8Array<SharedArrayBuffer>;
  /** By slot: the client's socket address; of family 0 where nobody has asked for it. */
  readonly clients: Uint8Array<SharedArrayBuffer>;
}

/** Lays the parts over the memory. */
export function layConnections(
  memory: SharedArrayBuffer,
  maxConnections: number,
): ConnectionMemory {
  const n = maxConnections;
  const { cell, byte } = placesOf(n);
  return {
    acceptedAt: new Float64Array(memory, 0, n),
    lastActiveAt: new Float64Array(memory, 8 * n, n),
    moved: new Float64Array(memory, 16 * n, 2 * n),
    counted: new Float64Array(memory, 32 * n, 2 * n),
    poller: new Int32Array(memory, cell(0), 1),
    pipes: new Int32Array(memory, cell(1), 2 * MAX_PIPES),
    fds: new Int32Array(memory, cell(HEADER), 2 * n),
    rows: new Int32Array(memory, cell(HEADER + 2 * n), n),
    frontends: new Int32Array(memory, cell(HEADER + 3 * n), n),
    backends: new Int32Array(memory, cell(HEADER + 4 * n), n),
    generations: new Int32Array(memory, cell(HEADER + 5 * n), 2 * n),
    phases: new Uint8Array(memory, byte, n),
    beganAt: new Float64Array(memory, 8 * NUMBERS * n, 1),
    clients: new Uint8Array(memory, byte + n, SOCKADDR_IN6_BYTES * n),
  };
}

/** Where the 32-bit cells are and where the bytes begin; before them are 64-bit numbers. */
function placesOf(n: number) {
  const cell = (index: number) => 8 * (NUMBERS * n + 1) + index * 4;
  const byte = cell(HEADER + CELLS * n);
  // Whole cells, so that all of it can be cleared as such.
  return { cell, byte, bytes: Math.ceil((byte + (1 + SOCKADDR_IN6_BYTES) * n) / 4) * 4 };
}

/**
 * Resets what a crashed worker has left and settles its counts. Call it only once the worker is
 * gone, before its successor starts; a worker that ended in order has left nothing.
 *
 * @returns how many connections and UDP sessions there were.
 */
export function reclaim(
  start: StartOrder,
  kernel: Pick<Kernel, "close" | "lingerReset"> = linux,
): number {
  const memory = layConnections(start.connections, start.maxConnections);
  const { fds, rows, frontends } = memory;
  const servers = new ServerTable(start.servers);
  new Admission(start.admission).forget(start.worker);
  new QueueTable(start.queues).forget(start.worker);
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
  // Who still means a connection that is gone is not to find another one in its place.
  const generations = memory.generations.map((generation) => generation + 1);
  new Int32Array(start.connections).fill(0);
  memory.generations.set(generations);
  return connections + reclaimSessions(start, kernel);
}

/** How many pipes a worker may hold, for the directions that move most. */
export const MAX_PIPES = 64;

const HEADER = 1 + 2 * MAX_PIPES;
/** Of 32 bits, and of 64: by slot. */
const CELLS = 7;
const NUMBERS = 6;
const CLOSED = FRONTEND_COUNTERS.indexOf("closed");
