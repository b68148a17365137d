import { describe, expect, it } from "vitest";
import { Standings } from "../../../src/speaker/standings.ts";

describe("Standings", () => {
  it("adds up what the appliance's trackers and those of interfaces say", () => {
    const standings = new Standings();
    expect(standings.standing).toEqual({ points: 0, yield: null });
    standings.ordered = { points: -20, yield: null };
    expect(standings.standing).toEqual({ points: -20, yield: null });
    standings.ordered = { points: -20, yield: "hold exists" };
    expect(standings.standing).toEqual({ points: -20, yield: "hold exists" });
  });

  it("has the kernel asked again once a second after it has refused", () => {
    const standings = new Standings();
    expect(standings.retry(() => true, 1e9)).toBe(false);
    standings.refuse("eth0 takes none", 5_000);
    expect([standings.standing.yield, standings.retryAt]).toEqual(["eth0 takes none", 6_000]);
    expect(standings.retry(() => true, 5_999)).toBe(false);
    expect(standings.retry(() => false, 6_000)).toBe(false);
    expect([standings.standing.yield, standings.retryAt]).toEqual(["eth0 takes none", 7_000]);
    expect(standings.retry(() => true, 7_000)).toBe(true);
    expect([standings.standing.yield, standings.retryAt]).toEqual([null, Infinity]);
  });
});
