import { describe, expect, it } from "vitest";
import { Trial } from "../../../conformance/trial.ts";

describe("an Active", () => {
  it("renews its addresses four times between two advertisements", () => {
    const did = new Trial().active().pass(1000).did;
    expect(did.filter((one) => one === "renewAddresses")).toHaveLength(4);
    expect(did.filter((one) => one === "advertise 100")).toHaveLength(1);
  });

  it("renews nothing that does not expire", () => {
    expect(new Trial({ renewIntervalMs: null }).active().pass(2500).did)
      .toEqual(["advertise 100", "advertise 100"]);
  });

  it("announces again after 5 s, then one copy every 10 s", () => {
    const trial = new Trial({ renewIntervalMs: null }).active();
    const announced = (forMs: number) =>
      trial.pass(forMs).did.filter((did) => did.startsWith("announce"));
    expect(announced(4999)).toEqual([]);
    expect(announced(1)).toEqual(["announce 5"]);
    expect(announced(9999)).toEqual([]);
    expect(announced(1)).toEqual(["announce 1"]);
    expect(announced(20_000)).toEqual(["announce 1", "announce 1"]);
  });

  it("keeps the phase of its advertisements after a small lateness", () => {
    const trial = new Trial({ renewIntervalMs: null }).active();
    const startedAt = trial.now;
    trial.sleep(300).sleep(100);
    trial.sleep();
    expect(trial.now - startedAt).toBe(3000);
  });

  it("advertises at most twice as often as its interval after a great lateness", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().sleep(900);
    expect(trial.left).toBe(500);
  });

  it("announces when it comes back after everybody must have given it up", () => {
    const trial = new Trial().active().sleep(3000);
    expect(trial.did).toEqual(["advertise 100", "renewAddresses", "announce 5"]);
  });

  it("comes back no more than five bursts a second, however short the interval", () => {
    const trial = new Trial({ advertisementIntervalMs: 10, renewIntervalMs: null }).active();
    const bursts = Array.from({ length: 20 }, () => trial.sleep(40).did)
      .filter((did) => did.includes("announce 5"));
    expect(bursts.length).toBeGreaterThan(0);
    expect(bursts.length).toBeLessThanOrEqual(5);
  });
});

describe("an Active that hears a lower priority", () => {
  it("advertises, renews and announces, in this order, and announces again after 5 s", () => {
    const trial = new Trial().active().pass(7500);
    expect(trial.hear(50).did).toEqual(["advertise 100", "renewAddresses", "announce 5"]);
    expect(trial.pass(4999).did).not.toContain("announce 5");
    expect(trial.pass(1).did).toContain("announce 5");
  });

  it("is not made to flood the network", () => {
    const trial = new Trial().active().pass(7500);
    const did = [];
    for (let heard = 0; heard < 1000; heard++) {
      did.push(...trial.hear(50).did, ...trial.pass(1).did);
    }
    expect(did.filter((one) => one === "announce 5").length).toBeLessThanOrEqual(6);
    expect(did.filter((one) => one === "advertise 100").length).toBeLessThanOrEqual(11);
  });

  it("answers one it may not answer at once as soon as it may", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().pass(7500);
    trial.hear(50);
    trial.pass(10);
    expect(trial.hear(50).did).toEqual([]);
    expect(trial.pass(100).did).toEqual(["advertise 100"]);
    expect(trial.pass(90).did).toEqual(["announce 5"]);
  });
});

describe("an Active that yields", () => {
  it("drops its addresses, then advertises once, so that the winner announces them", () => {
    const trial = new Trial().active().hear(150);
    expect(trial.did).toEqual(["releaseConnections"]);
    expect(trial.give({ kind: "released" }).did).toEqual(["removeAddresses", "advertise 100"]);
  });

  it("says nothing if it was away until after it was replaced", () => {
    const trial = new Trial().active();
    trial.now += 3500;
    expect(trial.hear(150).did).toEqual(["removeAddresses", "releaseConnections"]);
  });

  it("does not yield to its own priority and address", () => {
    const trial = new Trial().active().hear(100, "10.0.0.5");
    expect(trial.outputs).toEqual([]);
    expect(trial.state.name).toBe("active");
  });
});
