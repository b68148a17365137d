/**
 * One virtual router of this node: gives inputs to the state machine and carries its outputs out,
 * in order, then publishes the state. Decides nothing that the machine could decide.
 */

import { formatAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_OWNER, PRIORITY_RELEASE, type VirtualRouter } from "../core/vrrp/router.ts";
import {
  initialState,
  type Input,
  type Output,
  publicState,
  type State,
  type TransitionReason,
} from "../core/vrrp/state.ts";
import { step } from "../core/vrrp/step.ts";
import type { Advertisement, RejectionReason } from "../core/wire/vrrp.ts";
import { EEXIST, errorName } from "../linux/errno.ts";
import type { RouteSocket } from "../linux/netlink.ts";
import type { RouterTable } from "../memory/router_table.ts";
import { type AddressProblem, VirtualAddresses } from "./addresses.ts";
import { expectationOf } from "./expectation.ts";
import type { Lan } from "./lan.ts";
import type { Report } from "./orders.ts";
import type { NoPlace, Place } from "./place.ts";
import { Remarks } from "./remarks.ts";
import { Transmitter } from "./transmitter.ts";

/** What a participant works with. */
export interface Surroundings {
  readonly route: RouteSocket;
  readonly table: RouterTable;
  readonly report: (report: Report) => void;
}

/** A virtual router in which this node takes part. */
export class Participant {
  readonly plan: VirtualRouterPlan;
  readonly #row: number;
  readonly #router: VirtualRouter;
  readonly #addresses: VirtualAddresses;
  readonly #transmitter: Transmitter;
  readonly #remarks: Remarks;
  readonly #table: RouterTable;
  readonly #report: (report: Report) => void;
  #state: State;
  #lan: Lan | undefined;
  #reason: TransitionReason | null = null;
  #since: number;
  #heard: { readonly advertisement: Advertisement; readonly at: number } | undefined;
  /** When the last advertisement of a peer was heard. */
  #heardAt: number | null = null;
  /** How late the thread was when it woke up last. */
  #latenessMs = 0;
  #why = "";

  constructor(plan: VirtualRouterPlan, row: number, around: Surroundings, now: number) {
    this.plan = plan;
    this.#row = row;
    this.#router = {
      version: plan.version,
      priority: plan.priority,
      advertisementIntervalMs: plan.advertisementIntervalMs,
      preempt: plan.preempt,
      renewIntervalMs: plan.deadmanMs === null || plan.priority === PRIORITY_OWNER
        ? null
        : RENEW_INTERVAL_MS,
      announceRepeat: plan.announce.repeat,
    };
    this.#addresses = new VirtualAddresses(plan, around.route);
    this.#table = around.table;
    this.#report = around.report;
    this.#remarks = new Remarks(plan.name, around.report);
    this.#transmitter = new Transmitter(plan, row, this.#addresses, around.table);
    this.#state = initialState(this.#router);
    this.#since = now;
    this.#publish();
  }

  /** Where the machine stands. */
  get state(): State {
    return this.#state;
  }

  /** The virtual addresses. */
  get addresses(): readonly Uint8Array[] {
    return this.#addresses.bytes;
  }

  /** Where it takes part, if anywhere. */
  get lan(): Lan | undefined {
    return this.#lan;
  }

  /** Gives the machine an input and carries out what it answers. */
  give(input: Input, now: number): void {
    const before = this.#state;
    const { state, outputs, reason } = step(this.#router, before, input, now);
    for (const output of outputs) this.#carryOut(output);
    this.#state = state;
    if (reason) this.#enter(publicState(before), reason, now);
    else if (isShownAnew(before, state)) this.#publish();
  }

  /** An interface and a primary address have been found; the LAN may be another than before. */
  settle(place: Place, lan: Lan, now: number): void {
    const { link, source } = place;
    if (this.#lan && this.#lan !== lan) {
      this.leave({ down: true, why: `interface ${this.#lan.link.name} was replaced` }, now);
    }
    if (this.#lan !== lan) {
      this.#lan = lan;
      this.#addresses.moveTo(link.index);
    }
    this.#transmitter.moveTo(lan, source);
    const { destinations } = this.#transmitter;
    const expectation = expectationOf(this.plan, place, this.#addresses.bytes, destinations);
    lan.expectations.set(this.plan.vrid, expectation);
    this.#why = `interface ${link.name} is up with ${formatAddress(source)}`;
    this.#remarks.forget("place");
    this.give({ kind: "interface", source, down: false }, now);
    this.#publish();
  }

  /** There is no usable interface (any more). */
  leave({ down, why }: NoPlace, now: number): void {
    this.#why = why;
    this.#remarks.once("place", "warn", `not taking part: ${why}`);
    this.give({ kind: "interface", source: null, down }, now);
    this.#lan?.expectations.delete(this.plan.vrid);
    this.#lan = undefined;
    this.#transmitter.moveTo(undefined, null);
    this.#publish();
  }

  /** A valid advertisement has come. */
  hear(advertisement: Advertisement, now: number): void {
    const { priority, intervalMs, source, checksum } = advertisement;
    this.#table.count(this.#row, "advertisementsReceived");
    if (priority === PRIORITY_RELEASE) this.#table.count(this.#row, "priorityZeroReceived");
    this.#table.count(this.#row, CHECKSUM_COUNTERS[checksum]);
    if (this.#heard) {
      const gapMs = Math.min(now - this.#heard.at, MAX_GAP_MS);
      this.#table.advertisementAge.observe(0, this.#row, gapMs / 1e3);
    }
    this.#remarks.onAdvertisement(this.plan, advertisement, now);
    this.#heard = { advertisement, at: now };
    this.#heardAt = now;
    this.#latenessMs = 0;
    this.#table.setPeer(this.#row, { address: source, priority, intervalMs, at: now });
    this.give({ kind: "advertisement", advertisement }, now);
    // Gaps are counted between advertisements of an Active that we wait for.
    if (this.#state.name === "active") this.#heard = undefined;
  }

  /** An advertisement has come that is not to be taken. */
  refuse(reason: RejectionReason, source: Uint8Array, now: number): void {
    this.#table.countRejection(this.#row, reason);
    // Other virtual routers on the same network are nothing to talk about.
    if (reason === "vrid") return;
    const message = `advertisement of ${formatAddress(source)} rejected: ${reason}`;
    this.#remarks.sometimes(reason, "warn", message, now);
  }

  /** Time has passed: the deadline lay `latenessMs` ago. */
  tick(latenessMs: number, now: number): void {
    this.#latenessMs = latenessMs;
    if (latenessMs > 0) this.#table.noteLateness(this.#row, latenessMs);
    if (latenessMs > this.plan.advertisementIntervalMs / 2) {
      this.#table.count(this.#row, "lateWakeups");
      const message = `this thread was not run in time: ${latenessMs.toFixed(0)} ms late`;
      this.#remarks.sometimes("late", "warn", message, now);
    }
    this.give({ kind: "timer" }, now);
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case "sendAdvertisement": {
        const result = this.#transmitter.advertise(output.priority);
        // A last word on an interface that has just gone is not expected to get through.
        return output.priority === PRIORITY_RELEASE ? undefined : this.#remarks.sent(result);
      }
      case "announceAddresses":
        return this.#remarks.sent(this.#transmitter.announce(output.copies));
      case "addAddresses":
        return this.#complain(this.#addresses.add());
      case "renewAddresses":
        return this.#complain(this.#addresses.renew());
      case "removeAddresses":
        return this.#complain(this.#addresses.remove());
      case "releaseConnections": {
        const addresses = this.plan.addresses.map(({ address }) => address);
        return this.#report({ kind: "releaseConnections", router: this.plan.name, addresses });
      }
    }
  }

  #complain(problems: readonly AddressProblem[]): void {
    for (const { address, errno } of problems) {
      const message = errno === EEXIST
        ? `${address} is on this host already, put there by somebody else; it is left as it is`
        : `the kernel refuses to change ${address}: ${errorName(errno)}`;
      this.#remarks.once(`${address} ${errno}`, "warn", message);
    }
  }

  #enter(from: ReturnType<typeof publicState>, reason: TransitionReason, now: number): void {
    this.#reason = reason;
    this.#since = now;
    const to = publicState(this.#state);
    this.#table.countTransition(this.#row, reason);
    this.#publish();
    const detail = this.#detail(reason);
    this.#report({
      kind: "transition",
      router: this.plan.name,
      from,
      to,
      reason,
      at: now,
      detail,
      priority: this.#state.priority,
      peer: this.#heard ? formatAddress(this.#heard.advertisement.source) : null,
      lastAdvertisementAgeMs: this.#heardAt === null ? null : now - this.#heardAt,
      latenessMs: this.#latenessMs,
      points: 0,
      yield: null,
    });
    if (to === "active") this.#heard = undefined;
  }

  /** What led to a change of state, in words. */
  #detail(reason: TransitionReason): string {
    const heard = this.#heard?.advertisement;
    const peer = heard ? formatAddress(heard.source) : "a peer";
    switch (reason) {
      case "startup":
      case "interfaceUp":
      case "interfaceDown":
      case "noAddress":
        return this.#why;
      case "shutdown":
        return "planned stop";
      case "owner":
        return "this node owns the addresses";
      case "peerSilent":
        return heard ? `${peer} has fallen silent` : "nobody else advertises";
      case "peerReleased":
        return `${peer} has given it up`;
      case "preempt":
        return `${peer} advertises a lower priority than ours, ${this.#state.priority}`;
      case "higherPriority":
        return `${peer} advertises priority ${
          heard?.priority ?? "higher"
        }, ours is ${this.#state.priority}`;
      case "higherAddress":
        return `${peer} advertises our priority from a higher address`;
    }
  }

  #publish(): void {
    const { priority, source } = this.#state;
    this.#table.setStatus(this.#row, {
      state: publicState(this.#state),
      reason: this.#reason,
      priority,
      interfaceIndex: this.#lan?.link.index ?? 0,
      since: this.#since,
      activeIntervalMs: this.#state.name === "backup"
        ? this.#state.activeIntervalMs
        : this.plan.advertisementIntervalMs,
      source: source && Uint8Array.from(source),
    });
  }
}

/** Whether others are shown something new although the state's name is the same. */
function isShownAnew(before: State, after: State): boolean {
  if (before.priority !== after.priority || before.source !== after.source) return true;
  return before.name === "backup" && after.name === "backup" &&
    before.activeIntervalMs !== after.activeIntervalMs;
}

/** Addresses are renewed so often; their lifetime is a second or more. */
const RENEW_INTERVAL_MS = 250;

/** The histogram of gaps takes less than half an hour. */
const MAX_GAP_MS = 1_000_000;

const CHECKSUM_COUNTERS = {
  plain: "checksumPlain",
  pseudoHeader: "checksumPseudoHeader",
  group: "checksumGroup",
} as const;
