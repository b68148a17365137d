/**
 * What a probe is to the prober: something that is started, and ends once. Probes keep no time.
 */

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
  return code === "L4OK" || code === "L6OK" || code === "L7OK";
}

/** Whom a check talks to: not always the address that clients are sent to. */
export function target({ address, port, check }: CheckedServer): { address: string; port: number } {
  return { address: check.address ?? address, port: check.port ?? port };
}

/** A connection that did not come about: by the server's doing, or for want of something here. */
export function connectFailure(error: string, text: string): Outcome {
  return { code: OUR_OWN.has(error) ? "SOCKERR" : "L4CON", text };
}

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
