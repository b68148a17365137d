/**
 * Overrides over restarts: they are on the disk before whoever made them has an answer, and in
 * force again before the first connection. What the file says otherwise meanwhile wins, and is
 * told. A disk that refuses takes nothing away: whoever made an override is told that it would not
 * outlast a restart, and the disk is asked again until it takes it.
 */

import { isOverrideFact, type OverrideFact, whyGone, whyStale } from "../core/plan/override.ts";
import type { BackendPlan } from "../core/plan/plan.ts";
import { Journal, type Json } from "../journal/journal.ts";
import type { Log } from "./log.ts";

/** Keeps overrides in a directory. */
export class KeptOverrides {
  readonly #path: string;
  readonly #log: Log;
  #journal: Journal | undefined;
  /** What was said while there was no journal: the last of each. */
  readonly #said = new Map<string, OverrideFact | null>();
  #problem: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(directory: string, log: Log) {
    this.#log = log;
    this.#path = `${directory}/overrides.journal`;
    try {
      this.#journal = this.#opened(directory);
    } catch (error) {
      this.#onRefusal(error);
      const { problem } = this;
      log.write("warn", `overrides will not survive a restart: ${problem} (set stateDirectory)`);
    }
  }

  /** Why the disk does not have everything; `undefined` while it has. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * What was kept and still holds beside these backends; the rest is forgotten.
   *
   * @param note told in one line of each fact that the file has overruled, and of how many hold.
   */
  restore(
    backends: readonly BackendPlan[],
    note: (message: string) => void,
  ): OverrideFact[] {
    const kept = [...this.#journal?.facts ?? []];
    const all = kept.map(([, fact]): unknown => fact).filter(isOverrideFact);
    const facts = kept.flatMap(([id, fact]): OverrideFact[] => {
      let why: string | undefined = "it is not of this version";
      if (isOverrideFact(fact)) {
        why = whyStale(fact, backends) ?? whyGone(fact, backends, all);
        if (why === undefined) return [fact];
      }
      note(`override ${id} is over: ${why}`);
      this.keep(id, null);
      return [];
    });
    if (facts.length > 0) note(`overrides in force again after the restart: ${facts.length}`);
    return facts;
  }

  /**
   * Keeps a fact, or forgets it: on the disk when the promise resolves, unless there is a
   * {@linkcode problem}; that is tried again until the disk takes it.
   */
  async keep(id: string, fact: OverrideFact | null): Promise<void> {
    if (!this.#journal) return void this.#said.set(id, fact);
    try {
      await write(this.#journal, id, fact);
      this.#onSuccess();
    } catch (error) {
      this.#onRefusal(error);
      const what = fact ? "is in force and will not survive" : "is over and comes back with";
      this.#log.write("error", `override ${id} ${what} a restart: ${this.#problem}`);
    }
  }

  /** Waits until the disk has everything that it takes. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#journal?.flush();
  }

  #opened(directory: string): Journal {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
    const journal = new Journal(this.#path);
    if (journal.damage.length > 0) {
      const path = this.#path;
      const message = `${path} was damaged: what is whole is in force, ${path}.damaged has it all`;
      this.#log.write("error", message, { damage: journal.damage.join(", ") });
    }
    return journal;
  }

  async #retry(): Promise<void> {
    try {
      if (this.#journal) await this.#journal.retry();
      else await this.#begin();
      this.#onSuccess();
    } catch (error) {
      this.#onRefusal(error);
    }
  }

  /** The directory can be had after all: it gets what was said meanwhile. */
  async #begin(): Promise<void> {
    const journal = this.#opened(this.#path.replace(/\/[^/]*$/, ""));
    this.#journal = journal;
    await Promise.all([...this.#said].map(([id, fact]) => write(journal, id, fact)));
  }

  #onSuccess(): void {
    clearTimeout(this.#timer);
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#log.write("info", "overrides are kept on the disk again");
  }

  #onRefusal(error: unknown): void {
    this.#problem = error instanceof Error ? error.message : String(error);
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#retry(), RETRY_MS);
  }
}

async function write(journal: Journal, id: string, fact: OverrideFact | null): Promise<void> {
  await (fact ? journal.set(id, asJson(fact)) : journal.delete(id));
}

/** A fact is plain JSON already; this says so to the compiler. */
function asJson(fact: OverrideFact): Json {
  return fact.field === "server"
    ? { ...fact, value: { ...fact.value } }
    : fact.field === "state"
    ? { ...fact, deadline: fact.deadline && { ...fact.deadline } }
    : { ...fact };
}

const RETRY_MS = 5_000;
