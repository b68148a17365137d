/**
 * A LAN of speakers in virtual time, decided by one seed: their machines are the real ones, the
 * network, the kernel's addresses with their lifetimes, the data plane and the scheduler are
 * models.
 */

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

/** One node: a process with a virtual router in it, and the kernel underneath. */
export interface Node {
  readonly name: string;
  readonly source: Uint8Array;
  readonly router: VirtualRouter;
  state: State;
  /** Paused is SIGSTOP: packets queue up. Dead is SIGKILL: the kernel is all that is left. */
  process: "running" | "paused" | "dead";
  inbox: HeardAdvertisement[];
  /** The kernel drops the address then; −Infinity while it is not there. */
  heldUntil: number;
  /** The process runs next then: its deadline, and how late the scheduler is this time. */
  wakeAt: number;
  /** When it was last connected, started or continued: what came before is no fault of its own. */
  soundSince: number;
  activeSince: number;
  linkUp: boolean;
  /** Instants of its latest advertisements and bursts, for the check that nothing floods. */
  readonly sentAt: number[];
}

/** Something that happens at a time of its own. */
interface Happening {
  readonly at: number;
  readonly run: () => void;
}

/** The whole LAN. */
export class SimulatedLan {
  readonly random: Random;
  readonly nodes: readonly Node[];
  now = 0;
  /** Of each packet and each receiver. */
  loss = 0;
  /** Nodes of different sides do not hear each other. */
  sides: readonly number[];
  /** Who announced the address last: where the clients' ARP entries point. */
  announcedBy: Node | undefined;
  transitions = 0;
  /** Nothing breaks any more, and everything has been mended. */
  isCalm = false;
  trace: string[] | undefined;
  readonly #happenings: Happening[] = [];

  constructor(seed: number, traced: boolean) {
    this.random = new Random(seed);
    this.trace = traced ? [] : undefined;
    const version = this.random.pick([2, 3, 3] as const);
    const preempt = this.random.chance(0.75);
    const common = this.random.pick([1000, 1000, 200]);
    const count = this.random.integer(2, 4);
    this.sides = new Array<number>(count).fill(0);
    this.nodes = Array.from({ length: count }, (_, index) => {
      const own = version === 3 && this.random.chance(0.2);
      const router: VirtualRouter = {
        version,
        priority: this.random.pick([50, 100, 100, 150, 200, 254, 255]),
        advertisementIntervalMs: own ? this.random.pick([100, 500, 2000]) : common,
        preempt,
        preemptDelayMs: 0,
        preemptFrom: -Infinity,
        lastIntervalMs: 10,
        grouped: false,
        renewIntervalMs: this.random.chance(0.9) ? 250 : null,
        announce: { repeat: 5, delayMs: 5_000, refreshMs: 10_000, refreshRepeat: 1 },
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
    node.state = initialState(node.router);
    node.inbox = [];
    node.soundSince = this.now;
    // What a predecessor has left is removed before anything else.
    node.heldUntil = -Infinity;
    this.#interface(node);
    this.#give(node, { kind: "startup" });
  }

  kill(node: Node): void {
    this.#say(node, "SIGKILL");
    node.process = "dead";
    node.inbox = [];
  }

  pause(node: Node): void {
    this.#say(node, "SIGSTOP");
    node.process = "paused";
  }

  continue(node: Node): void {
    this.#say(node, "SIGCONT");
    node.process = "running";
    node.wakeAt = this.now;
    node.soundSince = this.now;
  }

  stop(node: Node): void {
    this.#say(node, "SIGTERM");
    this.#give(node, { kind: "shutdown" });
  }

  setLink(node: Node, up: boolean): void {
    this.#say(node, up ? "link up" : "link down");
    node.linkUp = up;
    node.soundSince = this.now;
    if (node.process === "running") this.#interface(node);
    // The kernel tells a paused process when it continues; a new one asks.
    else this.later(0, () => this.#interfaceLater(node));
  }

  track(node: Node, priority: number): void {
    if (node.process === "running") this.#give(node, { kind: "tracked", priority });
  }

  /** Packets get lost with this probability. */
  lose(loss: number): void {
    this.loss = loss;
    for (const node of this.nodes) node.soundSince = this.now;
  }

  divide(sides: readonly number[]): void {
    this.trace?.push(`${this.now.toFixed(1)} sides ${sides.join(" ")}`);
    this.sides = sides;
    for (const node of this.nodes) node.soundSince = this.now;
  }

  /** Everything works from now on. */
  calm(): void {
    this.isCalm = true;
    this.lose(0);
    this.divide(this.nodes.map(() => 0));
    for (const node of this.nodes) {
      if (!node.linkUp) this.setLink(node, true);
      if (node.process === "paused") this.continue(node);
      const stopped = node.state.name === "initialize" || node.state.name === "leaving";
      if (node.process === "dead" || stopped) this.start(node);
      this.track(node, node.router.priority);
    }
  }

  holds(node: Node): boolean {
    return node.heldUntil > this.now;
  }

  #boot(index: number, router: VirtualRouter): Node {
    return {
      name: `n${index + 1}`,
      source: Uint8Array.of(10, 0, 0, index + 1),
      router,
      state: initialState(router),
      process: "dead",
      inbox: [],
      heldUntil: -Infinity,
      wakeAt: Infinity,
      soundSince: 0,
      activeSince: 0,
      linkUp: true,
      sentAt: [],
    };
  }

  /** The engine's order: the socket is drained before any deadline is tested. */
  #turn(node: Node): void {
    for (const advertisement of node.inbox.splice(0)) {
      this.#give(node, { kind: "advertisement", advertisement });
    }
    this.#give(node, { kind: "timer" });
  }

  #give(node: Node, input: Input): void {
    const before = publicState(node.state);
    const { state, outputs, reason } = step(node.router, node.state, input, this.now);
    node.state = state;
    for (const output of outputs) this.#carryOut(node, output);
    if (reason) {
      this.transitions++;
      node.activeSince = this.now;
      this.#say(node, `${before} → ${publicState(state)}: ${reason}`);
    }
    const wakeAt = node.inbox.length > 0 ? this.now : Math.max(this.now, deadline(state));
    node.wakeAt = wakeAt + this.random.next() * SCHEDULER_LATENESS_MS;
  }

  #carryOut(node: Node, output: Output): void {
    switch (output.kind) {
      case "sendAdvertisement":
        return this.#send(node, output.priority, output.intervalMs);
      case "addAddresses":
      case "renewAddresses":
        node.heldUntil = node.router.renewIntervalMs === null ? Infinity : this.now + LIFETIME_MS;
        return;
      case "removeAddresses":
        node.heldUntil = -Infinity;
        return;
      case "announceAddresses":
        if (node.linkUp) this.announcedBy = node;
        return;
      case "releaseConnections":
        return this.later(this.random.next() * 400, () => {
          if (node.process === "running") this.#give(node, { kind: "released" });
        });
    }
  }

  #send(from: Node, priority: number, intervalMs: number): void {
    this.#say(from, `advertises ${priority}`);
    from.sentAt.push(this.now);
    for (const [index, to] of this.nodes.entries()) {
      if (to === from || !from.linkUp || !to.linkUp) continue;
      if (this.sides[index] !== this.sides[this.nodes.indexOf(from)]) continue;
      if (this.random.chance(this.loss)) continue;
      const advertisement = { priority, intervalMs, source: from.source };
      this.later(0.05 + this.random.next() * NETWORK_DELAY_MS, () => {
        if (to.process === "dead" || !to.linkUp) return;
        to.inbox.push(advertisement);
        if (to.process === "running") to.wakeAt = this.now;
      });
    }
  }

  #interface(node: Node): void {
    const source = node.linkUp ? node.source : null;
    this.#give(node, { kind: "interface", source, down: !node.linkUp });
  }

  #interfaceLater(node: Node): void {
    if (node.process === "running") this.#interface(node);
    else if (node.process === "paused") this.later(10, () => this.#interfaceLater(node));
  }

  /** What must hold at every instant, whatever has failed. */
  #check(): void {
    for (const node of this.nodes) {
      const { name } = node.state;
      const entitled = name === "active" || name === "leaving";
      if (node.process === "running" && this.holds(node) && !entitled) {
        throw new Error(`${node.name} holds the address in state ${name}`);
      }
      const isSound = this.now - node.soundSince > SETTLE_MS;
      if (node.process === "running" && isSound && name === "active" && !this.holds(node)) {
        throw new Error(`${node.name} is Active without the address`);
      }
      while (node.sentAt[0]! < this.now - 1000) node.sentAt.shift();
      const most = 3 + (1 + EXTRA) * Math.max(1, 1000 / node.router.advertisementIntervalMs);
      if (node.sentAt.length > most) {
        throw new Error(`${node.name} sent ${node.sentAt.length} advertisements in a second`);
      }
    }
    this.#checkOwners();
  }

  /**
   * Two running nodes that hear each other may both hold the address only until the next
   * advertisement of one of them has come: an interval, and the time the losing one takes to leave.
   */
  #checkOwners(): void {
    if (this.loss > 0) return;
    for (const [index, one] of this.nodes.entries()) {
      if (!isOwner(one)) continue;
      for (const [others, other] of this.nodes.entries()) {
        if (others <= index || !isOwner(other) || this.sides[index] !== this.sides[others]) {
          continue;
        }
        const since = Math.max(
          one.soundSince,
          other.soundSince,
          one.activeSince,
          other.activeSince,
        );
        const intervals = [one, other].map(({ router }) => router.advertisementIntervalMs);
        if (this.now - since > Math.max(...intervals) + SETTLE_MS) {
          throw new Error(`${one.name} and ${other.name} stay Active together`);
        }
      }
    }
  }

  #say(node: Node, what: string): void {
    this.trace?.push(`${this.now.toFixed(1)} ${node.name} ${what}`);
  }
}

function isOwner(node: Node): boolean {
  return node.process === "running" && node.linkUp && node.state.name === "active";
}

/** Lifetime of addresses in the kernel with a dead-man of 3 s. */
const LIFETIME_MS = 2_000;
const SCHEDULER_LATENESS_MS = 2;
const NETWORK_DELAY_MS = 2;
const SETTLE_MS = 20;
/** Advertisements out of turn, by interval. */
const EXTRA = 10;
