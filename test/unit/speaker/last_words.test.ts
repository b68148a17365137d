import { describe, expect, it } from "vitest";
import { LastWords } from "../../../src/speaker/last_words.ts";
import { routerPlan } from "../plans.ts";

describe("LastWords", () => {
  const intervalMs = 100;

  it("knows a peer once it has spoken right after it was relieved", () => {
    const words = new LastWords(routerPlan(), 50);
    expect(words.insistMs).toBe(50);
    // It may simply not know of us yet.
    words.hear("10.0.0.3", 0);
    expect(words.insistMs).toBe(50);
    words.relieve("10.0.0.3", { at: 5_000, intervalMs });
    words.hear("10.0.0.4", 5_010);
    expect(words.insistMs).toBe(50);
    words.hear("10.0.0.3", 5_010);
    expect(words.insistMs).toBeNull();
  });

  it("does not know one that is silent, or has become so", () => {
    const words = new LastWords(routerPlan(), 50);
    words.relieve("10.0.0.3", { at: 1_000, intervalMs });
    words.hear("10.0.0.3", 1_001);
    expect(words.insistMs).toBeNull();
    words.relieve("10.0.0.3", { at: 2_000, intervalMs });
    expect(words.insistMs).toBe(50);
  });

  it("does not know one whose advertisement in turn has crossed ours", () => {
    const words = new LastWords(routerPlan(), 50);
    words.relieve("10.0.0.3", { at: 1_000, intervalMs });
    // Heard with some delay the time before.
    words.hear("10.0.0.3", 1_099);
    expect(words.insistMs).toBe(50);
  });

  it("wants to know all that the file names", () => {
    const words = new LastWords(routerPlan({ peerPriorities: [100, 50] }), 50);
    for (const [insistMs, peer] of [[50, "10.0.0.3"], [null, "10.0.0.4"]] as const) {
      words.relieve(peer, { at: 0, intervalMs });
      words.hear(peer, 5);
      expect(words.insistMs).toBe(insistMs);
    }
  });
});
