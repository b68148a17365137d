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
  /** Whether a server is only for when none of the others can take connections. */
  readonly areBackups: readonly boolean[];
  /** The servers that there are, in the file's order; the others have gone. */
  readonly inPlan: readonly number[];
  /** How many may wait for one server; `null` for any number. */
  readonly maxQueue: number | null;
}

/** Who may be chosen, and by whom. */
export class Roster {
  readonly #members: Members;
  /** By place in the file's order, which is what balancers know: the server, and its row. */
  readonly #servers: Int32Array;
  readonly #rows: Int32Array;
  /** By server: its place; NO_SERVER for one that has gone. */
  readonly #placeOf: Int32Array;
  readonly #states: ServerStates;
  /** Chooses a server that has a place left; `source`, one that has that or room in its queue. */
  readonly #places: Balancer;
  /** Chooses a server to wait for. */
  readonly #queues: Balancer;
  /** By place, each. */
  readonly #isBackup: Uint8Array;
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
    const { inPlan } = members;
    this.#members = members;
    this.#servers = Int32Array.from(inPlan);
    this.#rows = this.#servers.map((server) => members.rows[server]!);
    this.#placeOf = new Int32Array(members.rows.length).fill(NO_SERVER);
    inPlan.forEach((server, place) => this.#placeOf[server] = place);
    this.#states = states;
    this.#count = inPlan.length;
    this.#places = balancerOf(members, first, random);
    this.#queues = members.balance === "source"
      ? this.#places
      : new LeastConnections(this.#count, first);
    this.#isBackup = Uint8Array.from(inPlan, (server) => members.areBackups[server] ? 1 : 0);
    this.#isUsable = new Uint8Array(this.#count);
    this.#isFree = new Uint8Array(this.#count);
    this.#backups = [...inPlan.keys()].filter((place) => this.#isBackup[place] === 1);
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
    const wanted = server === NO_SERVER ? this.#backup(NOTHING_TRIED) : this.#placeOf[server]!;
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
    if (backup === NO_SERVER || !this.#hasPlace(this.#rows[backup]!)) return NO_SERVER;
    return this.#servers[backup]!;
  }

  /** Chooses a server to wait for, among those whose queue has room. */
  pickQueue(key: number, tried: Tried): number {
    this.#keepUp();
    if (this.#usable > 0) return this.#pick(this.#queues, key, tried);
    const backup = this.#backup(tried);
    if (backup === NO_SERVER || !this.#hasRoom(this.#rows[backup]!)) return NO_SERVER;
    return this.#servers[backup]!;
  }

  /** Looks at a server: something has changed about its connections, or those who wait for it. */
  look(server: number): void {
    const place = this.#placeOf[server]!;
    // Who has gone still has connections.
    if (place !== NO_SERVER) this.#look(place);
  }

  #look(place: number): void {
    const row = this.#rows[place]!;
    const isUsable = this.#states.takesConnections(row);
    const weight = this.#states.weight(row);
    if (this.#isBackup[place] === 1) {
      this.#isUsable[place] = isUsable ? 1 : 0;
      return;
    }
    this.#usable += (isUsable ? 1 : 0) - this.#isUsable[place]!;
    this.#isUsable[place] = isUsable ? 1 : 0;
    const load = this.#states.active(row) + this.#states.queued(row);
    const hasPlace = isUsable && this.#hasPlace(row);
    this.#free += (hasPlace ? 1 : 0) - this.#isFree[place]!;
    this.#isFree[place] = hasPlace ? 1 : 0;
    const hasRoom = isUsable && this.#hasRoom(row);
    if (this.#places === this.#queues) {
      this.#places.set(place, hasPlace || hasRoom, weight, load);
    } else {
      this.#places.set(place, hasPlace, weight, load);
      this.#queues.set(place, hasRoom, weight, load);
    }
  }

  #keepUp(): void {
    const version = this.#states.version();
    if (version !== this.#version) {
      this.#learn(version);
    } else if (this.#hasLimits || LOAD_MATTERS.has(this.#members.balance)) {
      for (let turn = Math.min(LOOKS, this.#count); turn > 0; turn--) {
        this.#look(this.#next);
        this.#next = (this.#next + 1) % this.#count;
      }
    }
  }

  /** Apart from the usual way: a function that makes a closure allocates whenever it is called. */
  #learn(version: number): void {
    this.#version = version;
    this.#hasLimits = this.#rows.some((row) => this.#states.limit(row) > 0);
    for (let place = 0; place < this.#count; place++) this.#look(place);
  }

  #hasPlace(row: number): boolean {
    const limit = this.#states.limit(row);
    return limit === 0 || this.#states.active(row) < limit;
  }

  #hasRoom(row: number): boolean {
    const { maxQueue } = this.#members;
    return maxQueue === null || this.#states.queued(row) < maxQueue;
  }

  /** The place of the first backup that can be chosen: one serves while nobody else can. */
  #backup(tried: Tried): number {
    for (const place of this.#backups) {
      if (this.#isUsable[place] === 1 && !tried.has(this.#servers[place]!)) return place;
    }
    return NO_SERVER;
  }

  #pick(balancer: Balancer, key: number, tried: Tried): number {
    for (let at = 0; at < tried.count; at++) {
      const place = this.#placeOf[tried.at(at)]!;
      if (place === NO_SERVER) continue;
      balancer.set(place, false, this.#states.weight(this.#rows[place]!), 0);
    }
    const picked = balancer.pick(key);
    for (let at = 0; at < tried.count; at++) this.look(tried.at(at));
    return picked === NO_SERVER ? NO_SERVER : this.#servers[picked]!;
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
  { balance, inPlan, names }: Members,
  first: number,
  random: () => number,
): Balancer {
  const count = inPlan.length;
  switch (balance) {
    case "roundrobin":
      return new RoundRobin(count, first);
    case "leastconn":
      return new LeastConnections(count, first);
    case "source":
      return new Source(inPlan.map((server) => names[server]!));
    case "random":
      return new RandomOfTwo(count, random);
    case "first":
      return new First(count);
  }
}

const LOAD_MATTERS: ReadonlySet<Balance> = new Set<Balance>(["leastconn", "random"]);
/** Up to so many servers all are looked at each time. */
const LOOKS = 32;
