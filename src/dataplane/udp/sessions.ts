/**
 * UDP: each client's datagrams go to one server, and its answers back to the client from the
 * address that it used. A session begins with a client's first datagram and ends when nobody has
 * said anything for long, after so many answers, or when its server refuses or goes down. What
 * cannot be sent at once is lost, as datagrams are.
 */

import { clientKey } from "../../core/balance/hash.ts";
import { NO_SERVER } from "../../core/balance/balancer.ts";
import type { UdpPlan } from "../../core/plan/plan.ts";
import { EAGAIN, ECONNREFUSED, EMSGSIZE, isShortage } from "../../linux/errno.ts";
import type { Fd } from "../../linux/libc.ts";
import { AF_INET } from "../../linux/socket.ts";
import { SessionCounts } from "../../memory/session_counts.ts";
import { OPEN } from "../admission.ts";
import type { Watcher } from "../driver.ts";
import type { Backend, Listener, StartOrder } from "../orders.ts";
import { failureOf } from "../tally.ts";
import { ServerSockets } from "./server_sockets.ts";
import { Listeners, type Listening } from "./listeners.ts";
import type { DatagramIo, SessionParts } from "./session_parts.ts";
import { laySessions, type SessionMemory } from "./session_memory.ts";
import { NONE, SessionTable } from "./session_table.ts";

/** All UDP sessions of one worker. */
export class Sessions implements Watcher {
  readonly #worker: number;
  readonly #parts: SessionParts;
  readonly #memory: SessionMemory;
  readonly #table: SessionTable;
  readonly #sockets: ServerSockets;
  readonly #counts: SessionCounts;
  /** By backend. */
  #plans: readonly UdpPlan[];
  readonly #listeners: Listeners;
  /** What clients have sent, on its way to servers. */
  readonly #requests: DatagramIo;
  readonly #requestBytes: Uint8Array<ArrayBuffer>;
  /** What servers have answered; it leaves at the end of the turn, or when there is no room. */
  readonly #replies: DatagramIo;
  #replyCount = 0;
  /** The listener that the collected answers leave by. */
  #replyListener = NONE;
  #isDraining = false;

  /** @param seed as `SessionTable` takes it. */
  constructor(start: StartOrder, parts: SessionParts, seed: number) {
    this.#worker = start.worker;
    this.#plans = start.backends.map(({ udp }) => udp);
    this.#parts = parts;
    this.#listeners = new Listeners(parts.driver, this);
    this.#memory = laySessions(start.sessions);
    const capacity = this.#memory.fds.length;
    this.#table = new SessionTable(capacity, start.backends.length, seed);
    this.#sockets = new ServerSockets(parts, this.#memory.fds, this);
    this.#counts = new SessionCounts(start.sessionCounts);
    this.#requests = parts.datagrams(BATCH);
    this.#requestBytes = new Uint8Array(this.#requests.words.buffer);
    this.#replies = parts.datagrams(BATCH);
  }

  /** How many there are. */
  get open(): number {
    return this.#table.open;
  }

  /**
   * Goes on with these backends. Sessions go on, but those of servers that are to be met elsewhere
   * end: the client's next datagram begins another one.
   *
   * @param moved the rows of such servers.
   */
  plan(backends: readonly Pick<Backend, "udp">[], moved: ReadonlySet<number>, now: number): void {
    this.#plans = backends.map(({ udp }) => udp);
    this.#table.growTo(backends.length);
    if (moved.size > 0) this.#endAll((slot) => moved.has(this.#table.row[slot]!), now);
  }

  /** Takes datagrams from one more listener. */
  listen(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** A listener, or the socket of a session, has something. */
  ready(key: number, _readiness: number, now: number): void {
    if (key >= 0) this.#collect(key, now);
    else this.#receive(~key, now);
  }

  /** Sends the answers that have been collected. Call it at the end of each turn. */
  flush(): void {
    const listener = this.#listeners.at(this.#replyListener);
    for (let place = 0; place < this.#replyCount && listener;) {
      const sent = this.#replies.send(listener.fd, place, this.#replyCount - place);
      if (sent === -EAGAIN) break;
      // The client of the first one is not to be reached: the others are.
      place += Math.max(1, sent);
    }
    this.#replyCount = 0;
  }

  /** Ends the sessions that have been idle for too long. Call it now and then. */
  expire(now: number): void {
    this.#plans.forEach(({ idleTimeoutMs }, backend) => {
      if (this.#counts.isPlaceWanted(backend) && this.#evict(backend, now)) {
        this.#counts.placeFound(backend);
      }
      for (;;) {
        const slot = this.#table.idlest(backend);
        if (slot === NONE || now - this.#table.lastActiveAt[slot]! < idleTimeoutMs) return;
        this.#end(slot, now);
      }
    });
    this.#sockets.sweep(now);
  }

  /** Begins no more sessions. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Gives up a virtual router's listeners and their sessions. @returns how many there were. */
  release(virtualRouter: string, now: number): number {
    return this.#giveUp((listener) => listener.virtualRouter === virtualRouter, now);
  }

  /** Gives some listeners up, by descriptor, and their sessions. */
  close(listeners: readonly Fd[], now: number): void {
    this.#giveUp(({ fd }) => listeners.includes(fd), now);
  }

  /** Ends the sessions of a server. @returns how many there were. */
  cut(row: number, now: number): number {
    return this.#endAll((slot) => this.#table.row[slot] === row, now);
  }

  /** Ends all sessions and closes what was opened for them. @returns how many there were. */
  stop(now: number): number {
    this.flush();
    const sessions = this.#endAll(() => true, now);
    this.#sockets.clear();
    return sessions;
  }

  #giveUp(isMeant: (listener: Listening) => boolean, now: number): number {
    // Also the last answers leave by them.
    this.flush();
    const given = this.#listeners.giveUp(isMeant);
    return this.#endAll((slot) => given.has(this.#table.listener(slot)), now);
  }

  /** Takes what has come in at a listener, so much at once as leaves time for others. */
  #receive(index: number, now: number): void {
    for (let turn = 0; turn < TURNS; turn++) {
      const listener = this.#listeners.at(index);
      if (!listener) return;
      const count = this.#requests.receive(listener.fd, 0, BATCH);
      if (count > 0) this.#forward(listener, index, count, now);
      if (count < BATCH) return;
    }
  }

  /** Passes on what has been received; what follows each other in one session leaves together. */
  #forward(listener: Listening, index: number, count: number, now: number): void {
    const requests = this.#requests;
    let current = NONE;
    let first = 0;
    for (let place = 0; place < count; place++) {
      let slot = this.#find(listener, index, place);
      if (slot === NONE || slot !== current) {
        if (current !== NONE) {
          this.#send(current, listener, index, first, place - first, now);
          // Who had to turn to another server may have taken this one's place.
          slot = this.#find(listener, index, place);
        }
        if (slot === NONE || !this.#parts.chooser.keepsSessions(this.#table.row[slot]!)) {
          slot = this.#begin(listener, index, place, now);
        }
        current = slot;
        first = place;
      }
      if (slot !== NONE) requests.pass(place);
    }
    if (current !== NONE) this.#send(current, listener, index, first, count - first, now);
  }

  #find(listener: Listening, index: number, place: number): number {
    const requests = this.#requests;
    const local = listener.isWildcard ? requests.local(place) : NONE;
    return this.#table.find(requests.words, requests.sender(place), local, index);
  }

  /** Sends the datagrams in some places to the server of a session. */
  #send(
    slot: number,
    listener: Listening,
    index: number,
    first: number,
    count: number,
    now: number,
  ): void {
    const { tally } = this.#parts;
    const table = this.#table;
    const requests = this.#requests;
    let mayMove = true;
    for (let place = first, session = slot; place < first + count;) {
      table.touch(session, now);
      const fd = this.#fd(table.socket[session]!);
      const sent = requests.send(fd, place, first + count - place);
      if (sent > 0) {
        let bytes = 0;
        for (const end = place + sent; place < end; place++) bytes += requests.length(place);
        table.awaited[session]! += sent * (this.#udp(session).replies ?? 0);
        tally.server(table.row[session]!, "sentBytes", bytes);
        tally.frontend(listener.frontend, "receivedBytes", bytes);
      } else if (sent === -EAGAIN) {
        return;
      } else if (sent === -EMSGSIZE) {
        place++;
      } else {
        // An earlier datagram was refused, or the way is gone. This one may have more luck.
        this.#fail(session, -sent, now);
        session = mayMove ? this.#begin(listener, index, place, now) : NONE;
        if (session === NONE) return;
        mayMove = false;
      }
    }
  }

  /** Takes what a server has answered, and keeps it until `flush`. */
  #collect(socket: number, now: number): void {
    const table = this.#table;
    const slot = this.#sockets.session[socket]!;
    const listener = slot === NONE ? this.#replyListener : table.listener(slot);
    if (listener !== this.#replyListener || this.#replyCount === BATCH) this.flush();
    const room = Math.min(BURST, BATCH - this.#replyCount);
    if (slot === NONE) {
      // Too late: the session it was for has ended.
      this.#replies.receive(this.#fd(socket), this.#replyCount, room);
      return;
    }
    const { replies } = this.#udp(slot);
    const wanted = replies === null ? room : Math.min(room, Math.max(1, table.awaited[slot]!));
    const count = this.#replies.receive(this.#fd(socket), this.#replyCount, wanted);
    if (count <= 0) {
      if (count < 0 && count !== -EAGAIN) this.#fail(slot, -count, now);
      return;
    }
    this.#replyListener = listener;
    const local = this.#listeners.at(listener)?.isWildcard ? table.local(slot) : NONE;
    let bytes = 0;
    for (let reply = 0; reply < count; reply++) {
      this.#replies.direct(this.#replyCount, table.keys, table.client(slot), local);
      bytes += this.#replies.length(this.#replyCount++);
    }
    this.#parts.tally.server(table.row[slot]!, "receivedBytes", bytes);
    this.#parts.tally.frontend(table.frontend[slot]!, "sentBytes", bytes);
    table.touch(slot, now);
    if (replies === null) return;
    table.awaited[slot]! -= count;
    if (table.awaited[slot]! <= 0) this.#end(slot, now);
  }

  /** Begins a session for the client of a received datagram. @returns NONE if it is refused. */
  #begin(listener: Listening, index: number, place: number, now: number): number {
    const { doors, tally } = this.#parts;
    const { frontend } = listener;
    const former = this.#find(listener, index, place);
    if (former !== NONE) this.#end(former, now);
    if (this.#isDraining) return NONE;
    if (!doors.allowsAddress(this.#requestBytes, 4 * this.#requests.sender(place), frontend)) {
      tally.frontend(frontend, "deniedAddress");
      return NONE;
    }
    // A datagram does not wait for a place, as a connection does.
    if (doors.enter(frontend, now) !== OPEN) {
      tally.frontend(frontend, "deniedLimit");
      return NONE;
    }
    const slot = this.#assign(listener, place, now);
    if (slot === NONE) doors.withdraw(frontend);
    return slot;
  }

  /** Gives the client of a received datagram a server. @returns its session, or NONE. */
  #assign({ frontend, port }: Listening, place: number, now: number): number {
    const { chooser, tally } = this.#parts;
    const backend = chooser.defaultBackend(frontend);
    if (!this.#enter(backend, now)) {
      tally.frontend(frontend, "deniedLimit");
      return NONE;
    }
    const server = chooser.claimFor(backend, this.#clientKey(place));
    if (server === NO_SERVER) {
      this.#counts.leave(this.#worker, backend);
      tally.frontend(frontend, "deniedNoServer");
      return NONE;
    }
    const row = chooser.rowOf(backend, server);
    const address = chooser.addressOf(backend, server, port);
    const socket = this.#sockets.lend(backend, address, now);
    if (socket < 0) {
      chooser.release(row);
      this.#counts.leave(this.#worker, backend);
      if (isShortage(-socket)) tally.frontend(frontend, "deniedShortage");
      else tally.server(row, failureOf(-socket));
      return NONE;
    }
    const slot = this.#table.take(backend, now);
    this.#table.row[slot] = row;
    this.#table.frontend[slot] = frontend;
    this.#table.socket[slot] = socket;
    this.#sockets.session[socket] = slot;
    this.#memory.rows[slot] = row + 1;
    this.#memory.frontends[slot] = frontend + 1;
    tally.frontend(frontend, "opened");
    tally.server(row, "connections");
    return slot;
  }

  /**
   * Counts one more session of a backend. Where there is no room for it, the one that is idle
   * longest ends, unless it is in use: a flood of clients that never come back cannot drive out
   * those that do.
   */
  #enter(backend: number, now: number): boolean {
    const { maxSessions } = this.#plans[backend]!;
    for (;;) {
      if (this.#table.available > 0 && this.#counts.enter(this.#worker, backend, maxSessions)) {
        return true;
      }
      if (this.#evict(backend, now)) continue;
      // The client will ask again, and somebody else may have made room by then.
      this.#counts.wantPlace(backend);
      return false;
    }
  }

  /** Ends the session of a backend that is idle longest. @returns `false` if it is in use. */
  #evict(backend: number, now: number): boolean {
    const idlest = this.#table.idlest(backend);
    if (idlest === NONE || now - this.#table.lastActiveAt[idlest]! < IN_USE_MS) return false;
    this.#parts.tally.frontend(this.#table.frontend[idlest]!, "evicted");
    this.#end(idlest, now);
    return true;
  }

  #clientKey(place: number): number {
    const sender = this.#requests.sender(place);
    const isIpv4 = (this.#requests.words[sender]! & 0xffff) === AF_INET;
    return clientKey(this.#requestBytes, 4 * sender + (isIpv4 ? 4 : 8), isIpv4 ? 4 : 16);
  }

  /** The server of a session has refused a datagram, or cannot be reached. */
  #fail(slot: number, error: number, now: number): void {
    this.#parts.tally.server(this.#table.row[slot]!, failureOf(error));
    this.#end(slot, now, error !== ECONNREFUSED);
  }

  #endAll(isMeant: (slot: number) => boolean, now: number): number {
    let count = 0;
    for (let slot = 0; slot < this.#table.capacity; slot++) {
      if (this.#table.socket[slot] === NONE || !isMeant(slot)) continue;
      this.#end(slot, now);
      count++;
    }
    return count;
  }

  /** @param isBroken whether its socket is good for nobody any more. */
  #end(slot: number, now: number, isBroken = false): void {
    const { doors, release, tally } = this.#parts;
    const table = this.#table;
    if (isBroken) this.#sockets.close(table.socket[slot]!);
    else this.#sockets.rest(table.socket[slot]!, now);
    release(table.row[slot]!);
    doors.leave(table.frontend[slot]!);
    tally.frontend(table.frontend[slot]!, "closed");
    this.#counts.leave(this.#worker, table.backend[slot]!);
    this.#memory.rows[slot] = 0;
    this.#memory.frontends[slot] = 0;
    table.release(slot);
  }

  #udp(slot: number): UdpPlan {
    return this.#plans[this.#table.backend[slot]!]!;
  }

  #fd(socket: number): Fd {
    return this.#sockets.fd[socket]! as Fd;
  }
}

/** Datagrams that one system call moves at most. */
const BATCH = 64;
/** Of one session at once. */
const BURST = 8;
const TURNS = 4;
/** A session whose last datagram is no older is not ended for another client. */
const IN_USE_MS = 1000;
