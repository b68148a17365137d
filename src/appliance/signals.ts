/**
 * The signals: the first SIGTERM or SIGINT ends the appliance in the planned way, a second one at
 * once; SIGHUP has it read its file again. What that means is for others to say.
 */

/** Listens from its making until it is closed. */
export class Signals {
  /** Settles at the first SIGTERM or SIGINT. */
  readonly first: Promise<void>;
  /** Settles at the second. */
  readonly second: Promise<void>;
  readonly #onStop: () => void;
  readonly #onHangUp: () => void;
  #isHungUp = false;
  #reload: (() => void) | undefined;

  constructor() {
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    let count = 0;
    this.first = first.promise;
    this.second = second.promise;
    this.#onStop = () => (++count === 1 ? first : second).resolve();
    this.#onHangUp = () => this.#reload ? this.#reload() : this.#isHungUp = true;
    for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, this.#onStop);
    Deno.addSignalListener("SIGHUP", this.#onHangUp);
  }

  /** Who is told of each SIGHUP from now on, and of those that came before. */
  set onReload(reload: () => void) {
    this.#reload = reload;
    if (this.#isHungUp) reload();
    this.#isHungUp = false;
  }

  close(): void {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, this.#onStop);
    Deno.removeSignalListener("SIGHUP", this.#onHangUp);
  }
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
