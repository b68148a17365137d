/**
 * Safety, then quiet, then liveness: whatever loss, partitions, restarts, kills and pauses do to a
 * LAN of speakers, it keeps its promises, and comes to one Active when it is left alone.
 */

import { expect, it } from "vitest";
import { deadline } from "../../src/core/vrrp/state.ts";
import { type Node, SimulatedLan } from "./lan.ts";

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
  expect(told.message).toMatch(/^seed 1: made up\n(.*\n)*.* n1 starts/);
});

function play(lan: SimulatedLan): void {
  trouble(lan);
  lan.calm();
  const slowestMs = Math.max(...lan.nodes.map(({ router }) => router.advertisementIntervalMs));
  // The last down interval may begin when somebody yields at the end of another's.
  lan.runTo(lan.now + 12 * slowestMs + DEADMAN_MS);
  expectOneActive(lan);
  const { transitions } = lan;
  lan.runTo(lan.now + 8 * slowestMs + ANNOUNCE_MS);
  expectOneActive(lan);
  expect(lan.transitions, "changes of state in the quiet").toBe(transitions);
  expect(lan.announcedBy?.state.name, "whoever announced last").toBe("active");
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
  switch (random.integer(0, 7)) {
    case 0:
      return lan.lose(random.pick([0, 0, 0.1, 0.5]));
    case 1:
      return lan.divide(lan.nodes.map(() => random.integer(0, 1)));
    case 2:
      return lan.divide(lan.nodes.map(() => 0));
    case 3:
      lan.kill(node);
      return mend(() => node.process === "dead" && lan.start(node));
    case 4:
      if (node.process !== "running") return;
      lan.stop(node);
      return mend(() => node.process === "running" && lan.start(node));
    case 5:
      if (node.process !== "running") return;
      lan.pause(node);
      return mend(() => node.process === "paused" && lan.continue(node));
    case 6:
      lan.setLink(node, false);
      return mend(() => node.linkUp || lan.setLink(node, true));
    case 7:
      return lan.track(node, random.integer(1, 254));
  }
}

function expectOneActive(lan: SimulatedLan): void {
  const active = lan.nodes.filter(({ state }) => state.name === "active");
  const holders = lan.nodes.filter((node) => lan.holds(node));
  expect(active.map(({ name }) => name), "Active").toHaveLength(1);
  expect(holders, "holders of the address").toEqual(active);
  const best = Math.max(...lan.nodes.map(({ router }) => router.priority));
  // Others do not preempt where they must not, an owner does all the same.
  if (active[0]!.router.preempt || best === 255) {
    expect(active[0]!.router.priority, "priority").toBe(best);
  }
  for (const { name, state } of lan.nodes) {
    if (state.name === "active") continue;
    expect(state.name, name).toBe("backup");
    expect(deadline(state), `${name}'s deadline`).toBeGreaterThan(lan.now);
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
