/**
 * The life of each connection, from accepted client to closed sides: what an event or a deadline
 * means in the phase it is in, and for what reason it ends. It waits for nothing and moves no byte.
 *
 * ```text
 * FREE → HELD (the gate wants more) → IN_LINE (no server has a place) → CONNECTING ⇄ WAITING
 *      → RELAYING → LEAVING → FREE
 * ```
 */

import { EAGAIN, ENOBUFS } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import type { Doors } from "./admission.ts";
import { CLOSING, type Closing } from "./closing.ts";
import {
  CONNECTING,
  FREE,
  HELD,
  KEPT,
  LEAVING,
  NO_ROW,
  PASSED,
  RELAYING,
} from "./connection_table.ts";
import { type Connector, type Parts, PENDING, type Progress } from "./connector.ts";
import type { DriverEvents } from "./driver.ts";
import { type Gate, HOLD, PASS, type Passage, READ } from "./gate.ts";
import { GREETED, type Greeting } from "./greeting.ts";
import type { Intake } from "./intake.ts";
import { keepAlive } from "./keepalive.ts";
import type { Chosen } from "./orders.ts";
import type { ServerColumn } from "./tally.ts";

/** What connections need besides what all do. */
export interface LifeParts extends Parts {
  readonly connector: Connector;
  readonly gate: Gate;
  readonly greeting: Greeting;
  readonly intake: Intake;
  readonly doors: Doors;
}

/** All connections of a worker. `now` is the time of the wake-up. */
export class Connections implements DriverEvents {
  /** Told of each client that is taken up. */
  onOpen: (slot: number) => void = () => {};
  /** Told of each connection that ends, while its slot still says all about it. */
  onEnd: (slot: number, closing: Closing, now: number) => void = () => {};
  readonly #parts: LifeParts;
  /** No slot from here on was ever used. */
  #used = 0;

  constructor(parts: LifeParts) {
    this.#parts = parts;
  }

  /** Takes up an accepted client. There is a free slot. */
  open(client: Fd, listener: number, frontend: number, now: number): void {
    const { chooser, gate, table, tally } = this.#parts;
    const slot = table.take(client, listener, frontend, now);
    table.backend[slot] = chooser.defaultBackend(frontend);
    if (slot >= this.#used) this.#used = slot + 1;
    tally.frontend(frontend, "opened");
    this.onOpen(slot);
    this.#admit(slot, gate.enter(slot, now), now);
  }

  readable(slot: number, now: number): void {
    const { gate, table } = this.#parts;
    if (table.phase[slot] === HELD) this.#admit(slot, gate.readable(slot, now), now);
  }

  connected(slot: number, now: number): void {
    const { chooser, connector, driver, greeting, wheel } = this.#parts;
    connector.finish(slot, now);
    const greeted = greeting.greet(slot);
    if (greeted !== GREETED) return this.end(slot, greeted, now);
    const { idleTimeoutMs } = chooser.backend(slot);
    if (wheel.dueAt(slot) > now + idleTimeoutMs) wheel.schedule(slot, now + idleTimeoutMs);
    driver.relay(slot);
  }

  refused(slot: number, error: number, now: number): void {
    const { connector } = this.#parts;
    this.#go(slot, connector.fail(slot, error, now), now);
  }

  halfClosed(slot: number, now: number): void {
    const { chooser, table, wheel } = this.#parts;
    table.lastActiveAt[slot] = now;
    const deadline = now + chooser.backend(slot).halfClosedTimeoutMs;
    if (wheel.dueAt(slot) > deadline) wheel.schedule(slot, deadline);
  }

  finished(slot: number, closing: Closing, now: number): void {
    this.end(slot, closing, now);
  }

  ended(slot: number): void {
    const { doors, table } = this.#parts;
    doors.leave(table.frontend(slot));
    table.release(slot);
  }

  /** Gives places at servers to those who wait for them. Call it each turn. */
  serve(now: number): void {
    this.#parts.connector.serve(now, this.#goOn);
  }

  /** The deadline of a slot has come, or a minute has passed. */
  expire(slot: number, now: number): void {
    const { connector, gate, table } = this.#parts;
    const phase = table.phase[slot];
    if (phase === RELAYING) this.#look(slot, now);
    else if (phase === HELD) this.#admit(slot, gate.expire(slot, now), now);
    else this.#go(slot, connector.expire(slot, now), now);
  }

  /**
   * Counts what has moved since the last time, and takes back what those that have moved nothing
   * have borrowed.
   */
  sweep(): void {
    const { driver, table, tally } = this.#parts;
    for (let slot = 0; slot < this.#used; slot++) {
      if (table.phase[slot] !== RELAYING) continue;
      if (table.moved[2 * slot] === 0) driver.calm(2 * slot);
      if (table.moved[2 * slot + 1] === 0) driver.calm(2 * slot + 1);
      tally.moved(table, slot);
    }
  }

  /** Resets every connection that is meant. @returns how many there were. */
  cut(isMeant: (slot: number) => boolean, closing: Closing, now: number): number {
    let count = 0;
    for (let slot = 0; slot < this.#used; slot++) {
      if (!this.#isOpen(slot) || !isMeant(slot)) continue;
      this.end(slot, closing, now);
      count++;
    }
    this.#parts.driver.flush();
    return count;
  }

  /** Resets those that are still what they were. @returns how many there were. */
  cutChosen({ slots, generations }: Chosen, closing: Closing, now: number): number {
    const { driver, table } = this.#parts;
    let count = 0;
    slots.forEach((slot, at) => {
      if (!this.#isOpen(slot) || table.generation[2 * slot] !== generations[at]) return;
      this.end(slot, closing, now);
      count++;
    });
    driver.flush();
    return count;
  }

  /**
   * Ends a connection in whatever phase it is. Unless it has finished, or was told why not, neither
   * side may take what it has for complete: both are reset.
   */
  end(slot: number, closing: Closing, now: number): void {
    const { connector, driver, table, tally, wheel } = this.#parts;
    const row = table.row(slot);
    const column = COUNTED[closing];
    if (column !== undefined && row !== NO_ROW) {
      tally.server(row, column);
      if (closing === CLOSING.serverReset && this.#isEarly(slot, now)) {
        tally.server(row, "earlyReset");
      }
    }
    tally.moved(table, slot);
    this.onEnd(slot, closing, now);
    tally.frontend(table.frontend(slot), "closed");
    connector.leave(slot);
    wheel.cancel(slot);
    table.phase[slot] = LEAVING;
    driver.end(slot, !IN_ORDER.includes(closing));
  }

  /** Whether the server has been silent: what it says is not counted for a second at least. */
  #isEarly(slot: number, now: number): boolean {
    const { table } = this.#parts;
    return table.moved[2 * slot + 1] === 0 && now - table.attemptAt[slot]! < EARLY_MS;
  }

  #isOpen(slot: number): boolean {
    const phase = this.#parts.table.phase[slot];
    return phase !== FREE && phase !== LEAVING;
  }

  #admit(slot: number, passage: Passage, now: number): void {
    const { driver, table } = this.#parts;
    switch (passage) {
      case PASS:
        return this.#begin(slot, now);
      case HOLD:
      case READ:
        table.phase[slot] = HELD;
        if (passage === READ) driver.attend(slot);
        return;
      default:
        this.end(slot, passage, now);
    }
  }

  /** What the client has said already goes with the handshake's answer to the server. */
  #begin(slot: number, now: number): void {
    const { connector, intake, table, wheel } = this.#parts;
    const received = table.buffered[2 * slot]! > 0 ? -EAGAIN : intake.receive(slot);
    if (received < 0 && received !== -EAGAIN && received !== -ENOBUFS) {
      return this.end(slot, CLOSING.clientReset, now);
    }
    wheel.cancel(slot);
    table.phase[slot] = CONNECTING;
    this.#go(slot, connector.begin(slot, now), now);
  }

  /** Looks whether a relaying connection has been silent for too long. */
  #look(slot: number, now: number): void {
    const { chooser, kernel, table, wheel } = this.#parts;
    const { halfClosedTimeoutMs, idleTimeoutMs, keepalive } = chooser.backend(slot);
    const ended = ((table.flags[2 * slot]! | table.flags[2 * slot + 1]!) & PASSED) !== 0;
    const deadline = table.lastActiveAt[slot]! + (ended ? halfClosedTimeoutMs : idleTimeoutMs);
    if (now >= deadline) {
      return this.end(slot, ended ? CLOSING.halfClosedTimeout : CLOSING.idleTimeout, now);
    }
    const server = 2 * slot + 1;
    if ((table.flags[server]! & KEPT) === 0) {
      // Not before: most connections do not live to see it, and are spared the system calls.
      keepAlive(kernel, table.fd[server]! as Fd, keepalive);
      table.flags[server]! |= KEPT;
    }
    wheel.schedule(slot, deadline);
  }

  readonly #goOn = (slot: number, progress: Progress, now: number) => this.#go(slot, progress, now);

  #go(slot: number, progress: Progress, now: number): void {
    if (progress !== PENDING) this.end(slot, progress, now);
  }
}

/** A server that resets a connection later than this has had its reasons. */
const EARLY_MS = 1_000;

/** Ends that are no reset. */
const IN_ORDER: readonly Closing[] = [CLOSING.finished, CLOSING.noRoute];

/** What a server counts of an end; what an attempt to connect meets is counted by the connector. */
const COUNTED: Readonly<Partial<Record<Closing, ServerColumn>>> = {
  [CLOSING.clientReset]: "clientReset",
  [CLOSING.serverReset]: "serverReset",
  [CLOSING.idleTimeout]: "idleTimeout",
  [CLOSING.halfClosedTimeout]: "idleTimeout",
};
