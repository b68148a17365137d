/**
 * The signals that end the appliance: the first one in the planned way, a second one at once.
 */

import type { Log } from "./log.ts";

/** Listens from its making until it is closed. */
export class StopSignals {
  /** Settles at the first SIGTERM or SIGINT. */
  readonly first: Promise<void>;
  /** Settles at the second. */
  readonly second: Promise<void>;
  readonly #onStop: () => void;
  readonly #onReload: () => void;

  constructor(log: Log) {
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    let count = 0;
    this.first = first.promise;
    this.second = second.promise;
    this.#onStop = () => (++count === 1 ? first : second).resolve();
    this.#onReload = () =>
      log.write("warn", "SIGHUP: reload is not supported yet; nothing changed");
    for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, this.#onStop);
    Deno.addSignalListener("SIGHUP", this.#onReload);
  }

  close(): void {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, this.#onStop);
    Deno.removeSignalListener("SIGHUP", this.#onReload);
  }
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
