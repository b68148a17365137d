/**
 * What a probe has reported so far, and what that adds up to. Starts no probe.
 */

import type { ProbeWindow } from "./probe.ts";

/** What was answered in some time. */
export interface Answers {
  readonly answered: number;
  readonly failed: number;
  /** The longest time without an answer. */
  readonly gapMs: number;
  /** Answers by server. */
  readonly servers: Readonly<Record<string, number>>;
  /** Failures by reason. */
  readonly failures: Readonly<Record<string, number>>;
}

/** The windows of one probe, oldest first; no more than ten minutes of them. */
export class Windows {
  readonly #windows: ProbeWindow[] = [];

  /** Takes a line that the probe has printed. */
  add(line: string): void {
    this.#windows.push(JSON.parse(line));
    if (this.#windows.length > KEPT) this.#windows.shift();
  }

  /** The newest one. */
  get latest(): ProbeWindow | undefined {
    return this.#windows.at(-1);
  }

  /** Whether the probe has ever been answered. */
  get areAnswered(): boolean {
    return this.#windows.some(({ answered }) => answered > 0);
  }

  /** What was answered since an instant: CLOCK_MONOTONIC, in milliseconds. */
  since(instant: number): Answers {
    const windows = this.#windows.filter(({ at }) => at > instant);
    const servers: Record<string, number> = {};
    const failures: Record<string, number> = {};
    for (const window of windows) {
      for (const [name, { answered }] of Object.entries(window.servers)) {
        servers[name] = (servers[name] ?? 0) + answered;
      }
      for (const [reason, count] of Object.entries(window.failures)) {
        failures[reason] = (failures[reason] ?? 0) + count;
      }
    }
    return {
      answered: windows.reduce((sum, { answered }) => sum + answered, 0),
      failed: windows.reduce((sum, { failed }) => sum + failed, 0),
      gapMs: Math.max(0, ...windows.map(({ gapMs }) => gapMs)),
      servers,
      failures,
    };
  }

  /** Whether a server has answered an attempt that was begun after an instant. */
  reachedSince(server: string, instant: number): boolean {
    return this.#windows.some(({ servers }) => (servers[server]?.lastStartedAt ?? 0) > instant);
  }
}

const KEPT = 6_000;
