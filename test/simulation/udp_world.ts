/**
 * Clients and servers around the UDP sessions of one worker, on a kernel of our own. What is sent
 * is the number of the client it is for or from, so that whoever receives it can tell.
 */

import { Doors } from "../../src/dataplane/admission.ts";
import { Chooser } from "../../src/dataplane/chooser.ts";
import { connectionMemory } from "../../src/dataplane/connection_memory.ts";
import { ConnectionTable } from "../../src/dataplane/connection_table.ts";
import type { Backend, Frontend, StartOrder } from "../../src/dataplane/orders.ts";
import { Tally } from "../../src/dataplane/tally.ts";
import { sessionMemory } from "../../src/dataplane/udp/session_memory.ts";
import type { DatagramIo } from "../../src/dataplane/udp/session_parts.ts";
import { Sessions } from "../../src/dataplane/udp/sessions.ts";
import { EAGAIN, EMFILE } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { SessionCounts } from "../../src/memory/session_counts.ts";
import { World } from "./relay_world.ts";

/** A datagram: which client it is of, and at which of our addresses. */
export interface Datagram {
  readonly client: number;
  readonly local: number;
}

/** One worker's sessions, with one listener on all addresses. */
export class UdpWorld {
  readonly tcp: World;
  readonly start: StartOrder;
  readonly sessions: Sessions;
  readonly counts: SessionCounts;
  /** What has come back to clients. */
  readonly answers: Datagram[] = [];
  /** Rows whose servers have got a place back. */
  readonly released: number[] = [];
  /** Open sockets by descriptor: the server's port, what came in, and what its server got last. */
  readonly sockets = new Map<number, Socket>();
  clock = 1_000;
  /** How many sockets there may be. */
  descriptors = Infinity;
  readonly #chooser: Chooser;
  readonly #incoming: Datagram[] = [];
  #nextFd = 100;

  constructor(
    udp: Partial<Backend["udp"]>,
    maxSessions: number,
    frontend: Partial<Frontend> = {},
  ) {
    const all = { idleTimeoutMs: 1_000, replies: null, maxSessions: 1_000, ...udp };
    this.tcp = new World({ frontend, backend: { udp: all } });
    this.counts = new SessionCounts({ workers: 2, backends: 3 });
    this.start = {
      ...this.tcp.start,
      sessions: sessionMemory(maxSessions),
      sessionCounts: this.counts.shape,
    };
    const chooser = new Chooser(this.start, new ConnectionTable(connectionMemory(1), 1));
    this.#chooser = chooser;
    this.sessions = new Sessions(this.start, {
      kernel: {
        socket: () => this.#open(),
        connect: (fd, address) => {
          this.sockets.get(fd)!.port = address[2]! << 8 | address[3]!;
          return 0;
        },
        close: (fd) => this.sockets.delete(fd) ? 0 : -1,
      },
      driver: {
        watch: (fd, _interests, _watcher, key) => {
          const socket = this.sockets.get(fd);
          if (socket) socket.key = key;
          return fd;
        },
        unwatch: () => {},
      },
      doors: new Doors(this.start, { beganAt: 0, peerName: () => -1, signal: () => 0 }),
      sources: { bind: () => 0 },
      chooser,
      release: (row) => {
        chooser.release(row);
        this.released.push(row);
      },
      tally: new Tally(this.start),
      datagrams: (capacity) => new FakeDatagrams(capacity, this),
    }, 7);
    this.sessions.listen({
      fd: LISTENER,
      protocol: "udp",
      frontend: 0,
      address: "*",
      port: 53,
      virtualRouter: "vip",
    });
  }

  /** Goes on with these backends; datagrams come for the one at `index` from now on. */
  plan(backends: readonly Backend[], index = 0): void {
    const frontends = this.start.frontends.map((one) => ({ ...one, backend: index }));
    this.sessions.plan(backends, this.#chooser.plan({ frontends, backends }), this.clock);
  }

  /** Clients send one datagram each; they all come at once. */
  send(...datagrams: Datagram[]): void {
    this.#incoming.push(...datagrams);
    this.sessions.ready(-1, 1, this.clock);
    this.sessions.flush();
  }

  /** The server at a socket answers what it got last, or the socket is told of an error. */
  answer(fd: number, { times = 1, error = 0 } = {}): void {
    const socket = this.sockets.get(fd)!;
    if (error !== 0) socket.error = error;
    else for (let at = 0; at < times; at++) if (socket.got) socket.inbox.push(socket.got);
    while (socket.error !== 0 || socket.inbox.length > 0) {
      this.sessions.ready(socket.key, 1, this.clock);
    }
    this.sessions.flush();
  }

  /** Time passes, and the engine's beat comes. */
  pass(durationMs: number): void {
    this.clock += durationMs;
    this.sessions.expire(this.clock);
  }

  /** The socket whose server has last got something of a client. */
  socketOf(client: number): number {
    return [...this.sockets].findLast(([, { got }]) => got?.client === client)?.[0] ?? -1;
  }

  receive(fd: number): Datagram | number {
    if (fd === LISTENER) return this.#incoming.shift() ?? -EAGAIN;
    const socket = this.sockets.get(fd)!;
    const { error } = socket;
    socket.error = 0;
    return error !== 0 ? -error : socket.inbox.shift() ?? -EAGAIN;
  }

  deliver(fd: number, datagram: Datagram): number {
    if (fd === LISTENER) {
      this.answers.push(datagram);
      return 1;
    }
    const socket = this.sockets.get(fd)!;
    const { error } = socket;
    socket.error = 0;
    if (error !== 0) return -error;
    socket.got = datagram;
    return 1;
  }

  #open(): Fd {
    if (this.sockets.size >= this.descriptors) return -EMFILE as Fd;
    const fd = this.#nextFd++ as Fd;
    this.sockets.set(fd, { port: 0, key: 0, error: 0, inbox: [], got: undefined });
    return fd;
  }
}

interface Socket {
  port: number;
  key: number;
  error: number;
  readonly inbox: Datagram[];
  got: Datagram | undefined;
}

class FakeDatagrams implements DatagramIo {
  readonly words: Int32Array<ArrayBuffer>;
  readonly #world: UdpWorld;
  readonly #payloads: Datagram[] = [];
  /** Where each goes. */
  readonly #targets: (Datagram | undefined)[] = [];

  constructor(capacity: number, world: UdpWorld) {
    this.words = new Int32Array(capacity * PLACE_WORDS);
    this.#world = world;
  }

  receive(fd: Fd, first: number, limit: number): number {
    for (let count = 0; count < limit; count++) {
      const datagram = this.#world.receive(fd);
      if (typeof datagram === "number") return count > 0 ? count : datagram;
      const at = (first + count) * PLACE_WORDS;
      this.words.fill(0, at, at + PLACE_WORDS);
      this.words[at] = 2 | 4_000 << 16;
      this.words[at + 1] = datagram.client;
      this.words[at + LOCAL] = datagram.local;
      this.#payloads[first + count] = datagram;
    }
    return limit;
  }

  length(): number {
    return 10;
  }

  sender(place: number): number {
    return place * PLACE_WORDS;
  }

  local(place: number): number {
    return place * PLACE_WORDS + LOCAL;
  }

  pass(place: number): void {
    this.#targets[place] = undefined;
  }

  direct(place: number, source: Int32Array, name: number, local: number): void {
    // What is in it must be for whom it is sent to.
    const target = { client: source[name + 1]!, local: source[local]! };
    const { client } = this.#payloads[place]!;
    if (client !== target.client) throw new Error(`for ${client}, sent to ${target.client}`);
    this.#targets[place] = target;
  }

  send(fd: Fd, first: number, count: number): number {
    for (let sent = 0; sent < count; sent++) {
      const place = first + sent;
      const result = this.#world.deliver(fd, this.#targets[place] ?? this.#payloads[place]!);
      if (result < 0) return sent > 0 ? sent : result;
    }
    return count;
  }
}

/** The listener of a world. */
export const LISTENER = 3 as Fd;
const LOCAL = 8;
const PLACE_WORDS = 16;
