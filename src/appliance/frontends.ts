/**
 * The frontends: their listening sockets, which the appliance owns and lends to the workers, and
 * how they are shown.
 */

import type { Frontend } from "../admin/model.ts";
import { listenerName } from "../core/plan/diff.ts";
import {
  backendsOf,
  type FrontendPlan,
  type ListenerPlan,
  type Plan,
  type Protocol,
} from "../core/plan/plan.ts";
import { type ClientOptions, openListener } from "../dataplane/listener.ts";
import type { Listener } from "../dataplane/orders.ts";
import type { Fd } from "../linux/libc.ts";
import { close } from "../linux/socket.ts";
import type { Counters } from "../memory/counters.ts";
import { FRONTEND_COUNTERS } from "../memory/traffic.ts";
import { CannotRun } from "./cannot_run.ts";
import { refusal, refusedListeners } from "./ports.ts";

/** All frontends of one plan. */
export class Frontends {
  readonly #plans: readonly FrontendPlan[];
  readonly #counters: Counters;
  /** By worker. */
  readonly #listeners: Listener[][];
  /** The protocols whose listeners have been closed for good. */
  readonly #closed = new Set<Protocol>();
  /** Virtual routers whose listeners have been given up. */
  readonly #released = new Set<string>();
  /** Those of them whose listeners should have come back, and could not. */
  readonly #missing = new Set<string>();
  /** By frontend. */
  readonly #clients: readonly ClientOptions[];

  /**
   * Opens every listener once for each worker.
   *
   * @throws {CannotRun} naming the address and port that cannot be had.
   */
  constructor(plan: Plan, counters: Counters, workers: number) {
    this.#plans = plan.frontends;
    this.#counters = counters;
    const refused = refusedListeners(plan)[0];
    if (refused) throw new CannotRun(refused.message);
    this.#clients = plan.frontends.map((frontend) => clientOptions(frontend, plan));
    this.#listeners = Array.from({ length: workers }, () => openAll(plan, this.#clients));
  }

  /** The listeners of one worker. */
  listeners(worker: number): readonly Listener[] {
    return this.#listeners[worker]!.filter((one) => !this.#isReleased(one));
  }

  /** Closes the listeners on a virtual router's addresses, once no worker accepts on them. */
  release(virtualRouter: string): void {
    for (const listener of this.#listeners.flat()) {
      if (listener.virtualRouter === virtualRouter && !this.#isReleased(listener)) {
        close(listener.fd);
      }
    }
    this.#released.add(virtualRouter);
  }

  /**
   * Opens the listeners of a virtual router anew, after a release.
   *
   * @returns what each worker is to listen on.
   * @throws {CannotRun} naming what cannot be had; all are as after the release then.
   */
  reopen(virtualRouter: string): Listener[][] {
    const opened: Listener[][] = this.#listeners.map(() => []);
    try {
      this.#listeners.forEach((listeners, worker) => {
        for (const one of listeners) {
          if (one.virtualRouter !== virtualRouter) continue;
          const clients = this.#clients[one.frontend];
          if (clients) opened[worker]?.push({ ...one, fd: open(one, clients) });
        }
      });
    } catch (error) {
      for (const { fd } of opened.flat()) close(fd);
      this.#missing.add(virtualRouter);
      throw error;
    }
    this.#listeners.forEach((listeners, worker) => {
      const others = listeners.filter((one) => one.virtualRouter !== virtualRouter);
      this.#listeners[worker] = [...others, ...opened[worker] ?? []];
    });
    this.#released.delete(virtualRouter);
    this.#missing.delete(virtualRouter);
    return opened;
  }

  /** Whether the listeners of a virtual router have been given up. */
  isReleased(virtualRouter: string): boolean {
    return this.#released.has(virtualRouter);
  }

  /** The listeners of these frontends that should be bound and cannot be: `10.0.0.1:443`. */
  unbound(names: readonly string[]): string[] {
    // Asked all the time, and almost always the answer.
    if (this.#missing.size === 0) return [];
    return this.#plans.filter(({ name }) => names.includes(name)).flatMap(({ listeners }) =>
      listeners.filter(({ virtualRouter }) => this.#missing.has(virtualRouter ?? ""))
        .map(listenerName)
    );
  }

  /**
   * Closes the listeners for connections, once no worker accepts any more. Those for datagrams are
   * what open sessions go on by.
   */
  closeForConnections(): void {
    this.#close("tcp");
  }

  /** Closes all listeners that are still open, once no worker uses them any more. */
  close(): void {
    this.#close("tcp");
    this.#close("udp");
  }

  /** All frontends in the file's order. */
  show(): Frontend[] {
    return this.#plans.map((plan, row) => {
      const count = (counter: (typeof FRONTEND_COUNTERS)[number]) =>
        this.#counters.total(row, FRONTEND_COUNTERS.indexOf(counter));
      // Closed first: read after it, opened can only be too high by what has come in between.
      const closed = count("closed");
      const opened = count("opened");
      return {
        name: plan.name,
        listeners: plan.listeners.map((one) => ({
          protocol: one.protocol,
          address: one.address,
          port: one.port,
          virtualRouter: one.virtualRouter,
          bound: !this.#closed.has(one.protocol) && !this.#isReleased(one),
        })),
        backend: plan.backend,
        routes: plan.routes.map(({ serverNames, backend }) => ({
          serverNames: [...serverNames],
          backend,
        })),
        required: plan.required,
        connections: { active: opened - closed, total: opened },
        bytes: { received: count("receivedBytes"), sent: count("sentBytes") },
        denied: {
          noServer: count("deniedNoServer"),
          limit: count("deniedLimit"),
          address: count("deniedAddress"),
          queueFull: count("deniedQueueFull"),
          queueTimeout: count("deniedQueueTimeout"),
          shortage: count("deniedShortage"),
          proxyHeader: count("deniedProxyHeader"),
          clientHello: count("deniedClientHello"),
          serverName: count("deniedServerName"),
          prefaceTimeout: count("deniedPrefaceTimeout"),
        },
        evictedSessions: count("evicted"),
      };
    });
  }

  #close(protocol: Protocol): void {
    if (this.#closed.has(protocol)) return;
    this.#closed.add(protocol);
    for (const listener of this.#listeners.flat()) {
      if (listener.protocol === protocol && !this.#isReleased(listener)) close(listener.fd);
    }
  }

  #isReleased({ virtualRouter }: { readonly virtualRouter: string | null }): boolean {
    return virtualRouter !== null && this.#released.has(virtualRouter);
  }
}

/** Of the first backend that a frontend leads to; connections to others are given theirs. */
function clientOptions(frontend: FrontendPlan, { backends }: Plan): ClientOptions {
  const [first] = backendsOf(frontend);
  const keepalive = backends.find(({ name }) => name === first)?.keepalive;
  if (!keepalive) throw new Error(`the plan has no backend ${first}`);
  return { keepalive, clientSpeaksFirst: frontend.clientSpeaksFirst };
}

function openAll({ frontends }: Plan, clients: readonly ClientOptions[]): Listener[] {
  return frontends.flatMap(({ listeners }, frontend) =>
    listeners.map((listener) => ({
      fd: open(listener, clients[frontend]!),
      frontend,
      ...listener,
    }))
  );
}

function open(listener: ListenerPlan, clients: ClientOptions): Fd {
  const fd = openListener(listener, clients);
  if (fd < 0) throw new CannotRun(refusal(listener, -fd));
  return fd;
}
