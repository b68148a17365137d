/**
 * Makes the running appliance run another plan: one step after the other, and back again if one of
 * them fails. Where the plan comes from, and whether it is any good, is for others to say.
 */

import type { Plan } from "../core/plan/plan.ts";

/** One part of the appliance that can be given another plan while it runs. */
export interface Step {
  /** Completes "could not …". */
  readonly name: string;
  /**
   * Makes everything as the plan says, whatever it is now; touches nothing that is so already.
   *
   * @param isUndo whether a later step has failed, and this plan is what was true before.
   */
  apply(plan: Plan, isUndo: boolean): Promise<void> | void;
}

/** A plan could not be applied: the message names the step and the cause. */
export class NotApplied extends Error {
  override readonly name = "NotApplied";
}

/** Applies plans; one at a time is for the caller to see to. */
export class Applying {
  readonly #steps: readonly Step[];
  #plan: Plan;

  /** @param plan what all steps have already. */
  constructor(plan: Plan, steps: readonly Step[]) {
    this.#plan = plan;
    this.#steps = steps;
  }

  /** What runs. */
  get plan(): Plan {
    return this.#plan;
  }

  /**
   * Makes a plan the one that runs.
   *
   * @throws {NotApplied} when a step has failed; the plan before it runs then.
   */
  async apply(plan: Plan): Promise<void> {
    const done: Step[] = [];
    for (const step of this.#steps) {
      // A step that fails may have done a part of its work.
      done.unshift(step);
      try {
        await step.apply(plan, false);
      } catch (error) {
        const faults = await this.#undo(done);
        const cause = [`could not ${step.name}: ${messageOf(error)}`, ...faults].join("; ");
        throw new NotApplied(cause, { cause: error });
      }
    }
    this.#plan = plan;
  }

  /** @returns what could not be made as it was. */
  async #undo(steps: readonly Step[]): Promise<string[]> {
    const faults: string[] = [];
    for (const step of steps) {
      try {
        await step.apply(this.#plan, true);
      } catch (error) {
        faults.push(`and could not ${step.name} as before: ${messageOf(error)}`);
      }
    }
    return faults;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
