/**
 * A client that asks every two milliseconds, and what it was answered.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { type Answers, Windows } from "../../scripts/lab/windows.ts";
import { monotonicMs } from "../../src/linux/clock.ts";

/** How it asks. */
export interface ProbeOptions {
  readonly mode?: "connect" | "request" | "keepalive";
  readonly everyMs?: number;
  readonly timeoutMs?: number;
}

/** A running client. */
export class ProbeClient {
  readonly #process: Process;
  readonly #windows = new Windows();

  constructor(host: Host, target: string, options: ProbeOptions = {}) {
    const { mode = "request", everyMs = 2, timeoutMs = 300 } = options;
    const limits = ["--every", String(everyMs), "--timeout", String(timeoutMs)];
    this.#process = host.script(SCRIPT, [target, "--mode", mode, ...limits], {
      onLine: (line) => this.#windows.add(line),
    });
  }

  /** Waits until answers come. */
  async answered(): Promise<void> {
    await eventually("the client is answered", () => {
      if (this.#process.ended) throw new Error(`the client has ended: ${this.#process.output}`);
      return this.#windows.areAnswered;
    }, { deadlineMs: 20_000 });
  }

  /** What was answered from an instant until now; waits for the report on now. */
  async since(instant: number): Promise<Answers> {
    const now = monotonicMs();
    await eventually("the client reports", () => (this.#windows.latest?.at ?? 0) > now);
    return this.#windows.since(instant);
  }

  /** Whether a server has answered an attempt that was begun after an instant. */
  reachedSince(server: string, instant: number): boolean {
    return this.#windows.reachedSince(server, instant);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#process.stop("SIGKILL");
  }
}

const SCRIPT = new URL("../../scripts/lab/probe.ts", import.meta.url).pathname;
