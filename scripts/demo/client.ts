/**
 * The demo's client: probes in the client's namespace, and what they saw in each phase.
 */

import type { Host } from "../lab/host.ts";
import type { ProbeWindow } from "../lab/probe.ts";
import type { Process } from "../lab/process.ts";
import { eventually } from "../lab/wait.ts";
import { PORT, VIP } from "./rig.ts";

/** What the client saw between two instants. */
export interface Traffic {
  readonly seconds: number;
  readonly answered: number;
  readonly failed: number;
  readonly longestGapMs: number;
  readonly servers: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
}

/** A probe that asks the VIP all the time. */
export class Client {
  readonly #host: Host;
  readonly #arguments: readonly string[];
  readonly #windows: ProbeWindow[] = [];
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
      onLine: (line) => {
        this.#windows.push(JSON.parse(line));
        if (this.#windows.length > KEPT_WINDOWS) this.#windows.shift();
      },
    });
    this.#probe = probe;
    await eventually("the client is answered", () => {
      if (probe.ended) throw new Error(`the probe ${probe.ending}: ${probe.output}`);
      return this.#windows.some((window) => window.answered > 0);
    }, { deadlineMs: 20_000 });
  }

  /** The newest window. */
  get latest(): ProbeWindow | undefined {
    return this.#windows.at(-1);
  }

  /** What was seen from `from` until `until`, both CLOCK_MONOTONIC in milliseconds. */
  traffic(from: number, until = Infinity): Traffic {
    const windows = this.#windows.filter(({ at }) => at > from && at <= until);
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
      seconds: Math.max(0, (windows.at(-1)?.at ?? from) - from) / 1_000,
      answered: windows.reduce((sum, { answered }) => sum + answered, 0),
      failed: windows.reduce((sum, { failed }) => sum + failed, 0),
      longestGapMs: Math.max(0, ...windows.map(({ gapMs }) => gapMs)),
      servers,
      failures,
    };
  }

  /** Whether `server` has answered an attempt that was begun after `instant`. */
  reachedSince(server: string, instant: number): boolean {
    return this.#windows.some(({ servers }) => (servers[server]?.lastStartedAt ?? 0) > instant);
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

/** Ten minutes of windows. */
const KEPT_WINDOWS = 6_000;
const LANDING_ATTEMPTS = 30;
