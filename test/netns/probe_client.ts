/**
 * A client that asks every two milliseconds, and what it was answered.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { ProbeWindow } from "../../scripts/lab/probe.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";

/** What was answered in some time. */
export interface Answers {
  readonly answered: number;
  readonly failed: number;
  /** The longest time without an answer. */
  readonly gapMs: number;
  readonly servers: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
}

/** How it asks. */
export interface ProbeOptions {
  readonly mode?: "connect" | "request" | "keepalive";
  readonly everyMs?: number;
  readonly timeoutMs?: number;
}

/** A running client. */
export class ProbeClient {
  readonly #process: Process;
  readonly #windows: ProbeWindow[] = [];

  constructor(host: Host, target: string, options: ProbeOptions = {}) {
    const { mode = "request", everyMs = 2, timeoutMs = 300 } = options;
    const limits = ["--every", String(everyMs), "--timeout", String(timeoutMs)];
    this.#process = host.script(SCRIPT, [target, "--mode", mode, ...limits], {
      onLine: (line) => this.#windows.push(JSON.parse(line)),
    });
  }

  /** Waits until answers come. */
  async answered(): Promise<void> {
    await eventually("the client is answered", () => {
      if (this.#process.ended) throw new Error(`the client has ended: ${this.#process.output}`);
      return this.#windows.some(({ answered }) => answered > 0);
    }, { deadlineMs: 20_000 });
  }

  /** What was answered from an instant until now; waits for the report on now. */
  async since(instant: number): Promise<Answers> {
    const now = monotonicMs();
    await eventually("the client reports", () => (this.#windows.at(-1)?.at ?? 0) > now);
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

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#process.stop("SIGKILL");
  }
}

const SCRIPT = new URL("../../scripts/lab/probe.ts", import.meta.url).pathname;
