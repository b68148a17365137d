/**
 * The connections of one worker as a struct of arrays. Everything is allocated at the start;
 * nothing is afterwards. It holds facts and decides nothing.
 *
 * A connection has a slot and two sides, the client's (0) and the server's (1). A side also stands
 * for the direction that reads from it and writes to the other one. Arrays by side are indexed by
 * `2 * slot + side`; `side ^ 1` is the other one.
 */

import type { Fd } from "../linux/libc.ts";
import { SOCKADDR_IN6_BYTES } from "../linux/sockaddr.ts";
import { NO_BUFFER } from "./buffers.ts";
import { layConnections } from "./connection_memory.ts";
import { NO_PIPE } from "./pipes.ts";

/** Fixed-size table of connections with a free list. */
export class ConnectionTable {
  readonly capacity: number;
  /** By slot: see `FREE` and its siblings. */
  readonly phase: Uint8Array<SharedArrayBuffer>;
  /** By slot: index of the listener that the client connected to. */
  readonly listener: Int32Array;
  /** By slot: index of the backend that it goes to; connections of one frontend may differ. */
  readonly backend: Int32Array<SharedArrayBuffer>;
  /** By slot: index of the server in its backend; NO_SERVER before one is chosen. */
  readonly server: Int32Array;
  /** By slot: stands for the client where servers are chosen by source; 0 until it is known. */
  readonly clientKey: Uint32Array;
  /** By slot: attempts to connect that have failed. */
  readonly failures: Uint16Array;
  /** By slot: when the last byte moved, either way. */
  readonly lastActiveAt: Float64Array<SharedArrayBuffer>;
  /** By slot: when the client was accepted. */
  readonly acceptedAt: Float64Array<SharedArrayBuffer>;
  /** By slot: when the first attempt to connect began, and when one was successful; 0 for never. */
  readonly assignedAt: Float64Array;
  readonly connectedAt: Float64Array;
  /** By slot: the row of the server of the last attempt; of no meaning before the first. */
  readonly lastRow: Int32Array;
  /** By slot: its place in the queue for a server when it joined; 0 where it never waited. */
  readonly queuePlace: Int32Array;
  /** By slot: whether that queue was one server's own. */
  readonly isOwnQueue: Uint8Array;
  /** By slot: whether it was given another server after a failure. */
  readonly redispatched: Uint8Array;
  /** By slot: the client's socket address, where somebody has asked for it. */
  readonly clients: Uint8Array<SharedArrayBuffer>;
  /** By slot: when the last attempt to connect began, or the wait for a place at a server. */
  readonly attemptAt: Float64Array;

  /** By side: its descriptor; 0 for none. Shared, so that a crash leaves no descriptor behind. */
  readonly fd: Int32Array<SharedArrayBuffer>;
  /** By side: tells its descriptor's events from those of the ones before. */
  readonly generation: Int32Array<SharedArrayBuffer>;
  /** By side: see `ENDING` and its siblings. */
  readonly flags: Uint16Array;
  /** By side: the buffer that holds bytes read from it and not yet written. */
  readonly buffer: Int32Array;
  /** By side: how many bytes are in `buffer`. */
  readonly buffered: Int32Array;
  /** By side: the pipe that bytes read from it pass through. */
  readonly pipe: Int32Array;
  /** By side: how many bytes are in `pipe`. */
  readonly piped: Int32Array;
  /** By side: full reads in a row; with a pipe, small wake-ups in a row. */
  readonly streak: Uint8Array;
  /** By side: bytes moved from it to the other one and not yet counted. */
  readonly moved: Float64Array<SharedArrayBuffer>;
  /** By side: bytes moved from it to the other one, and counted. */
  readonly counted: Float64Array<SharedArrayBuffer>;

  readonly #row: Int32Array<SharedArrayBuffer>;
  readonly #frontend: Int32Array<SharedArrayBuffer>;
  readonly #free: Int32Array;
  #available: number;

  /** @param memory zeroed, as `connectionMemory` makes it. */
  constructor(memory: SharedArrayBuffer, capacity: number) {
    const shared = layConnections(memory, capacity);
    this.capacity = capacity;
    this.phase = shared.phases;
    this.listener = new Int32Array(capacity);
    this.backend = shared.backends;
    this.server = new Int32Array(capacity);
    this.clientKey = new Uint32Array(capacity);
    this.failures = new Uint16Array(capacity);
    this.lastActiveAt = shared.lastActiveAt;
    this.acceptedAt = shared.acceptedAt;
    this.assignedAt = new Float64Array(capacity);
    this.connectedAt = new Float64Array(capacity);
    this.lastRow = new Int32Array(capacity);
    this.queuePlace = new Int32Array(capacity);
    this.isOwnQueue = new Uint8Array(capacity);
    this.redispatched = new Uint8Array(capacity);
    this.clients = shared.clients;
    this.attemptAt = new Float64Array(capacity);
    this.fd = shared.fds;
    this.generation = shared.generations;
    this.flags = new Uint16Array(2 * capacity);
    this.buffer = new Int32Array(2 * capacity).fill(NO_BUFFER);
    this.buffered = new Int32Array(2 * capacity);
    this.pipe = new Int32Array(2 * capacity).fill(NO_PIPE);
    this.piped = new Int32Array(2 * capacity);
    this.streak = new Uint8Array(2 * capacity);
    this.moved = shared.moved;
    this.counted = shared.counted;
    this.#row = shared.rows;
    this.#frontend = shared.frontends;
    // Low slots first: what is used often stays in few cache lines and pages.
    this.#free = Int32Array.from({ length: capacity }, (_, place) => capacity - 1 - place);
    this.#available = capacity;
  }

  /** How many more connections there is room for. */
  get available(): number {
    return this.#available;
  }

  /** How many connections there are. */
  get open(): number {
    return this.capacity - this.#available;
  }

  /** Takes a slot for an accepted client. There must be one available. */
  take(client: Fd, listener: number, frontend: number, now: number): number {
    const slot = this.#free[--this.#available]!;
    this.phase[slot] = CONNECTING;
    this.listener[slot] = listener;
    this.clientKey[slot] = 0;
    this.failures[slot] = 0;
    this.lastActiveAt[slot] = now;
    this.acceptedAt[slot] = now;
    this.assignedAt[slot] = 0;
    this.connectedAt[slot] = 0;
    this.redispatched[slot] = 0;
    this.queuePlace[slot] = 0;
    this.fd[2 * slot] = client;
    this.#frontend[slot] = frontend + 1;
    return slot;
  }

  /** Gives a slot back. Its descriptors are closed, its buffers and pipes given back. */
  release(slot: number): void {
    for (let side = 2 * slot; side <= 2 * slot + 1; side++) {
      this.drop(side);
      // Its place in the queue outlives the connection, so that no side is in there twice.
      this.flags[side]! &= QUEUED;
      this.streak[side] = 0;
      this.moved[side] = 0;
      this.counted[side] = 0;
    }
    this.phase[slot] = FREE;
    this.setRow(slot, NO_ROW);
    this.#frontend[slot] = 0;
    // Of family 0: the next client is another one.
    this.clients[SOCKADDR_IN6_BYTES * slot] = 0;
    this.#free[this.#available++] = slot;
  }

  /** Forgets a side's descriptor: from now on its events mean nothing. */
  drop(side: number): void {
    this.fd[side] = 0;
    this.renew(side);
  }

  /** What is still to come of a side means nothing. */
  renew(side: number): void {
    this.generation[side] = (this.generation[side]! + 1) | 0;
  }

  /** The row of the server that counts the connection as active; NO_ROW for none. */
  row(slot: number): number {
    return this.#row[slot]! - 1;
  }

  setRow(slot: number, row: number): void {
    this.#row[slot] = row + 1;
  }

  /** The index of the frontend. */
  frontend(slot: number): number {
    return this.#frontend[slot]! - 1;
  }
}

/** No server counts the connection. */
export const NO_ROW = -1;

/** Phases of a slot. */
export const FREE = 0;
/** A server has been chosen and is being connected to. */
export const CONNECTING = 1;
/** An attempt has failed, the next one is due later. */
export const WAITING = 2;
/** Both sides are connected. */
export const RELAYING = 3;
/** The gate wants time, or bytes, before a server is chosen. */
export const HELD = 4;
/** It has ended; its descriptors are being closed. */
export const LEAVING = 5;
/** It waits for a place at a server. */
export const IN_LINE = 6;

/** Flags of a side. */

/**
 * It has announced its end, or an error: reads go on until the end is reached. Never taken back.
 */
export const ENDING = 1 << 0;
/** It has failed: what can be passed on at once is, then the other side is reset. */
export const FAILED = 1 << 1;
/** Its end of stream has been read. */
export const ENDED = 1 << 2;
/** Its end of stream has been passed on to the other side. */
export const PASSED = 1 << 3;
/** What it sends waits until the other side takes more. */
export const BLOCKED = 1 << 4;
/** It has used up its budget, and goes on without waiting for an event. */
export const QUEUED = 1 << 5;
/** Bytes of it have been sent to the other side. */
export const SENT = 1 << 6;
/** The other side sends at once (TCP_NODELAY). */
export const PROMPT = 1 << 7;
/** It is watched for becoming writable. */
export const WATCHED = 1 << 8;
/** Keepalive has been turned on for it. */
export const KEPT = 1 << 9;
/** It has sent urgent data: a read that comes back short proves nothing. Never taken back. */
export const URGENT = 1 << 10;
/** It was attended before it had a server. */
export const ATTENDED = 1 << 11;
/** It is not told at once that what it sends has arrived (TCP_QUICKACK is off). */
export const UNHURRIED = 1 << 12;
