/**
 * Gives each accepted client a connected server: chooses one, connects, tries again. It does not
 * relay, and leaves the client's side alone.
 */

import { NO_SERVER } from "../core/balance/balancer.ts";
import { ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, isShortage } from "../linux/errno.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SOCK_STREAM,
  TCP_QUICKACK,
  TCP_USER_TIMEOUT,
} from "../linux/socket.ts";
import type { Chooser } from "./chooser.ts";
import { CLOSING, type Closing } from "./closing.ts";
import { CONNECTING, type ConnectionTable, NO_ROW, RELAYING, WAITING } from "./connection_table.ts";
import type { Driver } from "./driver.ts";
import type { Kernel } from "./kernel.ts";
import type { ServerColumn, Tally } from "./tally.ts";
import type { TimerWheel } from "./timer_wheel.ts";

/** Whether a connection still has a chance, or why it has not. */
export type Progress = typeof PENDING | Closing;

/** An attempt is under way, or the next one has its time. */
export const PENDING = -1;

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
  readonly #parts: Parts;
  readonly #onShortage: (now: number) => void;

  /** @param onShortage told when there is no descriptor for a server: accept no more for now. */
  constructor(parts: Parts, onShortage: (now: number) => void) {
    this.#parts = parts;
    this.#onShortage = onShortage;
  }

  /** Takes up a slot that has just been accepted. */
  begin(slot: number, now: number): Progress {
    const { chooser, table, tally } = this.#parts;
    const server = chooser.choose(slot);
    if (server === NO_SERVER) {
      tally.frontend(table.frontend(slot), "deniedNoServer");
      return CLOSING.noServer;
    }
    table.server[slot] = server;
    return this.#attempt(slot, now);
  }

  /** The server of a connecting slot has answered: it is connected from now on. */
  finish(slot: number, now: number): void {
    const { chooser, table, tally } = this.#parts;
    table.phase[slot] = RELAYING;
    table.lastActiveAt[slot] = now;
    table.connectedAt[slot] = now;
    const backend = chooser.backendOf(slot);
    tally.connected(table.row(slot), backend, now - table.attemptAt[slot]!);
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
    if (chooser.isUsable(slot)) return this.#attempt(slot, now);
    // The server has left while we waited; what it was like to others is no reason to give up.
    const server = chooser.backend(slot).redispatch ? chooser.choose(slot) : NO_SERVER;
    return server === NO_SERVER ? CLOSING.noServer : this.#redispatch(slot, server, now);
  }

  /** Gives up the server of a slot: it counts the connection no more. */
  leave(slot: number): void {
    const { chooser, table } = this.#parts;
    const row = table.row(slot);
    if (row === NO_ROW) return;
    chooser.addActive(row, -1);
    table.setRow(slot, NO_ROW);
  }

  #attempt(slot: number, now: number): Progress {
    const { chooser, driver, kernel, table, wheel } = this.#parts;
    const row = chooser.row(slot);
    chooser.addActive(row, 1);
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
    const other = redispatch ? chooser.choose(slot) : NO_SERVER;
    if (other !== NO_SERVER) return this.#redispatch(slot, other, now);
    if (!chooser.isUsable(slot)) return closing;
    tally.server(chooser.row(slot), "retries");
    table.phase[slot] = WAITING;
    wheel.schedule(slot, now + Math.min(connectTimeoutMs, RETRY_PAUSE_MS));
    return PENDING;
  }

  /** It is not the server that failed: we have no descriptor, or no memory, to turn to it. */
  #waitForRoom(slot: number, now: number): Progress {
    const { chooser, table, tally, wheel } = this.#parts;
    this.leave(slot);
    this.#onShortage(now);
    // Nothing has moved yet: this is when the client came.
    if (now - table.lastActiveAt[slot]! >= chooser.backend(slot).connectTimeoutMs) {
      tally.frontend(table.frontend(slot), "deniedShortage");
      return CLOSING.shortage;
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

/** Under which reason a failed attempt is counted. */
function failureOf(error: number): ServerColumn {
  switch (error) {
    case ETIMEDOUT:
      return "connectTimeout";
    case ECONNREFUSED:
      return "connectRefused";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "connectUnreachable";
    default:
      return "connectError";
  }
}

/** HAProxy's pause before the same server is tried again. */
const RETRY_PAUSE_MS = 1000;

/** The pause after which a descriptor may be there again. */
export const SHORTAGE_PAUSE_MS = 25;
