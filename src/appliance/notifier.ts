/**
 * Tells programs and web servers of changes of state, in order, one at a time for each virtual
 * router or sync group. Whoever is slow or dead is waited for here and nowhere else.
 */

import type { Event, Transition } from "../admin/model_events.ts";
import type { NotifyPlan } from "../core/plan/plan.ts";
import { type CommandResult, runCommand } from "../linux/command.ts";
import type { Log } from "./log.ts";
import { sleep } from "./sleep.ts";

/** What the notifier does outside; tests put their own in its place. */
export interface Reach {
  readonly run: typeof runCommand;
  /** @returns the status of the answer. */
  readonly post: (url: string, body: string, signal: AbortSignal) => Promise<number>;
  readonly sleep: typeof sleep;
}

/** The queues of all virtual routers. */
export class Notifier {
  readonly #log: Log;
  readonly #reach: Reach;
  readonly #queues = new Map<string, Queue>();
  readonly #end = new AbortController();

  constructor(log: Log, reach: Reach = { run: runCommand, post: postJson, sleep }) {
    this.#log = log;
    this.#reach = reach;
  }

  /**
   * Tells of a transition whom the plan names.
   *
   * @param group its sync group, if it has one, whose members' commands run one after another.
   */
  notify({ command, webhook }: NotifyPlan, event: Event, group?: string): void {
    const { virtualRouter: name, transition } = event;
    if (name === null || transition === null) return;
    if (command) {
      const whole = [...command, ...argumentsOf(event)];
      this.#add(`command of ${group ?? name}`, () => this.#run(whole, `virtual router ${name}`));
    }
    if (webhook) this.#add(`webhook of ${name}`, () => this.#send(webhook, event, name));
  }

  /** Tells a command that a whole sync group has come to a state, after what its members have. */
  notifyGroup(command: readonly string[], group: string, state: NotifiedState): void {
    const whole = [...command, "GROUP", group, state, GROUP_PRIORITY];
    this.#add(`command of ${group}`, () => this.#run(whole, `sync group ${group}`));
  }

  /** Waits until everybody has been told. */
  async settle(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ running }) => running));
  }

  /** Tells nobody any more; commands that run are killed. */
  stop(): void {
    this.#end.abort();
  }

  /** The oldest of too many is left out: the newest state is what counts. */
  #add(key: string, job: Job): void {
    const queue: Queue = this.#queues.get(key) ?? { jobs: [], running: undefined };
    this.#queues.set(key, queue);
    queue.jobs.push(job);
    if (queue.jobs.length > MOST_WAITING) {
      queue.jobs.shift();
      this.#log.write("warn", `${key} is too slow: the oldest of ${MOST_WAITING} is left out`);
    }
    queue.running ??= this.#work(queue).finally(() => queue.running = undefined);
  }

  async #work({ jobs }: Queue): Promise<void> {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      if (this.#end.signal.aborted) return;
      await job();
    }
  }

  async #run(command: readonly string[], about: string): Promise<void> {
    const { ok, detail }: CommandResult = await this.#reach.run(
      command,
      COMMAND_TIMEOUT_MS,
      this.#end.signal,
    );
    if (ok) return;
    const message = `notify command of ${about} failed: ${detail}`;
    this.#log.write("warn", message, { command: command.join(" ") });
  }

  async #send(url: string, event: Event, router: string): Promise<void> {
    const { signal } = this.#end;
    const body = JSON.stringify(event);
    let cause = "";
    for (const pauseMs of [0, ...RETRY_PAUSES_MS]) {
      await this.#reach.sleep(pauseMs, signal);
      if (signal.aborted) return;
      try {
        const timeout = AbortSignal.timeout(WEBHOOK_TIMEOUT_MS);
        const status = await this.#reach.post(url, body, AbortSignal.any([signal, timeout]));
        if (status >= 200 && status < 300) return;
        cause = `it answers ${status}`;
        // Asking the same again would not make it any better.
        if (status >= 400 && status < 500 && status !== 408 && status !== 429) break;
      } catch (error) {
        cause = error instanceof Error ? error.message : String(error);
      }
    }
    const message =
      `webhook of virtual router ${router} was not told of event ${event.id}: ${cause}`;
    this.#log.write("warn", message);
  }
}

/** Keepalived's convention: what it is, its name, its state, its priority. */
export function argumentsOf({ virtualRouter, transition }: Event): string[] {
  if (virtualRouter === null || transition === null) return [];
  return [
    "INSTANCE",
    virtualRouter,
    notifiedState(transition),
    String(transition.priority.effective),
  ];
}

/** What Keepalived's scripts call a state. */
export type NotifiedState = typeof ACTIVE | "BACKUP" | "FAULT" | "STOP";

/** What a transition leads to, in the words of Keepalived's scripts. */
export function notifiedState({ to, reason }: Pick<Transition, "to" | "reason">): NotifiedState {
  if (to === "active") return ACTIVE;
  if (to === "backup") return "BACKUP";
  return reason === "shutdown" ? "STOP" : "FAULT";
}

type Job = () => Promise<void>;

interface Queue {
  readonly jobs: Job[];
  running: Promise<void> | undefined;
}

async function postJson(url: string, body: string, signal: AbortSignal): Promise<number> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "error" });
  await response.body?.cancel();
  return response.status;
}

// house: words: scripts written for Keepalived know an Active by this word.
const ACTIVE = "MASTER";
/** As Keepalived has it: a group has none. */
const GROUP_PRIORITY = "0";
const COMMAND_TIMEOUT_MS = 30_000;
const WEBHOOK_TIMEOUT_MS = 5_000;
const RETRY_PAUSES_MS = [1_000, 2_000, 5_000, 10_000, 20_000, 30_000];
/** Notifications that may wait for the one before. */
const MOST_WAITING = 100;
