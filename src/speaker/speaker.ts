/**
 * The speaker: every virtual router of this node, on its LANs, in one thread that blocks until
 * there is something to do. Hears, keeps time, and follows what becomes of interfaces and
 * addresses.
 */

import { type Family, sameAddress } from "../core/net/address.ts";
import type { SyncGroupPlan, TrackerPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { deadline } from "../core/vrrp/state.ts";
import type { Link, RouteEvent } from "../core/wire/rtnetlink.ts";
import { parseAdvertisement } from "../core/wire/vrrp.ts";
import { boottimeMs, monotonicMs } from "../linux/clock.ts";
import { EAGAIN, errorName } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { RouteEvents, RouteSocket } from "../linux/netlink.ts";
import { PollSet } from "../linux/poll.ts";
import type { RouterTable } from "../memory/router_table.ts";
import { removeLeftOvers } from "./addresses.ts";
import { Circle } from "./circle.ts";
import { Handovers } from "./handovers.ts";
import { InterfaceTrackers } from "./interface_trackers.ts";
import { Lan } from "./lan.ts";
import type { FailoverOrder, LogReport, Report, StandbyOrder, TrackOrder } from "./orders.ts";
import { Participant } from "./participant.ts";
import { findPlace } from "./place.ts";

/** What a speaker works with. */
export interface SpeakerOptions {
  readonly routers: readonly VirtualRouterPlan[];
  readonly groups: readonly SyncGroupPlan[];
  readonly trackers: readonly TrackerPlan[];
  readonly table: RouterTable;
  /** Written when there is an order for the thread. */
  readonly wake: Fd;
  readonly report: (report: Report) => void;
  /** Told how late the thread was each time it slept until a deadline. */
  readonly observeLateness: (seconds: number) => void;
}

/** All virtual routers of this node. */
export class Speaker implements Disposable {
  readonly #options: SpeakerOptions;
  readonly #route = new RouteSocket();
  readonly #events = new RouteEvents();
  readonly #participants: readonly Participant[];
  readonly #circles: readonly Circle[];
  /** Those that are to start later, and when. */
  readonly #starting = new Map<Circle, number>();
  readonly #trackers: InterfaceTrackers;
  readonly #handovers: Handovers;
  readonly #startedAt: number;
  #isStopping = false;
  /** Open interfaces by index and family. */
  readonly #lans = new Map<string, Lan>();
  #poll: PollSet;
  /** When the interfaces are to be looked at (again). */
  #surveyAt = -Infinity;
  /** When the LANs were last drained. */
  #heardAt = -Infinity;
  /** Replaced, but still in use until the survey is over. */
  readonly #retired: Lan[] = [];

  /** By how much CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC: how long the host has slept. */
  #sleptMs: number;

  /** Clears away what a predecessor has left, and listens. */
  constructor(options: SpeakerOptions) {
    this.#options = options;
    const { routers, table, report } = options;
    const now = monotonicMs();
    const groups = options.groups.filter(({ members }) => members.length > 1);
    const grouped = new Set(groups.flatMap(({ members }) => members));
    const around = { route: this.#route, table, report, grouped };
    this.#participants = routers.map((plan, row) => new Participant(plan, row, around, now));
    const named = (names: readonly string[]) =>
      this.#participants.filter(({ plan }) => names.includes(plan.name));
    this.#circles = [
      ...groups.map(({ members }) => new Circle(named(members))),
      ...this.#participants.filter(({ plan }) => !grouped.has(plan.name))
        .map((participant) => new Circle([participant])),
    ];
    this.#trackers = new InterfaceTrackers(options.trackers);
    this.#handovers = new Handovers(report);
    this.#startedAt = now;
    this.#sleptMs = boottimeMs() - now;
    this.#poll = this.#pollSet();
    this.#clearLeftOvers();
    this.#survey(now);
  }

  /** Takes part: nothing but a virtual router's own delay holds it back any more. */
  participate(): void {
    for (const circle of this.#circles) {
      const delayMs = Math.max(...circle.members.map(({ plan }) => plan.startDelayMs));
      this.#starting.set(circle, this.#startedAt + delayMs);
    }
    this.#start(monotonicMs());
  }

  #start(now: number): void {
    for (const [circle, startAt] of this.#starting) {
      if (now < startAt) continue;
      this.#starting.delete(circle);
      for (const member of circle.members) member.give({ kind: "startup" }, now);
    }
  }

  /** Trackers of the appliance have found something out. */
  track({ router, points, yield: cause }: TrackOrder): void {
    this.#find(router)?.track({ ordered: { points, yield: cause } });
    this.#circleOf(router)?.settleTracked(monotonicMs());
  }

  /** Hands a virtual router over. */
  failover(order: FailoverOrder): void {
    const circle = this.#circleOf(order.router);
    if (circle) this.#handovers.failover(order, circle, monotonicMs());
  }

  /** Forgets that a virtual router was handed over. */
  unhold(router: string): void {
    for (const member of this.#circleOf(router)?.members ?? []) member.hold(-Infinity);
  }

  /** Refuses to be Active, or no longer. */
  standby(order: StandbyOrder): void {
    this.#handovers.standby(order, this.#circles, monotonicMs());
  }

  /** Whether every virtual router has been left, as asked. */
  get isDone(): boolean {
    return this.#isStopping &&
      this.#participants.every(({ state }) => state.name === "initialize" && !state.started);
  }

  /** Leaves every virtual router in the planned way; the second time at once. */
  stop(): void {
    this.#isStopping = true;
    this.#starting.clear();
    for (const participant of this.#participants) {
      participant.give({ kind: "shutdown" }, monotonicMs());
    }
  }

  /** The data plane holds nothing on the addresses of a virtual router any more. */
  released(router: string): void {
    this.#find(router)?.give({ kind: "released" }, monotonicMs());
  }

  #find(router: string): Participant | undefined {
    return this.#participants.find(({ plan }) => plan.name === router);
  }

  #circleOf(router: string): Circle | undefined {
    return this.#circles.find(({ members }) => members.some(({ plan }) => plan.name === router));
  }

  /**
   * Sleeps until something happens or is due, `MAX_SLEEP_MS` at most, and deals with it.
   *
   * @returns whether an order waits.
   */
  turn(): boolean {
    const before = monotonicMs();
    const wakeAt = Math.min(before + MAX_SLEEP_MS, this.#nextDeadline());
    const count = this.#poll.wait(wakeAt - before);
    const isOrdered = count > 0 && this.#poll.isReady(this.#options.wake);
    const now = monotonicMs();
    if (count === 0) this.#options.observeLateness((now - wakeAt) / 1e3);
    this.#noteHoldUp(now - wakeAt, now);
    if (count > 0 && this.#poll.isReady(this.#events.fd)) this.#drainEvents();
    if (monotonicMs() >= this.#surveyAt) this.#survey(monotonicMs());
    this.#drainLans();
    this.#runTimers();
    this.#handovers.settle(monotonicMs());
    return isOrdered;
  }

  /** Whoever was not run, or slept with the host, may have missed what peers have said. */
  #noteHoldUp(latenessMs: number, now: number): void {
    const sleptMs = boottimeMs() - now;
    const awayMs = Math.max(latenessMs, sleptMs - this.#sleptMs);
    this.#sleptMs = sleptMs;
    if (awayMs < LATE_MS) return;
    for (const participant of this.#participants) participant.holdUp(awayMs, now);
  }

  /** Closes all sockets. */
  [Symbol.dispose](): void {
    for (const lan of this.#lans.values()) lan[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    this.#route[Symbol.dispose]();
  }

  #nextDeadline(): number {
    let next = Math.min(this.#surveyAt, this.#trackers.dueAt);
    for (const startAt of this.#starting.values()) next = Math.min(next, startAt);
    for (const { state } of this.#participants) next = Math.min(next, deadline(state));
    return next;
  }

  #runTimers(): void {
    this.#start(monotonicMs());
    if (this.#trackers.settle(monotonicMs())) this.#settleInterfaces();
    for (const participant of this.#participants) {
      if (monotonicMs() - this.#heardAt > HELD_UP_MS) this.#drainLans();
      const now = monotonicMs();
      const latenessMs = now - deadline(participant.state);
      if (latenessMs >= 0) participant.tick(latenessMs, now);
    }
  }

  /** Interfaces that are tracked have changed. */
  #settleInterfaces(): void {
    for (const participant of this.#participants) {
      participant.track({ interfaces: this.#trackers.standing(participant.plan.track) });
    }
    for (const circle of this.#circles) circle.settleTracked(monotonicMs());
  }

  /**
   * Hears all that has come before any deadline is tested, so that our own lateness never looks
   * like a silent peer, and no address is renewed that another router has taken over meanwhile.
   * Once more if the thread was held up in between.
   */
  #drainLans(): void {
    for (let round = 0; round < DRAIN_ROUNDS; round++) {
      this.#heardAt = monotonicMs();
      for (const lan of this.#lans.values()) this.#drainLan(lan);
      if (monotonicMs() - this.#heardAt < HELD_UP_MS) return;
    }
  }

  #drainLan(lan: Lan): void {
    for (let packets = 0; packets < DRAIN_PACKETS; packets++) {
      const packet = lan.receive();
      if (typeof packet === "number") return;
      const now = monotonicMs();
      if (!packet) {
        this.#meant(lan, undefined)?.refuse("length", NO_ADDRESS, now);
        continue;
      }
      const heard = parseAdvertisement(packet, lan.expectations);
      const participant = this.#meant(lan, heard.vrid);
      if ("rejected" in heard) participant?.refuse(heard.rejected, packet.source, now);
      else participant?.hear(heard, now);
    }
  }

  /** Whom a packet concerns; what concerns nobody is counted with the first on the interface. */
  #meant(lan: Lan, vrid: number | undefined): Participant | undefined {
    return this.#participants.find((one) =>
      one.lan === lan && (vrid === undefined || one.plan.vrid === vrid)
    );
  }

  #drainEvents(): void {
    for (let events = 0; events < DRAIN_PACKETS; events++) {
      const result = this.#events.read((event) => {
        if (this.#matters(event)) this.#surveyAt = -Infinity;
      });
      if (result === -EAGAIN) return;
      // Lost events, above all: look at everything anew.
      if (result < 0) this.#surveyAt = -Infinity;
    }
  }

  /** Renewing our own addresses makes events all the time. */
  #matters(event: RouteEvent): boolean {
    if ("link" in event) return true;
    const changed = event.address.address;
    return !this.#participants.some(({ addresses }) =>
      addresses.some((address) => sameAddress(address, changed))
    );
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
    this.#trackers.observe(links, now);
    this.#trackers.settle(now);
    this.#settleInterfaces();
    for (const participant of this.#participants) {
      const place = findPlace(participant.plan, links, addresses, this.#options.routers);
      if (!("link" in place)) {
        participant.leave(place, now);
        continue;
      }
      const lan = this.#lanOf(place.link, participant.plan.family);
      if (typeof lan === "number") {
        const why = `interface ${place.link.name} cannot be used: ${errorName(-lan)}`;
        participant.leave({ down: true, why }, now);
        this.#surveyAt = now + SURVEY_RETRY_MS;
      } else {
        participant.settle(place, lan, now);
      }
    }
    this.#closeUnused();
    this.#poll = this.#pollSet();
  }

  /** The LAN of a link; opened anew if the link has another name or hardware address now. */
  #lanOf(link: Link, family: Family): Lan | number {
    const key = `${link.index} ${family}`;
    const open = this.#lans.get(key);
    if (open && open.link.name === link.name && sameAddress(open.link.mac, link.mac)) return open;
    const lan = Lan.open(link, family);
    if (typeof lan === "number") return lan;
    if (open) this.#retired.push(open);
    this.#lans.set(key, lan);
    return lan;
  }

  #closeUnused(): void {
    for (const lan of this.#retired.splice(0)) lan[Symbol.dispose]();
    for (const [key, lan] of this.#lans) {
      if (this.#participants.some((one) => one.lan === lan)) continue;
      lan[Symbol.dispose]();
      this.#lans.delete(key);
    }
  }

  #pollSet(): PollSet {
    const receivers = [...this.#lans.values()].map(({ receiver }) => receiver);
    return new PollSet([this.#options.wake, this.#events.fd, ...receivers]);
  }

  #clearLeftOvers(): void {
    const addresses = this.#route.addresses();
    if (typeof addresses === "number") return;
    for (const left of removeLeftOvers(this.#options.routers, addresses, this.#route)) {
      const { address, result } = left;
      if (result === 0) this.#log("warn", `${address} was still on this host: removed`);
      else this.#log("error", `${address} cannot be removed from this host: ${errorName(-result)}`);
    }
  }

  #log(level: LogReport["level"], message: string): void {
    this.#options.report({ kind: "log", level, message, properties: {} });
  }
}

/** The thread shows at least this often that it lives. */
const MAX_SLEEP_MS = 400;

/** A flood must not keep the timers from running. */
const DRAIN_PACKETS = 256;
const DRAIN_ROUNDS = 3;
/** Draining takes microseconds; so much means that the thread was not running. */
const HELD_UP_MS = 20;

/** Less lateness means nothing at the shortest interval there is. */
const LATE_MS = 5;

const SURVEY_RETRY_MS = 1_000;

const NO_ADDRESS = new Uint8Array(4);
