/**
 * Overrides over restarts: they are on the disk before whoever made them has an answer, and in
 * force again before the first connection. What the file says otherwise meanwhile wins, and is
 * told. A disk that refuses takes nothing away: overrides then last as long as the process.
 */

import { isOverrideFact, type OverrideFact, whyGone, whyStale } from "../core/plan/override.ts";
import type { BackendPlan } from "../core/plan/plan.ts";
import { Journal, type Json } from "../journal/journal.ts";
import type { Log } from "./log.ts";

/** Keeps overrides in a directory. */
export class KeptOverrides {
  readonly #journal: Journal | undefined;
  readonly #log: Log;

  constructor(directory: string, log: Log) {
    this.#log = log;
    const path = `${directory}/overrides.journal`;
    try {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
      this.#journal = new Journal(path);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      log.write("warn", `overrides will not survive a restart: ${cause} (set stateDirectory)`);
      return;
    }
    if (this.#journal.damage.length === 0) return;
    const message = `${path} was damaged: what is whole is in force, ${path}.damaged has it all`;
    log.write("error", message, { damage: this.#journal.damage.join(", ") });
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

  /** Keeps a fact, or forgets it: on the disk when the promise resolves, which it always does. */
  async keep(id: string, fact: OverrideFact | null): Promise<void> {
    try {
      await (fact ? this.#journal?.set(id, asJson(fact)) : this.#journal?.delete(id));
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      const message = `override ${id} is in force and will not survive a restart: ${cause}`;
      this.#log.write("error", message);
    }
  }

  /** Waits until the disk has everything. */
  async stop(): Promise<void> {
    await this.#journal?.flush();
  }
}

/** A fact is plain JSON already; this says so to the compiler. */
function asJson(fact: OverrideFact): Json {
  return fact.field === "server"
    ? { ...fact, value: { ...fact.value } }
    : fact.field === "state"
    ? { ...fact, deadline: fact.deadline && { ...fact.deadline } }
    : { ...fact };
}
