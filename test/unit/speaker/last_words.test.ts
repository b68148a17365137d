import { describe, expect, it } from "vitest";
import { LastWords } from "../../../src/speaker/last_words.ts";
import { routerPlan } from "../plans.ts";

describe("LastWords", () => {
  const peer = "10.0.0.3";
  const intervalMs = 100;

  it("knows a peer that was relieved and speaks before its next turn", () => {
    const words = new LastWords(routerPlan(), 50);
    expect(words.insistMs).toBe(50);
    words.relieve({ peer, at: 5_000, intervalMs });
    expect(words.insistMs).toBe(50);
    words.hear({ peer, at: 5_079, intervalMs });
    expect(words.insistMs).toBeNull();
  });

  it("knows a peer that was contradicted and speaks once more", () => {
    const words = new LastWords(routerPlan(), 50);
    words.hear({ peer, at: 5_000, intervalMs });
    expect(words.insistMs).toBe(50);
    words.hear({ peer, at: 5_001, intervalMs });
    expect(words.insistMs).toBeNull();
  });

  it("does not know one whose advertisement in turn has crossed ours", () => {
    const words = new LastWords(routerPlan(), 50);
    words.relieve({ peer, at: 1_000, intervalMs });
    // The one before was read 19 ms late.
    words.hear({ peer, at: 1_081, intervalMs });
    expect(words.insistMs).toBe(50);
  });

  it("does not know one any more that yields in silence, relieved or contradicted", () => {
    const words = new LastWords(routerPlan(), 50);
    for (const since of [1_000, 3_000]) {
      words.hear({ peer, at: since, intervalMs });
      words.hear({ peer, at: since + 1, intervalMs });
      expect(words.insistMs).toBeNull();
      if (since === 1_000) words.relieve({ peer, at: since + 1_000, intervalMs });
      else words.hear({ peer, at: since + 1_000, intervalMs });
      expect(words.insistMs).toBe(50);
    }
  });

  it("does not take another peer's word for that of one that has come in its place", () => {
    const words = new LastWords(routerPlan(), 50);
    words.relieve({ peer, at: 1_000, intervalMs });
    words.hear({ peer, at: 1_001, intervalMs });
    words.relieve({ peer: "10.0.0.4", at: 9_000, intervalMs });
    words.hear({ peer, at: 9_001, intervalMs });
    expect(words.insistMs).toBe(50);
  });

  it("wants to know all that the file names", () => {
    const words = new LastWords(routerPlan({ peerPriorities: [100, 50] }), 50);
    for (const [insistMs, one] of [[50, "10.0.0.3"], [null, "10.0.0.4"]] as const) {
      words.relieve({ peer: one, at: 0, intervalMs });
      words.hear({ peer: one, at: 5, intervalMs });
      expect(words.insistMs).toBe(insistMs);
    }
  });
});
