/**
 * Checks over plain sockets: whether a connection comes about, and what a server answers on it.
 * What is said and what it means is the exchange's.
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
  SOCK_DGRAM,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
  TCP_QUICKACK,
} from "../linux/socket.ts";
import type { CheckRequest } from "../core/plan/plan.ts";
import { dnsQuery } from "../core/wire/dns.ts";
import { AgentAnswer } from "./agent_answer.ts";
import { DnsAnswer, DnsStreamAnswer } from "./dns_answer.ts";
import { ExpectAnswer } from "./expect_answer.ts";
import { HttpAnswer } from "./http_answer.ts";
import { httpRequest } from "./http_request.ts";
import type { AskedAgent, CheckedServer } from "./orders.ts";
import type { Poller, Watch } from "./poller.ts";
import {
  type Answer,
  connectFailure,
  type Outcome,
  preamble,
  type Probe,
  target,
} from "./probe.ts";

/** Starts checks of the types `tcp`, `http` and `dns`. */
export function startSocketProbe(
  poller: Poller,
  server: CheckedServer,
  done: (outcome: Outcome) => void,
): Probe {
  const { address, port } = target(server);
  const exchange = afterPreamble(server, exchangeOf(server.check.request, address, port));
  return new SocketProbe(poller, { address, port }, exchange, done);
}

/** Starts to ask an agent for its line. */
export function askAgent(
  poller: Poller,
  { address, port, send }: AskedAgent,
  done: (outcome: Outcome) => void,
): Probe {
  const request = send === null ? {} : { request: new TextEncoder().encode(send) };
  const exchange = { ...request, answer: new AgentAnswer() };
  return new SocketProbe(poller, { address, port }, exchange, done);
}

class SocketProbe implements Probe {
  readonly #poller: Poller;
  readonly #done: (outcome: Outcome) => void;
  readonly #exchange: Exchange;
  readonly #fd: Fd;
  readonly #watch: Watch | undefined;
  #connected = false;
  #over = false;

  constructor(
    poller: Poller,
    { address, port }: { readonly address: string; readonly port: number },
    exchange: Exchange,
    done: (outcome: Outcome) => void,
  ) {
    this.#poller = poller;
    this.#done = done;
    this.#exchange = exchange;
    const family = address.includes(":") ? AF_INET6 : AF_INET;
    this.#fd = socket(family, this.#exchange.datagrams ? SOCK_DGRAM : SOCK_STREAM, 0);
    const failure = this.#fd < 0
      ? connectFailure("EMFILE", new SystemError("socket", -this.#fd).message)
      : this.#connect(address, port);
    if (failure) queueMicrotask(() => this.#finish(failure));
    else this.#watch = poller.watch(this.#fd, EPOLLOUT, () => this.#proceed());
  }

  timeOut(): Outcome {
    this.abandon();
    if (!this.#connected) return { code: "L4TOUT", text: "no connection in time" };
    return this.#exchange.answer?.timeOut() ?? CONNECTED;
  }

  abandon(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#watch !== undefined) this.#poller.forget(this.#watch);
    if (this.#fd >= 0) close(this.#fd);
  }

  #connect(address: string, port: number): Outcome | undefined {
    const { request, answer } = this.#exchange;
    if (!request && !answer) {
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
    const { request, answer } = this.#exchange;
    if (request) {
      // An empty send buffer takes any request at once.
      const sent = send(this.#fd, request, request.length);
      if (sent < 0) return this.#broken("send", -sent);
    }
    if (!answer) return CONNECTED;
    if (this.#watch !== undefined) {
      this.#poller.rewatch(this.#watch, this.#fd, EPOLLIN | EPOLLRDHUP);
    }
    return undefined;
  }

  /** Once for each event: a server that never stops sending waits its turn like all others. */
  #receive(): Outcome | undefined {
    const { answer, datagrams } = this.#exchange;
    if (!answer) return undefined;
    const received = recv(this.#fd, RECEIVED);
    if (received === -EAGAIN) return undefined;
    if (received < 0) return this.#broken("recv", -received);
    // A datagram may be empty without being the last.
    if (received === 0 && !datagrams) return answer.end("connection closed");
    return answer.feed(RECEIVED.subarray(0, received));
  }

  #broken(call: string, errno: number): Outcome {
    const { answer, datagrams } = this.#exchange;
    const { message } = new SystemError(call, errno);
    // Over UDP a refusal of the server's host comes as an error of a later call.
    if (datagrams || !answer) return connectFailure(errorName(errno), message);
    return answer.end(message);
  }

  #finish(outcome: Outcome): void {
    if (this.#over) return;
    this.abandon();
    this.#done(outcome);
  }
}

/** What is said on a connection; neither means that the connection is all. */
interface Exchange {
  readonly request?: Uint8Array<ArrayBuffer>;
  readonly answer?: Answer;
  readonly datagrams?: boolean;
}

function exchangeOf(check: CheckRequest, address: string, port: number): Exchange {
  switch (check.type) {
    case "tcp":
      return {
        ...(check.send !== undefined && { request: new TextEncoder().encode(check.send) }),
        ...(check.expect !== undefined && { answer: new ExpectAnswer(check.expect) }),
      };
    case "http":
      return {
        request: httpRequest(check.http, address, port, "close"),
        answer: new HttpAnswer(check.http),
      };
    case "dns": {
      const id = crypto.getRandomValues(new Uint16Array(1))[0]!;
      const query = dnsQuery(id, check.query, check.recordType);
      if (check.transport === "udp") {
        return { request: query, answer: new DnsAnswer(check, query), datagrams: true };
      }
      const request = new Uint8Array(2 + query.length);
      new DataView(request.buffer).setUint16(0, query.length);
      request.set(query, 2);
      return { request, answer: new DnsStreamAnswer(check, query) };
    }
    default:
      throw new Error(`a check of the type ${check.type} needs more than a socket`);
  }
}

/** What a connection begins with goes before what is asked on it. */
function afterPreamble(server: CheckedServer, exchange: Exchange): Exchange {
  const header = preamble(server);
  const { request = new Uint8Array(0), datagrams } = exchange;
  if (header.length === 0 || datagrams) return exchange;
  const whole = new Uint8Array(header.length + request.length);
  whole.set(header);
  whole.set(request, header.length);
  return { ...exchange, request: whole };
}

function refusal(errno: number): Outcome {
  return connectFailure(errorName(errno), new SystemError("connect", errno).message);
}

const CONNECTED: Outcome = { code: "L4OK", text: "" };

/** What one call receives; the answer copies what it keeps. */
const RECEIVED = new Uint8Array(4096);
