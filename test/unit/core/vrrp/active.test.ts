import { describe, expect, it } from "vitest";
import { Trial } from "../../../conformance/trial.ts";

describe("an Active whose parameters change", () => {
  it("says so at once, and goes on by the new interval", () => {
    const trial = new Trial().active();
    trial.now += 500;
    expect(trial.change({ priority: 120, advertisementIntervalMs: 100 }).did)
      .toEqual(["advertise 120"]);
    expect(trial.shown).toBe("active");
    expect(trial.pass(1_000).did.filter((one) => one === "advertise 120")).toHaveLength(10);
  });

  it("renews its addresses from then on where they have a lifetime now, or no more", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().change({ renewIntervalMs: 250 });
    expect(trial.pass(250).did).toContain("renewAddresses");
    trial.change({ renewIntervalMs: null });
    expect(trial.pass(2_000).did).not.toContain("renewAddresses");
  });

  it("announces as often as is asked now", () => {
    const announce = { repeat: 1, delayMs: 0, refreshMs: null, refreshRepeat: 1 };
    const trial = new Trial({ announce }).active();
    trial.change({ announce: { ...announce, refreshMs: 1_000 } });
    expect(trial.pass(5_500).did.filter((one) => one === "announce 1")).toHaveLength(5);
    trial.change({ announce });
    expect(trial.pass(5_500).did).not.toContain("announce 1");
  });
});

describe("an Active", () => {
  it("renews its addresses four times between two advertisements", () => {
    const did = new Trial().active().pass(1000).did;
    expect(did.filter((one) => one === "renewAddresses")).toHaveLength(4);
    expect(did.filter((one) => one === "advertise 100")).toHaveLength(1);
  });

  it("renews with an advertisement what would be due before the next one", () => {
    const trial = new Trial({ renewIntervalMs: 250, advertisementIntervalMs: 100 }).active();
    const wakes: string[] = [];
    for (let at = 0; at < 10; at++) {
      wakes.push(trial.pass(100).did.join());
    }
    expect(new Set(wakes)).toEqual(new Set(["advertise 100", "advertise 100,renewAddresses"]));
    expect(wakes.filter((did) => did.includes("renew")).length).toBeGreaterThanOrEqual(4);
  });

  it("announces with an advertisement where peers may be silent, at most so often", () => {
    const announced = (advertisementIntervalMs: number, insistMs: number | null) => {
      const changes = { renewIntervalMs: null, advertisementIntervalMs, insistMs };
      const did = new Trial(changes).active().pass(1_000).did;
      return did.filter((one) => one === "announce 1").length;
    };
    expect(announced(1_000, null)).toBe(0);
    expect(announced(1_000, 50)).toBe(1);
    expect(announced(100, 50)).toBe(10);
    expect(announced(10, 50)).toBe(20);
    expect(announced(100, 200)).toBe(5);
  });

  it("does not announce with all the advertisements that others provoke", () => {
    const trial = new Trial({ renewIntervalMs: null, insistMs: 50, preempt: true }).active();
    const before = trial.now;
    let copies = 0;
    while (trial.now < before + 1_000) {
      for (const did of [trial.hear(50).did, trial.pass(5).did]) {
        copies += did.filter((one) => one === "announce 1").length;
      }
    }
    expect(copies).toBeLessThanOrEqual(20);
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
    // Five a second, and the one more at the beginning.
    expect(did.filter((one) => one === "announce 5").length).toBeLessThanOrEqual(7);
    expect(did.filter((one) => one === "advertise 100").length).toBeLessThanOrEqual(101);
  });

  it("answers one it may not answer at once as soon as it may", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().pass(7500);
    trial.hear(50);
    trial.hear(50);
    trial.pass(3);
    expect(trial.hear(50).did).toEqual([]);
    expect(trial.pass(7).did).toEqual(["advertise 100"]);
    expect(trial.pass(190).did).toEqual(["announce 5"]);
  });

  it("announces at the loser's last word too, however soon that comes", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().pass(7500);
    expect(trial.hear(50).did).toContain("announce 5");
    trial.pass(10);
    expect(trial.hear(50).did).toContain("announce 5");
    trial.pass(10);
    expect(trial.hear(50).did).not.toContain("announce 5");
  });
});

describe("an Active whose addresses somebody else claims", () => {
  const claimed = { kind: "foreignClaim" } as const;

  it("announces them at once, and again after the delay", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().pass(7500);
    expect(trial.give(claimed).did).toEqual(["announce 5"]);
    expect(trial.pass(4999).did).not.toContain("announce 5");
    expect(trial.pass(1).did).toContain("announce 5");
  });

  it("does so once a second at most", () => {
    const trial = new Trial().active().pass(7500);
    const did = [];
    for (let claims = 0; claims < 100; claims++) {
      did.push(...trial.give(claimed).did, ...trial.pass(50).did);
    }
    expect(did.filter((one) => one === "announce 5").length).toBeLessThanOrEqual(6);
  });

  it("is the only one to announce", () => {
    expect(new Trial().started().give(claimed).outputs).toEqual([]);
    expect(new Trial().give(claimed).outputs).toEqual([]);
  });
});

describe("an Active whose link or sibling had a conflict", () => {
  it("renews and announces, five times a second at most", () => {
    const trial = new Trial().active().pass(7500);
    expect(trial.give({ kind: "reannounce" }).did).toEqual(["renewAddresses", "announce 5"]);
    trial.give({ kind: "reannounce" });
    expect(trial.give({ kind: "reannounce" }).did).toEqual([]);
    expect(trial.pass(200).did).toContain("announce 5");
  });
});

describe("announcements", () => {
  const announced = (trial: Trial, forMs: number) =>
    trial.pass(forMs).did.filter((did) => did.startsWith("announce"));

  it("come as often and as many as configured", () => {
    const announce = { repeat: 2, delayMs: 700, refreshMs: 3000, refreshRepeat: 4 };
    const trial = new Trial({ announce }).active();
    expect(trial.did).toContain("announce 2");
    expect(announced(trial, 699)).toEqual([]);
    expect(announced(trial, 1)).toEqual(["announce 2"]);
    expect(announced(trial, 2999)).toEqual([]);
    expect(announced(trial, 1)).toEqual(["announce 4"]);
  });

  it("come once only, if there is neither a second burst nor a refresh", () => {
    const announce = { repeat: 5, delayMs: 0, refreshMs: null, refreshRepeat: 1 };
    expect(announced(new Trial({ announce }).active(), 60_000)).toEqual([]);
  });
});

describe("an Active that was not run for a while", () => {
  const heldUp = (forMs: number) =>
    new Trial({ renewIntervalMs: null }).active().pass(7400).give({ kind: "heldUp", forMs });

  it("says that it is here as soon as it has heard what there is to hear", () => {
    const trial = heldUp(5000);
    expect(trial.outputs).toEqual([]);
    expect(trial.give({ kind: "timer" }).did).toEqual(["advertise 100", "announce 5"]);
  });

  it("yields at once, and without a last word, to whoever has taken over", () => {
    const trial = heldUp(5000);
    expect(trial.hear(150).did).toEqual(["removeAddresses", "releaseConnections"]);
    const later = heldUp(5000).give({ kind: "timer" });
    later.now += 20;
    expect(later.hear(150).did[0]).toBe("removeAddresses");
  });

  it("only advertises after what its Backups cannot have minded", () => {
    expect(heldUp(3000).give({ kind: "timer" }).did).toEqual(["advertise 100"]);
    expect(heldUp(100).left).toBe(600);
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
