/**
 * Who holds an address, by the kernels' own word: their notifications, read every two milliseconds
 * and kept with the instant at which they were read. Asks no daemon what it believes.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { DeadlinePassed, delay } from "../../scripts/lab/wait.ts";
import { formatAddress } from "../../src/core/net/address.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { EAGAIN } from "../../src/linux/errno.ts";
import { RouteEvents } from "../../src/linux/netlink.ts";
import { Pressure } from "./pressure.ts";

/** A host got the address, or lost it. Instants are CLOCK_MONOTONIC in milliseconds. */
export interface Change {
  readonly at: number;
  readonly host: Host;
  readonly holds: boolean;
}

/** Watches one address on some hosts. */
export class VipWatch implements Disposable {
  readonly vip: string;
  readonly #hosts: readonly Watched[];
  readonly #changes: Change[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stalls: { readonly at: number; readonly ms: number }[] = [];
  readonly #pressure = new Pressure();
  #lookedAt = monotonicMs();

  constructor(vip: string, ...hosts: readonly Host[]) {
    this.vip = vip;
    this.#hosts = hosts.map((host) => {
      const events = host.inside(() => new RouteEvents());
      return { host, events, holds: host.holds(vip) };
    });
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** The names of the hosts that hold it now. */
  holders(): string[] {
    this.#look();
    return this.#hosts.filter(({ holds }) => holds).map(({ host }) => host.name);
  }

  /** What has changed since an instant. */
  changes(since = -Infinity): readonly Change[] {
    this.#look();
    return this.#changes.filter(({ at }) => at >= since);
  }

  /** Waits until a host gets the address after `since`. @returns milliseconds from `since`. */
  async gained(host: Host, since: number, withinMs = 10_000): Promise<number> {
    return await this.#changed(host, true, since, withinMs);
  }

  /** Waits until a host loses the address after `since`. @returns milliseconds from `since`. */
  async lost(host: Host, since: number, withinMs = 10_000): Promise<number> {
    return await this.#changed(host, false, since, withinMs);
  }

  /** Waits until one host holds it and nobody else does. */
  async only(host: Host, withinMs = 10_000): Promise<void> {
    const deadlineAt = monotonicMs() + withinMs;
    while (this.holders().join() !== host.name) {
      if (monotonicMs() > deadlineAt) {
        const holders = this.holders().join(" and ") || "nobody";
        throw new DeadlinePassed(`${this.vip} is held by ${holders}, not by ${host.name} alone`);
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  /** The longest time since `since` during which two or more hosts held it. */
  overlapMs(since: number): number {
    return this.#longest(since, (holders) => holders > 1);
  }

  /** The longest time since `since` during which nobody held it. */
  vacantMs(since: number): number {
    return this.#longest(since, (holders) => holders === 0);
  }

  /**
   * How long the machine kept programs from running: this very one at worst, or some that waited
   * for a CPU. Bounds are that much wider.
   */
  stallMs(since: number): number {
    const stalls = this.#stalls.filter(({ at }) => at >= since).map(({ ms }) => ms);
    return Math.max(this.#pressure.since(since), ...stalls);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { events } of this.#hosts) events[Symbol.dispose]();
  }

  async #changed(host: Host, holds: boolean, since: number, withinMs: number): Promise<number> {
    const deadlineAt = since + withinMs;
    for (;;) {
      const change = this.changes(since).find((one) => one.host === host && one.holds === holds);
      if (change) return change.at - since;
      if (monotonicMs() > deadlineAt) {
        const what = holds ? "get" : "lose";
        throw new DeadlinePassed(`${host.name} did not ${what} ${this.vip} in ${withinMs} ms`);
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  #longest(since: number, test: (holders: number) => boolean): number {
    this.#look();
    const holding = new Map(this.#hosts.map(({ host, holds }) => [host, holds]));
    // Backwards from now, since only now is known whole.
    let until = monotonicMs();
    let longest = 0;
    let run = 0;
    for (const change of this.#changes.toReversed()) {
      const from = Math.max(change.at, since);
      const count = [...holding.values()].filter(Boolean).length;
      run = test(count) ? run + Math.max(0, until - from) : 0;
      longest = Math.max(longest, run);
      until = from;
      holding.set(change.host, !change.holds);
      if (change.at <= since) return longest;
    }
    const count = [...holding.values()].filter(Boolean).length;
    return Math.max(longest, test(count) ? run + Math.max(0, until - since) : 0);
  }

  #look(): void {
    this.#pressure.keep();
    const at = monotonicMs();
    const stallMs = at - this.#lookedAt - LOOK_EVERY_MS;
    if (stallMs > NOTABLE_STALL_MS) this.#stalls.push({ at, ms: stallMs });
    this.#lookedAt = at;
    for (const watched of this.#hosts) this.#lookAt(watched, at);
  }

  #lookAt(watched: Watched, at: number): void {
    for (;;) {
      const length = watched.events.read((event) => {
        if (!("address" in event) || formatAddress(event.address.address) !== this.vip) return;
        this.#note(watched, event.kind === "address", at);
      });
      if (length === -EAGAIN) return;
      if (length < 0) this.#note(watched, watched.host.holds(this.vip), at);
    }
  }

  /** A renewal says again what is known. */
  #note(watched: Watched, holds: boolean, at: number): void {
    if (watched.holds === holds) return;
    watched.holds = holds;
    this.#changes.push({ at, host: watched.host, holds });
  }
}

interface Watched {
  readonly host: Host;
  readonly events: RouteEvents;
  holds: boolean;
}

const LOOK_EVERY_MS = 2;
const NOTABLE_STALL_MS = 5;
