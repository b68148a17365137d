/**
 * A terminal in memory whose clock moves only by sleeping.
 */

import type { Terminal } from "../../../src/cli/terminal.ts";

/** What was written, and an environment to read. */
export class FakeTerminal implements Terminal {
  stdout = "";
  stderr = "";
  colours = false;
  live = false;
  /** Called at every sleep, when time has moved. */
  onSleep: () => void = () => {};
  readonly #env: Readonly<Record<string, string>>;
  #now = 1_000;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
  }

  out(text: string) {
    this.stdout += text;
  }

  err(text: string) {
    this.stderr += text;
  }

  env(name: string) {
    return this.#env[name];
  }

  now() {
    return this.#now;
  }

  sleep(durationMs: number) {
    this.#now += durationMs;
    this.onSleep();
    return Promise.resolve();
  }
}
