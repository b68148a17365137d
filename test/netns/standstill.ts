/**
 * When the machine itself stands still: on each CPU a witness, which goes before every other
 * program, wants to be woken each millisecond and says when it was not. Whoever was on that CPU did
 * not run either: a hypervisor lends no more time until its period is over, or a kernel does not
 * let go.
 *
 * Run as a program, it is the witness of the CPUs that it may use.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { print } from "../../scripts/lab/print.ts";
import { PollSet } from "../../src/linux/poll.ts";
import { scheduleRealTime } from "../../src/linux/thread.ts";

/** What the witnesses have seen. */
export class Standstill {
  readonly #spans: Span[] = [];

  private constructor() {}

  /** Starts the witnesses and waits until they look. */
  static async start(host: Host): Promise<Standstill> {
    const standstill = new Standstill();
    const onLine = (line: string) => standstill.#note(line.split(" ").map(Number));
    const program = [Deno.execPath(), "run", "--quiet", "-A", "test/netns/standstill.ts"];
    const cpus = Array.from({ length: navigator.hardwareConcurrency }, (_, cpu) => `${cpu}`);
    await Promise.all(cpus.map(async (cpu) => {
      await host.spawn(["taskset", "--cpu-list", cpu, ...program], { onLine }).printed(/looks/);
    }));
    return standstill;
  }

  /** How punctual something was that is due every `everyMs`, by the instants at which it came. */
  punctuality(instants: readonly number[], everyMs: number): Punctuality {
    const gaps = instants.slice(1).map((until, index) => ({ from: instants[index]!, until }));
    const lateMs = gaps.map(({ from, until }) => until - from - everyMs);
    // Less than one has not been missed.
    const ownMs = gaps.filter(({ from, until }) => until - from > 2 * everyMs)
      .map(({ from, until }) => until - from - everyMs - this.#between(from, until));
    lateMs.sort((left, right) => left - right);
    return {
      ...{ count: gaps.length, p99LateMs: lateMs[Math.floor(lateMs.length * 0.99)] ?? NaN },
      ...{ worstLateMs: lateMs.at(-1) ?? NaN, missed: ownMs.length },
      worstOwnLateMs: Math.max(0, ...ownMs),
    };
  }

  /** The longest standstill since an instant of the wall clock. */
  longest(since: number): number {
    const spans = this.#spans.filter(({ until }) => until >= since);
    return Math.max(0, ...spans.map(({ from, until }) => until - from));
  }

  /** Milliseconds between two instants for which some CPU stood still. */
  #between(from: number, until: number): number {
    let sum = 0;
    let counted = from;
    for (const span of this.#spans.toSorted((left, right) => left.from - right.from)) {
      sum += Math.max(0, Math.min(span.until, until) - Math.max(span.from, counted));
      counted = Math.max(counted, span.until);
    }
    return sum;
  }

  #note([from = NaN, until = NaN]: readonly number[]): void {
    if (until > from) this.#spans.push({ from, until });
  }
}

export interface Punctuality {
  /** How many came after the first. */
  readonly count: number;
  readonly p99LateMs: number;
  readonly worstLateMs: number;
  /** How many were late by more than their interval. */
  readonly missed: number;
  /** The worst of these, without what a machine that stood still has part in. */
  readonly worstOwnLateMs: number;
}

/** Instants of the wall clock in milliseconds. */
interface Span {
  readonly from: number;
  readonly until: number;
}

function witness(): void {
  const result = scheduleRealTime(FIRST);
  if (result < 0) throw new Error(`this needs CAP_SYS_NICE: errno ${-result}`);
  const nothing = new PollSet([]);
  print("looks");
  for (let before = performance.now();;) {
    nothing.wait(EVERY_MS);
    const now = performance.now();
    const from = before + EVERY_MS;
    if (now - from > NOTABLE_MS) {
      print(`${performance.timeOrigin + from} ${performance.timeOrigin + now}`);
    }
    before = now;
  }
}

/** The speaker is real-time, too, at a lower priority. */
const FIRST = 98;
const EVERY_MS = 1;
const NOTABLE_MS = 0.25;

if (import.meta.main) witness();
