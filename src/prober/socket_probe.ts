/**
 * Checks over plain TCP: whether a connection comes about, and what an HTTP server answers on it.
 */

import { EPOLLIN, EPOLLOUT, EPOLLRDHUP } from "../linux/epoll.ts";
import { EAGAIN, EINPROGRESS, errorName, SystemError } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { inetAddressOf } from "../linux/sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  getOption,
  IPPROTO_TCP,
  lingerReset,
  recv,
  send,
  setOption,
  SO_ERROR,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
  TCP_QUICKACK,
} from "../linux/socket.ts";
import type { HttpCheck } from "../core/plan/plan.ts";
import { HttpAnswer } from "./http_answer.ts";
import { httpRequest } from "./http_request.ts";
import type { CheckedServer } from "./orders.ts";
import type { Poller, Watch } from "./poller.ts";
import { connectFailure, type Outcome, type Probe, target } from "./probe.ts";

/** Starts checks of the types `tcp` and `http`. */
export function startSocketProbe(
  poller: Poller,
  server: CheckedServer,
  done: (outcome: Outcome) => void,
): Probe {
  return new SocketProbe(poller, server, done);
}

class SocketProbe implements Probe {
  readonly #poller: Poller;
  readonly #done: (outcome: Outcome) => void;
  readonly #http: HttpExchange | undefined;
  readonly #fd: Fd;
  readonly #watch: Watch | undefined;
  #connected = false;
  #over = false;

  constructor(poller: Poller, server: CheckedServer, done: (outcome: Outcome) => void) {
    this.#poller = poller;
    this.#done = done;
    const { address, port } = target(server);
    const { request } = server.check;
    if (request.type !== "tcp") this.#http = exchange(request.http, address, port);
    this.#fd = socket(address.includes(":") ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP);
    const failure = this.#fd < 0
      ? connectFailure("EMFILE", new SystemError("socket", -this.#fd).message)
      : this.#connect(address, port);
    if (failure) queueMicrotask(() => this.#finish(failure));
    else this.#watch = poller.watch(this.#fd, EPOLLOUT, () => this.#proceed());
  }

  timeOut(): Outcome {
    this.abandon();
    if (!this.#connected) return { code: "L4TOUT", text: "no connection in time" };
    return this.#http ? this.#http.answer.timeOut() : { code: "L4OK", text: "" };
  }

  abandon(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#watch !== undefined) this.#poller.forget(this.#watch);
    if (this.#fd >= 0) close(this.#fd);
  }

  #connect(address: string, port: number): Outcome | undefined {
    if (!this.#http) {
      // The server never sees a connection that ends in a reset before it is acknowledged: no line
      // in its log for each check, and no socket of ours left in TIME_WAIT.
      setOption(this.#fd, IPPROTO_TCP, TCP_QUICKACK, 0);
      lingerReset(this.#fd);
    }
    const result = connect(this.#fd, inetAddressOf(address, port));
    return result < 0 && result !== -EINPROGRESS ? refusal(-result) : undefined;
  }

  #proceed(): void {
    const outcome = this.#connected ? this.#receive() : this.#afterConnect();
    if (outcome) this.#finish(outcome);
  }

  #afterConnect(): Outcome | undefined {
    const error = getOption(this.#fd, SOL_SOCKET, SO_ERROR);
    if (error !== 0) return refusal(Math.abs(error));
    this.#connected = true;
    if (!this.#http) return { code: "L4OK", text: "" };
    const { request } = this.#http;
    // An empty send buffer takes any request at once.
    const sent = send(this.#fd, request, request.length);
    if (sent < 0) return this.#http.answer.end(new SystemError("send", -sent).message);
    if (this.#watch !== undefined) {
      this.#poller.rewatch(this.#watch, this.#fd, EPOLLIN | EPOLLRDHUP);
    }
    return undefined;
  }

  /** Once for each event: a server that never stops sending waits its turn like all others. */
  #receive(): Outcome | undefined {
    if (!this.#http) return undefined;
    const received = recv(this.#fd, RECEIVED);
    if (received === -EAGAIN) return undefined;
    const { answer } = this.#http;
    if (received > 0) return answer.feed(RECEIVED.subarray(0, received));
    return answer.end(
      received === 0 ? "connection closed" : new SystemError("recv", -received).message,
    );
  }

  #finish(outcome: Outcome): void {
    if (this.#over) return;
    this.abandon();
    this.#done(outcome);
  }
}

interface HttpExchange {
  readonly request: Uint8Array<ArrayBuffer>;
  readonly answer: HttpAnswer;
}

function exchange(check: HttpCheck, address: string, port: number): HttpExchange {
  return { request: httpRequest(check, address, port), answer: new HttpAnswer(check) };
}

function refusal(errno: number): Outcome {
  return connectFailure(errorName(errno), new SystemError("connect", errno).message);
}

/** What one call receives; the answer copies what it keeps. */
const RECEIVED = new Uint8Array(4096);
