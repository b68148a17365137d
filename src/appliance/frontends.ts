/**
 * The frontends: their listening sockets, which the appliance owns and lends to the workers, and
 * how they are shown.
 */

import type { Frontend } from "../admin/model.ts";
import { formatEndpoint } from "../core/net/prefix.ts";
import type { FrontendPlan, KeepalivePlan, ListenerPlan, Plan } from "../core/plan/plan.ts";
import { openListener, probePort } from "../dataplane/listener.ts";
import type { Listener } from "../dataplane/orders.ts";
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, SystemError } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { close } from "../linux/socket.ts";
import type { Counters } from "../memory/counters.ts";
import { FRONTEND_COUNTERS } from "../memory/traffic.ts";
import { CannotRun } from "./cannot_run.ts";

/** All frontends of one plan. */
export class Frontends {
  readonly #plans: readonly FrontendPlan[];
  readonly #counters: Counters;
  /** By worker. */
  readonly #listeners: Listener[][];
  /** Virtual routers whose listeners have been given up. */
  readonly #released = new Set<string>();

  /**
   * Opens every listener once for each worker.
   *
   * @throws {CannotRun} naming the address and port that cannot be had.
   */
  constructor(plan: Plan, counters: Counters, workers: number) {
    this.#plans = plan.frontends;
    this.#counters = counters;
    for (const { listeners } of plan.frontends) listeners.forEach(probe);
    this.#listeners = Array.from({ length: workers }, () => openAll(plan));
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

  /** Closes all listeners, once no worker accepts any more. */
  close(): void {
    for (const listener of this.#listeners.flat()) {
      if (!this.#isReleased(listener)) close(listener.fd);
    }
    this.#listeners.length = 0;
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
          address: one.address,
          port: one.port,
          virtualRouter: one.virtualRouter,
          bound: this.#listeners.length > 0 && !this.#isReleased(one),
        })),
        backend: plan.backend,
        required: plan.required,
        connections: { active: opened - closed, total: opened },
        bytes: { received: count("receivedBytes"), sent: count("sentBytes") },
        denied: { noServer: count("deniedNoServer"), limit: count("deniedLimit") },
      };
    });
  }

  #isReleased({ virtualRouter }: { readonly virtualRouter: string | null }): boolean {
    return virtualRouter !== null && this.#released.has(virtualRouter);
  }
}

/** SO_REUSEPORT would let us in beside a foreign owner of the port: ask without it first. */
function probe(listener: ListenerPlan): void {
  const answer = probePort(listener);
  if (answer < 0) throw refusal(listener, -answer);
}

function openAll({ frontends, backends }: Plan): Listener[] {
  return frontends.flatMap(({ listeners, backend }, frontend) => {
    const keepalive = backends.find(({ name }) => name === backend)?.keepalive;
    if (!keepalive) throw new Error(`the plan has no backend ${backend}`);
    return listeners.map((listener) => ({
      fd: open(listener, keepalive),
      frontend,
      ...listener,
    }));
  });
}

function open(listener: ListenerPlan, keepalive: KeepalivePlan): Fd {
  const fd = openListener(listener, keepalive);
  if (fd < 0) throw refusal(listener, -fd);
  return fd;
}

function refusal({ address, port }: ListenerPlan, errno: number): CannotRun {
  const place = formatEndpoint(address, port);
  switch (errno) {
    case EADDRINUSE:
      return new CannotRun(
        `cannot listen on ${place}: port ${port} is in use by another program; ` +
          `stop it ("ss -ltnp sport = :${port}" names it) or choose another port`,
      );
    case EACCES:
      return new CannotRun(
        `cannot listen on ${place}: ports below 1024 need the capability CAP_NET_BIND_SERVICE; ` +
          "grant it (setcap cap_net_bind_service+p, or the container's NET_BIND_SERVICE)",
      );
    case EADDRNOTAVAIL:
      return new CannotRun(
        `cannot listen on ${place}: no interface of this host carries ${address}; ` +
          "configure it, or listen on vip:ROUTER for the address of a virtual router",
      );
    default:
      return new CannotRun(
        `cannot listen on ${place}: ${new SystemError("bind", errno).message}`,
      );
  }
}
