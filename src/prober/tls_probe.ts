/**
 * Checks over TLS: whether a handshake comes about, with a certificate that holds where one is
 * asked for, and what an HTTP server answers inside.
 */

import {
  connect,
  type ConnectionOptions,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { HttpCheck, TlsCheck } from "../core/plan/plan.ts";
import type { Row } from "../memory/server_table.ts";
import { HttpAnswer } from "./http_answer.ts";
import { httpRequest } from "./http_request.ts";
import type { CheckedServer } from "./orders.ts";
import {
  connectFailure,
  FailedProbe,
  isSuccess,
  type Outcome,
  type Probe,
  target,
} from "./probe.ts";

/** An `https` check's request. */
export interface HttpsRequest {
  readonly http: HttpCheck;
  readonly tls: TlsCheck;
}

/**
 * What TLS checks share: authorities are read once, and unverified servers resume their sessions.
 */
export class TlsProbes {
  /** By `none`, `system` or PEM text of the authorities. */
  readonly #contexts = new Map<string, SecureContext>();
  readonly #sessions = new Map<Row, Session>();

  /** Starts a check of the type `https`. */
  start(
    server: CheckedServer,
    request: HttpsRequest,
    done: (outcome: Outcome) => void,
  ): Probe {
    const { address, port } = target(server);
    const { serverName, verify } = request.tls;
    const secureContext = this.#context(verify);
    if (!secureContext) return new FailedProbe(NO_AUTHORITIES, done);
    const session = this.#sessions.get(server.row);
    const socket = connect({
      host: address,
      port,
      secureContext,
      rejectUnauthorized: verify !== "none",
      ...(serverName !== null && { servername: serverName }),
      ...(session && { session }),
    });
    // A resumed session shows no certificate, so a check that verifies one never resumes.
    if (verify === "none") socket.on("session", (next) => this.#sessions.set(server.row, next));
    return new TlsProbe(
      socket,
      httpRequest(request.http, address, port),
      request.http,
      (outcome) => {
        if (!isSuccess(outcome)) this.#sessions.delete(server.row);
        done(outcome);
      },
    );
  }

  #context(verify: TlsCheck["verify"]): SecureContext | undefined {
    const key = typeof verify === "string" ? verify : verify.ca;
    let context = this.#contexts.get(key);
    if (!context) {
      const ca = verify === "system" ? getCACertificates("system") : key;
      if (ca.length === 0) return undefined;
      context = createSecureContext(verify === "none" ? {} : { ca });
      this.#contexts.set(key, context);
    }
    return context;
  }
}

class TlsProbe implements Probe {
  readonly #socket: TLSSocket;
  readonly #answer: HttpAnswer;
  readonly #done: (outcome: Outcome) => void;
  #stage: "connect" | "handshake" | "answer" = "connect";
  #over = false;

  constructor(
    socket: TLSSocket,
    request: Uint8Array,
    check: HttpCheck,
    done: (outcome: Outcome) => void,
  ) {
    this.#socket = socket;
    this.#answer = new HttpAnswer(check);
    this.#done = done;
    socket.on("connect", () => this.#stage = "handshake");
    socket.on("secureConnect", () => {
      this.#stage = "answer";
      socket.write(request);
    });
    socket.on("data", (piece: Uint8Array) => this.#finish(this.#answer.feed(piece)));
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
        return this.#answer.timeOut();
    }
  }

  abandon(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  /** Before the handshake is complete, an error follows that says more. */
  #ended(): void {
    if (this.#stage === "answer") this.#finish(this.#answer.end("connection closed"));
  }

  #failure({ code, message }: NodeJS.ErrnoException): Outcome {
    switch (this.#stage) {
      case "connect":
        return connectFailure(code ?? "", message);
      case "handshake":
        return { code: "L6RSP", text: message };
      case "answer":
        return this.#answer.end(message);
    }
  }

  #finish(outcome: Outcome | undefined): void {
    if (!outcome || this.#over) return;
    this.abandon();
    this.#done(outcome);
  }
}

type Session = NonNullable<ConnectionOptions["session"]>;

const NO_AUTHORITIES: Outcome = {
  code: "SOCKERR",
  text: "this host has no certificate authorities: install ca-certificates, set SSL_CERT_FILE, " +
    "or name a file with ca",
};
