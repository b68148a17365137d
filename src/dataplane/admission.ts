/**
 * Whether a client may come in: limits of the process and of its frontend, the rate of new
 * connections, and the address it comes from. It accepts and closes nobody.
 */

import { parsePrefix } from "../core/net/prefix.ts";
import { PrefixSet } from "../core/net/prefix_set.ts";
import type { Fd } from "../linux/libc.ts";
import { AF_INET } from "../linux/socket.ts";
import { SOCKADDR_IN6_BYTES } from "../linux/sockaddr.ts";
import { Admission, gateOf, PROCESS_GATE } from "../memory/admission.ts";
import { isAlike } from "./alike.ts";
import type { Kernel } from "./kernel.ts";
import type { Frontend, StartOrder } from "./orders.ts";

/** What admission takes of the kernel. */
export type AdmissionIo = Pick<Kernel, "beganAt" | "peerName" | "signal">;

/** The doors of one worker's frontends. */
export class Doors {
  readonly #worker: number;
  readonly #io: AdmissionIo;
  readonly #table: Admission;
  readonly #processLimit: number;
  #frontends: readonly Frontend[] = [];
  /** By frontend: who is let in, `null` for everybody; and who is not. */
  #allow: readonly (PrefixSet | null)[] = [];
  #deny: readonly (PrefixSet | null)[] = [];
  /** Frontends whose clients wait. */
  #waiting = 0;
  readonly #address: Uint8Array<ArrayBuffer> = new Uint8Array(SOCKADDR_IN6_BYTES);

  constructor(start: StartOrder, io: AdmissionIo) {
    this.#worker = start.worker;
    this.#io = io;
    this.#table = new Admission(start.admission);
    this.#processLimit = start.processConnections;
    this.plan(start.frontends, () => 0);
  }

  /**
   * Goes on with these frontends. Where connections were not limited before, or are not any more,
   * those that are open are counted from now on, or not any more.
   *
   * @param openOf how many connections of a frontend the worker has.
   */
  plan(frontends: readonly Frontend[], openOf: (frontend: number) => number): void {
    const former = this.#frontends;
    frontends.forEach(({ maxConnections }, index) => {
      const wasCounted = (former[index]?.maxConnections ?? null) !== null;
      if (wasCounted === (maxConnections !== null)) return;
      const open = openOf(index);
      this.#table.adopt(this.#worker, gateOf(index), wasCounted ? -open : open);
    });
    const isSame = (index: number, key: "allow" | "deny") =>
      index < former.length && isAlike(former[index]![key], frontends[index]![key]);
    const setOf = (index: number, key: "allow" | "deny", sets: readonly (PrefixSet | null)[]) =>
      isSame(index, key) ? sets[index]! : prefixSet(frontends[index]![key]);
    this.#allow = frontends.map((_, index) => setOf(index, "allow", this.#allow));
    this.#deny = frontends.map((_, index) => setOf(index, "deny", this.#deny));
    this.#frontends = frontends;
  }

  /**
   * Counts one more connection of a frontend, if it may have one now.
   *
   * @returns OPEN; FULL when a connection has to end first, which wakes the worker; or how many
   * milliseconds it is until the next one may come.
   */
  enter(frontend: number, now: number): number {
    if (!this.#claim(PROCESS_GATE, this.#processLimit)) return FULL;
    const { connectionRate, maxConnections } = this.#frontends[frontend]!;
    const gate = gateOf(frontend);
    if (maxConnections !== null && !this.#claim(gate, maxConnections)) {
      this.#table.release(this.#worker, PROCESS_GATE);
      return FULL;
    }
    const waitMs = connectionRate === null
      ? 0
      : this.#table.admit(gate, this.#io.beganAt + now, connectionRate);
    if (waitMs === 0) return OPEN;
    this.#undo(frontend);
    return waitMs;
  }

  /** Nobody came after all. */
  withdraw(frontend: number): void {
    const { connectionRate } = this.#frontends[frontend]!;
    if (connectionRate !== null) this.#table.refund(gateOf(frontend), connectionRate);
    this.#undo(frontend);
  }

  /** A connection of a frontend is over: its place is free, and whoever waits for it is woken. */
  leave(frontend: number): void {
    this.#release(PROCESS_GATE);
    if (this.#frontends[frontend]!.maxConnections !== null) this.#release(gateOf(frontend));
  }

  /** Keeps rates from being misled by what was long ago. Call it at each beat. */
  beat(now: number): void {
    this.#table.forgetPast(this.#io.beganAt + now);
  }

  /** Whether the client at the other end of a socket may use a frontend. */
  allows(client: Fd, frontend: number): boolean {
    if (this.#allow[frontend] === null && this.#deny[frontend] === null) return true;
    // Who is gone already has no address, and no need of one.
    if (this.#io.peerName(client, this.#address) < 0) return false;
    return this.allowsAddress(this.#address, 0, frontend);
  }

  /** Whether the client of a socket address, which begins at `start`, may use a frontend. */
  allowsAddress(bytes: Uint8Array, start: number, frontend: number): boolean {
    const allow = this.#allow[frontend]!;
    const deny = this.#deny[frontend]!;
    if (allow === null && deny === null) return true;
    const [at, length] = bytes[start] === AF_INET ? IPV4_AT : IPV6_AT;
    if (deny !== null && deny.has(bytes, start + at, length)) return false;
    return allow === null || allow.has(bytes, start + at, length);
  }

  /** As long as this is said, the worker is woken when there may be room in a frontend again. */
  await(frontend: number, isWaiting: boolean): void {
    const gate = gateOf(frontend);
    if (this.#table.isWaiting(this.#worker, gate) === isWaiting) return;
    this.#waiting += isWaiting ? 1 : -1;
    this.#table.setWaiting(this.#worker, PROCESS_GATE, this.#waiting > 0);
    this.#table.setWaiting(this.#worker, gate, isWaiting);
  }

  /**
   * Wakes nobody: workers that try in vain would wake each other for ever. Who has found no place
   * because of that tries again a moment later.
   */
  #undo(frontend: number): void {
    this.#table.release(this.#worker, PROCESS_GATE);
    if (this.#frontends[frontend]!.maxConnections !== null) {
      this.#table.release(this.#worker, gateOf(frontend));
    }
  }

  #claim(gate: number, limit: number): boolean {
    return this.#table.claim(this.#worker, gate, limit);
  }

  #release(gate: number): void {
    if (!this.#table.release(this.#worker, gate)) return;
    for (let worker = 0; worker < this.#table.workers; worker++) {
      if (!this.#table.isWaiting(worker, gate)) continue;
      this.#io.signal(this.#table.wake(worker) as Fd);
    }
  }
}

/** A client may come in. */
export const OPEN = 0;
/** There is no place left. */
export const FULL = Infinity;

function prefixSet(prefixes: readonly string[] | null): PrefixSet | null {
  return prefixes && new PrefixSet(prefixes.flatMap((text) => parsePrefix(text) ?? []));
}

/** Where the address is in a `sockaddr_in` and a `sockaddr_in6`, and how long it is. */
const IPV4_AT = [4, 4] as const;
const IPV6_AT = [8, 16] as const;
