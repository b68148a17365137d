/**
 * The engine of one thread: its loop, from waiting to deadlines and orders. How the kernel is used
 * is the driver's affair, what becomes of a connection is decided elsewhere.
 */

import type { SourceAddressPlan } from "../core/plan/limits.ts";
import { Datagrams } from "../linux/datagrams.ts";
import { must, SystemError } from "../linux/errno.ts";
import { WorkerTable } from "../memory/worker_table.ts";
import { Acceptor } from "./acceptor.ts";
import { Doors } from "./admission.ts";
import { Buffers } from "./buffers.ts";
import { Chooser } from "./chooser.ts";
import { Clients } from "./clients.ts";
import { CLOSING } from "./closing.ts";
import { type ConnectionMemory, layConnections } from "./connection_memory.ts";
import { ConnectionRecorder } from "./connection_recorder.ts";
import { ConnectionTable } from "./connection_table.ts";
import { Connections } from "./connections.ts";
import { Connector, type Parts } from "./connector.ts";
import { type Driver, READABLE, type Watcher } from "./driver.ts";
import { EpollDriver } from "./epoll_driver.ts";
import { Greeting } from "./greeting.ts";
import { Intake } from "./intake.ts";
import type { Kernel } from "./kernel.ts";
import { Preface } from "./preface.ts";
import type {
  Backend,
  CloseOrder,
  CutOrder,
  Listener,
  Order,
  PlanOrder,
  Report,
  StartOrder,
} from "./orders.ts";
import { Queues } from "./queues.ts";
import { replan, type ReplanningParts } from "./replanning.ts";
import { SourceAddresses } from "./source_addresses.ts";
import { Tally } from "./tally.ts";
import { TimerWheel } from "./timer_wheel.ts";
import { countSessions } from "./udp/session_memory.ts";
import { Sessions } from "./udp/sessions.ts";
import { UringDriver } from "./uring_driver.ts";

/** One worker's forwarding, turn by turn. */
export class Engine implements Watcher {
  readonly #start: StartOrder;
  readonly #report: (report: Report) => void;
  readonly #kernel: Kernel;
  readonly #workers: WorkerTable;
  readonly #parts: Parts;
  readonly #connector: Connector;
  readonly #connections: Connections;
  readonly #acceptor: Acceptor;
  readonly #doors: Doors;
  readonly #sources: SourceAddresses;
  readonly #replanning: ReplanningParts;
  /** What is forwarded to now. */
  #plan: Pick<PlanOrder, "frontends" | "backends">;
  /** None before the first listener on UDP. */
  #sessions: Sessions | undefined;
  #now: number;
  #beatAt: number;
  #sweepAt: number;
  #isWoken = false;
  #isDraining = false;
  #isStopped = false;

  /** @param start its memory is zeroed, or has been reclaimed. */
  constructor(start: StartOrder, kernel: Kernel, report: (report: Report) => void) {
    this.#start = start;
    this.#plan = start;
    this.#report = report;
    this.#kernel = kernel;
    this.#workers = new WorkerTable(start.workers);
    this.#now = kernel.now();
    this.#beatAt = this.#now;
    this.#sweepAt = this.#now;
    const memory = layConnections(start.connections, start.maxConnections);
    memory.beganAt[0] = kernel.beganAt;
    const table = new ConnectionTable(start.connections, start.maxConnections);
    const wheel = new TimerWheel(start.maxConnections, this.#now);
    const chooser = new Chooser(start, table);
    const buffers = new Buffers(BUFFERS);
    const driver = this.#openDriver(table, memory, buffers);
    this.#parts = { kernel, driver, table, wheel, chooser, tally: new Tally(start) };
    const doors = new Doors(start, kernel);
    this.#doors = doors;
    const clients = new Clients(kernel, table);
    this.#sources = new SourceAddresses(sourcesOf(start.backends), kernel);
    const queues = new Queues(start, kernel);
    const preface = new Preface(start, { ...this.#parts, clients });
    this.#replanning = { ...this.#parts, clients, preface, queues };
    this.#connector = new Connector(
      { ...this.#parts, clients, queues, sources: this.#sources },
      (now) => this.#acceptor.pause("descriptors", now),
    );
    const intake = new Intake(kernel, table, buffers);
    this.#connections = new Connections({
      ...this.#parts,
      connector: this.#connector,
      doors,
      gate: preface,
      greeting: new Greeting(kernel, table, chooser, clients),
      intake,
    });
    driver.events = this.#connections;
    this.#logConnections();
    this.#acceptor = new Acceptor(
      { ...this.#parts, doors },
      (client, listener, now) => {
        const { frontend } = this.#acceptor.listener(listener);
        this.#connections.open(client, listener, frontend, now);
      },
      (missing) => this.#reportShortage(missing),
    );
    must("watch", driver.watch(start.wake, READABLE, this, 0));
    this.#listen(start.listeners);
  }

  /** Whether the engine has carried out `stop`: no turn may follow. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Waits for something to do, half a second at most, and does it. Orders are for the caller. */
  turn(): void {
    const { driver, wheel } = this.#parts;
    const now = driver.turn(this.#waitMs());
    this.#now = now;
    for (let slot = wheel.expire(now); slot >= 0; slot = wheel.expire(now)) {
      this.#connections.expire(slot, now);
    }
    this.#sessions?.flush();
    // Others have given something back, or it is time to make sure that they have not.
    const isReminded = this.#isWoken || now >= this.#beatAt;
    if (isReminded) this.#connector.remind();
    this.#connections.serve(now);
    this.#acceptor.resume(now, isReminded);
    if (now >= this.#beatAt) this.#beat(now);
    if (this.#isDraining && this.#open === 0) this.#drained();
    if (this.#isWoken) this.#kernel.clear(this.#start.wake);
    this.#isWoken = false;
  }

  /** The appliance has written the eventfd. */
  ready(): void {
    this.#isWoken = true;
  }

  /** Carries out an order. */
  carryOut(order: Order): void {
    switch (order.kind) {
      case "start":
        return;
      case "plan":
        return this.#replan(order);
      case "listen":
        return this.#listen(order.listeners);
      case "close":
        return this.#close(order);
      case "release":
        return this.#release(order.virtualRouter);
      case "cut":
        return this.#cut(order);
      case "drain":
        this.#acceptor.drain(this.#now);
        this.#sessions?.drain();
        this.#isDraining = true;
        return this.#report({ kind: "draining" });
      case "stop":
        return this.#stop();
    }
  }

  /**
   * The driver that was ordered. Rings may have become scarce or forbidden since the appliance has
   * tried one: it is better to forward in the other way than not at all.
   */
  #openDriver(table: ConnectionTable, memory: ConnectionMemory, buffers: Buffers): Driver {
    this.#workers.setFallback(this.#start.worker, false);
    if (this.#start.engine === "uring") {
      try {
        return new UringDriver(this.#kernel, table, memory, buffers);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        this.#workers.setFallback(this.#start.worker, true);
        const message = `the worker uses epoll instead of io_uring: ${error.message}`;
        this.#report({ kind: "log", level: "warn", message, properties: {} });
      }
    }
    return new EpollDriver(this.#kernel, table, memory, buffers);
  }

  #logConnections(): void {
    const { connectionLog } = this.#start;
    if (!connectionLog) return;
    const { kernel, table } = this.#parts;
    const recorder = new ConnectionRecorder(this.#start, connectionLog, table, kernel);
    this.#connections.onOpen = (slot) => recorder.opened(slot);
    this.#connections.onEnd = (slot, closing, now) => recorder.ended(slot, closing, now);
  }

  /** Connections and sessions. */
  get #open(): number {
    return this.#parts.table.open + (this.#sessions?.open ?? 0);
  }

  /** The thread is dying of an error: the next one takes over from shared memory. */
  abandon(): void {
    this.#parts.driver.abandon();
  }

  #listen(listeners: readonly Listener[]): void {
    for (const listener of listeners) {
      if (listener.protocol === "tcp") {
        this.#parts.chooser.setPort(this.#acceptor.add(listener), listener.port);
      } else if (this.#start.sessions.byteLength > 0) {
        this.#sessionsOf().listen(listener);
      } else {
        this.#reportNoSessions(listener);
      }
    }
  }

  /** The sessions, from the first listener on. */
  #sessionsOf(): Sessions {
    if (this.#sessions) return this.#sessions;
    const datagrams = (capacity: number) => new Datagrams(capacity);
    const [seed = 0] = crypto.getRandomValues(new Int32Array(1));
    const release = (row: number) => this.#connector.release(row);
    const own = { datagrams, doors: this.#doors, release, sources: this.#sources };
    const start = { ...this.#start, ...this.#plan };
    return this.#sessions = new Sessions(start, { ...this.#parts, ...own }, seed);
  }

  #replan({ frontends, backends }: PlanOrder): void {
    const former = this.#plan.backends;
    this.#plan = { frontends, backends };
    this.#doors.plan(frontends, (frontend) => this.#openOf(frontend));
    const moved = this.#parts.chooser.plan(this.#plan);
    this.#sources.plan(sourcesOf(backends));
    this.#replanning.queues.plan(backends);
    this.#replanning.preface.plan(this.#plan);
    this.#sessions?.plan(backends, moved, this.#now);
    replan(this.#replanning, former, backends, this.#now);
    this.#acceptor.reconsider();
    this.#connector.remind();
    this.#report({ kind: "planned" });
  }

  /** Connections and sessions of a frontend. */
  #openOf(frontend: number): number {
    const { table } = this.#parts;
    let open = countSessions(this.#start.sessions, frontend);
    for (let slot = 0; slot < table.capacity; slot++) {
      if (table.frontend(slot) === frontend) open++;
    }
    return open;
  }

  #close({ listeners, handedOver }: CloseOrder): void {
    this.#acceptor.close(listeners, handedOver, this.#now);
    this.#sessions?.close(listeners, this.#now);
    this.#report({ kind: "closed", listeners });
  }

  #release(virtualRouter: string): void {
    this.#acceptor.release(virtualRouter);
    const connections = this.#connections.cut(
      (slot) =>
        this.#acceptor.listener(this.#parts.table.listener[slot]!).virtualRouter === virtualRouter,
      CLOSING.released,
      this.#now,
    );
    const sessions = this.#sessions?.release(virtualRouter, this.#now) ?? 0;
    this.#report({ kind: "released", virtualRouter, connections: connections + sessions });
  }

  #cut({ id, which }: CutOrder): void {
    this.#report({ kind: "cut", id, connections: this.#cutSome(which) });
  }

  #cutSome(which: CutOrder["which"]): number {
    if ("row" in which) return this.#cutServer(which.row);
    if (!("listeners" in which)) {
      return this.#connections.cutChosen(which, CLOSING.killed, this.#now);
    }
    const indexes = this.#acceptor.indexesOf(which.listeners);
    const cameBy = (slot: number) => indexes.includes(this.#parts.table.listener[slot]!);
    return this.#connections.cut(cameBy, CLOSING.released, this.#now);
  }

  #cutServer(row: number): number {
    const { table } = this.#parts;
    const isIts = (slot: number) => table.row(slot) === row;
    const connections = this.#connections.cut(isIts, CLOSING.serverDown, this.#now);
    return connections + (this.#sessions?.cut(row, this.#now) ?? 0);
  }

  #drained(): void {
    this.#isDraining = false;
    this.#report({ kind: "drained" });
  }

  #stop(): void {
    if (this.#isStopped) return;
    const connections = this.#connections.cut(() => true, CLOSING.stopping, this.#now);
    this.#sessions?.stop(this.#now);
    this.#parts.driver.close();
    this.#workers.setConnections(this.#start.worker, 0);
    this.#isStopped = true;
    this.#report({ kind: "stopped", connections });
  }

  #waitMs(): number {
    const limit = Math.max(0, this.#beatAt - this.#now);
    const wait = this.#parts.wheel.waitMs(this.#now, limit);
    if (this.#connector.isDue) return 0;
    const paused = this.#acceptor.isPaused ? Math.min(wait, PAUSED_MS) : wait;
    return Math.ceil(Math.min(paused, this.#acceptor.waitMs(this.#now)));
  }

  #beat(now: number): void {
    const { worker } = this.#start;
    this.#workers.beat(worker, this.#kernel.beganAt + now);
    this.#workers.setConnections(worker, this.#open);
    this.#sessions?.expire(now);
    this.#doors.beat(now);
    this.#parts.tally.late(now - this.#beatAt);
    this.#beatAt = now + BEAT_MS;
    if (now < this.#sweepAt) return;
    this.#connections.sweep();
    this.#sweepAt = now + SWEEP_MS;
  }

  #reportNoSessions({ address, port }: Listener): void {
    const message = "the worker was started without room for UDP sessions: nobody is served at " +
      `${address}:${port}/udp until lintel is started anew`;
    this.#report({ kind: "log", level: "error", message, properties: {} });
  }

  #reportShortage(missing: "connections" | "descriptors"): void {
    const message = missing === "connections"
      ? "the worker holds as many connections as it may; new clients wait until one ends"
      : "no descriptors are left; new clients wait until some are (raise RLIMIT_NOFILE)";
    const properties = { connections: this.#parts.table.open };
    this.#report({ kind: "log", level: "warn", message, properties });
  }
}

function sourcesOf(backends: readonly Backend[]): SourceAddressPlan[] {
  return backends.map(({ sourceAddress }) => sourceAddress);
}

/** 32 MiB of addresses, of which only what is used becomes memory. */
const BUFFERS = 512;
const BEAT_MS = 500;
const SWEEP_MS = 1000;
const PAUSED_MS = 20;
