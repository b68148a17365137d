/**
 * Speakers on one or two LANs in virtual time, decided by one seed: their machines and groups are
 * the real ones; the network, the kernel's addresses with their lifetimes, the data plane, each
 * node's clock and the scheduler are models.
 */

import { align } from "../../src/core/vrrp/group.ts";
import { lastInterval } from "../../src/core/vrrp/handover.ts";
import type { VirtualRouter } from "../../src/core/vrrp/router.ts";
import {
  deadline,
  type HeardAdvertisement,
  initialState,
  type Input,
  type Output,
  publicState,
  type State,
} from "../../src/core/vrrp/state.ts";
import { step } from "../../src/core/vrrp/step.ts";
import { Random } from "./random.ts";

/** One node: a process with a virtual router on each LAN, and the kernel underneath. */
export interface Node {
  readonly name: string;
  readonly index: number;
  readonly members: readonly Member[];
  /** How fast its clock runs. */
  readonly rate: number;
  /** What its clock has missed in suspend, in its own time. */
  sleptMs: number;
  /** Paused is SIGSTOP: packets queue up. Dead is SIGKILL: the kernel is all that is left. */
  process: "running" | "paused" | "asleep" | "dead";
  pausedAt: number;
  /** The process runs next then: its deadline, and how late the scheduler is this time. */
  wakeAt: number;
  /** When it was last connected, started or continued: what came before is no fault of its own. */
  soundSince: number;
}

/** A node's virtual router on one LAN. */
export interface Member {
  readonly lan: number;
  readonly source: Uint8Array;
  router: VirtualRouter;
  state: State;
  inbox: HeardAdvertisement[];
  /** The kernel drops the address then, by its own clock; −Infinity while it is not there. */
  heldUntil: number;
  activeSince: number;
  linkUp: boolean;
  /** Instants of its latest advertisements, for the check that nothing floods. */
  readonly sentAt: number[];
}

/** Something that happens at a time of its own. */
interface Happening {
  readonly at: number;
  readonly run: () => void;
}

/** Everything. */
export class SimulatedLan {
  readonly random: Random;
  readonly nodes: readonly Node[];
  /** Whether the virtual routers of a node are one sync group. */
  readonly isGrouped: boolean;
  readonly lans: number;
  /** Nothing happens to the network, only to its nodes. */
  readonly isNetworkSound: boolean;
  now = 0;
  /** Of each packet and each receiver. */
  loss = 0;
  /** By LAN: nodes of different sides do not hear each other. */
  readonly sides: (readonly number[])[];
  /** By LAN: the nodes whose packets nobody hears, although they hear the others. */
  readonly mute: Set<number>[];
  /** By LAN: who announced the address last: where the clients' ARP entries point. */
  readonly announcedBy: (Node | undefined)[] = [];
  transitions = 0;
  /** Nothing breaks any more, and everything has been mended. */
  isCalm = false;
  trace: string[] | undefined;
  readonly #happenings: Happening[] = [];
  /** When it last changed who hears whom. */
  #disturbedAt = -Infinity;

  constructor(seed: number, traced: boolean) {
    this.random = new Random(seed);
    this.trace = traced ? [] : undefined;
    this.lans = this.random.pick([1, 1, 2]);
    this.isGrouped = this.lans > 1 && this.random.chance(0.8);
    this.isNetworkSound = this.random.chance(0.4);
    const common = {
      version: this.random.pick([2, 3, 3] as const),
      preempt: this.random.chance(0.75),
      preemptDelayMs: this.random.pick([0, 0, 1500]),
      grouped: this.isGrouped,
    };
    const intervalMs = this.random.pick([1000, 1000, 200]);
    const count = this.random.integer(2, 5);
    const lans = Array.from({ length: this.lans });
    this.sides = lans.map(() => new Array<number>(count).fill(0));
    this.mute = lans.map(() => new Set<number>());
    const priorities = Array.from(
      { length: count },
      () => this.random.pick([50, 100, 100, 150, 200, 254, 255]),
    );
    this.nodes = priorities.map((priority, index) => {
      const own = common.version === 3 && this.random.chance(0.2);
      const advertisementIntervalMs = own ? this.random.pick([100, 500, 2000]) : intervalMs;
      const others = priorities.filter((_, other) => other !== index);
      const router: VirtualRouter = {
        ...common,
        priority,
        advertisementIntervalMs,
        preemptFrom: -Infinity,
        lastIntervalMs: lastInterval(
          { version: common.version, advertisementIntervalMs },
          others.length,
          others,
        ),
        renewIntervalMs: this.random.chance(0.9) ? 250 : null,
        announce: { repeat: 5, delayMs: 5_000, refreshMs: 10_000, refreshRepeat: 1 },
        insistMs: this.random.chance(0.5) ? 10 : null,
      };
      return this.#boot(index, router);
    });
    for (const node of this.nodes) this.start(node);
  }

  /** Runs everything that is due until `until`. */
  runTo(until: number): void {
    for (;;) {
      let next: Node | undefined;
      let at = until;
      for (const node of this.nodes) {
        if (node.process === "running" && node.wakeAt <= at) [next, at] = [node, node.wakeAt];
      }
      const happening = this.#happenings[0];
      if (happening && happening.at <= at) {
        this.now = happening.at;
        this.#happenings.shift();
        happening.run();
      } else if (next) {
        this.now = at;
        this.#turn(next);
      } else {
        this.now = until;
        return;
      }
      this.#check();
    }
  }

  /** Something is to happen later. */
  later(afterMs: number, run: () => void): void {
    const at = this.now + afterMs;
    const happenings = this.#happenings;
    let index = happenings.length;
    while (index > 0 && happenings[index - 1]!.at > at) index--;
    happenings.splice(index, 0, { at, run });
  }

  start(node: Node): void {
    this.#say(node, "starts");
    node.process = "running";
    node.soundSince = this.now;
    for (const member of node.members) {
      member.router = { ...member.router, preemptFrom: -Infinity };
      member.state = initialState(member.router);
      member.inbox = [];
      // What a predecessor has left is removed before anything else.
      member.heldUntil = -Infinity;
    }
    for (const member of node.members) this.#interface(node, member);
    this.#giveAll(node, { kind: "startup" });
  }

  kill(node: Node): void {
    this.#say(node, "SIGKILL");
    node.process = "dead";
    for (const member of node.members) member.inbox = [];
  }

  /** SIGSTOP; or the whole host sleeps: its clock stands still and nothing is received. */
  pause(node: Node, process: "paused" | "asleep"): void {
    this.#say(node, process);
    node.process = process;
    node.pausedAt = this.now;
  }

  continue(node: Node): void {
    this.#say(node, "continues");
    const forMs = (this.now - node.pausedAt) * node.rate;
    const isClean = this.#disturbedAt < node.pausedAt - SLOWEST_DOWN_MS;
    if (node.process === "asleep") node.sleptMs += forMs;
    node.process = "running";
    node.soundSince = this.now;
    this.#giveAll(node, { kind: "heldUp", forMs });
    node.wakeAt = this.now;
    if (isClean) this.later(RESUMED_MS, () => this.#checkResumed(node));
  }

  stop(node: Node): void {
    this.#say(node, "SIGTERM");
    this.#giveAll(node, { kind: "shutdown" });
  }

  /** A planned handover, and a hold after it. */
  failover(node: Node, force: boolean, holdMs: number): void {
    this.#say(node, force ? "forced failover" : "failover");
    this.hold(node, this.local(node) + holdMs);
    this.#giveAll(node, { kind: "handOver", then: "backup", force });
  }

  hold(node: Node, preemptFrom: number): void {
    for (const member of node.members) member.router = { ...member.router, preemptFrom };
  }

  /** A tracker that yields goes bad, or is good again. */
  setYield(node: Node, yields: boolean): void {
    this.#say(node, yields ? "a tracker is bad" : "the tracker is good");
    node.soundSince = this.now;
    const [first] = node.members;
    if (first) this.#give(node, first, { kind: "yield", yields });
  }

  setLink(node: Node, lan: number, up: boolean): void {
    const member = node.members[lan];
    if (!member || member.linkUp === up) return;
    this.#say(node, `link ${lan} ${up ? "up" : "down"}`);
    member.linkUp = up;
    node.soundSince = this.now;
    this.#interfaceLater(node, member);
  }

  track(node: Node, priority: number): void {
    if (node.process === "running") this.#giveAll(node, { kind: "tracked", priority });
  }

  /** Packets get lost with this probability. */
  lose(loss: number): void {
    this.loss = loss;
    this.#disturb();
  }

  divide(lan: number, sides: readonly number[]): void {
    this.trace?.push(`${this.now.toFixed(1)} LAN ${lan} has sides ${sides.join(" ")}`);
    this.sides[lan] = sides;
    this.#disturb();
  }

  /** From now on nobody hears a node, although it hears everybody; or they do again. */
  setMute(node: Node, lan: number, mute: boolean): void {
    this.#say(node, `is ${mute ? "mute" : "heard"} on LAN ${lan}`);
    if (mute) this.mute[lan]!.add(node.index);
    else this.mute[lan]!.delete(node.index);
    this.#disturb();
  }

  /** Everything works from now on. */
  calm(): void {
    this.isCalm = true;
    this.lose(0);
    for (let lan = 0; lan < this.lans; lan++) {
      this.divide(lan, this.nodes.map(() => 0));
      this.mute[lan]!.clear();
    }
    for (const node of this.nodes) {
      for (const { lan } of node.members) this.setLink(node, lan, true);
      if (node.process === "paused" || node.process === "asleep") this.continue(node);
      const isStopped = node.members.some(({ state }) =>
        state.name === "initialize" ? !state.started : state.name === "leaving"
      );
      if (node.process === "dead" || isStopped) this.start(node);
      this.setYield(node, false);
      this.hold(node, -Infinity);
      this.track(node, node.members[0]!.router.priority);
    }
  }

  /** What a node's clock shows. */
  local(node: Node): number {
    return this.now * node.rate - node.sleptMs;
  }

  holds(node: Node, lan: number): boolean {
    const { heldUntil } = node.members[lan]!;
    // While a host sleeps, nobody answers for it.
    return node.process !== "asleep" && heldUntil > this.local(node);
  }

  #disturb(): void {
    this.#disturbedAt = this.now;
    for (const node of this.nodes) node.soundSince = this.now;
  }

  #boot(index: number, router: VirtualRouter): Node {
    return {
      name: `n${index + 1}`,
      index,
      members: Array.from({ length: this.lans }, (_, lan): Member => ({
        lan,
        source: Uint8Array.of(10, lan, 0, index + 1),
        router,
        state: initialState(router),
        inbox: [],
        heldUntil: -Infinity,
        activeSince: 0,
        linkUp: true,
        sentAt: [],
      })),
      rate: 1 + (this.random.next() - 0.5) * CLOCK_DIFFERENCE,
      sleptMs: 0,
      process: "dead",
      pausedAt: 0,
      wakeAt: Infinity,
      soundSince: 0,
    };
  }

  /** The engine's order: the sockets are drained before any deadline is tested. */
  #turn(node: Node): void {
    for (const member of node.members) {
      for (const advertisement of member.inbox.splice(0)) {
        this.#give(node, member, { kind: "advertisement", advertisement });
      }
    }
    this.#giveAll(node, { kind: "timer" });
  }

  #giveAll(node: Node, input: Input): void {
    for (const member of node.members) this.#give(node, member, input);
  }

  #give(node: Node, member: Member, input: Input): void {
    this.#step(node, member, input);
    for (let rounds = 0; this.isGrouped && node.process === "running"; rounds++) {
      const next = align(node.members.map(({ state }) => state));
      if (!next) break;
      if (rounds > 4 * this.lans) throw new Error(`${node.name} does not come in line`);
      this.#step(node, node.members[next.member]!, next.input);
    }
    const isBusy = node.members.some(({ inbox }) => inbox.length > 0);
    const due = Math.min(...node.members.map(({ state }) => deadline(state)));
    const dueAt = (due + node.sleptMs) / node.rate;
    const wakeAt = isBusy ? this.now : Math.max(this.now, dueAt);
    node.wakeAt = wakeAt + this.random.next() * SCHEDULER_LATENESS_MS;
  }

  #step(node: Node, member: Member, input: Input): void {
    const before = publicState(member.state);
    const { state, outputs, reason } = step(
      member.router,
      member.state,
      input,
      this.local(node),
    );
    member.state = state;
    for (const output of outputs) this.#carryOut(node, member, output);
    if (!reason) return;
    this.transitions++;
    member.activeSince = this.now;
    this.#say(node, `on LAN ${member.lan}: ${before} → ${publicState(state)}: ${reason}`);
  }

  #carryOut(node: Node, member: Member, output: Output): void {
    switch (output.kind) {
      case "sendAdvertisement":
        return this.#send(node, member, output);
      case "addAddresses":
      case "renewAddresses": {
        const isExpiring = member.router.renewIntervalMs !== null;
        member.heldUntil = isExpiring ? this.local(node) + LIFETIME_MS : Infinity;
        return;
      }
      case "removeAddresses":
        member.heldUntil = -Infinity;
        return;
      case "announceAddresses":
        if (member.linkUp) this.announcedBy[member.lan] = node;
        return;
      case "releaseConnections":
        return this.later(this.random.next() * 400, () => {
          if (node.process === "running") this.#give(node, member, { kind: "released" });
        });
    }
  }

  #send(
    from: Node,
    member: Member,
    { priority, intervalMs }: Output & { kind: "sendAdvertisement" },
  ): void {
    const { lan, source } = member;
    this.#say(from, `advertises ${priority} every ${intervalMs} ms on LAN ${lan}`);
    member.sentAt.push(this.now);
    for (const to of this.nodes) {
      const receiver = to.members[lan]!;
      if (to === from || !this.hears(to, from, lan)) continue;
      if (this.random.chance(this.loss)) continue;
      this.later(0.05 + this.random.next() * NETWORK_DELAY_MS, () => {
        if (to.process === "dead" || to.process === "asleep" || !receiver.linkUp) return;
        receiver.inbox.push({ priority, intervalMs, source });
        if (to.process === "running") to.wakeAt = this.now;
      });
    }
  }

  /** Whether packets of one node reach another. */
  hears(to: Node, from: Node, lan: number): boolean {
    if (!to.members[lan]!.linkUp || !from.members[lan]!.linkUp) return false;
    if (this.mute[lan]!.has(from.index)) return false;
    return this.sides[lan]![to.index] === this.sides[lan]![from.index];
  }

  #interface(node: Node, member: Member): void {
    const source = member.linkUp ? member.source : null;
    this.#give(node, member, { kind: "interface", source, down: !member.linkUp });
  }

  /** The kernel tells a paused process when it continues; a new one asks. */
  #interfaceLater(node: Node, member: Member): void {
    if (node.process === "running") this.#interface(node, member);
    else if (node.process !== "dead") this.later(10, () => this.#interfaceLater(node, member));
  }

  /** What must hold at every instant, whatever has failed. */
  #check(): void {
    for (const node of this.nodes) {
      for (const member of node.members) this.#checkMember(node, member);
      const names = node.members.map(({ state }) => state.name);
      const isApart = names.includes("active") &&
        (names.includes("backup") || names.includes("initialize"));
      if (this.isGrouped && isApart && node.process === "running") {
        throw new Error(`${node.name} is ${names.join(" and ")} in one group`);
      }
    }
    for (let lan = 0; lan < this.lans; lan++) this.#checkOwners(lan);
  }

  #checkMember(node: Node, { state: { name }, lan, sentAt, router }: Member): void {
    const entitled = name === "active" || name === "leaving";
    const isRunning = node.process === "running";
    if (isRunning && this.holds(node, lan) && !entitled) {
      throw new Error(`${node.name} holds the address of LAN ${lan} in state ${name}`);
    }
    const isSound = this.now - node.soundSince > SETTLE_MS;
    if (isRunning && isSound && name === "active" && !this.holds(node, lan)) {
      throw new Error(`${node.name} is Active on LAN ${lan} without the address`);
    }
    while (sentAt[0]! < this.now - 1000) sentAt.shift();
    const most = 3 + (1 + EXTRA) * Math.max(1, 1000 / router.advertisementIntervalMs);
    // Each of two that do not agree answers the other, a hundred times a second at most.
    if (sentAt.length > Math.max(most, MOST_ANSWERS)) {
      throw new Error(`${node.name} sent ${sentAt.length} advertisements in a second`);
    }
  }

  /**
   * Two running nodes that hear each other may both hold the address only until the next
   * advertisement of one of them has come: an interval, and the time the losing one takes to leave.
   */
  #checkOwners(lan: number): void {
    for (const [one, other] of this.#rivals(lan, (node) => isOwner(node, lan))) {
      const [first, second] = [one.members[lan]!, other.members[lan]!];
      const since = Math.max(
        one.soundSince,
        other.soundSince,
        first.activeSince,
        second.activeSince,
      );
      const intervals = [first, second].map(({ router }) => router.advertisementIntervalMs);
      if (this.now - since > Math.max(...intervals) * 1.01 + SETTLE_MS) {
        throw new Error(`${one.name} and ${other.name} stay Active together on LAN ${lan}`);
      }
    }
  }

  /** One who comes back after a pause finds out at once that it has been replaced. */
  #checkResumed(node: Node): void {
    const resumedAt = this.now - RESUMED_MS;
    for (let lan = 0; lan < this.lans; lan++) {
      // Who leaves in the planned way holds the address for as long as connections are reset.
      const owns = (one: Node) => this.holds(one, lan) && !isPlanned(one.members[lan]!.state);
      for (const pair of this.#rivals(lan, owns)) {
        const isOld = pair.every(({ soundSince, members }) =>
          soundSince <= resumedAt && members[lan]!.activeSince <= resumedAt
        );
        if (!pair.includes(node) || !isOld) continue;
        const names = pair.map(({ name }) => name).join(" and ");
        throw new Error(`${names} both own after ${node.name} has come back`);
      }
    }
  }

  /** Pairs that hear each other and both own the address. */
  #rivals(lan: number, owns: (node: Node) => boolean): [Node, Node][] {
    if (this.loss > 0) return [];
    const owners = this.nodes.filter((node) => node.process === "running" && owns(node));
    return owners.flatMap((one, index) =>
      owners.slice(index + 1)
        .filter((other) => this.hears(one, other, lan) && this.hears(other, one, lan))
        .map((other): [Node, Node] => [one, other])
    );
  }

  #say(node: Node, what: string): void {
    this.trace?.push(`${this.now.toFixed(1)} ${node.name} ${what}`);
  }
}

function isPlanned(state: State): boolean {
  return state.name === "leaving" && !state.lastWord;
}

function isOwner(node: Node, lan: number): boolean {
  const { linkUp, state } = node.members[lan]!;
  return linkUp && state.name === "active";
}

/** Lifetime of addresses in the kernel with a dead-man of 3 s. */
const LIFETIME_MS = 2_000;
const SCHEDULER_LATENESS_MS = 2;
const NETWORK_DELAY_MS = 2;
/** Between the fastest clock and the slowest: far more than a bad quartz. */
const CLOCK_DIFFERENCE = 0.004;
const SETTLE_MS = 20;
/** Nobody waits longer for an Active, so that it is clear by then who is. */
const SLOWEST_DOWN_MS = 10_000;
/** Two owners may last so long after one of them was stopped. */
const RESUMED_MS = 20;
/** Advertisements out of turn, by interval. */
const EXTRA = 10;
const MOST_ANSWERS = 110;
