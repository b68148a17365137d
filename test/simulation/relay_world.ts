/**
 * Clients and servers around one engine, on a kernel of our own. Every byte says where in which
 * stream it belongs, so that whoever receives it can tell whether it is the right one.
 */

import { sessionMemory } from "../../src/dataplane/udp/session_memory.ts";
import { SessionCounts } from "../../src/memory/session_counts.ts";
import { connectionMemory } from "../../src/dataplane/connection_memory.ts";
import { Engine } from "../../src/dataplane/engine.ts";
import type { Backend, Frontend, Report, StartOrder } from "../../src/dataplane/orders.ts";
import { EAGAIN } from "../../src/linux/errno.ts";
import type { ConnectionLogShape } from "../../src/memory/connection_log.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { Admission } from "../../src/memory/admission.ts";
import { Counters } from "../../src/memory/counters.ts";
import { Histogram } from "../../src/memory/histogram.ts";
import { QueueTable } from "../../src/memory/queue_table.ts";
import { type Row, ServerTable } from "../../src/memory/server_table.ts";
import {
  CONNECT_BOUNDS,
  FRONTEND_COUNTERS,
  LAG_BOUNDS,
  SERVER_COUNTERS,
} from "../../src/memory/traffic.ts";
import { WorkerTable } from "../../src/memory/worker_table.ts";
import { NO_LIMITS, serverPlan } from "../unit/plans.ts";
import { type Endpoint, FakeKernel, randomOf } from "./relay_kernel.ts";

/** What may be set differently from the usual. */
export interface WorldOptions {
  readonly seed?: number;
  readonly workers?: number;
  readonly servers?: number;
  readonly maxConnections?: number;
  readonly processConnections?: number;
  readonly frontend?: Partial<Frontend>;
  readonly backend?: Partial<Backend>;
  /** Further backends. */
  readonly others?: readonly Backend[];
  readonly connectionLog?: ConnectionLogShape | null;
  /** Connections that each server may have at once; 0 for any number. */
  readonly limit?: number;
}

/** One frontend and one backend, with one engine or with several of them. */
export class World {
  readonly kernel: FakeKernel;
  readonly engines: Engine[] = [];
  readonly reports: Report[] = [];
  readonly servers: ServerTable;
  readonly admission: Admission;
  readonly queues: QueueTable;
  /** By engine. */
  readonly starts: readonly StartOrder[];
  #turn = 0;

  constructor(options: WorldOptions = {}) {
    const { seed = 1, workers = 1, servers = 2, limit = 0, others = [] } = options;
    this.kernel = new FakeKernel(randomOf(seed));
    const rows = Array.from({ length: servers }, (_, row) => row as Row);
    this.servers = new ServerTable(servers + SPARE);
    for (const row of rows) {
      this.servers.setWeight(row, 100);
      this.servers.setLimit(row, limit);
      this.servers.setAdmin(row, "ready");
      this.servers.setHealth(row, "up");
    }
    const backends = [{ ...backendOf(rows), ...options.backend }, ...others];
    const backendRoom = backends.length + SPARE;
    this.admission = new Admission({ workers, frontends: 1 + SPARE });
    this.queues = new QueueTable({ workers, backends: backendRoom, rows: servers + SPARE });
    const rowed = { rows: backendRoom, stripes: workers };
    const durations = new Histogram({ bounds: CONNECT_BOUNDS, ...rowed });
    const lag = new Histogram({ bounds: LAG_BOUNDS, rows: workers, stripes: workers });
    const shared = {
      backends,
      frontends: [{ ...FRONTEND, ...options.frontend }],
      servers: this.servers.buffer,
      workers: new WorkerTable(workers).buffer,
      admission: this.admission.shape,
      queues: this.queues.shape,
      serverCounters: new Counters(shape(servers + SPARE, SERVER_COUNTERS.length, workers)).shape,
      frontendCounters: new Counters(shape(1 + SPARE, FRONTEND_COUNTERS.length, workers)).shape,
      sessionCounts: new SessionCounts({ workers, backends: backendRoom }).shape,
      connectDurations: durations.shape,
      workerLag: lag.shape,
    };
    this.starts = Array.from({ length: workers }, (_, worker) => ({
      ...this.#own(worker, options),
      ...shared,
    }));
    for (const start of this.starts) this.begin(start);
  }

  /** The first engine, its listener, its eventfd and its orders. */
  get engine(): Engine {
    return this.engines[0]!;
  }

  get listener(): Fd {
    return this.start.listeners[0]!.fd;
  }

  get wake(): Fd {
    return this.start.wake;
  }

  get start(): StartOrder {
    return this.starts[0]!;
  }

  /** Starts a worker, or starts it again. */
  begin(start: StartOrder): void {
    const engine = new Engine(start, this.kernel, (report) => this.reports.push(report));
    this.engines[start.worker] = engine;
  }

  /** Turns one of the engines. */
  turn(): void {
    this.engines[this.#turn++ % this.engines.length]?.turn();
  }

  #own(worker: number, options: WorldOptions) {
    const { maxConnections = 64, processConnections = 1e6 } = options;
    const wake = this.kernel.eventfd();
    this.admission.setWake(worker, wake);
    const listener = {
      fd: this.kernel.listen(),
      frontend: 0,
      protocol: "tcp",
      address: "192.0.2.1",
      port: 80,
      virtualRouter: "vip",
    } as const;
    return {
      kind: "start",
      worker,
      engine: "epoll",
      wake,
      listeners: [listener],
      maxConnections,
      processConnections,
      connections: connectionMemory(maxConnections),
      connectionLog: options.connectionLog ?? null,
      sessions: sessionMemory(0),
    } as const;
  }

  /** Turns the engine until `isDone`, or for so long. @returns whether it is done. */
  run(isDone: () => boolean, limitMs = 60_000): boolean {
    const giveUpAt = this.kernel.clock + limitMs;
    while (!isDone()) {
      if (this.kernel.clock > giveUpAt) return false;
      this.turn();
    }
    return true;
  }

  /** Turns the engine for a while. */
  pass(durationMs: number): void {
    const until = this.kernel.clock + durationMs;
    this.kernel.interruptAfter(durationMs);
    this.run(() => this.kernel.clock >= until, 2 * durationMs);
  }

  /** A server's count. */
  server(row: number, column: (typeof SERVER_COUNTERS)[number]): number {
    return new Counters(this.start.serverCounters).total(row, SERVER_COUNTERS.indexOf(column));
  }

  /** Connections that count as active at a server. */
  active(row: number): number {
    return this.servers.active(row as Row);
  }

  /** The frontend's count. */
  frontend(column: (typeof FRONTEND_COUNTERS)[number]): number {
    return new Counters(this.start.frontendCounters).total(0, FRONTEND_COUNTERS.indexOf(column));
  }

  /** Connections that the worker has published. */
  get connections(): number {
    return new WorkerTable(this.start.workers).connections(0);
  }

  /** How long ago it left a sign of life. */
  get silence(): number | undefined {
    return new WorkerTable(this.start.workers).silence(0, this.kernel.clock);
  }
}

/** What a peer does in its life. */
export interface Script {
  /** Bytes to send. */
  readonly bytes: number;
  /** What follows: the end of the stream, an immediate close, a reset, or silence. */
  readonly then: "end" | "close" | "reset" | "nothing";
  /** Reads only once so much has been sent; `Infinity` never reads. */
  readonly readsAfter: number;
  /** Waits for the other's end before it sends. */
  readonly listensFirst: boolean;
}

/** A client or a server of the world. */
export class Peer {
  readonly id: number;
  readonly end: Endpoint;
  readonly script: Script;
  sent = 0;
  received = 0;
  /** The sender of what is received, as the bytes say. */
  from: number | undefined;
  outcome: "open" | "end" | "reset" = "open";
  hasFinished = false;
  readonly #kernel: FakeKernel;

  constructor(kernel: FakeKernel, end: Endpoint, id: number, script: Script) {
    this.#kernel = kernel;
    this.end = end;
    this.id = id;
    this.script = script;
    this.#later();
  }

  /** Whether it expects nothing more and has nothing more to do. */
  get isDone(): boolean {
    return this.end.isClosed || (this.outcome === "reset");
  }

  #act(): void {
    if (this.isDone) return;
    if (this.sent >= this.script.readsAfter || this.hasFinished) this.#read();
    if (this.isDone) return;
    if (!this.script.listensFirst || this.outcome !== "open") this.#write();
    if (this.hasFinished && this.outcome !== "open") this.end.close();
    this.#later();
  }

  #later(): void {
    this.#kernel.after(this.#kernel.random() * 2, () => this.#act());
  }

  #read(): void {
    // Looking is cheap: those who wait for long do so a thousand times a second.
    const bytes = SCRATCH.subarray(0, 1 + Math.floor(this.#kernel.random() ** 2 * 300_000));
    const count = this.end.recv(bytes);
    if (count === -EAGAIN || this.outcome !== "open") return;
    if (count <= 0) this.outcome = count === 0 ? "end" : "reset";
    for (let at = 0; at < count; at++) {
      this.from ??= bytes[0];
      if (bytes[at] !== byteOf(this.from ?? 0, this.received)) {
        throw new Error(`peer ${this.id}: byte ${this.received} is not what ${this.from} sent`);
      }
      this.received++;
    }
  }

  #write(): void {
    if (this.hasFinished) return;
    const rest = this.script.bytes - this.sent;
    // One more than there is room for, so that a send is refused now and then.
    const wanted = 1 + Math.floor(this.#kernel.random() ** 2 * 500_000);
    const bytes = new Uint8Array(Math.min(rest, wanted, this.end.sendRoom + 1));
    const count = bytes.length;
    for (let at = 0; at < count; at++) bytes[at] = byteOf(this.id, this.sent + at);
    const sent = count === 0 ? 0 : this.end.send(bytes);
    if (sent > 0) this.sent += sent;
    else if (sent < 0 && sent !== -EAGAIN) this.outcome = "reset";
    if (this.sent < this.script.bytes || this.script.then === "nothing") return;
    this.hasFinished = true;
    if (this.script.then === "end") this.end.end();
    if (this.script.then === "reset") this.end.lingersNot = true;
    if (this.script.then !== "end") this.end.close();
  }
}

/** The byte at a place of the stream of a peer; the first one is the peer's id. */
function byteOf(id: number, at: number): number {
  return at === 0 ? id : (at * 31 + (at >> 8) * 17 + id * 7) & 0xff;
}

/** Of frontends, backends and servers, for plans that have more of them. */
const SPARE = 4;

const SCRATCH = new Uint8Array(300_000);

const FRONTEND: Frontend = {
  name: "web",
  backend: 0,
  routes: [],
  proxyProtocolFrom: null,
  clientHelloTimeoutMs: 5000,
  ...NO_LIMITS,
};

/** A backend with these rows, as usual. */
export function backendOf(rows: readonly Row[]): Backend {
  return {
    name: "web",
    balance: "roundrobin",
    connectTimeoutMs: 5000,
    idleTimeoutMs: 3_600_000,
    halfClosedTimeoutMs: 1_800_000,
    keepalive: { idleMs: 60_000, intervalMs: 10_000, probes: 6, userTimeoutMs: null },
    retries: 3,
    redispatch: true,
    udp: { idleTimeoutMs: 30_000, replies: null, maxSessions: 1000 },
    maxQueue: null,
    queueTimeoutMs: 5000,
    whenEmpty: "reject",
    sourceAddress: { ipv4: null, ipv6: null, insteadOf: null },
    servers: rows.map((row) =>
      serverPlan({ name: `server${row}`, address: "192.0.2.100", port: 8000 + row })
    ),
    rows,
    inPlan: [...rows.keys()],
  };
}

function shape(rows: number, columns: number, stripes: number) {
  return { rows, columns, stripes };
}
