/**
 * What sync groups as a whole have come to, from what their members have: known as soon as all of
 * them agree. Tells nobody by itself.
 */

import type { SyncGroupPlan } from "../core/plan/plan.ts";
import { isSame } from "../core/plan/same.ts";
import type { NotifiedState } from "./notifier.ts";

/** The states of all sync groups. */
export class GroupStates {
  #groups: readonly SyncGroupPlan[];
  /** Of virtual routers, by name. */
  readonly #members = new Map<string, NotifiedState>();
  /** Of groups, by name. */
  readonly #known = new Map<string, NotifiedState>();

  constructor(groups: readonly SyncGroupPlan[]) {
    this.#groups = groups;
  }

  /** Goes by other groups; where members have come is not forgotten. */
  change(groups: readonly SyncGroupPlan[]): void {
    for (const { name, members } of this.#groups) {
      const next = groups.find((group) => group.name === name);
      if (!isSame(next?.members, members)) this.#known.delete(name);
    }
    this.#groups = groups;
  }

  /** The group of a virtual router. */
  of(router: string): SyncGroupPlan | undefined {
    return this.#groups.find(({ members }) => members.includes(router));
  }

  /** Notes where a virtual router has come. @returns whether its whole group has come there now. */
  note(router: string, state: NotifiedState): boolean {
    this.#members.set(router, state);
    const group = this.of(router);
    if (!group || this.#known.get(group.name) === state) return false;
    if (group.members.some((member) => this.#members.get(member) !== state)) return false;
    this.#known.set(group.name, state);
    return true;
  }
}
