/**
 * One virtual router of this node: gives inputs to the state machine and carries its outputs out,
 * in order, then publishes the state. Decides nothing that the machine could decide.
 */

import { formatAddress, sameAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_RELEASE, type VirtualRouter } from "../core/vrrp/router.ts";
import {
  initialState,
  type Input,
  type Output,
  type PublicState,
  publicState,
  type State,
  type TransitionReason,
} from "../core/vrrp/state.ts";
import { step } from "../core/vrrp/step.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import type { Advertisement, RejectionReason } from "../core/wire/vrrp.ts";
import type { RouteSocket } from "../linux/netlink.ts";
import type { RouterTable } from "../memory/router_table.ts";
import { type Adaptation, adaptationOf } from "./adaptation.ts";
import { VirtualAddresses } from "./addresses.ts";
import { causeOf } from "./cause.ts";
import type { Claim } from "./claims.ts";
import { expectationOf } from "./expectation.ts";
import type { Lan } from "./lan.ts";
import { type Facts, type Heard, isShownAnew, Ledger } from "./ledger.ts";
import type { Report } from "./orders.ts";
import { OtherRouters } from "./other_routers.ts";
import { parametersOf } from "./parameters.ts";
import type { NoPlace, Place } from "./place.ts";
import { Remarks } from "./remarks.ts";
import { Standings } from "./standings.ts";
import { Transmitter } from "./transmitter.ts";

/** What a participant works with. */
export interface Surroundings {
  readonly route: Pick<RouteSocket, "request">;
  readonly table: RouterTable;
  readonly report: (report: Report) => void;
}

/** A virtual router in which this node takes part. */
export class Participant {
  /** Called after each step: others may have to follow. */
  onStep: (now: number) => void = () => {};
  /** Called when another router claims to be Active for the addresses that are ours. */
  onConflict: (now: number, how: "reannounce" | "foreignClaim") => void = () => {};
  /** Called when connections on the addresses must go. */
  onRelease: () => void = () => {};
  /** Given up by an operator, beside what is tracked. */
  isStandby = false;
  /** What this router's own trackers make of it. */
  readonly trackers = new Standings();
  /** In the router table. */
  readonly row: number;
  #plan: VirtualRouterPlan;
  readonly #addresses: VirtualAddresses;
  readonly #transmitter: Transmitter;
  readonly #remarks: Remarks;
  readonly #others: OtherRouters;
  readonly #ledger: Ledger;
  readonly #report: (report: Report) => void;
  /** Parameters, and what moves them while it runs. */
  #router: VirtualRouter;
  #state: State;
  #lan: Lan | undefined;
  /** Where its addresses belong. */
  #home: Link | undefined;
  #reason: TransitionReason | null = null;
  #since: number;
  #heard: Heard | undefined;
  #heardAt: number | null = null;
  /** How late the thread was when it woke up last. */
  #latenessMs = 0;
  #why = "";
  /** What of the plan is other than before, and is not settled yet. */
  #adaptation: Adaptation = null;
  /** Of the whole group. */
  #points = 0;

  /** @param insistMs how often the addresses are announced while peers may be silent. */
  constructor(
    plan: VirtualRouterPlan,
    row: number,
    insistMs: number,
    around: Surroundings,
    now: number,
  ) {
    this.#plan = plan;
    this.row = row;
    this.#router = parametersOf(plan, false, insistMs);
    this.#others = new OtherRouters(plan, this.#router.insistMs);
    this.#addresses = new VirtualAddresses(plan, around.route);
    this.#ledger = new Ledger(around.table, row);
    this.#report = around.report;
    this.#remarks = new Remarks(plan.name, around.report);
    this.#transmitter = new Transmitter(plan, row, this.#addresses, around.table);
    this.#state = initialState(this.#router);
    this.#since = now;
    this.#publish();
  }

  /** What the file says of it. */
  get plan(): VirtualRouterPlan {
    return this.#plan;
  }

  /** Where the machine stands. */
  get state(): State {
    return this.#state;
  }

  /** The virtual addresses, with those that are not advertised. */
  get addresses(): readonly Uint8Array[] {
    return this.#addresses.all;
  }

  /** Where it takes part, if anywhere. */
  get lan(): Lan | undefined {
    return this.#lan;
  }

  /** Gives the machine an input and carries out what it answers. */
  give(input: Input, now: number): void {
    const before = this.#state;
    const { state, outputs, reason } = step(this.#router, before, input, now);
    // Before the advertisements that go with it are counted.
    const facts = reason && this.#ledger.facts;
    for (const output of outputs) this.#carryOut(output);
    this.#state = state;
    if (reason && facts) this.#enter(publicState(before), reason, now, facts);
    else if (isShownAnew(before, state)) this.#publish();
    this.onStep(now);
    const { refusal } = this.#addresses;
    if (this.#state.name !== "active" || refusal === null) return;
    this.trackers.refuse(`${this.#home?.name} takes none of its addresses: ${refusal}`, now);
    this.settleYield(now);
  }

  /** Asks the kernel again, now and then, for addresses that it has refused. */
  retry(now: number): void {
    if (this.trackers.retry(() => this.#addresses.isWelcome(), now)) this.settleYield(now);
  }

  /**
   * Goes by another plan that needs no new start. Addresses it has no more go now; the rest is for
   * {@linkcode settleChange}, once everybody has let go.
   *
   * @param insistMs as at the start; one that is the same as before goes on as it did.
   */
  change(plan: VirtualRouterPlan, insistMs: number): void {
    this.#adaptation = adaptationOf(this.#plan, plan);
    this.#plan = plan;
    if (this.#adaptation === null) return;
    const { grouped, preemptFrom } = this.#router;
    const parameters = parametersOf(plan, grouped, insistMs);
    this.#others.change(plan, parameters.insistMs);
    this.#router = { ...parameters, preemptFrom, ...this.#others.parameters };
    this.#remarks.onProblems(this.#addresses.change(plan));
    this.#transmitter.change(plan);
  }

  /** Says what has changed. An Active has what is new, and each address its lifetime. */
  settleChange(now: number): void {
    const adaptation = this.#adaptation;
    this.#adaptation = null;
    if (adaptation === null) return;
    this.give({ kind: "parameters", priority: this.#plan.priority + this.#points }, now);
    if (this.#state.name !== "active") return;
    this.#remarks.onProblems(this.#addresses.add());
    if (adaptation === "addresses") this.give({ kind: "reannounce" }, now);
  }

  /** Whether it becomes Active only together with others. */
  set grouped(grouped: boolean) {
    this.#router = { ...this.#router, grouped };
  }

  /** So much is added to the configured priority from now on. */
  setPoints(points: number, now: number): void {
    this.#points = points;
    const priority = this.#plan.priority + points;
    this.give({ kind: "tracked", priority }, now);
  }

  /** Gives it up or takes part again, as trackers and the operator want it. */
  settleYield(now: number): void {
    const isTracked = this.trackers.standing.yield !== null;
    // A handover to be on standby ends by itself, one way or the other.
    if (this.isStandby && !isTracked && this.#state.name === "leaving") return;
    this.give({ kind: "yield", yields: this.isStandby || isTracked }, now);
  }

  /** Until then nobody is preempted. */
  hold(until: number): void {
    this.#router = { ...this.#router, preemptFrom: until };
  }

  /** Until when that is. */
  get heldUntil(): number {
    return this.#router.preemptFrom;
  }

  /** Whether a peer has been heard since then. */
  peerSince(instant: number): boolean {
    return this.#heardAt !== null && this.#heardAt >= instant;
  }

  /** The peer heard last, by address. */
  get peerName(): string {
    return this.#heard ? formatAddress(this.#heard.advertisement.source) : "a peer";
  }

  /** An interface and a primary address have been found; the LAN may be another than before. */
  settle(place: Place, lan: Lan, now: number): void {
    const { link, source, home = link } = place;
    if (this.#lan && (this.#lan !== lan || this.#home?.index !== home.index)) {
      this.leave({ down: true, why: `interface ${this.#home?.name} was replaced` }, now);
    }
    const isNew = this.#lan !== lan;
    if (isNew) {
      this.#lan = lan;
      this.#addresses.moveTo(home.index);
    }
    this.#home = home;
    this.#transmitter.moveTo(lan, source, home);
    if (isNew) this.#transmitter.introduce();
    const { destinations } = this.#transmitter;
    const expectation = expectationOf(this.#plan, place, this.#addresses.bytes, destinations);
    lan.expectations.set(this.#plan.vrid, expectation);
    this.#why = `interface ${link.name} is up with ${formatAddress(source)}`;
    this.#remarks.forget("place");
    this.#remarks.senders = lan.senders;
    this.give({ kind: "interface", source, down: false }, now);
    this.#publish();
  }

  /** There is no usable interface (any more); `linked` if a last word can still get through. */
  leave({ down, why, soon }: NoPlace, now: number, linked = true): void {
    this.#why = why;
    // Sent to a peer by a dead link, it would have ARP wait for a second once the link is back.
    if (down && !linked && this.#plan.unicast) this.#transmitter.moveTo(undefined, null);
    if (!soon) this.#remarks.once("place", "warn", `not taking part: ${why}`);
    this.give({ kind: "interface", source: null, down }, now);
    this.#lan?.expectations.delete(this.#plan.vrid);
    this.#lan = undefined;
    this.#remarks.senders = undefined;
    this.#transmitter.moveTo(undefined, null);
    this.#publish();
  }

  /** A valid advertisement has come; the same object as before if it says the same. */
  hear(advertisement: Advertisement, now: number): void {
    const { priority } = advertisement;
    const last = this.#heard;
    this.#heard = { advertisement, at: now };
    this.#ledger.accept(this.#heard, last);
    this.#remarks.onAdvertisement(this.#plan, advertisement, now);
    if (advertisement !== last?.advertisement && this.#others.hear(advertisement)) this.#learn();
    this.#heardAt = now;
    this.give({ kind: "advertisement", advertisement }, now);
    if (this.#state.name !== "active") return;
    // Gaps are counted between advertisements of an Active that we wait for.
    this.#heard = undefined;
    if (priority === PRIORITY_RELEASE) return;
    this.#others.contradict({ advertisement, at: now });
    this.#learn();
    this.onConflict(now, "reannounce");
  }

  /** The other routers have something to do with the parameters. */
  #learn(): void {
    this.#router = { ...this.#router, ...this.#others.parameters };
  }

  /** Nobody ran this thread for so long, or the host slept. */
  holdUp(forMs: number, now: number): void {
    this.#latenessMs = forMs;
    this.give({ kind: "heldUp", forMs }, now);
  }

  /** An advertisement has come that is not to be taken. */
  refuse(reason: RejectionReason, source: Uint8Array, now: number): void {
    this.#ledger.reject(reason);
    this.#remarks.onRejection(reason, source, now);
  }

  /** Somebody else says that one of the addresses is at a MAC address of theirs. */
  claimed({ address, mac }: Claim, now: number): void {
    // A virtual MAC address is every node's: who it was cannot be told.
    if (this.#state.name !== "active" || mac && sameAddress(mac, this.#home?.mac ?? mac)) return;
    // Whoever was Active before us may still answer while it leaves.
    if (now - this.#since >= LEAVING_MS) {
      this.#ledger.conflict();
      this.#remarks.onClaim(address, mac, now);
    }
    this.give({ kind: "foreignClaim" }, now);
    this.onConflict(now, "foreignClaim");
  }

  /** Something of ours may have gone from this host: puts it back while we are Active. */
  restore(now: number): void {
    if (this.#state.name !== "active") return;
    const { restored, routes, problems } = this.#addresses.restore();
    this.#remarks.onProblems(problems);
    for (const route of routes) this.#remarks.onRouteLoss(route, now);
    for (const address of restored) this.#remarks.onLoss(address, this.#latenessMs, now);
    if (restored.length > 0) this.#announce(1);
  }

  /** Time has passed: the deadline lay `latenessMs` ago. */
  tick(latenessMs: number, now: number): void {
    this.#latenessMs = Math.max(latenessMs, 0);
    // First what is late, then a word about it.
    this.give({ kind: "timer" }, now);
    const matters = latenessMs > this.#plan.advertisementIntervalMs / 2;
    if (latenessMs > 0) this.#ledger.late(latenessMs, matters);
    if (matters) this.#remarks.onLateness(latenessMs, now);
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case "sendAdvertisement": {
        const result = this.#transmitter.advertise(output.priority, output.intervalMs);
        // A last word on an interface that has just gone is not expected to get through.
        if (output.priority !== PRIORITY_RELEASE) this.#remarks.sent("advertisements", result);
        return;
      }
      case "announceAddresses":
        return this.#announce(output.copies);
      case "addAddresses":
        return this.#remarks.onProblems(this.#addresses.add());
      case "renewAddresses":
        return this.#remarks.onProblems(this.#addresses.renew());
      case "removeAddresses":
        return this.#remarks.onProblems(this.#addresses.remove());
      case "releaseConnections":
        this.onRelease();
        return this.#report({
          kind: "releaseConnections",
          router: this.#plan.name,
          addresses: this.addresses.map(formatAddress),
        });
    }
  }

  #announce(copies: number): void {
    this.#remarks.sent("announcements", this.#transmitter.announce(copies));
  }

  #enter(from: PublicState, reason: TransitionReason, now: number, facts: Facts): void {
    this.#reason = reason;
    this.#since = now;
    const to = publicState(this.#state);
    this.#ledger.enter(reason);
    this.#publish();
    const { priority } = this.#state;
    const heard = this.#heard?.advertisement;
    const silenceMs = this.#heardAt === null ? null : now - this.#heardAt;
    const { interfaces, standing: { yield: cause } } = this.trackers;
    const known = { priority, heard, silenceMs, place: this.#why, yield: cause };
    this.#report({
      kind: "transition",
      router: this.#plan.name,
      from,
      to,
      reason,
      at: now,
      detail: causeOf(reason, known),
      priority,
      ...facts,
      interfaces,
      lastAdvertisementAgeMs: silenceMs,
      latenessMs: this.#latenessMs,
      points: this.#points,
      yield: cause ?? (this.isStandby ? "standby" : null),
    });
    if (to !== "active") return;
    if (this.#heard && (reason === "preempt" || reason === "owner")) {
      this.#others.relieve(this.#heard);
      this.#learn();
    }
    this.#heard = undefined;
  }

  #publish(): void {
    this.#ledger.publish(this.#state, {
      reason: this.#reason,
      since: this.#since,
      interfaceIndex: this.#lan?.link.index ?? 0,
      advertisementIntervalMs: this.#plan.advertisementIntervalMs,
    });
  }
}

/** Less than what a planned handover takes from priority 0 to the removal of the addresses. */
const LEAVING_MS = 1_500;
