/**
 * The speaker: every virtual router of this node, on its LANs, in one thread that blocks until
 * there is something to do. Hears, keeps time, and follows what becomes of interfaces and
 * addresses.
 */

import { type Family, sameAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { deadline } from "../core/vrrp/state.ts";
import type { Link, RouteEvent } from "../core/wire/rtnetlink.ts";
import { parseAdvertisement } from "../core/wire/vrrp.ts";
import { monotonicMs } from "../linux/clock.ts";
import { EAGAIN, errorName } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { RouteEvents, RouteSocket } from "../linux/netlink.ts";
import { PollSet } from "../linux/poll.ts";
import type { RouterTable } from "../memory/router_table.ts";
import { removeLeftOvers } from "./addresses.ts";
import { Lan } from "./lan.ts";
import type { LogReport, Report } from "./orders.ts";
import { Participant } from "./participant.ts";
import { findPlace } from "./place.ts";

/** What a speaker works with. */
export interface SpeakerOptions {
  readonly routers: readonly VirtualRouterPlan[];
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
  /** Open interfaces by index and family. */
  readonly #lans = new Map<string, Lan>();
  #poll: PollSet;
  /** When the interfaces are to be looked at (again). */
  #surveyAt = -Infinity;
  /** When the LANs were last drained. */
  #heardAt = -Infinity;
  /** Replaced, but still in use until the survey is over. */
  readonly #retired: Lan[] = [];

  /** Clears away what a predecessor has left, then takes part. */
  constructor(options: SpeakerOptions) {
    this.#options = options;
    const { routers, table, report } = options;
    const now = monotonicMs();
    const around = { route: this.#route, table, report };
    this.#participants = routers.map((plan, row) => new Participant(plan, row, around, now));
    this.#poll = this.#pollSet();
    this.#clearLeftOvers();
    this.#survey(now);
    for (const participant of this.#participants) {
      participant.give({ kind: "startup" }, monotonicMs());
    }
  }

  /** Whether every virtual router has been left. */
  get isDone(): boolean {
    return this.#participants.every(({ state }) => state.name === "initialize" && !state.started);
  }

  /** Leaves every virtual router in the planned way; the second time at once. */
  stop(): void {
    for (const participant of this.#participants) {
      participant.give({ kind: "shutdown" }, monotonicMs());
    }
  }

  /** The data plane holds nothing on the addresses of a virtual router any more. */
  released(router: string): void {
    const participant = this.#participants.find(({ plan }) => plan.name === router);
    participant?.give({ kind: "released" }, monotonicMs());
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
    if (count === 0) this.#options.observeLateness((monotonicMs() - wakeAt) / 1e3);
    if (count > 0 && this.#poll.isReady(this.#events.fd)) this.#drainEvents();
    if (monotonicMs() >= this.#surveyAt) this.#survey(monotonicMs());
    this.#drainLans();
    this.#runTimers();
    return isOrdered;
  }

  /** Closes all sockets. */
  [Symbol.dispose](): void {
    for (const lan of this.#lans.values()) lan[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    this.#route[Symbol.dispose]();
  }

  #nextDeadline(): number {
    let next = this.#surveyAt;
    for (const { state } of this.#participants) next = Math.min(next, deadline(state));
    return next;
  }

  #runTimers(): void {
    for (const participant of this.#participants) {
      if (monotonicMs() - this.#heardAt > HELD_UP_MS) this.#drainLans();
      const now = monotonicMs();
      const latenessMs = now - deadline(participant.state);
      if (latenessMs >= 0) participant.tick(latenessMs, now);
    }
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

const SURVEY_RETRY_MS = 1_000;

const NO_ADDRESS = new Uint8Array(4);
