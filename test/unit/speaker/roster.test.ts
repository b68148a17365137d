import { describe, expect, it } from "vitest";
import type { SyncGroupPlan, VirtualRouterPlan } from "../../../src/core/plan/plan.ts";
import { deadline, publicState, TRANSITIONS } from "../../../src/core/vrrp/state.ts";
import { REJECTION_REASONS } from "../../../src/core/wire/vrrp.ts";
import { RouterTable } from "../../../src/memory/router_table.ts";
import type { Lan } from "../../../src/speaker/lan.ts";
import type { Report, TransitionReport } from "../../../src/speaker/orders.ts";
import type { Participant } from "../../../src/speaker/participant.ts";
import { Roster } from "../../../src/speaker/roster.ts";
import { routerPlan } from "../plans.ts";

const A = routerPlan({ name: "a", vrid: 1, ...carries("10.77.0.1") });
const B = routerPlan({ name: "b", vrid: 2, ...carries("10.77.0.2") });
const GROUP = [{ name: "both", members: ["a", "b"] }];

describe("a plan", () => {
  it("touches nobody whom it does not concern", () => {
    const node = new Node([A, B]).pass(5_000);
    const before = node.facts("a");
    node.plan([A, { ...B, priority: 150 }]);
    node.plan([A, null]);
    node.plan([A, routerPlan({ name: "c", vrid: 3, ...carries("10.77.0.3") })]).pass(10_000);
    const sent = node.sent("a").map(({ at }) => at);
    const gaps = sent.slice(1).map((at, index) => at - sent[index]!);
    expect(new Set(gaps)).toEqual(new Set([1_000]));
    expect(node.facts("a")).toEqual(before);
    expect(node.announced("a")).toEqual(new Node([A]).pass(node.now).announced("a"));
  });

  it("leaves how often one announces as it is, however many others come or go", () => {
    const fast = { ...A, advertisementIntervalMs: 10 };
    const alone = new Node([fast]).pass(10_000).announced("a");
    const node = new Node([fast]).pass(5_000);
    const { state } = node.find("a");
    node.plan([fast, B]);
    expect(node.find("a").state).toBe(state);
    node.pass(1_000).plan([fast, { ...B, priority: 150 }]).pass(1_000).plan([fast]);
    node.pass(10_000 - node.now);
    expect(node.announced("a")).toEqual(alone);
  });

  it("with another priority is followed with an advertisement at once, in place", () => {
    const node = new Node([A]).pass(5_500);
    node.plan([{ ...A, priority: 77 }]);
    expect(node.sent("a").at(-1)).toMatchObject({ at: 5_500, priority: 77 });
    expect(node.states("a")).toEqual(["backup", "active"]);
  });

  it("with another interval is followed at once, and the others are told", () => {
    const node = new Node([A]).pass(5_500);
    node.plan([{ ...A, advertisementIntervalMs: 10 }]).pass(1_000);
    expect(node.sent("a").filter(({ at }) => at >= 5_500).length).toBeGreaterThan(95);
  });

  it("without one has that one leave with priority 0, and no other", () => {
    const node = new Node([A, B]).pass(5_000);
    node.plan([A, null]).pass(2_000);
    expect(node.sent("b").at(-1)!.priority).toBe(0);
    expect(node.sent("a").some(({ priority }) => priority === 0)).toBe(false);
    expect(node.roster.participants.map(({ plan }) => plan.name)).toEqual(["a"]);
    expect(node.held).toEqual(new Set(["10.77.0.1"]));
  });

  it("that changes what cannot change has the old one leave before the new one starts", () => {
    const node = new Node([A]).pass(5_000);
    node.plan([{ ...A, vrid: 9 }]).pass(9_000);
    expect(node.states("a")).toEqual(["backup", "active", "initialize", "backup", "active"]);
    const vrids = node.sent("a").map(({ vrid, priority }) => priority === 0 ? 0 : vrid);
    expect([...new Set(vrids)]).toEqual([1, 0, 9]);
  });

  it("keeps a hold over a new start", () => {
    const node = new Node([A]).pass(5_000);
    node.find("a").hold(60_000);
    node.plan([{ ...A, vrid: 9 }]).pass(2_000);
    expect(node.find("a").heldUntil).toBe(60_000);
  });

  it("that is taken back on the way leads to a new start", () => {
    const node = new Node([A]).pass(5_000);
    node.roster.prepare(planOf([null]), node.now);
    node.plan([A]).pass(9_000);
    expect(node.states("a").at(-1)).toBe("active");
    expect(node.held).toEqual(new Set(["10.77.0.1"]));
  });

  it("adds an address in place, announced, and takes another away", () => {
    const node = new Node([A]).pass(5_000);
    node.plan([{ ...A, ...carries("10.77.0.1", "10.77.0.9") }]);
    expect(node.held).toEqual(new Set(["10.77.0.1", "10.77.0.9"]));
    expect(node.announced("a").at(-1)).toBe(5_000);
    expect(node.sent("a").at(-1)).toMatchObject({ at: 5_000, count: 2 });
    node.plan([{ ...A, ...carries("10.77.0.9") }]);
    expect(node.held).toEqual(new Set(["10.77.0.9"]));
    expect(node.states("a")).toEqual(["backup", "active"]);
  });

  it("moves an address from one that stays to another that stays", () => {
    const node = new Node([B, A]).pass(5_000);
    node.plan([{ ...B, ...carries("10.77.0.2", "10.77.0.1") }, {
      ...A,
      ...carries("10.77.0.8"),
    }]);
    expect(node.held).toEqual(new Set(["10.77.0.1", "10.77.0.2", "10.77.0.8"]));
  });

  it("adds no address to a Backup", () => {
    const node = new Node([A]);
    node.plan([{ ...A, ...carries("10.77.0.1", "10.77.0.9") }]).pass(1_000);
    expect(node.held).toEqual(new Set());
  });

  it("makes an owner of one that runs, which is Active from then on or soon", () => {
    const node = new Node([A]).pass(1_000);
    node.plan([{ ...A, priority: 255 }]).pass(5_000);
    expect(node.states("a")).toEqual(["backup", "active"]);
    expect(node.sent("a").at(-1)!.priority).toBe(255);
  });

  it("starts what is new after its delay, which counts from now", () => {
    const node = new Node([A]).pass(5_000);
    node.plan([A, { ...B, startDelayMs: 2_000 }]).pass(1_900);
    expect(node.states("b")).toEqual([]);
    node.pass(200);
    expect(node.states("b")).toEqual(["backup"]);
  });

  it("starts nothing before this node takes part", () => {
    const node = new Node([], { participate: false });
    node.plan([A]).pass(9_000);
    expect(node.states("a")).toEqual([]);
    node.roster.participate(node.now);
    node.pass(5_000);
    expect(node.states("a")).toEqual(["backup", "active"]);
  });

  it("finds what trackers have said of one that is not here yet, and forgets who goes", () => {
    const node = new Node([A]).pass(5_000);
    node.roster.track("b", { points: -10, yield: "bad" }, node.now);
    node.plan([A, B]).pass(5_000);
    expect(node.states("b")).toEqual([]);
    node.plan([A]);
    node.plan([A, B]).pass(5_000);
    expect(node.states("b")).toEqual(["backup", "active"]);
  });
});

describe("a sync group that a plan forms", () => {
  it("of two that are Active goes on as it is", () => {
    const node = new Node([A, B]).pass(5_000);
    node.plan([A, B], GROUP).pass(10_000);
    expect([node.states("a"), node.states("b")]).toEqual([["backup", "active"], [
      "backup",
      "active",
    ]]);
    expect(node.find("a").give({ kind: "interface", source: null, down: true }, node.now));
    expect(node.states("b").at(-1)).toBe("initialize");
  });

  it("waits for a new member to be Active, too", () => {
    const node = new Node([A]).pass(5_000);
    node.plan([A, B], GROUP).pass(10_000);
    expect(node.states("a")).toEqual(["backup", "active"]);
    expect(node.states("b")).toEqual(["backup", "active"]);
  });

  it("hands over altogether if its members do not come in line", () => {
    const node = new Node([A, B]).pass(1_000, "b");
    node.pass(9_000, "b");
    expect(node.states("b")).toEqual(["backup"]);
    node.plan([A, B], GROUP).pass(2_000, "b");
    expect(node.states("a")).toEqual(["backup", "active"]);
    node.pass(5_000, "b");
    expect(node.states("a")).toEqual(["backup", "active", "backup"]);
    expect(node.sent("a").at(-1)!.priority).toBe(0);
  });

  it("lets go of who is in it no more, also where a sibling's fault has held it", () => {
    const node = new Node([A, B], { groups: GROUP }).pass(9_000);
    node.find("a").give({ kind: "interface", source: null, down: true }, node.now);
    expect(node.states("b").at(-1)).toBe("initialize");
    node.plan([A, B]).pass(5_000);
    expect(node.states("b").at(-1)).toBe("active");
  });

  it("has one join that only its former sibling kept from taking part", () => {
    const C = routerPlan({ name: "c", vrid: 3, ...carries("10.77.0.3") });
    const node = new Node([A, B, C], { groups: GROUP }).pass(9_000);
    node.find("a").give({ kind: "interface", source: null, down: true }, node.now);
    expect(node.states("b").at(-1)).toBe("initialize");
    node.plan([A, B, C], [{ name: "others", members: ["b", "c"] }]).pass(9_000);
    expect(node.states("b").at(-1)).toBe("active");
    expect(node.states("c")).toEqual(["backup", "active"]);
  });

  it("is left by one member without the others", () => {
    const node = new Node([A, B], { groups: GROUP }).pass(9_000);
    expect(node.states("b")).toEqual(["backup", "active"]);
    node.plan([A]).pass(5_000);
    expect(node.states("a")).toEqual(["backup", "active"]);
    expect(node.sent("a").some(({ priority }) => priority === 0)).toBe(false);
  });
});

it("a foreign claim of one member's address has its siblings announce theirs as well", () => {
  const C = routerPlan({ name: "c", vrid: 3, ...carries("10.77.0.3") });
  const node = new Node([C, A, B], { groups: GROUP }).pass(7_000);
  const before = node.announced("a").length;
  const claim = { address: Uint8Array.of(10, 77, 0, 2), mac: Uint8Array.of(2, 0, 0, 0, 0, 99) };
  node.find("b").claimed(claim, node.now);
  expect(node.announced("b").at(-1)).toBe(node.now);
  expect(node.announced("a").at(-1)).toBe(node.now);
  // Nor can they be made to storm.
  for (let count = 0; count < 20; count++) node.pass(50).find("b").claimed(claim, node.now);
  expect(node.announced("a").length - before).toBeLessThan(20);
  node.pass(500).find("c").claimed({ ...claim, address: Uint8Array.of(10, 77, 0, 3) }, node.now);
  expect(node.announced("a").at(-1)).toBeLessThan(node.now);
});

it("a change of state is told with what had been counted before it", () => {
  const node = new Node([A]).pass(5_000).pass(1_000, "a");
  const [, active, backup] = node.transitions("a");
  expect(active).toMatchObject({ to: "active", peer: null });
  expect(active!.counters).toMatchObject({ advertisementsSent: 0, announcements: 0 });
  expect(backup).toMatchObject({ to: "backup", peer: { address: "10.77.0.250", priority: 200 } });
  const { advertisementsSent, advertisementsReceived } = backup!.counters;
  expect(advertisementsReceived).toBe(1);
  const before = node.sent("a").filter(({ at }) => at < backup!.at);
  expect(advertisementsSent).toBe(before.length);
});

describe("a virtual router whose addresses the kernel refuses", () => {
  it("is given up and leaves it to a peer, until the kernel takes them", () => {
    const node = new Node([A]);
    node.refused.add("10.77.0.1");
    node.pass(60_000);
    expect(node.states("a")).toEqual(["backup", "active", "initialize"]);
    expect(node.transitions("a").at(-1)?.detail).toBe("eth0 takes none of its addresses: EACCES");
    expect(node.sent("a").at(-1)).toMatchObject({ priority: 0 });
    node.refused.clear();
    node.pass(10_000);
    expect(node.states("a").slice(3)).toEqual(["backup", "active"]);
    expect([...node.held]).toEqual(["10.77.0.1"]);
    node.pass(60_000);
    expect(node.states("a")).toHaveLength(5);
  });

  it("takes its group with it", () => {
    const node = new Node([A, B], { groups: GROUP });
    node.refused.add("10.77.0.1");
    node.pass(60_000);
    for (const name of ["a", "b"]) expect(node.states(name).at(-1)).toBe("initialize");
    expect([...node.held]).toEqual([]);
    node.refused.clear();
    node.pass(10_000);
    expect([...node.held].toSorted()).toEqual(["10.77.0.1", "10.77.0.2"]);
  });

  it("is given up when somebody takes them away and they cannot be put back", () => {
    const node = new Node([A]).pass(10_000);
    node.held.clear();
    node.refused.add("10.77.0.1");
    node.find("a").restore(node.now);
    node.pass(2_000);
    expect(node.states("a")).toEqual(["backup", "active", "initialize"]);
  });

  it("goes on with those that it takes", () => {
    const node = new Node([{ ...A, ...carries("10.77.0.1", "10.77.0.3") }]);
    node.refused.add("10.77.0.1");
    node.pass(60_000);
    expect(node.states("a")).toEqual(["backup", "active"]);
    node.refused.clear();
    node.pass(1_000);
    expect([...node.held].toSorted()).toEqual(["10.77.0.1", "10.77.0.3"]);
  });
});

interface Sent {
  readonly at: number;
  readonly vrid: number;
  readonly priority: number;
  readonly count: number;
}

/** A node with one LAN, on which nobody else is, in virtual time. */
class Node {
  now = 0;
  /** Addresses that the kernel does not take. */
  readonly refused = new Set<string>();
  readonly roster: Roster;
  readonly held = new Set<string>();
  readonly #reports: Report[] = [];
  readonly #packets: Sent[] = [];
  readonly #announced: { readonly at: number; readonly address: string }[] = [];
  readonly #table = new RouterTable({
    routers: 4,
    rejections: REJECTION_REASONS,
    transitions: Object.keys(TRANSITIONS),
  });
  readonly #lan = this.#newLan();

  constructor(
    routers: readonly VirtualRouterPlan[],
    { groups = [], participate = true }: {
      groups?: readonly SyncGroupPlan[];
      participate?: boolean;
    } = {},
  ) {
    const route = { request: (message: Uint8Array) => this.#request(message) };
    const report = (one: Report) => void this.#reports.push(one);
    const around = { route, table: this.#table, report };
    this.roster = new Roster(planOf(routers, groups), around, 0);
    this.#place(this.roster.participants);
    if (participate) this.roster.participate(0);
  }

  find(name: string): Participant {
    return this.roster.find(name)!;
  }

  /** Goes by another plan, once everybody has left who is not in it. */
  plan(
    routers: readonly (VirtualRouterPlan | null)[],
    groups: readonly SyncGroupPlan[] = [],
  ): this {
    const plan = planOf(routers, groups);
    this.roster.prepare(plan, this.now);
    while (!this.roster.isSteady) this.#tick();
    const { added } = this.roster.change(plan, this.now);
    for (const circle of this.roster.circles) circle.settleTracked(this.now);
    this.#place(added);
    this.roster.settle(this.now);
    return this;
  }

  /** Lets time pass; all the while a better router is heard for one of them. */
  pass(forMs: number, outranked?: string): this {
    const until = this.now + forMs;
    while (Math.min(this.roster.dueAt, this.now + 50) <= until) {
      this.now = Math.max(this.now, Math.min(this.roster.dueAt, this.now + 50));
      if (outranked) this.#hear(this.find(outranked));
      this.#tick();
    }
    this.now = until;
    return this;
  }

  states(name: string): readonly string[] {
    return this.transitions(name).map(({ to }) => to);
  }

  transitions(name: string): readonly TransitionReport[] {
    return this.#reports.flatMap((one) =>
      one.kind === "transition" && one.router === name ? [one] : []
    );
  }

  sent(name: string): readonly Sent[] {
    const vrids = name === "a" ? [1, 9] : [2];
    return this.#packets.filter(({ vrid }) => vrids.includes(vrid));
  }

  /** When the first address of a virtual router was announced. */
  announced(name: string): readonly number[] {
    const address = name === "a" ? "10.77.0.1" : "10.77.0.2";
    return this.#announced.flatMap((one) => one.address === address ? [one.at] : []);
  }

  /** What must not change for who is not concerned. */
  facts(name: string) {
    const { row, state } = this.find(name);
    const { since, priority } = this.#table.status(row);
    return { row, since, priority, shown: publicState(state), states: this.states(name) };
  }

  #tick(): void {
    this.now = Math.max(this.now, Math.min(this.roster.dueAt, this.now + 50));
    this.roster.settle(this.now);
    for (const one of this.roster.participants) {
      if (deadline(one.state) <= this.now) one.tick(0, this.now);
      // Nobody is connected.
      if (one.state.name === "leaving") one.give({ kind: "released" }, this.now);
    }
  }

  #hear(participant: Participant): void {
    participant.hear(
      {
        vrid: participant.plan.vrid,
        version: 3,
        priority: 200,
        intervalMs: 1_000,
        source: Uint8Array.of(10, 77, 0, 250),
        checksum: "pseudoHeader",
        sameAddresses: true,
      } as Parameters<Participant["hear"]>[0],
      this.now,
    );
  }

  #place(participants: readonly Participant[]): void {
    const { link } = this.#lan;
    const source = Uint8Array.of(10, 77, 0, 200);
    for (const one of participants) {
      one.settle({ link, source, peersOnLink: true }, this.#lan, this.now);
    }
  }

  #newLan(): Lan {
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const lan = {
      link: { index: 2, name: "eth0", mac },
      family: 4,
      expectations: new Map(),
      senders: { nameOf: () => "somebody" },
      send: (packet: Uint8Array) => {
        const [, vrid = 0, priority = 0, count = 0] = packet.subarray(20);
        this.#packets.push({ at: this.now, vrid, priority, count });
        return 0;
      },
      announce: (frame: Uint8Array) => {
        this.#announced.push({ at: this.now, address: frame.slice(28, 32).join(".") });
        return 0;
      },
    };
    // Only the sockets of a real one are missing.
    return lan as unknown as Lan;
  }

  /** The kernel: says EEXIST and EADDRNOTAVAIL as it does. */
  #request(message: Uint8Array): number {
    const address = message.slice(28, 32).join(".");
    const isReplaced = (message[7]! & 1) !== 0;
    if (message[4] === 20) {
      if (this.held.has(address) && !isReplaced) return -17;
      if (this.refused.has(address)) return -13;
      this.held.add(address);
      return 0;
    }
    return this.held.delete(address) ? 0 : -99;
  }
}

function planOf(
  routers: readonly (VirtualRouterPlan | null)[],
  groups: readonly SyncGroupPlan[] = [],
) {
  return { routers, groups, trackers: [] };
}

function carries(...addresses: string[]): Pick<VirtualRouterPlan, "addresses"> {
  return { addresses: addresses.map((address) => ({ address, prefixLength: 32 })) };
}
