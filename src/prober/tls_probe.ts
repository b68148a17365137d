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
  type Answer,
  connectFailure,
  FailedProbe,
  isSuccess,
  type Outcome,
  preamble,
  type Probe,
  target,
} from "./probe.ts";

/** An `https` check's request; without `http`, that of a `tls` check. */
export interface TlsRequest {
  readonly http?: HttpCheck;
  readonly tls: TlsCheck;
}

/**
 * What TLS checks share: authorities are read once, and unverified servers resume their sessions.
 */
export class TlsProbes {
  /** By what makes one: authorities and client certificate. */
  readonly #contexts = new Map<string, SecureContext>();
  /** An entry that a new plan leaves as it is stays the same object, and has its session. */
  readonly #sessions = new WeakMap<CheckedServer, Session>();

  /** Starts a check of the type `https` or `tls`. */
  start(
    server: CheckedServer,
    request: TlsRequest,
    done: (outcome: Outcome) => void,
  ): Probe {
    const { address, port } = target(server);
    const { serverName, verify } = request.tls;
    const secureContext = this.#context(request.tls);
    if (!secureContext) return new FailedProbe(NO_AUTHORITIES, done);
    const session = this.#sessions.get(server);
    const header = preamble(server);
    const plain = header.length > 0 ? connectPlain({ host: address, port }) : undefined;
    plain?.write(header);
    const socket = connect({
      ...(plain ? { socket: plain } : { host: address, port }),
      secureContext,
      rejectUnauthorized: verify !== "none",
      ...(serverName !== null && { servername: serverName }),
      ...(session && { session }),
    });
    // A resumed session shows no certificate: one that has run out would go unnoticed, and Deno
    // calls even a session authorized that nobody has verified. Who verifies never resumes.
    const resumes = verify === "none";
    if (resumes) socket.on("session", (next) => this.#sessions.set(server, next));
    const exchange = request.http && {
      request: httpRequest(request.http, address, port),
      answer: new HttpAnswer(request.http),
    };
    return new TlsProbe(socket, exchange, resumes, (outcome) => {
      if (!isSuccess(outcome)) this.#sessions.delete(server);
      done(outcome);
    });
  }

  /** Keeps what checks of these servers need, and nothing else. */
  keep(servers: readonly CheckedServer[]): void {
    const needed = new Set(
      servers.map(({ check: { request } }) => "tls" in request ? keyOf(request.tls) : undefined),
    );
    for (const key of this.#contexts.keys()) {
      if (!needed.has(key)) this.#contexts.delete(key);
    }
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

class TlsProbe implements Probe {
  readonly #socket: TLSSocket;
  readonly #exchange: Exchange | undefined;
  readonly #resumes: boolean;
  readonly #done: (outcome: Outcome) => void;
  #stage: "connect" | "handshake" | "answer" = "connect";
  #over = false;

  constructor(
    socket: TLSSocket,
    exchange: Exchange | undefined,
    resumes: boolean,
    done: (outcome: Outcome) => void,
  ) {
    this.#socket = socket;
    this.#exchange = exchange;
    this.#resumes = resumes;
    this.#done = done;
    socket.on("connect", () => this.#stage = "handshake");
    socket.on("secureConnect", () => this.#secured());
    socket.on("data", (piece: Uint8Array) => this.#finish(this.#exchange?.answer.feed(piece)));
    socket.on("end", () => this.#ended());
    socket.on("error", (error: NodeJS.ErrnoException) => this.#finish(this.#failure(error)));
    socket.on("close", () => this.#ended());
  }

  timeOut(): Outcome {
    this.abandon();
    switch (this.#stage) {
      case "connect":
        return { code: "L4TOUT", text: "no connection in time" };
      case "handshake":
        return { code: "L6TOUT", text: "TLS handshake not complete in time" };
      case "answer":
        return this.#exchange?.answer.timeOut() ?? SECURED;
    }
  }

  abandon(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #secured(): void {
    this.#stage = "answer";
    if (this.#exchange) return void this.#socket.write(this.#exchange.request);
    if (!this.#resumes) return this.#finish(SECURED);
    // The server's tickets, which make the next handshake cheap, are still on their way.
    this.#over = true;
    this.#socket.end();
    this.#socket.setTimeout(TICKETS_MS, () => this.#socket.destroy());
    this.#done(SECURED);
  }

  /** Before the handshake is complete, an error follows that says more. */
  #ended(): void {
    if (this.#stage === "answer") this.#finish(this.#exchange?.answer.end("connection closed"));
  }

  #failure({ code, message }: NodeJS.ErrnoException): Outcome {
    switch (this.#stage) {
      case "connect":
        return connectFailure(code ?? "", message);
      case "handshake":
        return { code: "L6RSP", text: message };
      case "answer":
        return this.#exchange?.answer.end(message) ?? SECURED;
    }
  }

  #finish(outcome: Outcome | undefined): void {
    if (!outcome || this.#over) return;
    this.abandon();
    this.#done(outcome);
  }
}

interface Exchange {
  readonly request: Uint8Array;
  readonly answer: Answer;
}

type Session = NonNullable<ConnectionOptions["session"]>;

const SECURED: Outcome = { code: "L6OK", text: "" };

/** How long a server may take to send its tickets. */
const TICKETS_MS = 1_000;

const NO_AUTHORITIES: Outcome = {
  code: "SOCKERR",
  text: "this host has no certificate authorities: install ca-certificates, set SSL_CERT_FILE, " +
    "or name a file with ca",
};
