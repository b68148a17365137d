/**
 * The speaker: every virtual router of this node, on its LANs, in one thread that blocks until
 * there is something to do. Hears, keeps time, and follows what becomes of interfaces and
 * addresses.
 */

import { sameAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { isSame } from "../core/plan/same.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import { deadline } from "../core/vrrp/state.ts";
import type { RouteEvent } from "../core/wire/rtnetlink.ts";
import { boottimeMs, monotonicMs } from "../linux/clock.ts";
import { EAGAIN, errorName } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { RouteEvents, RouteSocket } from "../linux/netlink.ts";
import { PollSet } from "../linux/poll.ts";
import type { RouterTable } from "../memory/router_table.ts";
import { IFAPROT_VRRP, removeLeftOvers } from "./addresses.ts";
import { Handovers } from "./handovers.ts";
import { InterfaceTrackers } from "./interface_trackers.ts";
import { Lans } from "./lans.ts";
import type {
  FailoverOrder,
  LogReport,
  Report,
  SpeakerPlan,
  StandbyOrder,
  StartOrder,
  TrackOrder,
} from "./orders.ts";
import type { Participant } from "./participant.ts";
import { findPlace } from "./place.ts";
import { Releases } from "./releases.ts";
import { Roster } from "./roster.ts";
import { ShakenLinks } from "./shaken_links.ts";
import { VirtualMacs } from "./virtual_macs.ts";

/** What a speaker works with. */
export interface SpeakerOptions {
  readonly plan: SpeakerPlan;
  readonly former?: StartOrder["former"];
  readonly table: RouterTable;
  /** Written when there is an order for the thread. */
  readonly wake: Fd;
  readonly release?: StartOrder["release"];
  readonly report: (report: Report) => void;
  /** Told how late the thread was each time it slept until a deadline. */
  readonly observeLateness: (seconds: number) => void;
}

/** All virtual routers of this node. */
export class Speaker implements Disposable {
  readonly #options: SpeakerOptions;
  readonly #route = new RouteSocket();
  readonly #events = new RouteEvents(IFAPROT_VRRP);
  readonly #roster: Roster;
  #plan: SpeakerPlan;
  /** To be gone by once everybody has left who is not in it. */
  #next: SpeakerPlan | undefined;
  readonly #trackers: InterfaceTrackers;
  readonly #handovers: Handovers;
  readonly #releases: Releases;
  #isStopping = false;
  readonly #lans: Lans;
  readonly #macs: VirtualMacs;
  #poll: PollSet;
  readonly #isReady = (fd: Fd) => this.#poll.isReady(fd);
  /** When the interfaces are to be looked at (again). */
  #surveyAt = -Infinity;
  /** When the LANs were last drained. */
  #heardAt = -Infinity;
  readonly #shaken = new ShakenLinks();
  /** Whose addresses or routes may have gone from this host, by nobody knows whom. */
  readonly #bereft = new Set<Participant>();
  /** By how much CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC: how long the host has slept. */
  #sleptMs: number;

  /** Clears away what a predecessor has left, and listens. */
  constructor(options: SpeakerOptions) {
    this.#options = options;
    const { plan, former = [], table, report } = options;
    const now = monotonicMs();
    const { routers, groups, trackers } = plan;
    this.#plan = { routers, groups, trackers };
    this.#roster = new Roster(plan, { route: this.#route, table, report }, now);
    this.#macs = new VirtualMacs(this.#route);
    this.#lans = new Lans(this.#roster);
    this.#trackers = new InterfaceTrackers(trackers);
    this.#handovers = new Handovers(report, () => this.#roster.circles);
    this.#releases = new Releases(options.release);
    for (const one of this.#roster.participants) this.#releases.serve(one);
    this.#sleptMs = boottimeMs() - now;
    this.#poll = this.#pollSet();
    this.#clearLeftOvers([...this.#roster.plans, ...former.map(withoutTheirs)]);
    this.#survey(now);
  }

  /** Takes part: nothing but a virtual router's own delay holds it back any more. */
  participate(): void {
    this.#roster.participate(monotonicMs());
  }

  /**
   * Goes by another plan, as soon as everybody has left who is not in it. A plan that comes before
   * that takes the place of the one before.
   */
  plan(plan: SpeakerPlan): void {
    if (this.#isStopping) return this.#options.report({ kind: "planned" });
    const { routers, groups, trackers } = plan;
    this.#next = { routers, groups, trackers };
    this.#roster.prepare(plan, monotonicMs());
  }

  /** Trackers of the appliance have found something out. */
  track({ router, points, yield: cause }: TrackOrder): void {
    this.#roster.track(router, { points, yield: cause }, monotonicMs());
  }

  /** Hands a virtual router over. */
  failover(order: FailoverOrder): void {
    const circle = this.#roster.circleOf(order.router);
    if (circle) this.#handovers.failover(order, circle, monotonicMs());
  }

  /** Forgets that a virtual router was handed over. */
  unhold(router: string): void {
    for (const member of this.#roster.circleOf(router)?.members ?? []) member.hold(-Infinity);
  }

  /** Refuses to be Active, or no longer. */
  standby(order: StandbyOrder): void {
    this.#handovers.standby(order, monotonicMs());
  }

  /** Whether every virtual router has been left, as asked. */
  get isDone(): boolean {
    return this.#isStopping &&
      this.#roster.participants.every(({ state }) => state.name === "initialize" && !state.started);
  }

  /** Leaves every virtual router in the planned way; the second time at once. */
  stop(): void {
    this.#roster.stop(!this.#isStopping, monotonicMs());
    this.#isStopping = true;
    if (!this.#next) return;
    this.#next = undefined;
    this.#options.report({ kind: "planned" });
  }

  /** The data plane holds nothing on the addresses of a virtual router any more. */
  released(router: string): void {
    this.#roster.find(router)?.give({ kind: "released" }, monotonicMs());
  }

  /**
   * Sleeps until something happens or is due, `MAX_SLEEP_MS` at most, and deals with it.
   *
   * @returns whether an order waits.
   */
  turn(): boolean {
    this.#releases.settle(monotonicMs());
    this.#settlePlan();
    const before = monotonicMs();
    const wakeAt = Math.min(before + MAX_SLEEP_MS, this.#nextDeadline());
    const count = this.#poll.wait(wakeAt - before);
    const isOrdered = count > 0 && this.#poll.isReady(this.#options.wake);
    const now = monotonicMs();
    if (count === 0) this.#options.observeLateness((now - wakeAt) / 1e3);
    this.#noteHoldUp(now - wakeAt, now);
    this.#heardAt = now;
    const isDue = now >= wakeAt;
    if (count > 0) this.#hearReady(isDue);
    if (now >= this.#surveyAt) {
      this.#survey(now);
      // That takes its time, and there may be new sockets.
      this.#heardAt = -Infinity;
    }
    if (this.#bereft.size > 0) this.#restore();
    // Not what falls due just now: what has come may not all have been heard.
    if (isDue) this.#runTimers();
    this.#handovers.settle(now);
    return isOrdered;
  }

  /** Whoever was not run, or slept with the host, may have missed what peers have said. */
  #noteHoldUp(latenessMs: number, now: number): void {
    const sleptMs = boottimeMs() - now;
    const awayMs = Math.max(latenessMs, sleptMs - this.#sleptMs);
    this.#sleptMs = sleptMs;
    if (awayMs < LATE_MS) return;
    for (const participant of this.#roster.participants) participant.holdUp(awayMs, now);
  }

  /** Closes all sockets. */
  [Symbol.dispose](): void {
    this.#lans[Symbol.dispose]();
    this.#macs[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    this.#route[Symbol.dispose]();
  }

  /** Goes by the next plan, if everybody has left who is not in it. */
  #settlePlan(): void {
    const next = this.#next;
    if (!next || !this.#roster.isSteady) return;
    this.#next = undefined;
    if (!isSame(next, this.#plan) || this.#roster.isLeft) this.#follow(next);
    this.#options.report({ kind: "planned" });
  }

  #follow(next: SpeakerPlan): void {
    this.#plan = next;
    const { added, gone } = this.#roster.change(next, monotonicMs());
    for (const { plan } of gone) this.#macs.release(plan);
    for (const one of added) {
      one.isStandby = this.#handovers.isStandby;
      this.#releases.serve(one);
    }
    if (added.length > 0) this.#clearLeftOvers(added.map(({ plan }) => plan));
    this.#trackers.change(next.trackers);
    this.#survey(monotonicMs());
    // That takes its time, and there may be new sockets.
    this.#heardAt = -Infinity;
  }

  #nextDeadline(): number {
    return Math.min(this.#surveyAt, this.#trackers.dueAt, this.#roster.dueAt);
  }

  #runTimers(): void {
    let now = this.#hearAnew();
    this.#roster.settle(now);
    if (this.#trackers.settle(now)) this.#settleInterfaces();
    for (const participant of this.#roster.participants) {
      const latenessMs = now - deadline(participant.state);
      if (latenessMs < 0) continue;
      participant.tick(latenessMs, now);
      now = this.#hearAnew();
    }
  }

  /** Interfaces that are tracked have changed. */
  #settleInterfaces(): void {
    for (const participant of this.#roster.participants) {
      participant.trackers.interfaces = this.#trackers.seen(participant.plan.track);
    }
    for (const circle of this.#roster.circles) circle.settleTracked(monotonicMs());
  }

  /**
   * Hears what has come before any deadline is tested, so that our own lateness never looks like a
   * silent peer, and no address is renewed that another router has taken over meanwhile.
   */
  #hearReady(presses: boolean): void {
    if (this.#poll.isReady(this.#events.fd)) this.#drainEvents();
    this.#lans.drain(this.#isReady, presses);
  }

  /** Hears what has come meanwhile if the thread was held up again. @returns the time. */
  #hearAnew(): number {
    let now = monotonicMs();
    for (let round = 0; round < DRAIN_ROUNDS && now - this.#heardAt > HELD_UP_MS; round++) {
      this.#heardAt = now;
      this.#lans.drain(() => true, true);
      now = monotonicMs();
    }
    return now;
  }

  /** After everybody has been heard: one who has just yielded takes nothing back. */
  #restore(): void {
    for (const participant of this.#bereft) participant.restore(monotonicMs());
    this.#bereft.clear();
  }

  #drainEvents(): void {
    const soon = monotonicMs() + ROUTES_MS;
    for (let events = 0; events < DRAIN_EVENTS; events++) {
      const result = this.#events.read((event) => {
        if (event.kind === "routeGone") this.#surveyAt = Math.min(this.#surveyAt, soon);
        else if (this.#matters(event)) this.#surveyAt = -Infinity;
      });
      if (result === -EAGAIN) return;
      // Lost events, above all: look at everything anew.
      if (result < 0) this.#surveyAt = -Infinity;
    }
  }

  /**
   * Whether a change may move a virtual router. Its own addresses do not, and being renewed they
   * change all the time; that one has gone is dealt with where it was held. An owner's are the
   * host's as well, and where it takes part is told by them.
   */
  #matters(event: Exclude<RouteEvent, { kind: "routeGone" }>): boolean {
    if ("link" in event) {
      this.#shaken.note(event.link, event.kind === "linkGone");
      return true;
    }
    const changed = event.address.address;
    const theirs = this.#roster.participants.filter(({ addresses }) =>
      addresses.some((address) => sameAddress(address, changed))
    );
    if (event.kind === "addressGone") { for (const one of theirs) this.#bereft.add(one); }
    return theirs.every(({ plan }) => plan.priority === PRIORITY_OWNER);
  }

  /** Finds out where each virtual router belongs now. */
  #survey(now: number): void {
    this.#surveyAt = Infinity;
    const links = this.#route.links();
    const addresses = this.#route.addresses();
    if (typeof links === "number" || typeof addresses === "number") {
      const failed = typeof links === "number" ? links : Number(addresses);
      this.#log("error", `the kernel does not list interfaces: ${errorName(-failed)}`);
      this.#surveyAt = now + SURVEY_RETRY_MS;
      return;
    }
    this.#shaken.learn(links);
    this.#trackers.observe(links, now);
    this.#trackers.settle(now);
    this.#settleInterfaces();
    for (const participant of this.#roster.participants) {
      const { plan } = participant;
      if (plan.routes.length + plan.rules.length > 0) this.#bereft.add(participant);
      const found = findPlace(plan, links, addresses, this.#roster.plans);
      const place = this.#macs.settle(plan, found, links);
      if (!("link" in place)) {
        participant.leave(place, now, "link" in found);
        continue;
      }
      const lan = this.#lans.of(place.link, plan.family);
      if (typeof lan === "number") {
        const why = `interface ${place.link.name} cannot be used: ${errorName(-lan)}`;
        participant.leave({ down: true, why }, now);
        this.#surveyAt = now + SURVEY_RETRY_MS;
      } else {
        participant.settle(place, lan, now);
      }
    }
    this.#lans.settled();
    this.#poll = this.#pollSet();
    this.#calmNeighbours(now);
  }

  /** A link that was away for a moment may have left neighbours with something else. */
  #calmNeighbours(now: number): void {
    const shaken = this.#shaken.take();
    for (const participant of this.#roster.participants) {
      const { lan } = participant;
      if (lan && shaken.has(lan.link.index)) participant.give({ kind: "reannounce" }, now);
    }
  }

  #pollSet(): PollSet {
    return new PollSet([this.#options.wake, this.#events.fd, ...this.#lans.fds]);
  }

  /** What a predecessor has left of these virtual routers; not what the others hold. */
  #clearLeftOvers(plans: readonly VirtualRouterPlan[]): void {
    const addresses = this.#route.addresses();
    if (typeof addresses === "number") return;
    const running = this.#roster.plans.filter((plan) => !plans.includes(plan));
    for (const left of removeLeftOvers(plans, addresses, this.#route, running)) {
      const { address, result } = left;
      if (result === 0) this.#log("warn", `${address} was still on this host: removed`);
      else this.#log("error", `${address} cannot be removed from this host: ${errorName(-result)}`);
    }
    const links = this.#route.links();
    if (typeof links === "number") return;
    for (const name of this.#macs.clearLeftOvers(plans, links)) {
      this.#log("warn", `interface ${name} was still on this host: removed`);
    }
  }

  #log(level: LogReport["level"], message: string): void {
    this.#options.report({ kind: "log", level, message, properties: {} });
  }
}

/** Whose addresses are not wanted any more may be somebody else's by now. */
function withoutTheirs(plan: VirtualRouterPlan): VirtualRouterPlan {
  return { ...plan, existingAddress: "refuse" };
}

/** The thread shows at least this often that it lives. */
const MAX_SLEEP_MS = 1_000;

/** A flood must not keep the timers from running. */
const DRAIN_EVENTS = 256;
const DRAIN_ROUNDS = 3;
/** Draining takes microseconds; so much means that the thread was not running. */
const HELD_UP_MS = 20;

/** Less lateness means nothing at the shortest interval there is. */
const LATE_MS = 5;

const SURVEY_RETRY_MS = 1_000;
/** From the news that routes are gone until they are back: not at once, lest we only fight. */
const ROUTES_MS = 50;
