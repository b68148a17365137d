/**
 * Safety, then quiet, then liveness: whatever loss, partitions, restarts, kills and pauses do to a
 * LAN of speakers, it keeps its promises, and comes to one Active when it is left alone.
 */

import { expect, it } from "vitest";
import { type Member, type Node, SimulatedLan } from "./lan.ts";

const SEEDS = Deno.env.get("LINTEL_SOAK") === "1" ? 100_000 : 400;

it(`${SEEDS} seeds of trouble end in one Active`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      play(new SimulatedLan(seed, false));
    } catch (error) {
      throw retold(seed, error);
    }
  }
}, 3_600_000);

it("the same seed tells the same story", () => {
  const stories = [1, 1, 2].map((seed) => {
    const lan = new SimulatedLan(seed, true);
    play(lan);
    return lan.trace!.join("\n");
  });
  expect(stories[0]).toBe(stories[1]);
  expect(stories[0]).not.toBe(stories[2]);
});

it("a seed that fails is told with its trace", () => {
  const told = retold(1, new Error("made up"));
  expect(told.message).toMatch(/^seed 1: made up\n(.*\n)*.* n1 /);
});

function play(lan: SimulatedLan): void {
  trouble(lan);
  lan.calm();
  const slowestMs = Math.max(...lan.nodes.map(({ members }) => intervalOf(members)));
  const delayMs = lan.nodes[0]!.members[0]!.router.preemptDelayMs;
  // The last down interval may begin when somebody yields at the end of another's; in a group, when
  // the last of the members wants to be Active.
  lan.runTo(lan.now + (lan.isGrouped ? 20 : 12) * slowestMs + 2 * delayMs + DEADMAN_MS);
  expectOneActive(lan);
  const { transitions } = lan;
  lan.runTo(lan.now + 8 * slowestMs + ANNOUNCE_MS);
  expectOneActive(lan);
  expect(lan.transitions, "changes of state in the quiet").toBe(transitions);
  for (const [index, node] of lan.announcedBy.entries()) {
    expect(node?.members[index]?.state.name, "whoever announced last").toBe("active");
  }
}

function intervalOf([member]: readonly Member[]): number {
  return member!.router.advertisementIntervalMs;
}

/** Half a minute in which something breaks every second or so. */
function trouble(lan: SimulatedLan): void {
  const until = lan.now + 30_000;
  while (lan.now < until) {
    lan.runTo(lan.now + lan.random.next() * 2_000);
    breakSomething(lan, lan.random.pick(lan.nodes));
  }
}

function breakSomething(lan: SimulatedLan, node: Node): void {
  const { random } = lan;
  const pauseMs = random.pick([50, 700, 2_500, 8_000]);
  const mend = (run: () => void) => lan.later(pauseMs, () => lan.isCalm || run());
  const which = random.integer(0, lan.lans - 1);
  const isRunning = node.process === "running";
  switch (random.integer(lan.isNetworkSound ? 4 : 0, 10)) {
    case 0:
      return lan.lose(random.pick([0, 0, 0.1, 0.5]));
    case 1:
      return lan.divide(which, lan.nodes.map(() => random.integer(0, 1)));
    case 2:
      return lan.divide(which, lan.nodes.map(() => 0));
    case 3:
      lan.setMute(node, which, true);
      return mend(() => lan.setMute(node, which, false));
    case 4:
      lan.kill(node);
      return mend(() => node.process === "dead" && lan.start(node));
    case 5:
      if (!isRunning) return;
      lan.stop(node);
      return mend(() => node.process === "running" && lan.start(node));
    case 6:
    case 7:
      if (!isRunning) return;
      lan.pause(node, random.pick(["paused", "asleep"] as const));
      return mend(() =>
        node.process !== "running" && node.process !== "dead" && lan.continue(node)
      );
    case 8:
      lan.setLink(node, which, false);
      return mend(() => lan.setLink(node, which, true));
    case 9:
      return lan.track(node, random.integer(1, 254));
    case 10:
      return intervene(lan, node, mend);
  }
}

/** What an operator or a tracker does. */
function intervene(lan: SimulatedLan, node: Node, mend: (run: () => void) => void): void {
  if (node.process !== "running") return;
  if (lan.random.chance(0.5)) {
    return lan.failover(node, lan.random.chance(0.3), lan.random.pick([0, 5_000, 60_000]));
  }
  lan.setYield(node, true);
  mend(() => node.process === "running" && lan.setYield(node, false));
}

function expectOneActive(lan: SimulatedLan): void {
  const owners = Array.from({ length: lan.lans }, (_, index) => {
    const active = lan.nodes.filter(({ members }) => members[index]!.state.name === "active");
    const holders = lan.nodes.filter((node) => lan.holds(node, index));
    expect(active.map(({ name }) => name), `Active on LAN ${index}`).toHaveLength(1);
    expect(holders, "holders of the address").toEqual(active);
    return active[0]!;
  });
  if (lan.isGrouped) expect(new Set(owners).size, "Actives of the group").toBe(1);
  const best = Math.max(...lan.nodes.map(({ members }) => members[0]!.router.priority));
  for (const owner of owners) {
    const { router } = owner.members[0]!;
    // Others do not preempt where they must not, an owner does all the same.
    if (router.preempt || best === 255) expect(router.priority, "priority").toBe(best);
  }
  for (const { name, members } of lan.nodes) {
    for (const { state, lan: index } of members) {
      if (state.name === "active") continue;
      expect(state.name, `${name} on LAN ${index}`).toBe("backup");
    }
  }
}

/** Plays a seed again, and says what happened. */
function retold(seed: number, error: unknown): Error {
  const lan = new SimulatedLan(seed, true);
  try {
    play(lan);
  } catch {
    // It is known already: `error`.
  }
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`seed ${seed}: ${message}\n${lan.trace!.slice(-TRACE_LINES).join("\n")}`);
}

const DEADMAN_MS = 3_000;
/** Longer than two refreshes of the announcement are apart. */
const ANNOUNCE_MS = 11_000;
const TRACE_LINES = 200;
