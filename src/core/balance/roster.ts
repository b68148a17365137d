/**
 * The servers of one backend as they are at the moment: keeps a balancer informed of who may be
 * chosen, and what is left to do when nobody can. It reads what the tables say and changes nothing.
 *
 * A choice costs no more than the logarithm of the servers. That something has changed is seen by
 * one number; how busy servers are, by looking at a few of them each time, all of them in turn.
 */

import type { Balance } from "../plan/limits.ts";
import { type Balancer, NO_SERVER } from "./balancer.ts";
import { First } from "./first.ts";
import { LeastConnections } from "./least_connections.ts";
import { RandomOfTwo } from "./random_of_two.ts";
import { RoundRobin } from "./round_robin.ts";
import { Source } from "./source.ts";

/** The state of servers by their row in the server table. */
export interface ServerStates {
  /** Another number after each change of what `takesConnections`, `weight` and `limit` say. */
  version(): number;
  /** Whether the server may be given a new connection. */
  takesConnections(row: number): boolean;
  /** Its share of new connections, 0 to 256. */
  weight(row: number): number;
  /** The connections it may have at once; 0 for any number. */
  limit(row: number): number;
  /** How many connections it has, from all workers. */
  active(row: number): number;
  /** How many wait for it, of all workers. */
  queued(row: number): number;
}

/** What a roster has to know of a backend. */
export interface Members {
  readonly balance: Balance;
  /** By server. */
  readonly names: readonly string[];
  readonly rows: readonly number[];
  /** Which place each has in the file; absent: they stand as there. */
  readonly ranks?: readonly number[];
  /** Whether a server is only for when none of the others can take connections. */
  readonly areBackups: readonly boolean[];
  /** How many may wait for one server; `null` for any number. */
  readonly maxQueue: number | null;
}

/** Who may be chosen, and by whom. */
export class Roster {
  readonly #members: Members;
  readonly #rows: Int32Array;
  readonly #states: ServerStates;
  /** Chooses a server that has a place left; `source`, one that has that or room in its queue. */
  readonly #places: Balancer;
  /** Chooses a server to wait for. */
  readonly #queues: Balancer;
  readonly #isUsable: Uint8Array;
  readonly #count: number;
  readonly #backups: readonly number[];
  #version = NaN;
  /** Servers that are no backups and take connections. */
  #usable = 0;
  /** Those of them that have a place left, as far as was seen last. */
  readonly #isFree: Uint8Array;
  #free = 0;
  #hasLimits = false;
  /** Where looking at loads goes on. */
  #next = 0;

  /**
   * @param first the server that a worker begins with.
   * @param random numbers from 0 to below 1.
   */
  constructor(members: Members, states: ServerStates, first: number, random: () => number) {
    this.#members = members;
    this.#rows = Int32Array.from(members.rows);
    this.#states = states;
    this.#count = members.rows.length;
    this.#places = balancerOf(members, first, random);
    this.#queues = members.balance === "source"
      ? this.#places
      : new LeastConnections(this.#count, first);
    this.#isUsable = new Uint8Array(this.#count);
    this.#isFree = new Uint8Array(this.#count);
    const { areBackups, ranks } = members;
    this.#backups = [...areBackups.keys()].filter((server) => areBackups[server])
      .sort((one, other) => ranks ? ranks[one]! - ranks[other]! : one - other);
  }

  /** Whether some server limits its connections, as far as was seen last. */
  get hasLimits(): boolean {
    return this.#hasLimits;
  }

  /** Whether a server can be chosen at all, be there a place or not. */
  hasUsable(): boolean {
    this.#keepUp();
    return this.#usable > 0 || this.#backup(NOTHING_TRIED) !== NO_SERVER;
  }

  /** Whether a server has a place left, as far as is known; for NO_SERVER, any that is used now. */
  hasPlace(server: number): boolean {
    this.#keepUp();
    if (server === NO_SERVER && this.#usable > 0) return this.#free > 0;
    const wanted = server === NO_SERVER ? this.#backup(NOTHING_TRIED) : server;
    return wanted !== NO_SERVER && this.#isUsable[wanted] === 1 &&
      this.#hasPlace(this.#rows[wanted]!);
  }

  /**
   * Chooses a server that has not been tried and has a place left, as far as is known. With
   * `source` it may have none: then its queue has room, and nobody else is to be asked.
   */
  pick(key: number, tried: Tried): number {
    this.#keepUp();
    if (this.#usable > 0) return this.#pick(this.#places, key, tried);
    const backup = this.#backup(tried);
    return backup === NO_SERVER || this.#hasPlace(this.#rows[backup]!) ? backup : NO_SERVER;
  }

  /** Chooses a server to wait for, among those whose queue has room. */
  pickQueue(key: number, tried: Tried): number {
    this.#keepUp();
    if (this.#usable > 0) return this.#pick(this.#queues, key, tried);
    const backup = this.#backup(tried);
    return backup === NO_SERVER || this.#hasRoom(this.#rows[backup]!) ? backup : NO_SERVER;
  }

  /** Looks at a server: something has changed about its connections, or those who wait for it. */
  look(server: number): void {
    const row = this.#rows[server]!;
    const isUsable = this.#states.takesConnections(row);
    const weight = this.#states.weight(row);
    if (this.#members.areBackups[server]) {
      this.#isUsable[server] = isUsable ? 1 : 0;
      return;
    }
    this.#usable += (isUsable ? 1 : 0) - this.#isUsable[server]!;
    this.#isUsable[server] = isUsable ? 1 : 0;
    const load = this.#states.active(row) + this.#states.queued(row);
    const hasPlace = isUsable && this.#hasPlace(row);
    this.#free += (hasPlace ? 1 : 0) - this.#isFree[server]!;
    this.#isFree[server] = hasPlace ? 1 : 0;
    const hasRoom = isUsable && this.#hasRoom(row);
    if (this.#places === this.#queues) {
      this.#places.set(server, hasPlace || hasRoom, weight, load);
    } else {
      this.#places.set(server, hasPlace, weight, load);
      this.#queues.set(server, hasRoom, weight, load);
    }
  }

  #keepUp(): void {
    const version = this.#states.version();
    if (version !== this.#version) {
      this.#learn(version);
    } else if (this.#hasLimits || LOAD_MATTERS.has(this.#members.balance)) {
      for (let turn = Math.min(LOOKS, this.#count); turn > 0; turn--) {
        this.look(this.#next);
        this.#next = (this.#next + 1) % this.#count;
      }
    }
  }

  /** Apart from the usual way: a function that makes a closure allocates whenever it is called. */
  #learn(version: number): void {
    this.#version = version;
    this.#hasLimits = this.#rows.some((row) => this.#states.limit(row) > 0);
    for (let server = 0; server < this.#count; server++) this.look(server);
  }

  #hasPlace(row: number): boolean {
    const limit = this.#states.limit(row);
    return limit === 0 || this.#states.active(row) < limit;
  }

  #hasRoom(row: number): boolean {
    const { maxQueue } = this.#members;
    return maxQueue === null || this.#states.queued(row) < maxQueue;
  }

  /** The first backup of the file that can be chosen: one serves while nobody else can. */
  #backup(tried: Tried): number {
    for (const server of this.#backups) {
      if (this.#isUsable[server] === 1 && !tried.has(server)) return server;
    }
    return NO_SERVER;
  }

  #pick(balancer: Balancer, key: number, tried: Tried): number {
    for (let at = 0; at < tried.count; at++) {
      const server = tried.at(at);
      balancer.set(server, false, this.#states.weight(this.#rows[server]!), 0);
    }
    const picked = balancer.pick(key);
    for (let at = 0; at < tried.count; at++) this.look(tried.at(at));
    return picked;
  }
}

/** The servers of a backend, by index, that one connection has tried in vain: a few. */
export interface Tried {
  readonly count: number;
  at(index: number): number;
  has(server: number): boolean;
}

/** Nothing has been tried yet. */
export const NOTHING_TRIED: Tried = { count: 0, at: () => NO_SERVER, has: () => false };

function balancerOf(
  { balance, names, ranks }: Members,
  first: number,
  random: () => number,
): Balancer {
  switch (balance) {
    case "roundrobin":
      return new RoundRobin(names.length, first);
    case "leastconn":
      return new LeastConnections(names.length, first);
    case "source":
      return new Source(names);
    case "random":
      return new RandomOfTwo(names.length, random);
    case "first":
      return new First(ranks ?? [...names.keys()]);
  }
}

const LOAD_MATTERS: ReadonlySet<Balance> = new Set<Balance>(["leastconn", "random"]);
/** Up to so many servers all are looked at each time. */
const LOOKS = 32;
