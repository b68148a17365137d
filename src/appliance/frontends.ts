/**
 * The frontends: their listening sockets, which the appliance owns and lends to the workers, and
 * how they are shown.
 */

import type { Frontend } from "../admin/model.ts";
import { listenerName } from "../core/plan/diff.ts";
import {
  backendsOf,
  type FrontendPlan,
  type KeepalivePlan,
  type ListenerPlan,
  type Plan,
  type Protocol,
} from "../core/plan/plan.ts";
import { isSame } from "../core/plan/same.ts";
import {
  type ClientOptions,
  openListener,
  scopeOf,
  setClientOptions,
} from "../dataplane/listener.ts";
import type { CloseOrder, Listener } from "../dataplane/orders.ts";
import type { Fd } from "../linux/libc.ts";
import { close, duplicate } from "../linux/socket.ts";
import type { Counters } from "../memory/counters.ts";
import { FRONTEND_COUNTERS } from "../memory/traffic.ts";
import { CannotRun } from "./cannot_run.ts";
import { refusal, refusedAmong } from "./ports.ts";
import type { Tables } from "./tables.ts";

/** A listener that is there, once for each worker. */
interface Held {
  readonly key: string;
  readonly frontend: string;
  readonly plan: ListenerPlan;
  /** The index of the interface that it is bound to; 0 for none. */
  readonly scope: number;
  /** The same for those that have the same sockets. */
  readonly origin: symbol;
  /** By worker. */
  fds: readonly Fd[];
  clients: ClientOptions;
  /** Whether the descriptors are open: not while its virtual router's are given up. */
  isOpen: boolean;
  /** Whether workers accept on it. */
  isLent: boolean;
  /** Whether workers are about to give it up. */
  isLeaving: boolean;
}

/** All frontends of the plan that runs. */
export class Frontends {
  #plans: readonly FrontendPlan[] = [];
  readonly #tables: Tables;
  readonly #counters: Counters;
  readonly #workers: number;
  #held: readonly Held[] = [];
  /** The protocols whose listeners have been closed for good. */
  readonly #closed = new Set<Protocol>();
  /** Virtual routers whose listeners have been given up. */
  readonly #released = new Set<string>();
  /** Those of them whose listeners should have come back, and could not. */
  readonly #missing = new Set<string>();

  /**
   * Opens every listener once for each worker.
   *
   * @throws {CannotRun} naming the address and port that cannot be had.
   */
  constructor(plan: Plan, tables: Tables, counters: Counters, workers: number) {
    this.#tables = tables;
    this.#counters = counters;
    this.#workers = workers;
    this.open(plan);
    this.lend();
  }

  /**
   * Opens the listeners of a plan that are not there yet; one that a frontend takes over from
   * another keeps its socket, and the clients in its queue. Those that the plan does not have stay,
   * if they are lent, until they are {@linkcode unwanted} and {@linkcode closeUnwanted}.
   *
   * @throws {CannotRun} naming the address and port that cannot be had; all is as before then.
   */
  open(plan: Plan): void {
    const wanted = wantedOf(plan);
    const isMissing = ({ key }: Wanted) => !this.#held.some((one) => one.key === key);
    const missing = wanted.filter(isMissing);
    const ours = this.#held.filter(({ isOpen }) => isOpen).map((one) => one.plan);
    const refused = refusedAmong(missing.map((one) => one.plan), ours)[0];
    if (refused) throw new CannotRun(refused.message);
    const isWanted = ({ key }: Held) => wanted.some((one) => one.key === key);
    const given = this.#held.filter((one) => one.isOpen && !one.isLeaving && !isWanted(one));
    const opened: Held[] = [];
    try {
      for (const one of missing) {
        const former = given.find(({ plan }) => isSameListener(plan, one.plan));
        opened.push(former ? takenOver(one, former) : this.#opened(one));
      }
    } catch (error) {
      for (const one of opened) closeAll(one);
      throw error;
    }
    const kept = this.#held.filter((one) => one.isLent || isWanted(one));
    for (const one of this.#held) if (!kept.includes(one)) closeAll(one);
    this.#held = [...kept, ...opened];
    for (const { key, clients } of wanted) this.#setClients(key, clients);
    this.#plans = plan.frontends;
  }

  /** Lends the listeners that are new. @returns what each worker is to listen on from now on. */
  lend(): Listener[][] {
    const fresh = this.#held.filter(({ isLent, isLeaving }) => !isLent && !isLeaving);
    for (const one of fresh) one.isLent = true;
    return this.#byWorker(fresh.filter(({ isOpen }) => isOpen));
  }

  /** The listeners of one worker. */
  listeners(worker: number): readonly Listener[] {
    const lent = this.#held.filter((one) => one.isLent && one.isOpen && !one.isLeaving);
    return this.#byWorker(lent)[worker] ?? [];
  }

  /** The descriptors, by worker, of listeners that the plan has no more: nobody is lent them. */
  unwanted(): Omit<CloseOrder, "kind">[] {
    const gone = this.#held.filter((one) => one.isOpen && !this.#isWanted(one));
    for (const one of gone) one.isLeaving = true;
    const goOn = new Set(
      this.#held.filter((one) => one.isOpen && !one.isLeaving).map(({ origin }) => origin),
    );
    const handedOver = gone.filter(({ origin }) => goOn.has(origin));
    return Array.from({ length: this.#workers }, (_, worker) => ({
      listeners: gone.map(({ fds }) => fds[worker]!),
      handedOver: handedOver.map(({ fds }) => fds[worker]!),
    }));
  }

  /** The listeners that the plan has no more on some addresses, those of each worker. */
  unwantedAt(addresses: ReadonlySet<string>): Fd[][] {
    const gone = this.#held.filter((one) =>
      one.isOpen && addresses.has(one.plan.address) && !this.#isWanted(one)
    );
    return Array.from(
      { length: this.#workers },
      (_, worker) => gone.map(({ fds }) => fds[worker]!),
    );
  }

  /** Closes what the plan has no more, once no worker accepts on it. */
  closeUnwanted(): void {
    const gone = this.#held.filter((one) => !this.#isWanted(one));
    this.#held = this.#held.filter((one) => !gone.includes(one));
    for (const one of gone) closeAll(one);
  }

  /** A virtual router's listeners are about to be released: nobody is to be lent them anew. */
  leave(virtualRouter: string): void {
    for (const one of this.#held) {
      if (one.plan.virtualRouter === virtualRouter) one.isLeaving = true;
    }
  }

  /** Closes the listeners that {@linkcode leave}, once no worker accepts on them. */
  release(virtualRouter: string): void {
    for (const one of this.#held) {
      if (one.plan.virtualRouter === virtualRouter && one.isLeaving) closeAll(one);
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
    const gone = this.#held.filter((one) =>
      one.plan.virtualRouter === virtualRouter && !one.isOpen && this.#isWanted(one)
    );
    const opened: Held[] = [];
    try {
      for (const one of gone) opened.push(this.#opened(one));
    } catch (error) {
      for (const one of opened) closeAll(one);
      this.#missing.add(virtualRouter);
      throw error;
    }
    this.#held = this.#held.map((one) => opened.find(({ key }) => key === one.key) ?? one);
    this.#released.delete(virtualRouter);
    this.#missing.delete(virtualRouter);
    for (const one of opened) one.isLent = true;
    return this.#byWorker(opened);
  }

  /** Whether the listeners of a virtual router have been given up. */
  isReleased(virtualRouter: string): boolean {
    return this.#released.has(virtualRouter);
  }

  /** Whether one of a virtual router's is bound to an interface that has been made anew since. */
  isStale(virtualRouter: string): boolean {
    return this.#held.some(({ plan, isOpen, scope }) =>
      isOpen && plan.virtualRouter === virtualRouter && scope !== scopeOf(plan)
    );
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
    return this.#plans.map((plan) => {
      const row = this.#tables.indexOf("frontends", plan.name);
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
          bound: !this.#closed.has(one.protocol) && this.#isBound(keyOf(plan.name, one)),
        })),
        backend: plan.backend,
        routes: plan.routes.map(({ serverNames, backend }) => ({
          serverNames: [...serverNames],
          backend,
        })),
        required: plan.required,
        maxConnections: plan.maxConnections,
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
    for (const one of this.#held) if (one.plan.protocol === protocol) closeAll(one);
  }

  #opened({ key, frontend, plan, clients }: Wanted): Held {
    const fds: Fd[] = [];
    const scope = scopeOf(plan);
    try {
      for (let worker = 0; worker < this.#workers; worker++) fds.push(open(plan, clients));
    } catch (error) {
      for (const fd of fds) close(fd);
      throw error;
    }
    return { key, frontend, plan, scope, origin: Symbol(), fds, clients, ...UNLENT };
  }

  /** Clients to come are treated as the plan has it; those who are there stay as they are. */
  #setClients(key: string, clients: ClientOptions): void {
    const held = this.#held.find((one) => one.key === key);
    if (!held || JSON.stringify(held.clients) === JSON.stringify(clients)) return;
    for (const one of this.#held) if (one.origin === held.origin) one.clients = clients;
    if (!held.isOpen || held.plan.protocol === "udp") return;
    for (const fd of held.fds) setClientOptions(fd, clients);
  }

  #byWorker(held: readonly Held[]): Listener[][] {
    return Array.from(
      { length: this.#workers },
      (_, worker) =>
        held.map(({ frontend, plan, fds }) => ({
          ...plan,
          fd: fds[worker]!,
          frontend: this.#tables.indexOf("frontends", frontend),
        })),
    );
  }

  #isWanted({ frontend, key }: Held): boolean {
    return this.#plans.some(({ name, listeners }) =>
      name === frontend && listeners.some((plan) => keyOf(name, plan) === key)
    );
  }

  #isBound(key: string): boolean {
    return this.#held.some((one) => one.key === key && one.isOpen);
  }
}

/** A listener that a plan has. */
type Wanted = Pick<Held, "key" | "frontend" | "plan" | "clients">;

function wantedOf(plan: Plan): Wanted[] {
  return plan.frontends.flatMap((frontend) => {
    const clients = clientOptions(frontend, plan);
    const { name, listeners } = frontend;
    return listeners.map((one) => ({ key: keyOf(name, one), frontend: name, plan: one, clients }));
  });
}

/** The sockets of a listener that another frontend has had so far. */
function takenOver({ key, frontend, plan }: Wanted, former: Held): Held {
  const fds: Fd[] = [];
  for (const fd of former.fds) {
    const copy = duplicate(fd);
    if (copy < 0) {
      for (const one of fds) close(one);
      throw new CannotRun(refusal(plan, -copy));
    }
    fds.push(copy);
  }
  return { ...former, key, frontend, plan, fds, ...UNLENT };
}

/** What makes a listener the same as before. */
function keyOf(frontend: string, listener: ListenerPlan): string {
  return `${frontend} ${JSON.stringify(listener)}`;
}

/** Sessions of a datagram listener end with it: they are their frontend's. */
function isSameListener(one: ListenerPlan, other: ListenerPlan): boolean {
  return one.protocol === "tcp" && isSame(one, other);
}

/** Of the first backend that a frontend leads to; connections to others are given theirs. */
function clientOptions(frontend: FrontendPlan, { backends }: Plan): ClientOptions {
  const [first] = backendsOf(frontend);
  const keepalive = first === undefined
    ? KEEPALIVE_OF_NOBODY
    : backends.find(({ name }) => name === first)?.keepalive;
  if (!keepalive) throw new Error(`the plan has no backend ${first}`);
  return { keepalive, clientSpeaksFirst: frontend.clientSpeaksFirst };
}

function open(listener: ListenerPlan, clients: ClientOptions): Fd {
  const fd = openListener(listener, clients);
  if (fd < 0) throw new CannotRun(refusal(listener, -fd));
  return fd;
}

function closeAll(held: Held): void {
  if (!held.isOpen) return;
  held.isOpen = false;
  held.isLeaving = false;
  for (const fd of held.fds) close(fd);
}

const UNLENT = { isOpen: true, isLent: false, isLeaving: false };

/** Where no client is ever let in. */
const KEEPALIVE_OF_NOBODY: KeepalivePlan = {
  idleMs: 60_000,
  intervalMs: 10_000,
  probes: 6,
  userTimeoutMs: null,
};
