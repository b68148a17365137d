import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { align, sharedPoints } from "../../../../src/core/vrrp/group.ts";
import { deadline } from "../../../../src/core/vrrp/state.ts";
import type { Input } from "../../../../src/core/vrrp/state.ts";
import { OURS, Trial } from "../../../conformance/trial.ts";

const DOWN = { kind: "interface", source: null, down: true } as const;
const UP = { kind: "interface", source: OURS, down: false } as const;
const BAD = { kind: "yield", yields: true } as const;
const GOOD = { kind: "yield", yields: false } as const;

/** A group under trial: after each input of a member the others follow. */
class Group {
  readonly members: readonly Trial[];
  /** What each member was asked for by the last call. */
  did: string[][] = [];

  constructor(count: number, changes = {}) {
    const router = { grouped: true, renewIntervalMs: null, ...changes };
    this.members = Array.from({ length: count }, () => new Trial(router));
  }

  get names(): string {
    return this.members.map(({ shown }) => shown).join(" ");
  }

  give(member: number, input: Input): this {
    this.did = this.members.map(() => []);
    this.#give(member, input);
    for (let rounds = 0;; rounds++) {
      const next = align(this.members.map(({ state }) => state));
      if (!next) return this;
      expect(rounds, "rounds to come in line").toBeLessThan(4 * this.members.length);
      this.#give(next.member, next.input);
    }
  }

  all(input: Input): this {
    for (const member of this.members.keys()) this.give(member, input);
    return this;
  }

  hear(member: number, priority: number): this {
    const source = Uint8Array.of(10, 0, 0, 9);
    return this.give(member, {
      kind: "advertisement",
      advertisement: { priority, intervalMs: 1000, source },
    });
  }

  pass(forMs: number): this {
    const until = this.members[0]!.now + forMs;
    for (;;) {
      const due = this.members.map(({ state }) => deadline(state));
      const at = Math.min(...due);
      if (at > until) break;
      this.#setTime(at);
      this.give(due.indexOf(at), { kind: "timer" });
    }
    this.#setTime(until);
    return this;
  }

  active(): this {
    return this.all(UP).all({ kind: "startup" }).pass(4000);
  }

  #give(member: number, input: Input): void {
    const trial = this.members[member]!.give(input);
    this.did[member]!.push(...trial.did);
  }

  #setTime(now: number): void {
    for (const member of this.members) member.now = now;
  }
}

describe("a sync group", () => {
  it("is Active when every member wants to be", () => {
    const group = new Group(3).all(UP).all({ kind: "startup" });
    expect(group.names).toBe("backup backup backup");
    expect(group.pass(4000).names).toBe("active active active");
  });

  it("is not Active while one member is not started, even as an owner", () => {
    const group = new Group(2, { priority: 255 }).all(UP).give(0, { kind: "startup" });
    expect(group.names).toBe("backup initialize");
    expect(group.give(1, { kind: "startup" }).names).toBe("active active");
  });

  it("is Backup while one member hears an Active", () => {
    const group = new Group(2).all(UP).all({ kind: "startup" });
    for (let second = 0; second < 20; second++) group.hear(1, 150).pass(1000);
    expect(group.names).toBe("backup backup");
    // The last one to have heard it decides.
    group.pass(2608);
    expect(group.names).toBe("backup backup");
    expect(group.pass(2).names).toBe("active active");
  });

  it("yields altogether to a better router, without priority 0", () => {
    const group = new Group(2).active().hear(0, 150);
    expect(group.names).toBe("backup backup");
    expect(group.did.flat()).toEqual(["releaseConnections", "releaseConnections"]);
    group.pass(30);
    expect(group.members.map(({ state }) => state.name)).toEqual(["backup", "backup"]);
  });

  it("fails altogether, those that were Active with priority 0", () => {
    const group = new Group(3).active().give(1, DOWN);
    expect(group.names).toBe("initialize initialize initialize");
    const farewell = ["advertise 100 every 10 ms", "advertise 0 every 10 ms"];
    // The link of the second is down; the others can still reset connections.
    expect(group.did).toEqual([
      [...farewell, "releaseConnections"],
      [...farewell, "removeAddresses"],
      [...farewell, "releaseConnections"],
    ]);
    expect(group.members[0]!.reason).toBe("siblingFault");
    group.pass(50);
    expect(group.members.map(({ state }) => state.name)).toEqual(Array(3).fill("initialize"));
  });

  it("fails altogether at once when a member yields, and not by its own tracker", () => {
    const group = new Group(2).active().give(0, BAD);
    expect(group.names).toBe("initialize initialize");
    expect(group.did[1]).toContain("advertise 0 every 10 ms");
    expect(group.members[1]!.reason).toBe("siblingFault");
    expect(group.pass(50).give(0, GOOD).names).toBe("backup backup");
  });

  it("takes part again when none of its members is kept from it any more", () => {
    const group = new Group(3).active().give(0, DOWN).give(1, BAD).pass(50);
    expect(group.give(0, UP).names).toBe("initialize initialize initialize");
    expect(group.give(1, GOOD).names).toBe("backup backup backup");
    expect(group.pass(4000).names).toBe("active active active");
  });

  it("is handed over when one member is taken over from", () => {
    const group = new Group(2).active().all({ kind: "handOver", then: "backup", force: false });
    expect(group.names).toBe("active active");
    expect(group.hear(0, 50).names).toBe("backup backup");
    group.pass(1300);
    expect(group.members.map(({ state }) => state.name)).toEqual(["backup", "backup"]);
  });

  it("goes on altogether when nobody takes over", () => {
    const group = new Group(2).active().all({ kind: "handOver", then: "yield", force: false });
    expect(group.pass(1000).members.map(({ state }) => state.name)).toEqual(["active", "active"]);
  });

  it("sends priority 0 for each member when it must be handed over", () => {
    const group = new Group(2).active();
    for (const member of [0, 1]) {
      group.give(member, { kind: "handOver", then: "backup", force: true });
      expect(group.did[member]).toContain("advertise 0 every 10 ms");
    }
  });

  it("stops member by member", () => {
    const group = new Group(2).active().all({ kind: "shutdown" });
    expect(group.pass(2000).members.every(({ state }) => state.name === "initialize")).toBe(true);
  });
});

describe("align()", () => {
  it("comes to an end, and never lets one member be Active while another is Backup", () => {
    const input = fc.oneof(
      fc.constantFrom<Input>(DOWN, UP, BAD, GOOD, { kind: "startup" }, { kind: "shutdown" }),
      fc.constantFrom<Input>({ kind: "released" }, { kind: "timer" }, { kind: "timer" }),
      fc.record({
        kind: fc.constant("handOver" as const),
        then: fc.constantFrom("backup" as const, "yield" as const),
        force: fc.boolean(),
      }),
      fc.constantFrom(0, 50, 100, 150).map((priority): Input => ({
        kind: "advertisement",
        advertisement: { priority, intervalMs: 1000, source: Uint8Array.of(10, 0, 0, 9) },
      })),
    );
    const script = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 2 }), input, fc.constantFrom(0, 10, 1000, 4000)),
      { maxLength: 50 },
    );
    fc.assert(fc.property(script, (inputs) => {
      const group = new Group(3).all(UP).all({ kind: "startup" });
      for (const [member, one, laterMs] of inputs) {
        group.pass(laterMs).give(member, one);
        const names = group.members.map(({ state }) => state.name);
        expect(names.includes("active") && names.includes("backup"), names.join(" ")).toBe(false);
      }
    }));
  });
});

describe("sharedPoints()", () => {
  it.each(
    [
      [[0, 0], 0],
      [[-60, -60], -60],
      [[-60, 0], -60],
      [[20, 0], 20],
      [[20, -60], -40],
      [[], 0],
    ] as const,
  )("of %j is %i", (points, expected) => {
    expect(sharedPoints(points)).toBe(expected);
  });
});
