/**
 * What passes an interface, by tcpdump and with the kernel's time stamps.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { delay } from "../../scripts/lab/wait.ts";

/** One packet. */
export interface Seen {
  /** Milliseconds on the wall clock, as `Date.now()`. */
  readonly at: number;
  /** As tcpdump tells it: `IP 172.16.0.2 > 224.0.0.18: VRRPv3, Advertisement, vrid 51, …`. */
  readonly text: string;
}

/** A running tcpdump. */
export class Capture {
  readonly seen: Seen[] = [];
  readonly #process: Process;

  private constructor(host: Host, filter: string, more: readonly string[]) {
    const options = ["-i", "eth0", "-n", "-tt", "-l", "-Z", "root", "--immediate-mode", ...more];
    this.#process = host.spawn(["tcpdump", ...options, filter], {
      onLine: (line) => {
        const [, seconds = "", text = ""] = /^(\d+\.\d+) (.*)$/.exec(line) ?? [];
        if (text !== "") this.seen.push({ at: Number(seconds) * 1_000, text });
      },
    });
  }

  /** Starts it on the host's eth0, and waits until it listens. */
  static async start(
    host: Host,
    filter: string,
    more: readonly string[] = [],
  ): Promise<Capture> {
    const capture = new Capture(host, filter, more);
    await capture.#process.printed(/listening on/);
    return capture;
  }

  /** Ends it, once it has told everything. */
  async stop(): Promise<readonly Seen[]> {
    await delay(TELLING_MS);
    await this.#process.stop("SIGINT");
    await this.#process.status;
    return this.seen;
  }
}

const TELLING_MS = 100;
