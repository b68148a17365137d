/**
 * Data-plane workers as the appliance runs them, on this host's loopback, with real sockets.
 */

import { sessionMemory } from "../../src/dataplane/udp/session_memory.ts";
import { SessionCounts } from "../../src/memory/session_counts.ts";
import { connectionMemory, layConnections } from "../../src/dataplane/connection_memory.ts";
import { openListener, probePort } from "../../src/dataplane/listener.ts";
import type {
  Backend,
  EngineKind,
  Frontend,
  Listener,
  Order,
  Report,
  StartOrder,
} from "../../src/dataplane/orders.ts";
import { must } from "../../src/linux/errno.ts";
import { eventfd, signal } from "../../src/linux/eventfd.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { close } from "../../src/linux/socket.ts";
import { Admission } from "../../src/memory/admission.ts";
import { Counters } from "../../src/memory/counters.ts";
import { Histogram } from "../../src/memory/histogram.ts";
import { QueueTable } from "../../src/memory/queue_table.ts";
import { ReleaseLane } from "../../src/memory/release_lane.ts";
import { type Row, ServerTable } from "../../src/memory/server_table.ts";
import {
  CONNECT_BOUNDS,
  FRONTEND_COUNTERS,
  LAG_BOUNDS,
  SERVER_COUNTERS,
} from "../../src/memory/traffic.ts";
import { WorkerTable } from "../../src/memory/worker_table.ts";
import { NO_LIMITS, serverPlan } from "../unit/plans.ts";
import { eventually } from "../../scripts/lab/wait.ts";

/** The engines, as the suites run on each of them. */
export const ENGINES = ["epoll", "uring"] as const satisfies readonly EngineKind[];

/** What may be set differently from the usual. */
export interface DataplaneOptions {
  /** The servers' ports. */
  readonly servers: readonly number[];
  readonly address?: string;
  readonly port?: number;
  readonly workers?: number;
  readonly maxConnections?: number;
  readonly engine?: EngineKind;
  readonly frontend?: Partial<Frontend>;
  readonly backend?: Partial<Backend>;
  /** Connections that each server may have at once; 0 for any number. */
  readonly limit?: number;
  readonly processConnections?: number;
  /** Whether it takes datagrams on the same port, too. */
  readonly udp?: boolean;
}

/** One frontend on an unused port, one backend, some workers. */
export class Dataplane implements AsyncDisposable {
  readonly port: number;
  readonly servers: ServerTable;
  readonly reports: Report[] = [];
  readonly workers: WorkerTable;
  readonly admission: Admission;
  readonly queues: QueueTable;
  /** Virtual router 0 is `vip`, to which all listeners belong. */
  readonly lane: ReleaseLane;
  readonly #speaker = must("eventfd", eventfd());
  readonly #threads: Thread[] = [];
  readonly #listeners: Listener[] = [];
  #died = 0;
  readonly #serverCounters: Counters;
  readonly #frontendCounters: Counters;

  private constructor(options: DataplaneOptions) {
    const { servers, address = "127.0.0.1", workers = 1, maxConnections = 2000 } = options;
    const rows = servers.map((_, row) => row as Row);
    this.port = options.port ?? unusedPort(address);
    this.servers = new ServerTable(rows.length + SPARE);
    for (const row of rows) {
      this.servers.setWeight(row, 100);
      this.servers.setLimit(row, options.limit ?? 0);
      this.servers.setAdmin(row, "ready");
      this.servers.setHealth(row, "up");
    }
    this.workers = new WorkerTable(workers);
    const shape = { rows: rows.length + SPARE, stripes: workers };
    this.#serverCounters = new Counters({ ...shape, columns: SERVER_COUNTERS.length });
    this.#frontendCounters = new Counters({ ...shape, columns: FRONTEND_COUNTERS.length });
    const durations = new Histogram({ bounds: CONNECT_BOUNDS, rows: SPARE, stripes: workers });
    const lag = new Histogram({ bounds: LAG_BOUNDS, rows: workers, stripes: workers });
    const counts = new SessionCounts({ workers, backends: SPARE });
    const backend = { ...usual(servers), rows, ...options.backend };
    this.admission = new Admission({ workers, frontends: SPARE });
    this.queues = new QueueTable({ workers, backends: SPARE, rows: rows.length + SPARE });
    this.lane = new ReleaseLane({ routers: SPARE, workers });
    for (let worker = 0; worker < workers; worker++) {
      const protocols = options.udp === true ? ["tcp", "udp"] as const : ["tcp"] as const;
      const listeners = protocols.map((protocol) =>
        this.#listen({ protocol, address, port: this.port, virtualRouter: "vip", frontend: 0 })
      );
      const wake = must("eventfd", eventfd());
      this.admission.setWake(worker, wake);
      this.spawn({
        kind: "start",
        worker,
        engine: options.engine ?? "epoll",
        wake,
        listeners,
        frontends: [{ ...USUAL_FRONTEND, ...options.frontend }],
        backends: [backend],
        maxConnections,
        connections: connectionMemory(maxConnections),
        connectionLog: null,
        sessions: sessionMemory(100),
        release: {
          lane: this.lane.shape,
          virtualRouters: ["vip"],
          speaker: this.#speaker,
        },
        sessionCounts: counts.shape,
        processConnections: options.processConnections ?? 1e6,
        admission: this.admission.shape,
        queues: this.queues.shape,
        servers: this.servers.buffer,
        workers: this.workers.buffer,
        serverCounters: this.#serverCounters.shape,
        frontendCounters: this.#frontendCounters.shape,
        connectDurations: durations.shape,
        workerLag: lag.shape,
      });
    }
  }

  /** Starts the workers and waits until they accept. */
  static async start(options: DataplaneOptions): Promise<Dataplane> {
    const dataplane = new Dataplane(options);
    await dataplane.reported("ready");
    return dataplane;
  }

  /** A server's count. */
  server(row: number, column: (typeof SERVER_COUNTERS)[number]): number {
    return this.#serverCounters.total(row, SERVER_COUNTERS.indexOf(column));
  }

  /** A frontend's count. */
  frontend(column: (typeof FRONTEND_COUNTERS)[number], index = 0): number {
    return this.#frontendCounters.total(index, FRONTEND_COUNTERS.indexOf(column));
  }

  /** How many connections are open. */
  get open(): number {
    const closed = this.frontend("closed");
    return this.frontend("opened") - closed;
  }

  /** Gives all workers an order. */
  order(order: Order): void {
    for (const thread of this.#threads) this.#tell(thread, order);
  }

  /** Has the workers go on with another plan, and waits until they have. */
  async plan(
    plan: Pick<StartOrder, "frontends" | "backends">,
    virtualRouters: readonly string[] = ["vip"],
  ): Promise<void> {
    await this.#answered("planned", () => this.order({ kind: "plan", ...plan, virtualRouters }));
  }

  /** Has each worker listen on one more port. */
  listen(listener: Pick<Listener, "protocol" | "frontend" | "port" | "virtualRouter">): void {
    for (const thread of this.#threads) {
      const listeners = [this.#listen({ ...listener, address: "127.0.0.1" })];
      this.#tell(thread, { kind: "listen", listeners });
    }
  }

  /** Has the workers give up their listeners on a port, waits until they have, and closes them. */
  async close(port: number): Promise<void> {
    const closed = this.#listeners.filter((listener) => listener.port === port);
    const listeners = closed.map(({ fd }) => fd);
    await this.#answered("closed", () => this.order({ kind: "close", listeners, handedOver: [] }));
    for (const listener of closed) {
      this.#listeners.splice(this.#listeners.indexOf(listener), 1);
      close(listener.fd);
    }
  }

  /** Has the workers release a virtual router as the speaker does, by its index in the lane. */
  async release(router: number): Promise<void> {
    this.lane.ask(router);
    for (const { start } of this.#threads) signal(start.wake);
    await eventually("it is released", () => this.lane.isDone(router), { everyMs: 2 });
  }

  /** Waits until each worker has reported so. */
  async reported(kind: Report["kind"], before = 0): Promise<void> {
    const isThere = () => this.#count(kind) - before >= this.#threads.length;
    await eventually(kind, isThere, { everyMs: 2 });
  }

  /** Waits until no connection is left. */
  async empty(): Promise<void> {
    await eventually("no connection is left", () => this.open === 0, { everyMs: 5 });
  }

  /** Closes the listeners, as the appliance does once no worker accepts any more. */
  closeListeners(): void {
    for (const { fd } of this.#listeners.splice(0)) close(fd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.order({ kind: "stop" });
    await this.reported("stopped");
    this.closeListeners();
    for (const { worker, start } of this.#threads) {
      worker.terminate();
      close(start.wake);
    }
    close(this.#speaker);
  }

  /** Has the first worker die of an error. @returns what it was started with. */
  async crash(): Promise<StartOrder> {
    const { start } = this.#threads[0]!;
    const { poller } = layConnections(start.connections, start.maxConnections);
    close(poller[0]! as Fd);
    poller[0] = 0;
    await eventually("the worker has died", () => this.#died > 0);
    this.#threads.shift();
    return start;
  }

  #count(kind: Report["kind"]): number {
    return this.reports.filter((report) => report.kind === kind).length;
  }

  async #answered(kind: Report["kind"], order: () => void): Promise<void> {
    const before = this.#count(kind);
    order();
    await this.reported(kind, before);
  }

  #tell({ worker, start }: Thread, order: Order): void {
    worker.postMessage(order);
    this.workers.order(start.worker);
    signal(start.wake);
  }

  /** One worker's listener. */
  #listen(listener: Omit<Listener, "fd">): Listener {
    const options = { keepalive: KEEPALIVE, clientSpeaksFirst: false };
    const fd = must("listen", openListener(listener, options));
    const opened = { ...listener, fd };
    this.#listeners.push(opened);
    return opened;
  }

  /** Starts a worker. */
  spawn(start: StartOrder): void {
    const url = new URL("../../src/dataplane/worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Report>) => this.reports.push(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#died++;
    };
    this.workers.forgetOrders(start.worker);
    worker.postMessage(start);
    this.#threads.push({ worker, start });
  }
}

interface Thread {
  readonly worker: Worker;
  readonly start: StartOrder;
}

/** A port of the loopback that nobody has. */
export function unusedPort(address = "127.0.0.1"): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (probePort({ protocol: "tcp", address, port, virtualRouter: null }) === 0) return port;
  }
}

/** Room for plans that come later, in every table. */
const SPARE = 8;

const KEEPALIVE = { idleMs: 60_000, intervalMs: 10_000, probes: 6, userTimeoutMs: null };

/** A frontend as usual. */
export const USUAL_FRONTEND: Frontend = {
  name: "web",
  backend: 0,
  routes: [],
  proxyProtocolFrom: null,
  clientHelloTimeoutMs: 5000,
  ...NO_LIMITS,
};

/** A backend as usual, but for where its servers are in the table. */
export function usual(servers: readonly number[]): Omit<Backend, "rows"> {
  return {
    name: "web",
    balance: "roundrobin",
    connectTimeoutMs: 2000,
    idleTimeoutMs: 3_600_000,
    halfClosedTimeoutMs: 30_000,
    keepalive: KEEPALIVE,
    retries: 3,
    redispatch: true,
    udp: { idleTimeoutMs: 30_000, replies: null, maxSessions: 1000 },
    maxQueue: null,
    queueTimeoutMs: 5000,
    whenEmpty: "reject",
    sourceAddress: { ipv4: null, ipv6: null, insteadOf: null },
    servers: servers.map((port, row) =>
      serverPlan({ name: `server${row}`, address: "127.0.0.1", port })
    ),
    inPlan: [...servers.keys()],
  };
}
