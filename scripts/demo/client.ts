/**
 * The demo's client: probes in the client's namespace, and what they saw in each phase.
 */

import type { Host } from "../lab/host.ts";
import type { ProbeWindow } from "../lab/probe.ts";
import type { Process } from "../lab/process.ts";
import { eventually } from "../lab/wait.ts";
import { type Answers, Windows } from "../lab/windows.ts";
import { PORT, VIP } from "./rig.ts";

/** What the client saw since an instant. */
export interface Traffic extends Omit<Answers, "gapMs"> {
  readonly seconds: number;
  readonly longestGapMs: number;
}

/** A probe that asks the VIP all the time. */
export class Client {
  readonly #host: Host;
  readonly #arguments: readonly string[];
  readonly #windows = new Windows();
  #probe: Process | undefined;

  constructor(host: Host, mode: "request" | "keepalive", everyMs: number) {
    this.#host = host;
    this.#arguments = [
      ...[`${VIP}:${PORT}`, "--mode", mode],
      ...["--every", String(everyMs), "--timeout", String(TIMEOUT_MS)],
    ];
  }

  /** Begins to ask, and waits until an answer came. */
  async start(): Promise<void> {
    const probe = this.#host.script(PROBE_SCRIPT, this.#arguments, {
      onLine: (line) => this.#windows.add(line),
    });
    this.#probe = probe;
    await eventually("the client is answered", () => {
      if (probe.ended) throw new Error(`the probe ${probe.ending}: ${probe.output}`);
      return this.#windows.areAnswered;
    }, { deadlineMs: 20_000 });
  }

  /** The newest window. */
  get latest(): ProbeWindow | undefined {
    return this.#windows.latest;
  }

  /** What was seen since `instant`: CLOCK_MONOTONIC, in milliseconds. */
  traffic(instant: number): Traffic {
    const { gapMs: longestGapMs, ...answers } = this.#windows.since(instant);
    const seconds = Math.max(0, (this.latest?.at ?? instant) - instant) / 1_000;
    return { ...answers, longestGapMs, seconds };
  }

  /** Whether `server` has answered an attempt that was begun after `instant`. */
  reachedSince(server: string, instant: number): boolean {
    return this.#windows.reachedSince(server, instant);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#probe?.stop("SIGKILL");
  }
}

/** Opens connections until one has landed on `server`, and returns that one. */
export async function clientOf(host: Host, server: string): Promise<Client> {
  for (let attempt = 0; attempt < LANDING_ATTEMPTS; attempt++) {
    const client = new Client(host, "keepalive", 20);
    await client.start();
    if (client.reachedSince(server, 0)) return client;
    await client.stop();
  }
  throw new Error(`no connection in ${LANDING_ATTEMPTS} has landed on ${server}`);
}

/** An attempt that is not answered by then counts as failed. */
const TIMEOUT_MS = 2_000;
const PROBE_SCRIPT = new URL("../lab/probe.ts", import.meta.url).pathname;
const LANDING_ATTEMPTS = 30;
