/**
 * Asks the agents beside servers how these are, and passes on what they say. An agent that cannot
 * be reached, or says nothing, changes nothing: that is the check's to find out. Knows neither
 * sockets nor threads, and reads no clock but the one it is given.
 */

import { isDeepStrictEqual } from "node:util";
import { Schedule } from "../core/health/schedule.ts";
import { spreadInterval } from "../core/health/spread.ts";
import { readAgentLine } from "../core/plan/agent.ts";
import type { ServerTable } from "../memory/server_table.ts";
import type { AskedAgent, Report } from "./orders.ts";
import { FailedProbe, type Outcome, type Probe } from "./probe.ts";

/** What the agents' side asks of the thread it runs on. */
export interface AgentHost {
  /** Monotonic, in milliseconds. */
  now(): number;
  /** Starts to ask an agent; success is `L7OK`, with its line. */
  ask(agent: AskedAgent, done: (outcome: Outcome) => void): Probe;
  report(report: Report): void;
  /** Asks for {@linkcode Agents.turn} at this instant, in place of any earlier one. */
  wakeAt(at: number): void;
}

/** Asks agents, and writes into the table whether they let their servers take connections. */
export class Agents {
  readonly #host: AgentHost;
  readonly #table: ServerTable;
  readonly #seed: number;
  /** By row. */
  #agents: ReadonlyMap<number, Asked> = new Map();
  /** By row. */
  readonly #schedule: Schedule;
  #wakeAt = Infinity;

  /** Every agent is due at once; the first {@linkcode Agents.turn} asks them. */
  constructor(
    host: AgentHost,
    { table, seed, agents }: {
      readonly table: ServerTable;
      readonly seed: number;
      readonly agents: readonly AskedAgent[];
    },
  ) {
    this.#host = host;
    this.#table = table;
    this.#seed = seed;
    this.#schedule = new Schedule(table.rows);
    this.#enter(agents);
    // A predecessor may have died before it was told that somebody is asked no longer.
    table.keepAgents((row) => this.#agents.has(row));
  }

  /** From now on these agents are asked; one that is as before is not touched. */
  apply(agents: readonly AskedAgent[]): void {
    this.#enter(agents);
    this.#wakeBy(this.#host.now());
  }

  /** Does all that is due, and asks to be woken for the next. */
  turn(): void {
    const now = this.#host.now();
    let startable = STARTS_A_TURN;
    while (startable > 0) {
      const row = this.#schedule.takeDue(now);
      const asked = row === undefined ? undefined : this.#agents.get(row);
      if (!asked) break;
      if (asked.probe) this.#conclude(asked, asked.probe.timeOut());
      else {
        this.#ask(asked, now);
        startable--;
      }
    }
    const restMs = startable > 0 ? REST_MS : BACKLOG_REST_MS;
    this.#wakeAt = Math.max(this.#schedule.nextAt(), now + restMs);
    this.#host.wakeAt(this.#wakeAt);
  }

  /** Asks nobody any more. */
  stop(): void {
    for (const asked of this.#agents.values()) this.#halt(asked);
  }

  #enter(agents: readonly AskedAgent[]): void {
    const now = this.#host.now();
    const before = this.#agents;
    this.#agents = new Map(agents.map((agent) => {
      const old = before.get(agent.row);
      if (old && isDeepStrictEqual(old.agent, agent)) {
        // Whoever goes by it may have forgotten it over a plan that was undone.
        old.isTold = false;
        return [agent.row, old];
      }
      if (old) this.#forget(old);
      this.#schedule.set(agent.row, now);
      const said = { line: null, isTold: false, isFailing: false };
      return [agent.row, { agent, probe: undefined, ...said, round: 0 }];
    }));
    for (const old of before.values()) {
      if (!this.#agents.has(old.agent.row)) this.#forget(old);
    }
  }

  /** What it has said no longer counts. */
  #forget(asked: Asked): void {
    this.#halt(asked);
    this.#table.setAgentDown(asked.agent.row, false);
  }

  #halt(asked: Asked): void {
    this.#schedule.remove(asked.agent.row);
    asked.probe?.abandon();
    asked.probe = undefined;
  }

  #ask(asked: Asked, now: number): void {
    const probe = this.#probe(asked.agent, (outcome) => {
      if (asked.probe === probe) this.#conclude(asked, outcome);
    });
    asked.probe = probe;
    this.#schedule.set(asked.agent.row, now + asked.agent.intervalMs);
  }

  #probe(agent: AskedAgent, done: (outcome: Outcome) => void): Probe {
    try {
      return this.#host.ask(agent, done);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return new FailedProbe({ code: "SOCKERR", text }, done);
    }
  }

  #conclude(asked: Asked, outcome: Outcome): void {
    const { row, intervalMs } = asked.agent;
    const spread = { seed: this.#seed, server: ~row, round: asked.round++ };
    const at = this.#host.now() + spreadInterval(intervalMs, spread);
    asked.probe = undefined;
    this.#schedule.set(row, at);
    if (outcome.code === "L7OK") this.#hear(asked, outcome.text);
    else this.#miss(asked, outcome);
    this.#wakeBy(at);
  }

  #hear(asked: Asked, line: string): void {
    const { row } = asked.agent;
    asked.isFailing = false;
    // Whoever hears it knows what the same line meant.
    const isNew = line !== asked.line;
    if (!isNew && asked.isTold) return;
    asked.line = line;
    asked.isTold = true;
    const words = readAgentLine(line);
    if (words.operation) this.#table.setAgentDown(row, !words.operation.isUp);
    this.#host.report({ kind: "agent", row, line, isNew, words });
  }

  #miss(asked: Asked, { code, text }: Outcome): void {
    if (asked.isFailing) return;
    asked.isFailing = true;
    const { backend, server } = asked.agent;
    const message = `the agent of server ${backend}/${server} does not answer: ` +
      "what it has said so far holds";
    const properties = { code, cause: text };
    this.#host.report({ kind: "log", level: "warn", message, properties });
  }

  #wakeBy(at: number): void {
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#host.wakeAt(at);
  }
}

/** One agent, as it stands. */
interface Asked {
  readonly agent: AskedAgent;
  /** Under way. */
  probe: Probe | undefined;
  /** What it said last. */
  line: string | null;
  /** Whether that has been passed on since the last plan. */
  isTold: boolean;
  /** Whether it did not answer the last time. */
  isFailing: boolean;
  round: number;
}

/** A few at a time, as with checks. */
const STARTS_A_TURN = 16;
const BACKLOG_REST_MS = 4;
const REST_MS = 20;
