/**
 * A client that never stops asking, and measures how long it was left without an answer.
 *
 *     deno run -A scripts/lab/probe.ts ADDRESS:PORT [--mode connect|request|keepalive]
 *       [--every MS] [--timeout MS] [--for MS] [--path /]
 *
 * `connect` opens a connection every so often and closes it again; `request` (the default) also
 * sends an HTTP request and reads the answer; `keepalive` sends its requests over one connection.
 * It does not wait for one answer before it asks again (`keepalive` must), so an outage does not
 * slow it down. Ten times a second it prints a {@linkcode ProbeWindow} as a line of JSON.
 */

import { parseArgs } from "node:util";
import { parseEndpoint } from "../../src/core/net/prefix.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { print } from "./print.ts";
import { type Outcome, Prober } from "./prober.ts";

/** What happened since the last line. Instants are CLOCK_MONOTONIC, in milliseconds. */
export interface ProbeWindow {
  readonly at: number;
  readonly answered: number;
  readonly failed: number;
  /**
   * The longest time without an answer that ended in this window or lasts still; 0 before the first
   * answer.
   */
  readonly gapMs: number;
  /** The slowest answer. */
  readonly slowestMs: number;
  readonly servers: Readonly<Record<string, ServerShare>>;
  /** How many failed of what. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What one server answered. */
export interface ServerShare {
  readonly answered: number;
  /** When the client began the latest attempt that this server answered. */
  readonly lastStartedAt: number;
}

function main(): void {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      mode: { type: "string", default: "request" },
      every: { type: "string", default: "2" },
      timeout: { type: "string", default: "500" },
      for: { type: "string", default: "Infinity" },
      path: { type: "string", default: "/" },
    },
  });
  const endpoint = parseEndpoint(positionals[0] ?? "");
  const { mode } = values;
  if (endpoint?.port === undefined) throw new Error("usage: probe.ts ADDRESS:PORT");
  if (mode !== "connect" && mode !== "request" && mode !== "keepalive") {
    throw new Error(`unknown mode ${mode}`);
  }
  const tally = new Tally();
  const { address, port } = endpoint;
  const timeoutMs = Number(values.timeout);
  const prober = new Prober({ address, port, mode, timeoutMs, path: values.path }, (outcome) => {
    tally.count(outcome);
  });
  run(prober, tally, Number(values.every), Number(values.for));
}

/** The loop: it blocks in epoll_wait, so it ends by `--for` or by a signal. */
function run(prober: Prober, tally: Tally, everyMs: number, forMs: number): void {
  const endAt = monotonicMs() + forMs;
  let nextAt = monotonicMs();
  let reportAt = nextAt + REPORT_MS;
  for (let now = nextAt; now < endAt; now = monotonicMs()) {
    if (now >= nextAt) {
      prober.start(now);
      // After a stall it goes on from now: a burst of late attempts would measure itself.
      nextAt = Math.max(nextAt + everyMs, now);
    }
    prober.expire(now);
    if (now >= reportAt) {
      print(JSON.stringify(tally.take(now)));
      reportAt = now + REPORT_MS;
    }
    prober.wait(Math.ceil(Math.max(0, nextAt - monotonicMs())));
  }
  print(JSON.stringify(tally.take(monotonicMs())));
}

/** Counts outcomes between two reports. */
class Tally {
  #answered = 0;
  #failed = 0;
  #gapMs = 0;
  #slowestMs = 0;
  #lastAnswerAt: number | undefined;
  #servers: Record<string, { answered: number; lastStartedAt: number }> = {};
  #failures: Record<string, number> = {};

  count({ startedAt, endedAt, server, failure }: Outcome): void {
    if (failure !== undefined) {
      this.#failed++;
      this.#failures[failure] = (this.#failures[failure] ?? 0) + 1;
      return;
    }
    this.#answered++;
    this.#slowestMs = Math.max(this.#slowestMs, endedAt - startedAt);
    if (this.#lastAnswerAt !== undefined) {
      this.#gapMs = Math.max(this.#gapMs, endedAt - this.#lastAnswerAt);
    }
    this.#lastAnswerAt = endedAt;
    const share = this.#servers[server] ??= { answered: 0, lastStartedAt: 0 };
    share.answered++;
    share.lastStartedAt = Math.max(share.lastStartedAt, startedAt);
  }

  take(now: number): ProbeWindow {
    const open = this.#lastAnswerAt === undefined ? 0 : now - this.#lastAnswerAt;
    const window = {
      at: now,
      answered: this.#answered,
      failed: this.#failed,
      gapMs: Math.max(this.#gapMs, open),
      slowestMs: this.#slowestMs,
      servers: this.#servers,
      failures: this.#failures,
    };
    this.#answered =
      this.#failed =
      this.#gapMs =
      this.#slowestMs =
        0;
    this.#servers = {};
    this.#failures = {};
    return window;
  }
}

const REPORT_MS = 100;

if (import.meta.main) main();
