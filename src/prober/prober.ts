/**
 * When each server is checked, and what its results make of it. One deadline a server: the next
 * check, or the end of the time for the one under way. Knows neither sockets nor threads, and reads
 * no clock but the one it is given.
 */

import { isDeepStrictEqual } from "node:util";
import { afterErrors, errorsInARow, type Traffic } from "../core/health/passive.ts";
import {
  carriedOver,
  type HealthState,
  nextIntervalMs,
  observe,
  UNCHECKED,
} from "../core/health/rise_fall.ts";
import { Schedule } from "../core/health/schedule.ts";
import { spreadInterval } from "../core/health/spread.ts";
import type { AdminState, Row, ServerTable } from "../memory/server_table.ts";
import type { CheckedServer, CheckResult, Report } from "./orders.ts";
import { FailedProbe, isSuccess, type Outcome, type Probe, type StartProbe } from "./probe.ts";

/** What the prober asks of the thread it runs on. */
export interface ProberHost {
  /** Monotonic, in milliseconds. */
  now(): number;
  readonly startProbe: StartProbe;
  /** Whether a check of this server may begin now; if not, it is asked again a little later. */
  hasRoom(server: CheckedServer): boolean;
  /** What is kept for the next check of a server is closed: there is none for now. */
  forget(server: CheckedServer): void;
  /** How a server's connections have fared since the last time. */
  traffic(row: Row): Traffic;
  /** From now on this row's traffic is that of another server, or of another check. */
  forgetTraffic(row: Row): void;
  report(report: Report): void;
  /**
   * Asks for {@linkcode Prober.turn} at this instant (`Infinity`: not at all), in place of any
   * earlier one.
   */
  wakeAt(at: number): void;
}

/** Checks servers and writes their health into the table. */
export class Prober {
  readonly #host: ProberHost;
  readonly #table: ServerTable;
  readonly #seed: number;
  /** By row. */
  #servers: ReadonlyMap<number, Checked> = new Map();
  /** Those whose connections are listened to. */
  #passive: readonly Checked[] = [];
  /** By row. */
  readonly #schedule: Schedule;
  #lookAt = Infinity;
  #results: CheckResult[] = [];
  #flushAt = Infinity;
  #wakeAt = Infinity;
  /** By how much this turn has found timeouts to be late. */
  #lateMs = 0;

  /**
   * Every server that is not in maint is due at once; the first {@linkcode Prober.turn} starts
   * them.
   */
  constructor(
    host: ProberHost,
    { table, seed, servers }: {
      readonly table: ServerTable;
      readonly seed: number;
      readonly servers: readonly CheckedServer[];
    },
  ) {
    this.#host = host;
    this.#table = table;
    this.#seed = seed;
    this.#schedule = new Schedule(table.rows);
    this.#enter(servers);
  }

  /** From now on these servers are checked, as {@linkcode PlanOrder} has it. */
  apply(servers: readonly CheckedServer[]): void {
    this.#enter(servers);
    // Nothing more is said of a row that may be another server's soon.
    this.#flush();
    this.#wakeBy(this.#host.now());
  }

  /** Does all that is due, and asks to be woken for the next. */
  turn(): void {
    const now = this.#host.now();
    this.#lateMs = 0;
    let startable = STARTS_A_TURN;
    while (startable > 0) {
      const row = this.#schedule.takeDue(now);
      const server = row === undefined ? undefined : this.#servers.get(row);
      if (!server) break;
      if (server.check) this.#timeOut(server, server.check, now);
      else if (!this.#host.hasRoom(server.checked)) {
        this.#schedule.set(server.row, now + ROOM_MS);
      } else {
        this.#start(server, now);
        startable--;
      }
    }
    if (this.#lateMs > 0) this.#host.report(lateness(this.#lateMs));
    if (now >= this.#lookAt) this.#lookAtTraffic(now);
    if (now >= this.#flushAt) this.#flush();
    // Probes that have begun get their share of the thread before more of them do.
    const restMs = startable > 0 ? REST_MS : BACKLOG_REST_MS;
    const checkAt = Math.max(this.#schedule.nextAt(), now + restMs);
    this.#wakeAt = Math.min(checkAt, this.#flushAt, this.#lookAt);
    this.#host.wakeAt(this.#wakeAt);
  }

  /** An operator has changed a server's state. */
  setAdmin(row: Row, admin: AdminState): void {
    const server = this.#servers.get(row);
    if (!server || server.admin === admin) return;
    const before = server.admin;
    server.admin = admin;
    if (admin === "maint") {
      this.#halt(server);
      server.state = UNCHECKED;
      this.#table.setHealth(row, server.state.health, server.state.count);
    } else if (before === "maint") {
      this.#schedule.set(server.row, this.#host.now());
      this.#wakeBy(this.#host.now());
    }
  }

  /** Ends all checks. */
  stop(): void {
    for (const server of this.#servers.values()) this.#halt(server);
    this.#flush();
  }

  #enter(servers: readonly CheckedServer[]): void {
    const now = this.#host.now();
    const before = this.#servers;
    this.#servers = new Map(servers.map((checked) => {
      const old = before.get(checked.row);
      return [
        checked.row,
        old && isDeepStrictEqual(old.checked, checked) ? old : this.#begin(checked, old, now),
      ];
    }));
    for (const old of before.values()) {
      if (!this.#servers.has(old.row)) this.#halt(old);
    }
    this.#passive = [...this.#servers.values()].filter(({ checked }) =>
      checked.check.passive !== null
    );
    if (this.#passive.length === 0) this.#lookAt = Infinity;
    else if (this.#lookAt === Infinity) this.#lookAt = now;
  }

  #begin(checked: CheckedServer, old: Checked | undefined, now: number): Checked {
    const { row } = checked;
    if (old) {
      this.#halt(old);
      if (isSameServer(old.checked, checked)) this.#table.setHealth(row, old.state.health);
      else if (this.#servesAlone(old, checked)) {
        this.#table.setHealth(row, "up", checked.check.rise);
      } else this.#table.setHealth(row, "unchecked");
    }
    this.#host.forgetTraffic(row);
    const server = new Checked(checked, this.#table);
    this.#table.setHealth(row, server.state.health, server.state.count);
    if (server.admin !== "maint") this.#schedule.set(row, now);
    return server;
  }

  /** Whether a server that moves is all that its clients have: to doubt it would refuse them. */
  #servesAlone({ row, state, checked: { backend, server } }: Checked, to: CheckedServer): boolean {
    if (state.health !== "up" || to.backend !== backend || to.server !== server) return false;
    for (const other of this.#servers.values()) {
      if (other.row === row || other.checked.backend !== backend) continue;
      if (this.#table.takesConnections(other.row)) return false;
    }
    return true;
  }

  #start(server: Checked, now: number): void {
    const check: Check = {
      startedAt: now,
      spared: false,
      probe: this.#probe(server, (outcome) => {
        if (server.check === check) this.#conclude(server, check, outcome);
      }),
    };
    server.check = check;
    this.#schedule.set(server.row, now + server.checked.check.timeoutMs);
  }

  /** What cannot even begin fails the check of its own server, and keeps no other from its own. */
  #probe({ checked }: Checked, done: (outcome: Outcome) => void): Probe {
    try {
      return this.#host.startProbe(checked, done);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return new FailedProbe({ code: "SOCKERR", text }, done);
    }
  }

  #timeOut(server: Checked, check: Check, now: number): void {
    const lateMs = now - check.startedAt - server.checked.check.timeoutMs;
    if (lateMs > LATE_MS && !check.spared) {
      // We were not here to listen. The answer may have arrived long since: hear it first.
      check.spared = true;
      this.#lateMs = Math.max(this.#lateMs, lateMs);
      this.#schedule.set(server.row, now + SPARED_MS);
      return;
    }
    this.#conclude(server, check, check.probe.timeOut());
  }

  #conclude(server: Checked, check: Check, outcome: Outcome): void {
    const at = this.#host.now();
    const ok = isSuccess(outcome);
    const before = server.state.health;
    server.check = undefined;
    server.state = observe(server.checked.check, server.state, ok);
    const { health, count } = server.state;
    this.#table.setHealth(server.row, health, count);
    const intervalMs = spreadInterval(nextIntervalMs(server.checked.check, server.state), {
      seed: this.#seed,
      server: server.row,
      round: server.round++,
    });
    this.#plan(server, at + intervalMs);
    const durationMs = at - check.startedAt;
    const changed = health !== before;
    this.#note({ ...outcome, row: server.row, at, durationMs, ok, health, changed });
    this.#wakeBy(at + intervalMs);
  }

  #lookAtTraffic(now: number): void {
    this.#lookAt = now + TRAFFIC_MS;
    for (const server of this.#passive) {
      const errors = errorsInARow(server.errors, this.#host.traffic(server.row));
      server.errors = server.state.health === "up" ? errors : 0;
      const limit = server.checked.check.passive?.errorLimit ?? Infinity;
      if (server.errors >= limit) this.#heed(server, now);
    }
  }

  /** Too many connections have failed in a row. */
  #heed(server: Checked, at: number): void {
    const { checked: { check, backend }, row, errors } = server;
    if (!check.passive) return;
    const usable = [...this.#servers.values()].filter((one) =>
      one.checked.backend === backend && this.#table.takesConnections(one.row)
    );
    const isLast = usable.length <= 1;
    server.errors = 0;
    server.state = afterErrors(check, server.state, check.passive.action, isLast);
    const { health, count } = server.state;
    this.#table.setHealth(row, health, count);
    const text = `${errors} connections in a row failed`;
    const changed = health !== "up";
    this.#note({ code: "PASSIVE", text, row, at, durationMs: 0, ok: false, health, changed });
    if (!server.check) this.#plan(server, Math.min(server.nextAt, at + check.fastIntervalMs));
  }

  #plan(server: Checked, at: number): void {
    server.nextAt = at;
    this.#schedule.set(server.row, at);
  }

  #note(result: CheckResult): void {
    this.#results.push(result);
    const { at, changed } = result;
    this.#flushAt = Math.min(this.#flushAt, changed ? at : at + RESULTS_MS);
    this.#wakeBy(this.#flushAt);
  }

  #halt(server: Checked): void {
    this.#schedule.remove(server.row);
    server.check?.probe.abandon();
    server.check = undefined;
    this.#host.forget(server.checked);
  }

  #flush(): void {
    this.#flushAt = Infinity;
    if (this.#results.length === 0) return;
    this.#host.report({ kind: "results", results: this.#results });
    this.#results = [];
  }

  #wakeBy(at: number): void {
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#host.wakeAt(at);
  }
}

/** One server as the prober sees it. */
class Checked {
  readonly checked: CheckedServer;
  readonly row: Row;
  admin: AdminState;
  state: HealthState;
  round = 0;
  /** Connections in a row that have failed. */
  errors = 0;
  /** When the next check is due, if none is under way. */
  nextAt = 0;
  /** The check under way. */
  check: Check | undefined;

  constructor(checked: CheckedServer, table: ServerTable) {
    this.checked = checked;
    this.row = checked.row;
    this.admin = table.admin(checked.row);
    this.state = this.admin === "maint"
      ? UNCHECKED
      : carriedOver(checked.check, table.health(checked.row), table.healthCount(checked.row));
  }
}

/** Whether what checks have said of one still holds for the other. */
function isSameServer(one: CheckedServer, other: CheckedServer): boolean {
  return one.backend === other.backend && one.server === other.server &&
    one.address === other.address && one.port === other.port;
}

function lateness(lateMs: number): Report {
  return {
    kind: "log",
    level: "warn",
    message: "checks were left waiting: this host is short of CPU, or was suspended",
    properties: { lateMs: Math.round(lateMs) },
  };
}

interface Check {
  readonly startedAt: number;
  readonly probe: Probe;
  /** Whether its timeout has been put off because we were late ourselves. */
  spared: boolean;
}

/** With a turn each 4 ms, a thousand servers begin within 250 ms and not as one burst. */
const STARTS_A_TURN = 16;
const BACKLOG_REST_MS = 4;
/** Checks due close to each other start in one turn: waking is what costs most. */
const REST_MS = 20;

/** Who finds no room comes again after this long. */
const ROOM_MS = 50;

/** A timeout that is noticed later than this says more about us than about the server. */
const LATE_MS = 100;
const SPARED_MS = 20;

/** How often the connections of clients are looked at. */
const TRAFFIC_MS = 500;

/** Results that change nothing may wait this long for others, to share one message. */
const RESULTS_MS = 200;
