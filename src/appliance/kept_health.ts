/**
 * What checks have said of servers, over restarts: changes of health as they come, and everything
 * when the appliance stops. A server that was up takes connections again at once, one that was down
 * does not, and both are checked at once. Checks themselves never wait for the disk.
 */

import { createHash } from "node:crypto";
import { Journal, type Json } from "../journal/journal.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { Row } from "../memory/server_table.ts";
import type { CheckedServer, CheckResult } from "../prober/orders.ts";
import { isKeptRecord, type KeptResult } from "./kept_record.ts";
import type { Log } from "./log.ts";
import type { Servers } from "./servers.ts";
import type { Known } from "./shown_server.ts";

/** What is asked of the servers. */
export type KnownServers = Pick<Servers, "checked" | "known" | "carryOver" | "onKnown">;

/** Two clocks, in milliseconds; tests put their own in their place. */
export interface Clocks {
  monotonic(): number;
  /** Since 1970. */
  wall(): number;
}

/** Keeps what is known of servers in a directory. */
export class KeptHealth {
  readonly #servers: KnownServers;
  readonly #log: Log;
  readonly #clocks: Clocks;
  readonly #journal: Journal | undefined;
  /** Rows whose health has changed since the last look. */
  readonly #changed = new Set<Row>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #startedAt = Infinity;
  #isFailing = false;

  constructor(directory: string, servers: KnownServers, log: Log, clocks = REAL_CLOCKS) {
    this.#servers = servers;
    this.#log = log;
    this.#clocks = clocks;
    const path = `${directory}/health.journal`;
    try {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
      this.#journal = new Journal(path);
    } catch (error) {
      this.#complain(error);
      return;
    }
    if (this.#journal.damage.length === 0) return;
    const message = `${path} was damaged: servers that are not in what is whole begin unchecked`;
    log.write("warn", message, { damage: this.#journal.damage.join(", ") });
  }

  /** Puts into force what still holds. Call it before the prober starts, and once. */
  restore(): void {
    const restored = { up: 0, down: 0 };
    for (const server of this.#servers.checked()) {
      const known = this.#holds(server);
      // Nobody looks at a server in maint: what was known of it before ages.
      if (!known || known.health === "unchecked" || !this.#servers.known(server.row)) continue;
      this.#servers.carryOver(server.row, known);
      restored[known.health]++;
    }
    if (restored.up + restored.down === 0) return;
    this.#log.write("info", "servers are again as they were before the restart", restored);
  }

  /** Keeps changes from now on. */
  start(): void {
    this.#startedAt = this.#clocks.monotonic();
    this.#servers.onKnown = (row) => {
      // Results come many in a message; they are looked at together.
      if (this.#changed.size === 0) queueMicrotask(() => this.#keepChanged());
      this.#changed.add(row);
    };
    this.#timer = setInterval(() => this.keepAll(), CONFIRM_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Keeps what has changed, and that the rest is still so; at the end, everything. */
  keepAll(isEnd = false): void {
    const servers = this.#servers.checked();
    const names = new Set<string>([CONFIRMED, ...servers.map(nameOf)]);
    for (const name of this.#journal?.facts.keys() ?? []) {
      if (!names.has(name)) this.#forget(name);
    }
    for (const server of servers) this.#keep(server, isEnd);
    const [wall, monotonic] = [this.#clocks.wall(), this.#clocks.monotonic()];
    // Who is restarted over and over has seen nothing that could confirm what it was left.
    if (monotonic - this.#startedAt < LEAST_LIFE_MS) return;
    this.#write(this.#journal?.set(CONFIRMED, wall));
  }

  /** Keeps everything a last time, and waits for the disk. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#startedAt !== Infinity) this.keepAll(true);
    await this.flush();
  }

  /** Waits until the disk has what was kept so far. */
  async flush(): Promise<void> {
    await this.#journal?.flush();
  }

  #keepChanged(): void {
    const changed = this.#servers.checked().filter(({ row }) => this.#changed.has(row));
    this.#changed.clear();
    for (const server of changed) this.#keep(server);
  }

  #keep(server: CheckedServer, isEnd = false): void {
    const name = nameOf(server);
    const known = this.#servers.known(server.row);
    if (!known || known.health === "unchecked") return this.#forget(name);
    const before = this.#journal?.facts.get(name);
    const of = identityOf(server);
    const { health, count = null, lastCheck, lastFailure, healthChangedAt } = known;
    // A last result alone is not worth a line, until the end.
    if (!isEnd && isKeptRecord(before)) {
      if (before.of === of && before.health === health && before.count === count) return;
    }
    this.#write(
      this.#journal?.set(name, {
        ...{ of, health, count, at: this.#clocks.wall() },
        changedAt: healthChangedAt && this.#toWall(healthChangedAt),
        lastCheck: lastCheck && asJson(lastCheck, this.#toWall(lastCheck.at)),
        lastFailure: lastFailure && asJson(lastFailure, this.#toWall(lastFailure.at)),
      }),
    );
  }

  #forget(name: string): void {
    this.#write(this.#journal?.delete(name));
  }

  /** What is kept of a server, unless that is too old, or of another address or check. */
  #holds(server: CheckedServer): Known | undefined {
    const facts = this.#journal?.facts;
    const kept = facts?.get(nameOf(server));
    if (!isKeptRecord(kept) || kept.of !== identityOf(server)) return undefined;
    const confirmed = facts?.get(CONFIRMED);
    const at = typeof confirmed === "number" ? Math.max(kept.at, confirmed) : kept.at;
    const ageMs = this.#clocks.wall() - at;
    // A wall clock that has been set back says nothing about ages either.
    if (Math.abs(ageMs) > OLDEST_MS) return undefined;
    const { health, count, changedAt, lastCheck, lastFailure } = kept;
    const resultOf = (result: KeptResult | null): CheckResult | null =>
      result && { ...result, row: server.row, at: this.#toMonotonic(result.at) };
    return {
      ...{ health, count: count ?? undefined },
      lastCheck: resultOf(lastCheck),
      lastFailure: resultOf(lastFailure),
      healthChangedAt: changedAt && this.#toMonotonic(changedAt),
    };
  }

  #toWall(at: number): number {
    return Math.round(at + this.#clocks.wall() - this.#clocks.monotonic());
  }

  #toMonotonic(at: number): number {
    return at - this.#clocks.wall() + this.#clocks.monotonic();
  }

  #write(writing: Promise<void> | undefined): void {
    writing?.then(() => this.#isFailing = false, (error) => {
      if (!this.#isFailing) this.#complain(error);
      this.#isFailing = true;
    });
  }

  #complain(error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    const message = `what checks say will not survive a restart: ${cause} (set stateDirectory)`;
    this.#log.write("warn", message);
  }
}

function nameOf({ backend, server }: CheckedServer): string {
  return `${backend}/${server}`;
}

/** Whatever the health depends on. A hash: checks may hold secrets. */
function identityOf({ address, port, check, proxyProtocol }: CheckedServer): string {
  const text = JSON.stringify([address, port, check, proxyProtocol]);
  return createHash("sha256").update(text).digest("base64url");
}

function asJson({ row: _, status, ...rest }: CheckResult, at: number): Json {
  return { ...rest, at, ...(status !== undefined && { status }) };
}

const REAL_CLOCKS: Clocks = { monotonic: monotonicMs, wall: Date.now };

/** Stands beside names of servers, all of which have a slash. */
const CONFIRMED = "confirmed";

/** So often it is written down that nothing else has changed. */
const CONFIRM_MS = 60_000;

/** By then every server has been checked. */
const LEAST_LIFE_MS = 10_000;

/** What is older is no better than a guess. */
const OLDEST_MS = 10 * 60_000;
