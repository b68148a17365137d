import { describe, expect, it } from "vitest";
import { Peer, type Script, World } from "./relay_world.ts";

const SEEDS = Array.from({ length: 150 }, (_, seed) => seed + 1);

describe("connections through a kernel of our own", () => {
  it.each(SEEDS)(
    "seed %i: every byte arrives, once, in order, and every end as what it was",
    (seed) => {
      const world = new World({ seed });
      const { kernel } = world;
      const { random } = kernel;
      kernel.misreads = random() < 0.3 ? 0.001 : 0;
      kernel.spurious = random() < 0.3 ? 0.1 : 0;
      kernel.pipeLimit = pick(random, [1 << 20, 1 << 17, 1 << 12]);
      const peers = new Map<number, Peer>();
      const add = (peer: Peer) => peers.set(peer.id, peer);
      let servers = 100;
      kernel.answer = () => ({
        accept: (end) =>
          add(new Peer(kernel, end, ++servers, { ...scriptOf(random), readsAfter: 0 })),
      });
      const own = kernel.open;
      const count = 1 + Math.floor(random() * 20);
      for (let id = 1; id <= count; id++) {
        kernel.after(random() * 20, () => {
          const rooms = [1 + Math.floor(random() * 150_000), 1 + Math.floor(random() * 150_000)];
          const end = kernel.dial(world.listener, [rooms[0]!, rooms[1]!]);
          add(new Peer(kernel, end, id, scriptOf(random)));
        });
      }
      const areDone = () =>
        peers.size >= count && kernel.clock > 1100 &&
        [...peers.values()].every(({ isDone }) => isDone);
      expect(world.run(areDone, 120_000)).toBe(true);
      world.pass(5000);

      for (const peer of peers.values()) judge(peer, peers);
      expect(world.frontend("opened")).toBe(count);
      expect(world.frontend("closed")).toBe(count);
      expect(world.active(0) + world.active(1)).toBe(0);
      world.engine.carryOut({ kind: "stop" });
      // The epoll descriptor and the pipes have gone, and nothing else has come.
      expect(kernel.open).toBe(own - 1);
    },
  );
});

/** What came of a peer must follow from what its counterpart did, and from nothing else. */
function judge(peer: Peer, peers: ReadonlyMap<number, Peer>): void {
  const from = peer.from === undefined ? undefined : peers.get(peer.from);
  if (!from) return;
  expect(peer.received).toBeLessThanOrEqual(from.sent);
  if (peer.outcome === "end") {
    // An end is only ever passed on behind all that came before it.
    expect(from.hasFinished).toBe(true);
    expect(peer.received).toBe(from.sent);
  }
  if (peer.outcome === "reset") {
    expect(["close", "reset"]).toContain(from.script.then);
  }
}

function scriptOf(random: () => number): Script {
  const bytes = Math.floor(random() ** 3 * pick(random, [10, 1000, 100_000, 1_500_000]));
  return {
    bytes,
    then: random() < 0.8 ? "end" : pick(random, ["close", "reset"]),
    readsAfter: random() < 0.7 ? 0 : random() * bytes,
    listensFirst: false,
  };
}

function pick<Item>(random: () => number, items: readonly [Item, ...Item[]]): Item {
  return items[Math.floor(random() * items.length)] ?? items[0];
}
