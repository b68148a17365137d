/**
 * The epoll engine: the loop of one thread, from waiting to what the events, deadlines and orders
 * are for. What becomes of a connection is decided elsewhere.
 */

import { EPOLLIN } from "../linux/epoll.ts";
import { EINTR, must } from "../linux/errno.ts";
import { WorkerTable } from "../memory/worker_table.ts";
import { Acceptor, LISTENER } from "./acceptor.ts";
import { Buffers } from "./buffers.ts";
import { Chooser } from "./chooser.ts";
import { layConnections } from "./connection_memory.ts";
import { ConnectionTable } from "./connection_table.ts";
import { Connections } from "./connections.ts";
import { Connector, type Parts } from "./connector.ts";
import type { Events, Kernel } from "./kernel.ts";
import type { CutOrder, Listener, Order, Report, StartOrder } from "./orders.ts";
import { Pipes } from "./pipes.ts";
import { Relay } from "./relay.ts";
import { Tally } from "./tally.ts";
import { TimerWheel } from "./timer_wheel.ts";

/** One worker's forwarding, turn by turn. */
export class Engine {
  readonly #start: StartOrder;
  readonly #report: (report: Report) => void;
  readonly #kernel: Kernel;
  readonly #events: Events;
  readonly #workers: WorkerTable;
  readonly #parts: Parts;
  readonly #pipes: Pipes;
  readonly #relay: Relay;
  readonly #connections: Connections;
  readonly #acceptor: Acceptor;
  #now: number;
  #beatAt: number;
  #sweepAt: number;
  #isDraining = false;
  #isStopped = false;

  /** @param start its memory is zeroed, or has been reclaimed. */
  constructor(start: StartOrder, kernel: Kernel, report: (report: Report) => void) {
    this.#start = start;
    this.#report = report;
    this.#kernel = kernel;
    this.#events = kernel.events(EVENTS);
    this.#workers = new WorkerTable(start.workers);
    this.#now = kernel.now();
    this.#beatAt = this.#now;
    this.#sweepAt = this.#now;
    const memory = layConnections(start.connections, start.maxConnections);
    const epoll = must("epoll_create1", kernel.epollCreate());
    memory.epoll[0] = epoll;
    const table = new ConnectionTable(start.connections, start.maxConnections);
    const wheel = new TimerWheel(start.maxConnections, this.#now);
    const chooser = new Chooser(start, table);
    this.#parts = { kernel, epoll, table, wheel, chooser, tally: new Tally(start) };
    this.#pipes = new Pipes(kernel, memory.pipes);
    this.#relay = new Relay(kernel, table, new Buffers(BUFFERS), this.#pipes);
    const connector = new Connector(
      this.#parts,
      (now) => this.#acceptor.pause("descriptors", now),
    );
    this.#connections = new Connections(this.#parts, connector, this.#relay);
    this.#acceptor = new Acceptor(
      this.#parts,
      (client, listener) => {
        const { frontend } = this.#acceptor.listener(listener);
        this.#connections.open(client, listener, frontend, this.#now);
      },
      (missing) => this.#reportShortage(missing),
    );
    must("epoll_ctl", kernel.epollAdd(epoll, start.wake, EPOLLIN, WAKE, 0));
    this.#listen(start.listeners);
  }

  /** Whether the engine has carried out `stop`: no turn may follow. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Waits for something to do, half a second at most, and does it. Orders are for the caller. */
  turn(): void {
    const { epoll, table, wheel } = this.#parts;
    let count = this.#events.wait(epoll, this.#waitMs());
    // Errors are looked at twice here, too: the thread's end is the end of all its connections.
    if (count < 0 && count !== -EINTR) count = this.#events.wait(epoll, 0);
    if (count < 0 && count !== -EINTR) must("epoll_wait", count);
    const now = this.#kernel.now();
    this.#now = now;
    this.#relay.now = now;
    let isWoken = false;
    for (let index = 0; index < count; index++) {
      const low = this.#events.low(index);
      const high = this.#events.high(index);
      if (low >= 0) {
        // A side may have been closed, and its slot used again, since the event was collected.
        if (table.generation[low] === high) {
          this.#connections.handle(low, this.#events.flags(index), now);
        }
      } else if (low === LISTENER) {
        this.#acceptor.accept(high, now);
      } else {
        isWoken = true;
      }
    }
    if (this.#connections.hasQueue) this.#connections.runQueue(now);
    for (let slot = wheel.expire(now); slot >= 0; slot = wheel.expire(now)) {
      this.#connections.expire(slot, now);
    }
    this.#acceptor.resume(now);
    if (now >= this.#beatAt) this.#beat(now);
    if (this.#isDraining && table.open === 0) this.#drained();
    if (isWoken) this.#kernel.clear(this.#start.wake);
  }

  /** Carries out an order. */
  carryOut(order: Order): void {
    switch (order.kind) {
      case "start":
        return;
      case "listen":
        return this.#listen(order.listeners);
      case "release":
        return this.#release(order.virtualRouter);
      case "cut":
        return this.#cut(order);
      case "drain":
        this.#acceptor.drain(this.#now);
        this.#isDraining = true;
        return this.#report({ kind: "draining" });
      case "stop":
        return this.#stop();
    }
  }

  #listen(listeners: readonly Listener[]): void {
    for (const listener of listeners) {
      this.#parts.chooser.setPort(this.#acceptor.add(listener), listener.port);
    }
  }

  #release(virtualRouter: string): void {
    this.#acceptor.release(virtualRouter);
    const connections = this.#connections.cut((listener) =>
      this.#acceptor.listener(listener).virtualRouter === virtualRouter
    );
    this.#report({ kind: "released", virtualRouter, connections });
  }

  #cut({ id, which }: CutOrder): void {
    const connections = "row" in which
      ? this.#connections.cutServer(which.row)
      : this.#connections.cutChosen(which);
    this.#report({ kind: "cut", id, connections });
  }

  #drained(): void {
    this.#isDraining = false;
    this.#report({ kind: "drained" });
  }

  #stop(): void {
    if (this.#isStopped) return;
    const connections = this.#connections.cut(() => true);
    this.#pipes.close();
    this.#kernel.close(this.#parts.epoll);
    const memory = layConnections(this.#start.connections, this.#start.maxConnections);
    memory.epoll[0] = 0;
    this.#workers.setConnections(this.#start.worker, 0);
    this.#isStopped = true;
    this.#report({ kind: "stopped", connections });
  }

  #waitMs(): number {
    if (this.#connections.hasQueue) return 0;
    const limit = Math.max(0, this.#beatAt - this.#now);
    const wait = this.#parts.wheel.waitMs(this.#now, limit);
    return Math.ceil(this.#acceptor.isPaused ? Math.min(wait, PAUSED_MS) : wait);
  }

  #beat(now: number): void {
    const { worker } = this.#start;
    this.#workers.beat(worker, now);
    this.#workers.setConnections(worker, this.#parts.table.open);
    this.#parts.tally.late(now - this.#beatAt);
    this.#beatAt = now + BEAT_MS;
    if (now < this.#sweepAt) return;
    this.#connections.sweep();
    this.#sweepAt = now + SWEEP_MS;
  }

  #reportShortage(missing: "connections" | "descriptors"): void {
    const message = missing === "connections"
      ? "the worker holds as many connections as it may; new clients wait until one ends"
      : "no descriptors are left; new clients wait until some are (raise RLIMIT_NOFILE)";
    const properties = { connections: this.#parts.table.open };
    this.#report({ kind: "log", level: "warn", message, properties });
  }
}

/** The lower half of the datum of the eventfd's events. */
const WAKE = -2;

/** Events of one wait. */
const EVENTS = 512;
/** 32 MiB of addresses, of which only what is used becomes memory. */
const BUFFERS = 512;
const BEAT_MS = 250;
const SWEEP_MS = 1000;
const PAUSED_MS = 20;
