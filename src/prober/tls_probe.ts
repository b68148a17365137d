/**
 * Checks over TLS: whether a handshake comes about, with a certificate that holds where one is
 * asked for, and what an HTTP server answers inside.
 */

import { connect as connectPlain } from "node:net";
import {
  connect,
  type ConnectionOptions,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { HttpCheck, TlsCheck } from "../core/plan/plan.ts";
import { HttpAnswer } from "./http_answer.ts";
import { httpRequest } from "./http_request.ts";
import type { CheckedServer } from "./orders.ts";
import {
  connectFailure,
  FailedProbe,
  isSuccess,
  type Outcome,
  preamble,
  type Probe,
  target,
} from "./probe.ts";
import { type ConnectionUser, OLD_MS, TlsConnection } from "./tls_connection.ts";

/** An `https` check's request; without `http`, that of a `tls` check. */
export interface TlsRequest {
  readonly http?: HttpCheck;
  readonly tls: TlsCheck;
}

/**
 * What TLS checks share: authorities are read once, a connection may serve several `https` checks,
 * and unverified servers resume their sessions.
 */
export class TlsProbes {
  /** By what makes one: authorities and client certificate. */
  readonly #contexts = new Map<string, SecureContext>();
  /** An entry that a new plan leaves as it is stays the same object, and has its session. */
  readonly #sessions = new WeakMap<CheckedServer, Session>();
  /** Those that wait for the next check. */
  readonly #connections = new WeakMap<CheckedServer, TlsConnection>();

  /** Starts a check of the type `https` or `tls`. */
  start(
    server: CheckedServer,
    { http, tls }: TlsRequest,
    done: (outcome: Outcome) => void,
  ): Probe {
    const { address, port } = target(server);
    const secureContext = this.#context(tls);
    if (!secureContext) return new FailedProbe(NO_AUTHORITIES, done);
    // A resumed session shows no certificate: one that has run out would go unnoticed, and Deno
    // calls even a session authorized that nobody has verified. Who verifies never resumes.
    const resumes = tls.verify === "none";
    const open = () => {
      const socket = this.#connect(server, tls, secureContext);
      if (resumes) socket.on("session", (next) => this.#sessions.set(server, next));
      return new TlsConnection(socket);
    };
    const mayRest = server.check.intervalMs < OLD_MS;
    const exchange = http && {
      request: httpRequest(http, address, port, mayRest ? "keep-alive" : "close"),
      answer: new HttpAnswer(http),
    };
    const kept = this.#connections.get(server);
    this.#connections.delete(server);
    return new TlsProbe({ open, kept, exchange, resumes }, (outcome, connection) => {
      if (mayRest && connection?.rest()) this.#connections.set(server, connection);
      else connection?.close();
      if (!isSuccess(outcome)) this.#sessions.delete(server);
      done(outcome);
    });
  }

  /** Closes what a server's check has left for the next. */
  forget(server: CheckedServer): void {
    this.#connections.get(server)?.close();
    this.#connections.delete(server);
  }

  /** Keeps the authorities and client certificates of these servers' checks, and no others. */
  keep(servers: readonly CheckedServer[]): void {
    const needed = new Set(
      servers.map(({ check: { request } }) => "tls" in request ? keyOf(request.tls) : undefined),
    );
    for (const key of this.#contexts.keys()) {
      if (!needed.has(key)) this.#contexts.delete(key);
    }
  }

  #connect(
    server: CheckedServer,
    { serverName, verify }: TlsCheck,
    secureContext: SecureContext,
  ): TLSSocket {
    const { address, port } = target(server);
    const session = this.#sessions.get(server);
    const header = preamble(server);
    const plain = header.length > 0 ? connectPlain({ host: address, port }) : undefined;
    plain?.write(header);
    return connect({
      ...(plain ? { socket: plain } : { host: address, port }),
      secureContext,
      rejectUnauthorized: verify !== "none",
      ...(serverName !== null && { servername: serverName }),
      ...(session && { session }),
    });
  }

  #context(check: TlsCheck): SecureContext | undefined {
    const { verify, client } = check;
    const authorities = authoritiesOf(check);
    const key = keyOf(check);
    let context = this.#contexts.get(key);
    if (!context) {
      const ca = verify === "system" ? getCACertificates("system") : authorities;
      if (ca.length === 0) return undefined;
      context = createSecureContext({
        ...(verify !== "none" && { ca }),
        ...(client && { cert: client.certificate, key: client.key }),
      });
      this.#contexts.set(key, context);
    }
    return context;
  }
}

function authoritiesOf({ verify }: TlsCheck): string {
  return typeof verify === "string" ? verify : verify.ca;
}

function keyOf(check: TlsCheck): string {
  const { client } = check;
  const authorities = authoritiesOf(check);
  return client ? `${client.certificate}${client.key}${authorities}` : authorities;
}

class TlsProbe implements Probe, ConnectionUser {
  readonly #means: Means;
  readonly #done: Done;
  #connection: TlsConnection;
  #stage: "connect" | "handshake" | "answer" = "connect";
  /** Whether an earlier check has left the connection, and nothing has come on it since. */
  #isLeftOver = false;
  #over = false;

  constructor(means: Means, done: Done) {
    this.#means = means;
    this.#done = done;
    const { kept } = means;
    if (kept?.isOpen) {
      this.#connection = kept;
      kept.use(this);
      this.#isLeftOver = true;
      this.secured();
    } else {
      this.#connection = means.open();
      this.#connection.use(this);
    }
  }

  timeOut(): Outcome {
    this.abandon();
    switch (this.#stage) {
      case "connect":
        return { code: "L4TOUT", text: "no connection in time" };
      case "handshake":
        return { code: "L6TOUT", text: "TLS handshake not complete in time" };
      case "answer":
        return this.#means.exchange?.answer.timeOut() ?? SECURED;
    }
  }

  abandon(): void {
    this.#over = true;
    this.#connection.close();
  }

  connected(): void {
    this.#stage = "handshake";
  }

  secured(): void {
    this.#stage = "answer";
    const { exchange, resumes } = this.#means;
    if (exchange) return this.#connection.write(exchange.request);
    if (!resumes) return this.#finish(SECURED);
    this.#over = true;
    this.#connection.leave();
    this.#done(SECURED);
  }

  hear(piece: Uint8Array): void {
    this.#isLeftOver = false;
    this.#finish(this.#means.exchange?.answer.feed(piece));
  }

  /** Before the handshake is complete, an error follows that says more. */
  ended(): void {
    if (this.#stage === "answer") this.#broken("connection closed");
  }

  failed({ code, message }: NodeJS.ErrnoException): void {
    switch (this.#stage) {
      case "connect":
        return this.#finish(connectFailure(code ?? "", message));
      case "handshake":
        return this.#finish({ code: "L6RSP", text: message });
      case "answer":
        return this.#broken(message);
    }
  }

  #broken(reason: string): void {
    if (!this.#isLeftOver) return this.#finish(this.#means.exchange?.answer.end(reason) ?? SECURED);
    // The server may close a connection between two checks as it likes.
    this.#isLeftOver = false;
    this.#stage = "connect";
    this.#connection.close();
    this.#connection = this.#means.open();
    this.#connection.use(this);
  }

  #finish(outcome: Outcome | undefined): void {
    if (!outcome || this.#over) return;
    this.#over = true;
    if (this.#means.exchange?.answer.isReusable) return this.#done(outcome, this.#connection);
    this.#connection.close();
    this.#done(outcome);
  }
}

interface Means {
  readonly open: () => TlsConnection;
  /** What the check before has left. */
  readonly kept: TlsConnection | undefined;
  readonly exchange: Exchange | undefined;
  readonly resumes: boolean;
}

/** `connection`: another check may use it. */
type Done = (outcome: Outcome, connection?: TlsConnection) => void;

interface Exchange {
  readonly request: Uint8Array;
  readonly answer: HttpAnswer;
}

type Session = NonNullable<ConnectionOptions["session"]>;

const SECURED: Outcome = { code: "L6OK", text: "" };

const NO_AUTHORITIES: Outcome = {
  code: "SOCKERR",
  text: "this host has no certificate authorities: install ca-certificates, set SSL_CERT_FILE, " +
    "or name a file with ca",
};
