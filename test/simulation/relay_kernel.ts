/**
 * A kernel of our own for the data plane: sockets, pipes, epoll and a clock, decided by one seed.
 * It is as unkind as TCP may be (partial writes, ends that come with the last bytes, resets,
 * descriptors that run out, spurious wake-ups) and never unkinder. Nothing here waits: time is a
 * number.
 */

import type { Events, Kernel } from "../../src/dataplane/kernel.ts";
import {
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
} from "../../src/linux/epoll.ts";
import {
  EAGAIN,
  EBADF,
  ECONNRESET,
  EINPROGRESS,
  EINTR,
  EINVAL,
  EMFILE,
  ENOTCONN,
  EPIPE,
} from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inetAddressOf, readInetAddress } from "../../src/linux/sockaddr.ts";
import {
  SHUT_WR,
  SO_ERROR,
  SO_RCVLOWAT,
  SOCK_DGRAM,
  SOL_SOCKET,
  TCP_CLOSE_WAIT,
  TCP_INFO,
} from "../../src/linux/socket.ts";
import { ByteQueue } from "./byte_queue.ts";

/** What a server's address does with somebody who connects; `undefined` leaves him waiting. */
export type Answer = { readonly error: number } | { readonly accept: (end: Endpoint) => void };

/** A listening socket: clients of the world wait in it. */
interface Listening {
  readonly kind: "listening";
  readonly queue: Endpoint[];
}
interface Pipe {
  readonly kind: "pipe";
  readonly bytes: ByteQueue;
  size: number;
}
interface Counter {
  readonly kind: "counter";
  count: number;
}
interface Epoll {
  readonly kind: "epoll";
}
type Thing = Endpoint | Listening | Pipe | Counter | Epoll;

interface Watch {
  readonly epoll: Fd;
  readonly thing: Thing;
  events: number;
  low: number;
  high: number;
  isReady: boolean;
}

/** One end of a TCP connection. */
export class Endpoint {
  readonly kind = "endpoint";
  readonly received = new ByteQueue();
  readonly options = new Map<number, number>();
  other: Endpoint | undefined;
  /** How much the other end may have under way to this one. */
  readonly room: number;
  state: "new" | "connecting" | "connected" = "new";
  /** We have sent our end; the other's end is in, behind what is received. */
  hasEnded = false;
  isOtherEnded = false;
  /** Reset by the other end, or never connected. */
  isDead = false;
  isClosed = false;
  error = 0;
  /** A send was refused: tell when there is room. */
  isStarved = false;
  lingersNot = false;
  /** The address that it was bound to. */
  boundTo: string | undefined;
  /** So many bytes of what is received lie before urgent data, where a read ends: see tcp(7). */
  urgentAt: number | undefined;
  onChange: () => void = () => {};
  /** Fewer bytes than these are not told of. */
  leastReadable = 1;
  /** Socket addresses of the other end and of this one. */
  peer: Uint8Array = inetAddressOf("198.51.100.7", 40_000);
  local: Uint8Array = inetAddressOf("192.0.2.1", 80);

  constructor(room: number) {
    this.room = room;
  }

  get sendRoom(): number {
    if (!this.other || this.isDead || this.hasEnded) return 0;
    return this.other.isClosed ? 1 << 20 : this.other.room - this.other.received.length;
  }

  send(bytes: Uint8Array): number {
    if (this.error !== 0) return -this.takeError();
    if (this.state === "connecting") return -EAGAIN;
    if (this.isDead || this.hasEnded || !this.other) return -EPIPE;
    if (this.other.isClosed) {
      // Accepted by our kernel; the answer is a reset.
      this.reset();
      return bytes.length;
    }
    const count = Math.min(bytes.length, this.sendRoom);
    // Who gets less than he asked for is told when there is room again: see epoll(7).
    if (count < bytes.length) this.isStarved = true;
    if (count === 0) return -EAGAIN;
    this.other.received.push(bytes.subarray(0, count));
    this.other.onChange();
    return count;
  }

  recv(target: Uint8Array): number {
    if (this.received.length > 0) {
      const before = this.urgentAt;
      const count = this.received.take(before ? target.subarray(0, before) : target);
      this.urgentAt = before ? before - count : undefined;
      const { other } = this;
      if (other?.isStarved && this.received.length < this.room / 2) {
        other.isStarved = false;
        other.onChange();
      }
      return count;
    }
    if (this.error !== 0) return -this.takeError();
    return this.isDead || this.isOtherEnded ? 0 : -EAGAIN;
  }

  end(): void {
    if (this.hasEnded || this.isDead || !this.other) return;
    this.hasEnded = true;
    this.other.isOtherEnded = true;
    this.other.onChange();
  }

  /** The other end has reset the connection. */
  reset(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.error = ECONNRESET;
    this.onChange();
  }

  close(): void {
    if (this.isClosed) return;
    const isAbrupt = this.lingersNot || this.received.length > 0;
    if (isAbrupt && !this.isDead) this.other?.reset();
    else this.end();
    this.isClosed = true;
    this.onChange = () => {};
    // What it had under way to us is lost; a sender that waits learns it by sending.
    if (this.other?.isStarved) this.other.onChange();
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  get events(): number {
    if (this.state === "connecting") return 0;
    let events = 0;
    if (this.received.length >= this.leastReadable || this.isOtherEnded || this.isDead) {
      events |= EPOLLIN;
    }
    if (this.isOtherEnded || this.isDead) events |= EPOLLRDHUP;
    if (this.isDead || (this.isOtherEnded && this.hasEnded)) events |= EPOLLHUP;
    if (this.error !== 0) events |= EPOLLERR;
    if (this.urgentAt !== undefined) events |= EPOLLPRI;
    if (this.isDead || this.sendRoom > 0) events |= EPOLLOUT;
    return events;
  }
}

/** The kernel; the world outside is reached through its `listen`, `dial` and `servers`. */
export class FakeKernel implements Kernel {
  clock = 1000;
  /** What it chooses as the source address of a socket that is not bound. */
  ownAddress = "10.0.0.2";
  /** Descriptors that may be open at once. */
  limit = 1e6;
  /** How likely the error of a call that fails is misread, as has been seen of errno. */
  misreads = 0;
  /** How likely a wake-up has no cause. */
  spurious = 0;
  /** Bytes a pipe may be given; below 64 KiB none is of use. */
  pipeLimit = 1 << 20;
  /** Asked when somebody connects. */
  answer: (port: number) => Answer | undefined = () => ({ error: ECONNRESET });
  readonly calls = new Map<string, number>();
  readonly random: () => number;
  readonly #things = new Map<number, Thing>();
  readonly #watches = new Map<number, Watch>();
  #isInterrupted = false;
  readonly #agenda: { readonly at: number; readonly act: () => void }[] = [];

  constructor(random: () => number) {
    this.random = random;
  }

  /** How many descriptors are open. */
  get open(): number {
    return this.#things.size;
  }

  /** Has `act` happen after a while. */
  after(delayMs: number, act: () => void): void {
    const at = this.clock + delayMs;
    const place = this.#agenda.findIndex((one) => one.at > at);
    this.#agenda.splice(place < 0 ? this.#agenda.length : place, 0, { at, act });
  }

  /** Has a wait that is under way then return, as a signal would. */
  interruptAfter(delayMs: number): void {
    this.after(delayMs, () => this.#isInterrupted = true);
  }

  /** Opens a listener, as the appliance would. */
  listen(): Fd {
    return this.#add({ kind: "listening", queue: [] });
  }

  /** Opens an eventfd. */
  eventfd(): Fd {
    return this.#add({ kind: "counter", count: 0 });
  }

  /** Writes an eventfd. */
  signal(fd: Fd): number {
    const counter = this.#things.get(fd);
    if (counter?.kind !== "counter") return -EBADF;
    counter.count++;
    this.#wake(counter);
    return 8;
  }

  /** Connects a client of the world to a listener. */
  dial(listener: Fd, rooms = [this.room(), this.room()], from?: string): Endpoint {
    const [client, accepted] = connected(rooms);
    if (from !== undefined) accepted.peer = inetAddressOf(from, 40_000);
    const listening = this.#things.get(listener);
    if (listening?.kind === "listening") listening.queue.push(accepted);
    this.#wake(listening);
    return client;
  }

  /** A size for what a socket may have unread. */
  room(): number {
    return 500 + Math.floor(this.random() ** 2 * 500_000);
  }

  readonly beganAt = 5_000;

  now(): number {
    return this.clock;
  }

  recv(fd: Fd, target: Uint8Array): number {
    return this.#unlessMisread("recv", () => this.#endpoint(fd)?.recv(target) ?? -EBADF);
  }

  peek(fd: Fd, target: Uint8Array): number {
    const end = this.#endpoint(fd);
    this.#count("peek");
    if (!end) return -EBADF;
    return end.received.length > 0 ? end.received.look(target) : end.recv(target);
  }

  discard(fd: Fd, length: number): number {
    this.#count("discard");
    return this.#endpoint(fd)?.recv(new Uint8Array(length)) ?? -EBADF;
  }

  send(fd: Fd, source: Uint8Array, length: number): number {
    return this.#unlessMisread("send", () => {
      // Now and then the kernel takes less than it has room for.
      const part = this.random() < 0.2 ? 1 + Math.floor(this.random() * length) : length;
      const end = this.#endpoint(fd);
      if (part < length) this.after(0, () => end?.onChange());
      return end?.send(source.subarray(0, part)) ?? -EBADF;
    });
  }

  splice(source: Fd, target: Fd, length: number): number {
    return this.#unlessMisread("splice", () => {
      const from = this.#things.get(source);
      const to = this.#things.get(target);
      if (from?.kind === "endpoint" && to?.kind === "pipe") {
        const bytes = new Uint8Array(Math.min(length, to.size - to.bytes.length));
        if (bytes.length === 0) return -EAGAIN;
        const count = from.recv(bytes);
        if (count > 0) to.bytes.push(bytes.subarray(0, count));
        return count;
      }
      if (from?.kind !== "pipe" || to?.kind !== "endpoint") return -EINVAL;
      const bytes = new Uint8Array(Math.min(length, from.bytes.length));
      from.bytes.look(bytes);
      const count = to.send(bytes);
      if (count > 0) from.bytes.take(new Uint8Array(count));
      return count;
    });
  }

  pipe(ends: Int32Array): number {
    if (this.open + 2 > this.limit) return -EMFILE;
    const pipe: Pipe = { kind: "pipe", bytes: new ByteQueue(), size: 65536 };
    ends[0] = this.#add(pipe);
    ends[1] = this.#add(pipe);
    return 0;
  }

  setPipeSize(fd: Fd, bytes: number): number {
    const pipe = this.#things.get(fd);
    if (pipe?.kind !== "pipe") return -EBADF;
    if (bytes > this.pipeLimit) return -1;
    return pipe.size = bytes;
  }

  shutdown(fd: Fd, how: number): number {
    this.#count("shutdown");
    if (how === SHUT_WR) this.#endpoint(fd)?.end();
    return 0;
  }

  setOption(fd: Fd, level: number, name: number, value: number): number {
    const end = this.#endpoint(fd);
    if (end && level === SOL_SOCKET && name === SO_RCVLOWAT) end.leastReadable = value;
    else end?.options.set(name, value);
    return 0;
  }

  getOption(fd: Fd, _level: number, name: number): number {
    const end = this.#endpoint(fd);
    if (name === TCP_INFO) return end?.isOtherEnded ? TCP_CLOSE_WAIT : 1;
    return name === SO_ERROR ? end?.takeError() ?? -EBADF : end?.options.get(name) ?? 0;
  }

  peerName(fd: Fd, address: Uint8Array): number {
    const end = this.#endpoint(fd);
    if (!end || end.isDead) return -ENOTCONN;
    address.set(end.peer);
    return end.peer.length;
  }

  localName(fd: Fd, address: Uint8Array): number {
    const end = this.#endpoint(fd);
    if (!end) return -EBADF;
    address.set(end.local);
    return end.local.length;
  }

  lingerReset(fd: Fd): number {
    const end = this.#endpoint(fd);
    if (end) end.lingersNot = true;
    return 0;
  }

  close(fd: Fd): number {
    const thing = this.#things.get(fd);
    if (!thing) throw new Error(`descriptor ${fd} is closed twice`);
    this.#things.delete(fd);
    this.#watches.delete(fd);
    if (thing.kind === "endpoint") thing.close();
    if (thing.kind === "epoll") {
      for (const [watched, { epoll }] of this.#watches) {
        if (epoll === fd) this.#watches.delete(watched);
      }
    }
    return 0;
  }

  accept(fd: Fd): Fd {
    const listening = this.#things.get(fd);
    if (listening?.kind !== "listening") return -EBADF as Fd;
    if (this.open >= this.limit) return -EMFILE as Fd;
    const accepted = listening.queue.shift();
    return accepted ? this.#add(accepted) : -EAGAIN as Fd;
  }

  socket(_domain: number, type: number): Fd {
    if (this.open >= this.limit) return -EMFILE as Fd;
    const end = new Endpoint(this.room());
    if (type === SOCK_DGRAM) end.local = inetAddressOf(this.ownAddress, 1234);
    return this.#add(end);
  }

  bind(fd: Fd, address: Uint8Array<ArrayBuffer>): number {
    const end = this.#endpoint(fd);
    if (end) end.boundTo = readInetAddress(address).address;
    return 0;
  }

  connect(fd: Fd, address: Uint8Array): number {
    const end = this.#endpoint(fd);
    if (!end) return -EBADF;
    end.state = "connecting";
    const answer = this.answer((address[2]! << 8) | address[3]!);
    if (!answer) return -EINPROGRESS;
    this.after(this.random() * 3, () => {
      if (end.isClosed) return;
      end.state = "connected";
      if ("error" in answer) {
        end.isDead = true;
        end.error = answer.error;
      } else {
        const server = new Endpoint(this.room());
        join(end, server);
        answer.accept(server);
      }
      end.onChange();
    });
    return -EINPROGRESS;
  }

  clear(fd: Fd): number {
    const counter = this.#things.get(fd);
    if (counter?.kind === "counter") counter.count = 0;
    return 8;
  }

  epollCreate(): Fd {
    return this.#add({ kind: "epoll" });
  }

  epollAdd(epoll: Fd, fd: Fd, events: number, low: number, high: number): number {
    this.#count("epollAdd");
    const thing = this.#things.get(fd);
    if (!thing) return -EBADF;
    const watch = { epoll, thing, events, low, high, isReady: true };
    this.#watches.set(fd, watch);
    if (thing.kind === "endpoint") thing.onChange = () => watch.isReady = true;
    return 0;
  }

  epollModify(_epoll: Fd, fd: Fd, events: number): number {
    this.#count("epollModify");
    const watch = this.#watches.get(fd);
    if (!watch) return -EBADF;
    watch.events = events;
    watch.isReady = true;
    return 0;
  }

  epollDelete(_epoll: Fd, fd: Fd): number {
    return this.#watches.delete(fd) ? 0 : -EBADF;
  }

  events(capacity: number): Events {
    let ready: { flags: number; low: number; high: number }[] = [];
    return {
      wait: (epoll, timeoutMs) => {
        ready = this.#wait(epoll, timeoutMs, capacity);
        return ready.length;
      },
      flags: (index) => ready[index]!.flags,
      low: (index) => ready[index]!.low,
      high: (index) => ready[index]!.high,
    };
  }

  #wait(epoll: Fd, timeoutMs: number, capacity: number) {
    this.clock += 0.01;
    const giveUpAt = this.clock + timeoutMs;
    for (;;) {
      while (this.#agenda.length > 0 && this.#agenda[0]!.at <= this.clock) {
        this.#agenda.shift()!.act();
      }
      const ready = this.#collect(epoll, capacity);
      if (ready.length > 0 || this.clock >= giveUpAt || this.#isInterrupted) {
        this.#isInterrupted = false;
        return ready;
      }
      this.clock = Math.min(giveUpAt, this.#agenda[0]?.at ?? giveUpAt);
    }
  }

  #collect(epoll: Fd, capacity: number) {
    const ready: { flags: number; low: number; high: number }[] = [];
    const watches = [...this.#watches.values()].filter((watch) => watch.epoll === epoll);
    const first = Math.floor(this.random() * watches.length);
    for (let step = 0; step < watches.length && ready.length < capacity; step++) {
      const watch = watches[(first + step) % watches.length]!;
      const { low, high } = watch;
      if (watch.events === 0) continue;
      if (!watch.isReady && this.random() >= this.spurious) continue;
      const flags = eventsOf(watch.thing) & (watch.events | EPOLLERR | EPOLLHUP);
      if ((watch.events & EPOLLET) !== 0) watch.isReady = false;
      if (flags === 0) continue;
      ready.push({ flags, low, high });
      if ((watch.events & EPOLLONESHOT) !== 0) watch.events = 0;
    }
    return ready;
  }

  #wake(thing: Thing | undefined): void {
    for (const watch of this.#watches.values()) {
      if (watch.thing === thing) watch.isReady = true;
    }
  }

  #endpoint(fd: Fd): Endpoint | undefined {
    const thing = this.#things.get(fd);
    return thing?.kind === "endpoint" ? thing : undefined;
  }

  #add(thing: Thing): Fd {
    // As the kernel does: the lowest number that is free.
    let fd = 3;
    while (this.#things.has(fd)) fd++;
    this.#things.set(fd, thing);
    return fd as Fd;
  }

  #unlessMisread(name: string, call: () => number): number {
    this.#count(name);
    const result = call();
    return result < 0 && this.random() < this.misreads ? -EINTR : result;
  }

  #count(name: string): void {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
  }
}

/** Two ends of one connection; `rooms` is what each may have unread. */
export function connected(rooms: readonly number[]): [Endpoint, Endpoint] {
  const ends: [Endpoint, Endpoint] = [new Endpoint(rooms[0]!), new Endpoint(rooms[1]!)];
  join(...ends);
  return ends;
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function join(near: Endpoint, far: Endpoint): void {
  near.other = far;
  far.other = near;
  near.state = "connected";
  far.state = "connected";
}

function eventsOf(thing: Thing): number {
  switch (thing.kind) {
    case "endpoint":
      return thing.events;
    case "listening":
      return thing.queue.length > 0 ? EPOLLIN : 0;
    case "counter":
      return thing.count > 0 ? EPOLLIN : 0;
    default:
      return 0;
  }
}
