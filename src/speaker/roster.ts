/**
 * Which virtual routers this node takes part in, and which of them stand together: as the plan has
 * it, and how one plan is followed by another. Hears nothing and sends nothing by itself.
 */

import type { SyncGroupPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { type Standing, UNMOVED } from "../core/track/combine.ts";
import { deadline } from "../core/vrrp/state.ts";
import { isAdaptable } from "./adaptation.ts";
import { Circle } from "./circle.ts";
import type { SpeakerPlan } from "./orders.ts";
import { Participant, type Surroundings } from "./participant.ts";

/** What a plan has made of the virtual routers. */
export interface Changes {
  /** New, or anew. */
  readonly added: readonly Participant[];
  /** Left; nothing of them is needed any more. */
  readonly gone: readonly Participant[];
}

/** All virtual routers of this node. */
export class Roster {
  readonly #around: Surroundings;
  readonly #startedAt: number;
  #participants: readonly Participant[] = [];
  #circles: readonly Circle[] = [];
  /** Those whose members do not follow each other yet. */
  #forming: readonly Circle[] = [];
  /** Those that are to start later, and when. */
  readonly #starting = new Map<Participant, number>();
  /** Those that the next plan does not have as they are. */
  readonly #leaving = new Set<Participant>();
  /** By trackers of the appliance, as they were told last, by name. */
  readonly #standings = new Map<string, Standing>();
  #participates = false;

  constructor(plan: SpeakerPlan, around: Surroundings, now: number) {
    this.#around = around;
    this.#startedAt = now;
    this.#add(plan, [], now);
    this.#form(plan.groups, now);
  }

  /** By row. */
  get participants(): readonly Participant[] {
    return this.#participants;
  }

  /** Sync groups, and virtual routers that are in none. */
  get circles(): readonly Circle[] {
    return this.#circles;
  }

  /** What the file says of all of them. */
  get plans(): readonly VirtualRouterPlan[] {
    return this.#participants.map(({ plan }) => plan);
  }

  /** When something is due at the latest. */
  get dueAt(): number {
    let due = Infinity;
    if (this.#starting.size > 0) due = Math.min(...this.#starting.values());
    for (const { formsAt } of this.#forming) due = Math.min(due, formsAt);
    for (const { state, trackers } of this.#participants) {
      due = Math.min(due, deadline(state), trackers.retryAt);
    }
    return due;
  }

  find(router: string): Participant | undefined {
    return this.#participants.find(({ plan }) => plan.name === router);
  }

  /** Those that stand together with a virtual router. */
  circleOf(router: string): Circle | undefined {
    return this.#circles.find(({ members }) => members.some(({ plan }) => plan.name === router));
  }

  /** What the appliance's trackers make of a virtual router, even if it is not here yet. */
  track(router: string, standing: Standing, now: number): void {
    this.#standings.set(router, standing);
    const found = this.find(router);
    if (found) found.trackers.ordered = standing;
    this.circleOf(router)?.settleTracked(now);
  }

  /** Nothing but a virtual router's own delay holds it back any more. */
  participate(now: number): void {
    this.#participates = true;
    for (const { members } of this.#circles) {
      const delayMs = Math.max(...members.map(({ plan }) => plan.startDelayMs));
      for (const member of members) this.#starting.set(member, this.#startedAt + delayMs);
    }
    this.settle(now);
  }

  /** Starts whoever is to start, asks the kernel again, and lets circles form. */
  settle(now: number): void {
    for (const [participant, startAt] of this.#starting) {
      if (now < startAt) continue;
      this.#starting.delete(participant);
      participant.give({ kind: "startup" }, now);
    }
    for (const one of this.#participants) one.retry(now);
    if (this.#forming.length === 0) return;
    for (const circle of this.#forming) circle.form(now);
    this.#forming = this.#forming.filter(isForming);
  }

  /** Leaves every virtual router in the planned way; the second time at once. */
  stop(isFirst: boolean, now: number): void {
    this.#starting.clear();
    for (const one of this.#participants) {
      if (!isFirst || !this.#leaving.has(one)) one.give({ kind: "shutdown" }, now);
    }
  }

  /** Has everybody leave that a plan does not have as it is. */
  prepare({ routers }: SpeakerPlan, now: number): void {
    for (const one of this.#participants) {
      const next = routers[one.row];
      if (next && isAdaptable(one.plan, next) || this.#leaving.has(one)) continue;
      this.#leaving.add(one);
      this.#starting.delete(one);
      one.give({ kind: "shutdown" }, now);
    }
  }

  /** Whether everybody is where a plan can find them: nobody is on the way out. */
  get isSteady(): boolean {
    return this.#participants.every(({ state }) => state.name !== "leaving");
  }

  /** Whether anybody has left, or is about to, who is not to come with the next plan. */
  get isLeft(): boolean {
    return this.#leaving.size > 0;
  }

  /** Goes by a plan that everybody has been prepared for. */
  change(plan: SpeakerPlan, now: number): Changes {
    const gone = [...this.#leaving];
    this.#leaving.clear();
    for (const one of gone) {
      one.leave(NO_MORE, now);
      // Nobody of its circle follows it any more.
      one.onStep = one.onConflict = () => {};
    }
    this.#participants = this.#participants.filter((one) => !gone.includes(one));
    const names = new Set(plan.routers.map((one) => one?.name));
    for (const name of this.#standings.keys()) if (!names.has(name)) this.#standings.delete(name);
    const insistMs = insistFor(plan);
    for (const one of this.#participants) {
      const next = plan.routers[one.row];
      if (next) one.change(next, insistMs);
    }
    const added = this.#add(plan, gone, now);
    this.#form(plan.groups, now);
    for (const one of this.#participants) one.settleChange(now);
    return { added, gone };
  }

  #add(plan: SpeakerPlan, gone: readonly Participant[], now: number): readonly Participant[] {
    const present = new Set(this.#participants.map(({ row }) => row));
    const insistMs = insistFor(plan);
    const added = plan.routers.flatMap((one, row) => {
      if (!one || present.has(row)) return [];
      const participant = new Participant(one, row, insistMs, this.#around, now);
      participant.trackers.ordered = this.#standings.get(one.name) ?? UNMOVED;
      const before = gone.find((former) => former.plan.name === one.name);
      if (before) participant.hold(before.heldUntil);
      if (this.#participates) this.#starting.set(participant, now + one.startDelayMs);
      return [participant];
    });
    this.#participants = [...this.#participants, ...added].sort((a, b) => a.row - b.row);
    return added;
  }

  /** Whose members are the same stays as it is. */
  #form(groups: readonly SyncGroupPlan[], now: number): void {
    const named = (names: readonly string[]) =>
      this.#participants.filter(({ plan }) => names.includes(plan.name));
    const together = groups.map(({ members }) => named(members)).filter(({ length }) => length > 1);
    const grouped = new Set(together.flat());
    const alone = this.#participants.filter((one) => !grouped.has(one)).map((one) => [one]);
    const before = this.#circles;
    this.#circles = [...together, ...alone].map((members) =>
      before.find((circle) => isSameList(circle.members, members)) ?? new Circle(members, now)
    );
    this.#forming = this.#circles.filter(isForming);
  }
}

function isForming({ formsAt }: Circle): boolean {
  return formsAt !== Infinity;
}

function isSameList<Item>(left: readonly Item[], right: readonly Item[]): boolean {
  return left.length === right.length && left.every((one, index) => one === right[index]);
}

/** How often the addresses are announced while peers may be silent. */
function insistFor({ routers }: SpeakerPlan): number {
  const addresses = routers.flatMap((plan) =>
    plan ? [...plan.addresses, ...plan.excludedAddresses] : []
  );
  return addresses.length * INSIST_MS;
}

const NO_MORE = { down: true, why: "it is in the configuration no more", soon: true } as const;

/** For each address of this node: some 100 announcements a second are little to a network. */
const INSIST_MS = 10;
