/**
 * Attempts to get an answer over TCP, many at a time, on sockets of our own: no attempt waits for
 * the event loop, and an attempt that is given up leaves nothing behind.
 */

import { monotonicMs } from "../../src/linux/clock.ts";
import {
  epollAdd,
  epollCreate,
  EPOLLERR,
  EpollEvents,
  EPOLLHUP,
  EPOLLIN,
  epollModify,
  EPOLLOUT,
} from "../../src/linux/epoll.ts";
import { EAGAIN, EINPROGRESS, EINTR, errorName, must } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inetAddressOf } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  getOption,
  recv,
  send,
  SO_ERROR,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
} from "../../src/linux/socket.ts";

/** What is attempted. */
export interface ProbeOptions {
  readonly address: string;
  readonly port: number;
  readonly mode: "connect" | "request" | "keepalive";
  readonly timeoutMs: number;
  readonly path: string;
}

/** How an attempt ended: answered by `server`, or by `failure`. */
export interface Outcome {
  readonly startedAt: number;
  readonly endedAt: number;
  /** From the answer's `x-server`; `-` without one. */
  readonly server: string;
  readonly failure: string | undefined;
}

/** Makes attempts, and reports how each ended. */
export class Prober {
  readonly #options: ProbeOptions;
  readonly #report: (outcome: Outcome) => void;
  readonly #target: Uint8Array<ArrayBuffer>;
  readonly #request: Uint8Array<ArrayBuffer>;
  readonly #epoll: Fd;
  readonly #events = new EpollEvents(256);
  readonly #buffer = new Uint8Array(16 * 1024);
  /** In the order they were started, so that the first is the first to time out. */
  readonly #attempts = new Map<number, Attempt>();
  /** The connection of mode keepalive, while it waits for the next request. */
  #idle: Fd | undefined;

  constructor(options: ProbeOptions, report: (outcome: Outcome) => void) {
    this.#options = options;
    this.#report = report;
    this.#target = inetAddressOf(options.address, options.port);
    const close = options.mode === "keepalive" ? "" : "connection: close\r\n";
    const request = `GET ${options.path} HTTP/1.1\r\nhost: ${options.address}\r\n${close}\r\n`;
    this.#request = new TextEncoder().encode(request);
    this.#epoll = must("epoll_create1", epollCreate());
  }

  /** Begins an attempt; in mode keepalive not before the last one has ended. */
  start(now: number): void {
    if (this.#options.mode === "keepalive" && this.#attempts.size > 0) return;
    if (this.#idle !== undefined) {
      const fd = this.#idle;
      this.#idle = undefined;
      const attempt: Attempt = { fd, startedAt: now, sent: false, received: "" };
      this.#attempts.set(fd, attempt);
      this.#send(attempt);
      return;
    }
    const family = this.#options.address.includes(":") ? AF_INET6 : AF_INET;
    const fd = must("socket", socket(family, SOCK_STREAM, 0));
    const attempt: Attempt = { fd, startedAt: now, sent: false, received: "" };
    this.#attempts.set(fd, attempt);
    const result = connect(fd, this.#target);
    if (result < 0 && result !== -EINPROGRESS) return this.#fail(attempt, errorName(-result));
    must("epoll_ctl", epollAdd(this.#epoll, fd, EPOLLOUT, fd, 0));
  }

  /** Gives up attempts that took too long. */
  expire(now: number): void {
    for (const attempt of this.#attempts.values()) {
      if (now - attempt.startedAt < this.#options.timeoutMs) return;
      this.#fail(attempt, "timeout");
    }
  }

  /** Works on what happens within `timeoutMs`; returns after the first of it. */
  wait(timeoutMs: number): void {
    const count = this.#events.wait(this.#epoll, timeoutMs);
    if (count === -EINTR) return;
    must("epoll_wait", count);
    for (let index = 0; index < count; index++) {
      const fd = this.#events.low(index);
      const attempt = this.#attempts.get(fd);
      if (attempt) this.#advance(attempt, this.#events.flags(index));
      else if (fd === this.#idle) this.#dropIdle();
    }
  }

  #advance(attempt: Attempt, flags: number): void {
    if (attempt.sent) return this.#receive(attempt);
    if (flags & (EPOLLERR | EPOLLHUP)) {
      const error = getOption(attempt.fd, SOL_SOCKET, SO_ERROR);
      return this.#fail(attempt, error > 0 ? errorName(error) : "hung up");
    }
    if (this.#options.mode === "connect") return this.#succeed(attempt, "-");
    must("epoll_ctl", epollModify(this.#epoll, attempt.fd, EPOLLIN, attempt.fd, 0));
    this.#send(attempt);
  }

  #send(attempt: Attempt): void {
    const result = send(attempt.fd, this.#request, this.#request.length);
    if (result !== this.#request.length) {
      return this.#fail(attempt, result < 0 ? errorName(-result) : "request cut short");
    }
    attempt.sent = true;
  }

  #receive(attempt: Attempt): void {
    const length = recv(attempt.fd, this.#buffer);
    if (length === -EAGAIN) return;
    if (length < 0) return this.#fail(attempt, errorName(-length));
    if (length === 0) return this.#fail(attempt, "closed before the answer");
    attempt.received += decoder.decode(this.#buffer.subarray(0, length));
    const head = /^HTTP\/1\.1 (\d+)[^]*?\r\n\r\n/.exec(attempt.received);
    if (!head) return;
    if (head[1] !== "200") return this.#fail(attempt, `status ${head[1]}`);
    const size = Number(/\r\ncontent-length: *(\d+)/i.exec(head[0])?.[1] ?? "0");
    if (attempt.received.length < head[0].length + size) return;
    this.#succeed(attempt, /\r\nx-server: *([^\r]*)/i.exec(head[0])?.[1] ?? "-");
  }

  #succeed(attempt: Attempt, server: string): void {
    this.#attempts.delete(attempt.fd);
    if (this.#options.mode === "keepalive") this.#idle = attempt.fd;
    else close(attempt.fd);
    const { startedAt } = attempt;
    this.#report({ startedAt, endedAt: monotonicMs(), server, failure: undefined });
  }

  #fail(attempt: Attempt, failure: string): void {
    this.#attempts.delete(attempt.fd);
    close(attempt.fd);
    const { startedAt } = attempt;
    this.#report({ startedAt, endedAt: monotonicMs(), server: "-", failure });
  }

  /** The other side has closed the connection between two requests; the next opens another. */
  #dropIdle(): void {
    if (this.#idle !== undefined) close(this.#idle);
    this.#idle = undefined;
  }
}

interface Attempt {
  readonly fd: Fd;
  readonly startedAt: number;
  sent: boolean;
  received: string;
}

/** One character a byte, so that lengths agree with content-length. */
const decoder = new TextDecoder("latin1");
