/**
 * The plan that runs: the file's, and the servers that were added beside it. Every change of either
 * is the same thing, another plan to be applied as a whole, and one follows the other. What that is
 * and where facts are kept is for others to know.
 */

import { withAdded } from "../core/plan/added.ts";
import { type OverrideFact, overrideId, type ServerFact } from "../core/plan/override.ts";
import type { Plan } from "../core/plan/plan.ts";
import type { Applying } from "./applying.ts";
import type { Overrides } from "./overrides.ts";

/** What changes work with. */
export interface ChangesParts {
  /** What the appliance has started with, as the file said it. */
  readonly plan: Plan;
  readonly applying: Pick<Applying, "apply">;
  readonly overrides: Pick<Overrides, "facts" | "endStale" | "noteAdded" | "noteRemoved">;
}

/** All changes of the plan that runs. */
export class Changes {
  readonly #parts: ChangesParts;
  #file: Plan;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: ChangesParts) {
    this.#parts = parts;
    this.#file = parts.plan;
  }

  /** The plan that runs, as the file said it. */
  get file(): Plan {
    return this.#file;
  }

  /**
   * Makes another file's plan the one that runs, with the servers that were added beside it.
   *
   * @returns what had been said at run time and the file overrules, a line each.
   * @throws {NotApplied} when that has failed; what ran before runs then.
   */
  apply(file: Plan): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const { applying, overrides } = this.#parts;
      await applying.apply(withAdded(file, overrides.facts));
      this.#file = file;
      return overrides.endStale(file.backends);
    });
  }

  /**
   * Adds a server, or makes one that was added as it is said now; kept when this is done.
   *
   * @param isAllowed throws where that cannot be when its turn comes.
   */
  add(fact: OverrideFact & ServerFact, isAllowed: (file: Plan) => void): Promise<void> {
    return this.#inTurn(async () => {
      isAllowed(this.#file);
      const { applying, overrides } = this.#parts;
      const others = overrides.facts.filter((one) => overrideId(one) !== overrideId(fact));
      await applying.apply(withAdded(this.#file, [...others, fact]));
      await overrides.noteAdded(fact);
    });
  }

  /** Removes a server that was added; connections to it live on. */
  remove(backend: string, server: string, isAllowed: (file: Plan) => void): Promise<void> {
    return this.#inTurn(async () => {
      isAllowed(this.#file);
      const { applying, overrides } = this.#parts;
      const others = overrides.facts.filter((one) =>
        one.backend !== backend || one.server !== server
      );
      await applying.apply(withAdded(this.#file, others));
      await overrides.noteRemoved(backend, server);
    });
  }

  #inTurn<Answer>(change: () => Promise<Answer>): Promise<Answer> {
    const changed = this.#turn.then(change);
    this.#turn = changed.catch(() => {});
    return changed;
  }
}
