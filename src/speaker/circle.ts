/**
 * Virtual routers that stand and fall together: the members of a sync group, or one alone. Carries
 * to the members what `core/vrrp/group.ts` says of them.
 */

import { align, sharedPoints } from "../core/vrrp/group.ts";
import { activeDownInterval } from "../core/vrrp/router.ts";
import { type Input, publicState } from "../core/vrrp/state.ts";
import type { Participant } from "./participant.ts";

/**
 * A sync group, or a virtual router that is in none.
 *
 * A group of members that are Active and others that are not would have to give up all of them. One
 * that another plan has brought together waits for its members to come in line by themselves first,
 * each by its own election; so long they do not follow each other.
 */
export class Circle {
  readonly members: readonly Participant[];
  /** When the members must follow each other at the latest; `Infinity` once they do. */
  formsAt = Infinity;
  #isAligning = false;

  /** Takes its members over. */
  constructor(members: readonly Participant[], now: number) {
    this.members = members;
    for (const member of members) {
      member.onStep = (at) => this.#align(at);
      member.onConflict = (at, kind) => this.#giveSiblings(member, { kind }, at);
      member.grouped = false;
    }
    if (members.length > 1) {
      this.formsAt = now + Math.max(...members.map(patienceOf));
      this.#align(now);
      if (this.formsAt === Infinity) return;
    }
    // What was the matter with former siblings keeps nobody from taking part.
    for (const member of members) member.give({ kind: "siblingFault", fault: false }, now);
  }

  /** What trackers add, and whether they want a member given up, may have changed. */
  settleTracked(now: number): void {
    const points = sharedPoints(this.members.map(({ trackers }) => trackers.standing.points));
    for (const member of this.members) member.setPoints(points, now);
    for (const member of this.members) member.settleYield(now);
  }

  /** Its time is over: who is Active without the others hands over, and they follow each other. */
  form(now: number): void {
    if (now < this.formsAt) return;
    if (!this.#isInLine) {
      for (const member of this.members) {
        member.give({ kind: "handOver", then: "backup", force: true }, now);
      }
    }
    this.#follow();
    this.#align(now);
  }

  /** A step of one member may ask for one of another; the steps of that are part of this. */
  #align(now: number): void {
    if (this.#isAligning || this.members.length < 2) return;
    if (this.formsAt !== Infinity) {
      if (!this.#isInLine) return;
      this.#follow();
    }
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

  #follow(): void {
    this.formsAt = Infinity;
    for (const member of this.members) member.grouped = true;
  }

  /** Whether all of them are Active, or none is. */
  get #isInLine(): boolean {
    const active = this.members.filter(({ state }) => publicState(state) === "active").length;
    return active === 0 || active === this.members.length;
  }

  /** Who claims one of our addresses will have claimed those of the siblings too. */
  #giveSiblings(claimed: Participant, input: Input, now: number): void {
    for (const member of this.members) {
      if (member !== claimed) member.give(input, now);
    }
  }
}

/** How long a member that has just been added needs to be Active where nobody else is. */
function patienceOf({ plan }: Participant): number {
  const { priority, advertisementIntervalMs, startDelayMs } = plan;
  return startDelayMs + activeDownInterval(plan, priority, advertisementIntervalMs) + GRACE_MS;
}

const GRACE_MS = 500;
