import { describe, expect, it } from "vitest";
import { type Backup, deadline } from "../../../../src/core/vrrp/state.ts";
import { Trial } from "../../../conformance/trial.ts";

const SKEW = 1000 * 156 / 256;
const DOWN = 3000 + SKEW;

describe("a Backup whose parameters change", () => {
  it("keeps the interval that it has learned, and moves its deadline with its skew", () => {
    const trial = new Trial().started().hear(200, undefined, 100);
    trial.now += 50;
    const { left } = trial;
    trial.change({ priority: 228, advertisementIntervalMs: 5_000 });
    expect(trial.did).toEqual([]);
    expect(left - trial.left).toBeCloseTo(128 * 100 / 256, 6);
  });

  it("waits by its own interval in version 2, counted from the last sign of life", () => {
    const trial = new Trial({ version: 2 }).started().hear(200);
    trial.now += 500;
    trial.change({ advertisementIntervalMs: 2_000 });
    expect(trial.left).toBeCloseTo(3 * 2_000 + 156 * 1_000 / 256 - 500, 6);
  });

  it("takes over in the end once it may preempt", () => {
    const trial = new Trial({ preempt: false }).started();
    for (let heard = 0; heard < 5; heard++) trial.hear(50).pass(1_000);
    trial.change({ preempt: true });
    for (let heard = 0; heard < 5; heard++) trial.hear(50).pass(1_000);
    expect(trial.shown).toBe("active");
  });
});

describe("a preempt delay", () => {
  const delayed = () => new Trial({ preemptDelayMs: 2000 }).started();

  it("starts at the first lower priority, which keeps the peer alive while it runs", () => {
    const trial = delayed();
    trial.now += 1000;
    expect(trial.hear(50).left).toBe(DOWN);
    trial.now += 1999;
    expect(trial.hear(50).left).toBe(DOWN);
  });

  it("is added to Active_Down_Interval", () => {
    const trial = delayed().hear(50);
    const heardAt = trial.now;
    for (let heard = 0; heard < 10 && trial.state.name === "backup"; heard++) {
      if (trial.left <= 500) break;
      trial.pass(500).hear(50);
    }
    trial.sleep();
    expect(trial.reason).toBe("preempt");
    // The last advertisement that counted came half a second before the delay was over.
    expect(trial.now - heardAt).toBe(2000 - 500 + DOWN);
  });

  it("ends with an advertisement that is not lower, and then starts anew", () => {
    const trial = delayed().hear(50);
    trial.now += 1500;
    trial.hear(100);
    trial.now += 1000;
    expect(trial.hear(50).left).toBe(DOWN);
    trial.now += 1999;
    expect(trial.hear(50).left).toBe(DOWN);
    trial.now += 1;
    expect(trial.hear(50).left).toBe(DOWN - 1);
  });

  it("is not shortened by the interval of one who has just lost", () => {
    const trial = delayed().hear(150, "10.0.0.9", 1000).hear(50, "10.0.0.8", 100);
    expect(trial.left).toBe(DOWN);
  });

  it("delays nothing when the Active dies or gives up", () => {
    const died = delayed().hear(50);
    expect(died.left).toBe(DOWN);
    expect(died.sleep().reason).toBe("peerSilent");
    expect(delayed().hear(50).hear(0).left).toBe(SKEW);
  });

  it("does not keep an owner waiting", () => {
    const trial = new Trial({ preemptDelayMs: 2000, priority: 255 }).active().hear(255, "10.0.0.9");
    trial.give({ kind: "released" });
    const { left } = trial;
    trial.now += 1000;
    expect(trial.hear(100).left).toBe(left - 1000);
  });
});

describe("a Backup that has handed over on purpose", () => {
  const held = (changes = {}) => {
    const trial = new Trial(changes).started();
    return Object.assign(trial, { router: { ...trial.router, preemptFrom: trial.now + 60_000 } });
  };

  it("preempts nobody until the hold is over", () => {
    const trial = held();
    trial.now += 59_000;
    expect(trial.hear(50).left).toBe(DOWN);
    trial.now += 1000;
    expect(trial.hear(50).left).toBe(DOWN - 1000);
  });

  it("takes over from a silent peer all the same", () => {
    expect(held().sleep().reason).toBe("peerSilent");
  });

  it("is held even as an owner", () => {
    const trial = new Trial({ priority: 255, preemptFrom: Infinity }).started();
    expect(trial.state.name).toBe("backup");
    trial.now += 1000;
    expect(trial.hear(50).left).toBe(3000 + 1000 / 256);
  });
});

describe("a Backup that was not run for a while", () => {
  const heldUp = (trial: Trial, forMs: number) => trial.give({ kind: "heldUp", forMs });

  it("waits for an interval and its skew, since a peer that lives says so by then", () => {
    const trial = new Trial().started();
    trial.now += DOWN - 100;
    expect(heldUp(trial, 3200).left).toBe(1000 + SKEW);
  });

  it("waits for its skew after less than an interval", () => {
    const trial = new Trial().started();
    trial.now += DOWN - 100;
    expect(heldUp(trial, 900).left).toBe(SKEW);
  });

  it("does not mind half an interval, or one that leaves time enough", () => {
    const trial = new Trial().started();
    expect(heldUp(trial, 5000).left).toBe(DOWN);
    trial.now += DOWN - 100;
    expect(heldUp(trial, 500).left).toBe(100);
  });

  it("is put off once, and again after a sign of life", () => {
    const trial = new Trial().started();
    trial.now += DOWN - 100;
    heldUp(trial, 3200);
    trial.now += 1500;
    const { left } = trial;
    expect(heldUp(trial, 3200).left).toBe(left);
    trial.hear(150);
    trial.now += DOWN - 100;
    expect(heldUp(trial, 3200).left).toBe(1000 + SKEW);
  });
});

describe("a Backup on a machine that stands still, as its Active does", () => {
  const INTERVAL = 10;
  const quick = () => new Trial({ advertisementIntervalMs: INTERVAL }).started();

  it.each([5, 12, 25, 33, 40, 100])("waits for an Active held up for %i ms, too", (stallMs) => {
    for (let phaseMs = 0.25; phaseMs < INTERVAL; phaseMs += 0.5) {
      const trial = quick().hear(150, undefined, INTERVAL).pass(phaseMs);
      const resumedAt = trial.now + stallMs;
      // What was due meanwhile is dealt with late, and the Active needs its time, too.
      const forMs = resumedAt - deadline(trial.state);
      if (forMs > 0) {
        trial.now = resumedAt;
        trial.give({ kind: "heldUp", forMs }).give({ kind: "timer" });
      }
      const advertisedAt = Math.max(
        trial.now + INTERVAL - phaseMs - stallMs,
        resumedAt + (stallMs > 20 ? 20 : 3),
      );
      expect(trial.pass(advertisedAt - trial.now).shown).toBe("backup");
      expect(trial.hear(150, undefined, INTERVAL).left).toBe(DOWN / 100);
    }
  });

  it("loses nothing as long as it is on time", () => {
    expect(quick().hear(150, undefined, INTERVAL).wake().left).toBe(DOWN / 100 - 2 * INTERVAL);
  });

  it("loses nothing by the time it takes to wake up, and is no later for it", () => {
    const trial = quick().hear(150, undefined, INTERVAL).wake(0.5);
    expect(trial.left).toBeCloseTo(DOWN / 100 - 2 * INTERVAL - 0.5, 6);
  });

  it("loses no more than it was late", () => {
    const trial = quick().hear(150, undefined, INTERVAL).wake(4);
    expect(trial.left).toBeCloseTo(DOWN / 100 - 2 * INTERVAL, 6);
    expect(trial.wake().reason).toBe("peerSilent");
  });
});

describe("a member of a group", () => {
  const member = () => new Trial({ grouped: true }).started();
  const backup = ({ state }: Trial) => state as Backup;

  it("only wants to be Active when its timer fires, and waits on", () => {
    const trial = member().sleep();
    expect(trial.outputs).toEqual([]);
    expect(backup(trial).wants).toBe(true);
    expect(trial.left).toBe(DOWN);
    expect(backup(trial.sleep()).wants).toBe(true);
  });

  it("takes over when all want to, for the reason it wants to itself", () => {
    const trial = member().hear(150).hear(0).sleep().give({ kind: "takeOver" });
    expect(trial.did).toEqual(["advertise 100", "addAddresses", "announce 5"]);
    expect(trial.reason).toBe("peerReleased");
  });

  it("wants no longer when it hears its Active", () => {
    const trial = member().sleep().hear(150);
    expect(backup(trial).wants).toBe(false);
    expect(trial.give({ kind: "takeOver" }).state.name).toBe("backup");
  });

  it("wants at once as an owner", () => {
    const trial = new Trial({ grouped: true, priority: 255 }).started();
    expect(trial.state.name).toBe("backup");
    expect(trial.give({ kind: "takeOver" }).reason).toBe("owner");
  });
});
