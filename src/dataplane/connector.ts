/**
 * Gives each accepted client a connected server: chooses one, lets the client wait for a place at
 * it, connects, tries again. It does not relay, and leaves the client's side alone.
 */

import { NO_SERVER } from "../core/balance/balancer.ts";
import { ETIMEDOUT, isShortage } from "../linux/errno.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SOCK_STREAM,
  TCP_QUICKACK,
  TCP_USER_TIMEOUT,
} from "../linux/socket.ts";
import type { Chooser } from "./chooser.ts";
import type { Clients } from "./clients.ts";
import { CLOSING, type Closing } from "./closing.ts";
import {
  CONNECTING,
  type ConnectionTable,
  IN_LINE,
  NO_ROW,
  RELAYING,
  WAITING,
} from "./connection_table.ts";
import type { Driver } from "./driver.ts";
import type { Kernel } from "./kernel.ts";
import type { Queues } from "./queues.ts";
import type { SourceAddresses } from "./source_addresses.ts";
import { failureOf, type FrontendColumn, type Tally } from "./tally.ts";
import type { TimerWheel } from "./timer_wheel.ts";

/** Whether a connection still has a chance, or why it has not. */
export type Progress = typeof PENDING | Closing;

/** An attempt is under way, or the next one has its time. */
export const PENDING = -1;

/** What connecting takes besides what all do. */
export interface ConnectorParts extends Parts {
  readonly clients: Clients;
  readonly queues: Queues;
  readonly sources: SourceAddresses;
}

/** What an engine is made of. */
export interface Parts {
  readonly kernel: Kernel;
  readonly driver: Driver;
  readonly table: ConnectionTable;
  readonly wheel: TimerWheel;
  readonly chooser: Chooser;
  readonly tally: Tally;
}

/**
 * Connects the slots of a table; a slot's deadline in the wheel is its while it is not connected.
 */
export class Connector {
  readonly #parts: ConnectorParts;
  readonly #onShortage: (now: number) => void;
  /** Whether there may be a place for somebody who waits. */
  #isDue = false;
  /** What was known of the servers when those who wait were last told. */
  #version = -1;

  /** @param onShortage told when there is no descriptor for a server: accept no more for now. */
  constructor(parts: ConnectorParts, onShortage: (now: number) => void) {
    this.#parts = parts;
    this.#onShortage = onShortage;
  }

  /** Takes up a slot that has just been accepted. */
  begin(slot: number, now: number): Progress {
    const { chooser, clients, queues, table } = this.#parts;
    const backend = chooser.backendOf(slot);
    if (chooser.backend(slot).balance === "source" && table.clientKey[slot] === 0) {
      table.clientKey[slot] = clients.key(slot);
    }
    table.server[slot] = NO_SERVER;
    // Nobody overtakes those who wait.
    const isCrowded = queues.isSplit(backend)
      ? this.#isCrowded(slot, chooser.chooseQueue(slot))
      : queues.waiting(queues.queueOf(backend, NO_ROW)) > 0;
    return isCrowded ? this.#join(slot, now) : this.#seek(slot, now);
  }

  /** Whether `serve` should not be waited for. */
  get isDue(): boolean {
    return this.#isDue && this.#parts.queues.length > 0;
  }

  /** Those who wait may have a place: somebody else has given it back, or woken us for it. */
  remind(): void {
    this.#isDue = true;
  }

  /**
   * Gives places to those who wait, in the order in which they came. Call it each turn.
   *
   * @param go told what became of each of them.
   */
  serve(now: number, go: (slot: number, progress: Progress, now: number) => void): void {
    const { chooser, queues } = this.#parts;
    if (queues.length === 0) return;
    const version = chooser.version();
    const hasChanged = version !== this.#version;
    if (!hasChanged && !this.#isDue) return;
    this.#version = version;
    this.#isDue = false;
    for (let place = 0; place < queues.count; place++) {
      const queue = queues.at(place);
      if (queues.first(queue) < 0) continue;
      if (hasChanged) this.#spread(queue, now, go);
      this.#serveQueue(queue, now, go);
    }
  }

  /** The server of a connecting slot has answered: it is connected from now on. */
  finish(slot: number, now: number): void {
    const { chooser, table, tally } = this.#parts;
    table.phase[slot] = RELAYING;
    table.lastActiveAt[slot] = now;
    table.connectedAt[slot] = now;
    const backend = chooser.backendOf(slot);
    // A whole number, which V8 would else not know of it, and allocate.
    tally.connected(table.row(slot), backend, (now - table.attemptAt[slot]!) | 0);
  }

  /** The attempt of a connecting slot has met an error. */
  fail(slot: number, error: number, now: number): Progress {
    return this.#failed(slot, error, now);
  }

  /** The deadline of a slot that is not connected has come, or a minute has passed. */
  expire(slot: number, now: number): Progress {
    const { chooser, table, wheel } = this.#parts;
    if (table.phase[slot] === CONNECTING) {
      const deadline = table.attemptAt[slot]! + chooser.backend(slot).connectTimeoutMs;
      if (now >= deadline) return this.#failed(slot, ETIMEDOUT, now);
      // It is further away than the wheel reaches.
      wheel.schedule(slot, deadline);
      return PENDING;
    }
    if (table.phase[slot] === IN_LINE) return this.#expireInLine(slot, now);
    if (chooser.isUsable(slot)) {
      if (chooser.claimAgain(slot)) return this.#attempt(slot, now);
      // Its place has gone to somebody else; there is a next time, as long as one may wait.
      const { queueTimeoutMs } = chooser.backend(slot);
      if (now - table.attemptAt[slot]! >= queueTimeoutMs + RETRY_PAUSE_MS) {
        return this.#deny(slot, "deniedQueueTimeout", CLOSING.queueTimeout);
      }
      wheel.schedule(slot, now + SHORTAGE_PAUSE_MS);
      return PENDING;
    }
    // The server has left while we waited; what it was like to others is no reason to give up.
    const server = chooser.backend(slot).redispatch ? chooser.claim(slot) : NO_SERVER;
    return server === NO_SERVER ? CLOSING.noServer : this.#redispatch(slot, server, now);
  }

  /** Gives up the server of a slot: it counts the connection no more. */
  leave(slot: number): void {
    const { table } = this.#parts;
    if (table.phase[slot] === IN_LINE) this.#leaveLine(slot);
    const row = table.row(slot);
    if (row === NO_ROW) return;
    table.setRow(slot, NO_ROW);
    this.release(row);
  }

  /** Gives a place at the server of a row back; who waits for one is served, or woken. */
  release(row: number): void {
    const { chooser, queues } = this.#parts;
    chooser.release(row);
    const queue = queues.queueOf(chooser.backendOfRow(row), row);
    if (queues.waiting(queue) === 0) return;
    if (queues.isOurTurn(queue)) this.#isDue = true;
    else queues.wake(queue);
  }

  /** Takes a free place, or waits for one. */
  #seek(slot: number, now: number): Progress {
    const { chooser, table } = this.#parts;
    const server = chooser.claim(slot);
    if (server === NO_SERVER) return this.#join(slot, now);
    table.server[slot] = server;
    return this.#attempt(slot, now);
  }

  #isCrowded(slot: number, server: number): boolean {
    const { chooser, queues } = this.#parts;
    if (server === NO_SERVER) return false;
    const backend = chooser.backendOf(slot);
    return queues.waiting(queues.queueOf(backend, chooser.rowOf(backend, server))) > 0;
  }

  #join(slot: number, now: number): Progress {
    const { chooser, queues, table, wheel } = this.#parts;
    const backend = chooser.backendOf(slot);
    const { maxQueue, queueTimeoutMs, rows, whenEmpty } = chooser.backend(slot);
    for (let turn = 0; turn < JOINS; turn++) {
      const server = chooser.chooseQueue(slot);
      const row = server === NO_SERVER ? NO_ROW : rows[server]!;
      if (server === NO_SERVER && chooser.hasUsable(backend)) break;
      if (server === NO_SERVER && whenEmpty === "reject") {
        return this.#deny(slot, "deniedNoServer", CLOSING.noServer);
      }
      const queue = queues.queueOf(backend, row);
      const hasJoined = queues.join(slot, queue, row, maxQueue);
      if (row !== NO_ROW) chooser.look(row);
      if (!hasJoined) continue;
      table.queuePlace[slot] = queues.waiting(queue);
      table.isOwnQueue[slot] = queues.isSplit(backend) && server !== NO_SERVER ? 1 : 0;
      table.phase[slot] = IN_LINE;
      table.server[slot] = server;
      table.attemptAt[slot] = now;
      wheel.schedule(slot, now + queueTimeoutMs);
      // A place may have become free since we looked, with nobody there yet to be told.
      this.#isDue = true;
      return PENDING;
    }
    return this.#deny(slot, "deniedQueueFull", CLOSING.queueFull);
  }

  #leaveLine(slot: number): void {
    const { chooser, queues, table } = this.#parts;
    queues.leave(slot);
    table.phase[slot] = CONNECTING;
    if (queues.row(slot) !== NO_ROW) chooser.look(queues.row(slot));
  }

  #expireInLine(slot: number, now: number): Progress {
    const { chooser, table, wheel } = this.#parts;
    const deadline = table.attemptAt[slot]! + chooser.backend(slot).queueTimeoutMs;
    if (now < deadline) {
      // It is further away than the wheel reaches.
      wheel.schedule(slot, deadline);
      return PENDING;
    }
    return table.server[slot] === NO_SERVER
      ? this.#deny(slot, "deniedNoServer", CLOSING.noServer)
      : this.#deny(slot, "deniedQueueTimeout", CLOSING.queueTimeout);
  }

  #serveQueue(
    queue: number,
    now: number,
    go: (slot: number, progress: Progress, now: number) => void,
  ): void {
    const { chooser, queues, table } = this.#parts;
    for (let slot = queues.first(queue); slot >= 0; slot = queues.first(queue)) {
      if (!queues.isOurTurn(queue)) return this.#tell(slot, queue);
      const server = chooser.claim(slot);
      if (server === NO_SERVER) return;
      this.#leaveLine(slot);
      table.server[slot] = server;
      go(slot, this.#attempt(slot, now), now);
    }
  }

  /** Whose turn it is in a queue may not have seen the place that there is. */
  #tell(slot: number, queue: number): void {
    const { chooser, queues, table } = this.#parts;
    const backend = chooser.backendOf(slot);
    const server = queues.isSplit(backend) ? table.server[slot]! : NO_SERVER;
    // Which one it would be is not known to who waits for any.
    if (queues.isSplit(backend) && server === NO_SERVER) return;
    if (chooser.hasPlace(backend, server)) queues.wake(queue);
  }

  /**
   * Those who wait for a server that takes no connections any more wait for another one, and those
   * who wait for any, for one that does. Nobody loses his place, nor gains time.
   */
  #spread(
    queue: number,
    now: number,
    go: (slot: number, progress: Progress, now: number) => void,
  ): void {
    const { chooser, queues, table } = this.#parts;
    const last = queues.last(queue);
    for (let slot = queues.first(queue), next = slot; slot >= 0; slot = next) {
      next = slot === last ? -1 : queues.behind(slot);
      const isHeld = table.server[slot] === NO_SERVER;
      if (isHeld ? !chooser.hasUsable(chooser.backendOf(slot)) : chooser.isUsable(slot)) continue;
      const progress = this.#change(slot);
      if (progress !== PENDING) go(slot, progress, now);
    }
  }

  /** Lets a slot that waits in one queue wait for another server. */
  #change(slot: number): Progress {
    const { chooser, queues, table } = this.#parts;
    const backend = chooser.backendOf(slot);
    const { maxQueue, rows, whenEmpty } = chooser.backend(slot);
    const server = chooser.chooseQueue(slot);
    if (server === NO_SERVER && chooser.hasUsable(backend)) {
      // Who was there before any server was may stay until one has a place.
      if (table.server[slot] === NO_SERVER) return PENDING;
      return this.#deny(slot, "deniedQueueFull", CLOSING.queueFull);
    }
    if (server === NO_SERVER && whenEmpty === "reject") {
      return this.#deny(slot, "deniedNoServer", CLOSING.noServer);
    }
    const row = server === NO_SERVER ? NO_ROW : rows[server]!;
    if (!queues.move(slot, queues.queueOf(backend, row), row, maxQueue)) {
      return this.#deny(slot, "deniedQueueFull", CLOSING.queueFull);
    }
    table.server[slot] = server;
    if (row !== NO_ROW) chooser.look(row);
    return PENDING;
  }

  #deny(slot: number, column: FrontendColumn, closing: Closing): Closing {
    const { table, tally } = this.#parts;
    tally.frontend(table.frontend(slot), column);
    return closing;
  }

  /** Connects to the slot's server, which counts the connection already. */
  #attempt(slot: number, now: number): Progress {
    const { chooser, driver, kernel, sources, table, wheel } = this.#parts;
    const row = chooser.row(slot);
    table.setRow(slot, row);
    table.lastRow[slot] = row;
    table.phase[slot] = CONNECTING;
    table.attemptAt[slot] = now;
    if (table.assignedAt[slot] === 0) table.assignedAt[slot] = now;
    const address = chooser.address(slot);
    const family = address[0] === AF_INET ? AF_INET : AF_INET6;
    const server = kernel.socket(family, SOCK_STREAM, IPPROTO_TCP);
    if (server < 0) return this.#failed(slot, -server, now);
    table.fd[2 * slot + 1] = server;
    const { connectTimeoutMs, keepalive } = chooser.backend(slot);
    if (keepalive.userTimeoutMs !== null) {
      kernel.setOption(server, IPPROTO_TCP, TCP_USER_TIMEOUT, keepalive.userTimeoutMs);
    }
    const bound = sources.bind(server, chooser.backendOf(slot), address, now);
    if (bound < 0) return this.#failed(slot, -bound, now);
    if (table.buffered[2 * slot]! > 0) kernel.setOption(server, IPPROTO_TCP, TCP_QUICKACK, 0);
    const begun = driver.connect(slot, address);
    if (begun < 0) return this.#failed(slot, -begun, now);
    wheel.schedule(slot, now + connectTimeoutMs);
    return PENDING;
  }

  #failed(slot: number, error: number, now: number): Progress {
    const { chooser, driver, table, tally, wheel } = this.#parts;
    const { connectTimeoutMs, redispatch, retries } = chooser.backend(slot);
    driver.drop(slot);
    if (isShortage(error)) return this.#waitForRoom(slot, now);
    tally.server(table.row(slot), failureOf(error));
    this.leave(slot);
    chooser.failed(slot);
    const closing = error === ETIMEDOUT ? CLOSING.connectTimeout : CLOSING.connectFailed;
    if (table.failures[slot]! > retries) return closing;
    const other = redispatch ? chooser.claim(slot) : NO_SERVER;
    if (other !== NO_SERVER) return this.#redispatch(slot, other, now);
    if (!chooser.isUsable(slot)) return closing;
    tally.server(chooser.row(slot), "retries");
    table.phase[slot] = WAITING;
    wheel.schedule(slot, now + Math.min(connectTimeoutMs, RETRY_PAUSE_MS));
    return PENDING;
  }

  /** It is not the server that failed: we have no descriptor, or no memory, to turn to it. */
  #waitForRoom(slot: number, now: number): Progress {
    const { chooser, table, wheel } = this.#parts;
    this.leave(slot);
    this.#onShortage(now);
    // Nothing has moved yet: this is when the client came.
    if (now - table.lastActiveAt[slot]! >= chooser.backend(slot).connectTimeoutMs) {
      return this.#deny(slot, "deniedShortage", CLOSING.shortage);
    }
    table.phase[slot] = WAITING;
    wheel.schedule(slot, now + SHORTAGE_PAUSE_MS);
    return PENDING;
  }

  /** Turns to a server that the connection has not tried, at once. */
  #redispatch(slot: number, server: number, now: number): Progress {
    const { chooser, table, tally } = this.#parts;
    tally.server(chooser.row(slot), "redispatches");
    table.server[slot] = server;
    table.redispatched[slot] = 1;
    return this.#attempt(slot, now);
  }
}

/** More often than that others do not take the last place in a queue in a row. */
const JOINS = 16;

/** HAProxy's pause before the same server is tried again. */
const RETRY_PAUSE_MS = 1000;

/** The pause after which a descriptor may be there again. */
export const SHORTAGE_PAUSE_MS = 25;
