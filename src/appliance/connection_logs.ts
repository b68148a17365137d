/**
 * Writes the connection log: takes what the workers have left in their rings, now and then, and
 * writes a line for each to standard output. It waits for nobody: where the output is slower than
 * connections end, lines are lost and counted.
 */

import type { LogPlan, Plan } from "../core/plan/plan.ts";
import { closingName } from "../dataplane/closing_words.ts";
import { monotonicMs } from "../linux/clock.ts";
import { readInetAddress } from "../linux/sockaddr.ts";
import {
  ConnectionLog,
  type ConnectionLogShape,
  type LogRecord,
} from "../memory/connection_log.ts";
import { type EndedConnection, jsonLine, tcplogLine } from "./connection_lines.ts";
import { type Log, logOf } from "./log.ts";
import type { Servers } from "./servers.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { Tables } from "./tables.ts";

/** What lines are made of. */
export interface ConnectionLogParts {
  readonly format: Exclude<LogPlan["connections"], "none">;
  readonly workers: number;
  /** Names by index, and by row of the server. */
  readonly frontend: (index: number) => string;
  readonly backend: (index: number) => string;
  readonly server: (row: number) => string;
  /** Open connections of all workers but one, and of a backend. */
  readonly openBeside: (worker: number) => number;
  readonly openOfBackend: (index: number) => number;
  /** Takes bytes, and resolves when it can take more. */
  readonly write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly log: Log;
}

/** The rings of all workers. */
export class ConnectionLogs {
  readonly #parts: ConnectionLogParts;
  readonly #logs: readonly ConnectionLog[];
  readonly #encoder = new TextEncoder();
  /** What lines look like. */
  format: Exclude<LogPlan["connections"], "none">;
  readonly #openOfBackends = new Map<number, number>();
  #writing: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #saidLost = false;
  #isBroken = false;

  constructor(parts: ConnectionLogParts) {
    this.#parts = parts;
    this.format = parts.format;
    this.#logs = Array.from(
      { length: parts.workers },
      () => new ConnectionLog({ capacity: CAPACITY }),
    );
  }

  /** What a worker writes to. */
  shape(worker: number): ConnectionLogShape | null {
    return this.#logs[worker]?.shape ?? null;
  }

  /** Lines that were lost, since the start. */
  get lost(): number {
    return this.#logs.reduce((sum, log) => sum + log.lost, 0);
  }

  /** Begins to write. */
  start(): void {
    this.#timer = setInterval(() => void this.drain(), DRAIN_MS);
  }

  /** Writes what is there; at once where nothing is being written. */
  async drain(): Promise<void> {
    // One at a time: what a slow reader has not taken stays in the rings, which are bounded.
    if (this.#writing) return;
    const text = this.#takeLines();
    if (this.lost > 0 && !this.#saidLost) {
      this.#saidLost = true;
      this.#parts.log.write(
        "warn",
        "the connection log is read too slowly: lines are lost from here on, and counted",
      );
    }
    if (text === "" || this.#isBroken) return;
    this.#writing = this.#write(text);
    await this.#writing;
    this.#writing = undefined;
  }

  /** Writes what is left, and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.drain();
    if (this.lost > 0) {
      this.#parts.log.write("warn", `${this.lost} lines of the connection log were lost`);
    }
  }

  async #write(text: string): Promise<void> {
    try {
      await this.#parts.write(this.#encoder.encode(text));
    } catch (error) {
      // Nobody reads it: that is no reason to stop forwarding.
      this.#isBroken = true;
      const cause = error instanceof Error ? error.message : String(error);
      this.#parts.log.write("error", `the connection log ends: ${cause}`);
    }
  }

  #takeLines(): string {
    const line = this.format === "json" ? jsonLine : tcplogLine;
    // The wall clock beside the monotonic one, once for the whole batch.
    const gapMs = Date.now() - monotonicMs();
    const lines: string[] = [];
    // Sums over servers are made once for the whole batch, too.
    this.#openOfBackends.clear();
    this.#logs.forEach((log, worker) => {
      for (let left = CAPACITY; left > 0; left--) {
        const record = log.take();
        if (!record) break;
        lines.push(line(this.#named(record, worker, gapMs)));
      }
    });
    return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  }

  #named(record: LogRecord, worker: number, gapMs: number): EndedConnection {
    const { client, row, openServer, openFrontend, openWorker } = record;
    const known = client[0] !== 0;
    const openBackend = this.#openOfBackends.get(record.backend) ??
      this.#parts.openOfBackend(record.backend);
    this.#openOfBackends.set(record.backend, openBackend);
    return {
      client: known ? readInetAddress(client) : null,
      acceptedAt: record.acceptedAt + gapMs,
      frontend: this.#parts.frontend(record.frontend),
      backend: this.#parts.backend(record.backend),
      server: row < 0 ? null : this.#parts.server(row),
      queueMs: record.queueMs < 0 ? null : record.queueMs,
      connectMs: record.connectMs < 0 ? null : record.connectMs,
      totalMs: record.endedAt - record.acceptedAt,
      receivedBytes: record.received,
      sentBytes: record.sent,
      closing: closingName(record.closing),
      phase: record.phase,
      clientEnded: record.clientEnded === 1,
      retries: record.retries,
      redispatched: record.redispatched === 1,
      connections: {
        process: Math.max(openWorker + this.#parts.openBeside(worker), openFrontend),
        frontend: openFrontend,
        backend: Math.max(openServer, openBackend),
        server: openServer,
      },
      queuePlace: record.queuePlace,
      isOwnQueue: record.isOwnQueue === 1,
    };
  }
}

/** The log that a plan wants; `undefined` where it wants none. */
export function newConnectionLogs(
  { plan, memory, servers, tables, dataplaneWorkers }: {
    readonly plan: Plan;
    readonly memory: SharedMemory;
    readonly servers: Servers;
    readonly tables: Tables;
    readonly dataplaneWorkers: number;
  },
): ConnectionLogs | undefined {
  const { connections: format } = plan.log;
  if (format === "none") return undefined;
  const openOf = (backend: string) =>
    servers.rows(backend).reduce((sum, row) => sum + memory.servers.active(row), 0);
  return new ConnectionLogs({
    format,
    workers: dataplaneWorkers,
    frontend: (index) => tables.frontendAt(index),
    backend: (index) => tables.backendAt(index),
    server: (row) => servers.nameAt(row),
    openBeside: (one) => {
      let open = 0;
      for (let worker = 0; worker < dataplaneWorkers; worker++) {
        if (worker !== one) open += memory.workers.connections(worker);
      }
      return open;
    },
    openOfBackend: (index) => openOf(tables.backendAt(index)),
    write: (bytes) => writeAll(Deno.stdout, bytes),
    log: logOf("connections"),
  });
}

async function writeAll(
  stream: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await stream.write(rest));
}

/** Records a worker may be ahead: enough for 40,000 connections a second. */
const CAPACITY = 8_192;
const DRAIN_MS = 100;
