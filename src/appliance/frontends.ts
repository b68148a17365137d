/**
 * The frontends: their listening sockets, which the appliance owns and lends to the workers, and
 * how they are shown.
 */

import type { Frontend } from "../admin/model.ts";
import type { FrontendPlan, KeepalivePlan, ListenerPlan, Plan } from "../core/plan/plan.ts";
import { openListener } from "../dataplane/listener.ts";
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
    const refused = refusedListeners(plan)[0];
    if (refused) throw new CannotRun(refused.message);
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
  if (fd < 0) throw new CannotRun(refusal(listener, -fd));
  return fd;
}
