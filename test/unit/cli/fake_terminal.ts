/**
 * A terminal in memory whose clock moves only by pausing.
 */

import type { Screen, Terminal } from "../../../src/cli/terminal.ts";

/** What was written, and an environment to read. */
export class FakeTerminal implements Terminal {
  stdout = "";
  stderr = "";
  colours = false;
  live = false;
  size: Screen | undefined;
  /** Called at every pause, when time has moved. */
  onPause: () => void = () => {};
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

  screen() {
    return this.size;
  }

  env(name: string) {
    return this.#env[name];
  }

  now() {
    return this.#now;
  }

  pause(durationMs: number) {
    this.#now += durationMs;
    this.onPause();
    return Promise.resolve();
  }
}
