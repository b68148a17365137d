/**
 * What a probe is to the prober: something that is started, and ends once. Probes keep no time.
 */

import { Endpoints, MAX_WRITTEN_BYTES, writeProxyHeader } from "../core/wire/proxy_protocol.ts";
import type { CheckCode, CheckedServer } from "./orders.ts";

/** How a probe ended. */
export interface Outcome {
  readonly code: CheckCode;
  /** The status of an HTTP answer. */
  readonly status?: number;
  /** The cause in words, or what the server said; empty after a plain success. */
  readonly text: string;
}

/** One check under way. After either of these calls it says nothing more. */
export interface Probe {
  /** Ends it because its time is up, and says how far it came. */
  timeOut(): Outcome;
  /** Ends it because nobody wants to know any more. */
  abandon(): void;
}

/** What arrives on a connection, and what it means. Knows neither sockets nor time. */
export interface Answer {
  /**
   * Takes the next bytes, or the next datagram.
   *
   * @returns the outcome, once there is one; nothing is to be fed after it.
   */
  feed(piece: Uint8Array): Outcome | undefined;
  /** Nothing more will come. */
  end(reason: string): Outcome;
  /** Nothing more is waited for. */
  timeOut(): Outcome;
}

/** Starts to check a server. `done` is called at most once, and never before this returns. */
export type StartProbe = (server: CheckedServer, done: (outcome: Outcome) => void) => Probe;

/** A check that could not even begin. */
export class FailedProbe implements Probe {
  readonly #outcome: Outcome;
  #over = false;

  constructor(outcome: Outcome, done: (outcome: Outcome) => void) {
    this.#outcome = outcome;
    queueMicrotask(() => {
      if (!this.#over) done(outcome);
    });
  }

  timeOut(): Outcome {
    this.#over = true;
    return this.#outcome;
  }

  abandon(): void {
    this.#over = true;
  }
}

/** Whether an outcome speaks for the server. */
export function isSuccess({ code }: Outcome): boolean {
  return SUCCESSES.has(code);
}

/** Whom a check talks to: not always the address that clients are sent to. */
export function target({ address, port, check }: CheckedServer): { address: string; port: number } {
  return { address: check.address ?? address, port: check.port ?? port };
}

/**
 * The PROXY header that a check's connection begins with: it says that nobody is behind it. Nothing
 * for servers that are sent none.
 */
export function preamble({ proxyProtocol }: CheckedServer): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(MAX_WRITTEN_BYTES);
  if (proxyProtocol === null) return header.subarray(0, 0);
  const version = proxyProtocol === "v1" ? 1 : 2;
  return header.subarray(0, writeProxyHeader(version, new Endpoints(), header));
}

/** A connection that did not come about: by the server's doing, or for want of something here. */
export function connectFailure(error: string, text: string): Outcome {
  return { code: OUR_OWN.has(error) ? "SOCKERR" : "L4CON", text };
}

const SUCCESSES: ReadonlySet<CheckCode> = new Set(["L4OK", "L6OK", "L7OK", "PROCOK"]);

/** No descriptor, no memory, no local port or address. */
const OUR_OWN = new Set([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EAGAIN",
  "EADDRINUSE",
  "EADDRNOTAVAIL",
]);
