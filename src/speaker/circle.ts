/**
 * Virtual routers that stand and fall together: the members of a sync group, or one alone. Carries
 * to the members what `core/vrrp/group.ts` says of them.
 */

import { align, sharedPoints } from "../core/vrrp/group.ts";
import type { Participant } from "./participant.ts";

/** A sync group, or a virtual router that is in none. */
export class Circle {
  readonly members: readonly Participant[];
  #isAligning = false;

  /** Takes its members over. */
  constructor(members: readonly Participant[]) {
    this.members = members;
    for (const member of members) {
      member.onStep = (now) => this.#align(now);
      member.onConflict = (now) => this.#reannounce(member, now);
    }
  }

  /** What trackers add, and whether they want a member given up, may have changed. */
  settleTracked(now: number): void {
    const points = sharedPoints(this.members.map(({ standing }) => standing.points));
    for (const member of this.members) member.setPoints(points, now);
    for (const member of this.members) member.settleYield(now);
  }

  /** A step of one member may ask for one of another; the steps of that are part of this. */
  #align(now: number): void {
    if (this.#isAligning || this.members.length < 2) return;
    this.#isAligning = true;
    const states = this.members.map(({ state }) => state);
    for (let one = align(states); one; one = align(states)) {
      const member = this.members[one.member];
      if (!member) break;
      member.give(one.input, now);
      states[one.member] = member.state;
    }
    this.#isAligning = false;
  }

  /** Who claims one of our addresses will have claimed those of the siblings too. */
  #reannounce(claimed: Participant, now: number): void {
    for (const member of this.members) {
      if (member !== claimed) member.give({ kind: "reannounce" }, now);
    }
  }
}
