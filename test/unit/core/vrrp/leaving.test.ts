import { describe, expect, it } from "vitest";
import { Trial } from "../../../conformance/trial.ts";

const FAREWELL = ["advertise 100 every 10 ms", "advertise 0 every 10 ms"];
const GONE = { kind: "interface", source: null, down: true } as const;

function failover(force = false, changes = {}): Trial {
  return new Trial({ renewIntervalMs: null, ...changes }).active()
    .give({ kind: "handOver", then: "backup", force });
}

function standby(force = false): Trial {
  return new Trial({ renewIntervalMs: null }).active()
    .give({ kind: "handOver", then: "yield", force });
}

describe("the last advertisement before priority 0", () => {
  it("shortens the skew of a Backup that hears it", () => {
    expect(failover().did).toEqual(FAREWELL);
    const backup = new Trial().started().hear(150);
    backup.hear(150, "10.0.0.9", 10).hear(0, "10.0.0.9", 10);
    expect(backup.left).toBeLessThan(10);
  });

  it("is not sent where nothing is shortened", () => {
    expect(failover(false, { lastIntervalMs: 1000 }).did).toEqual(["advertise 0"]);
  });

  it("is forgotten after it was of no use", () => {
    expect(failover().sleep().did[0]).toBe("advertise 100");
    expect(failover().sleep().pass(2000).did).toEqual(["advertise 100", "advertise 100"]);
  });
});

describe("a planned handover", () => {
  it("is shown as Active until a peer has taken over, then as Backup", () => {
    const trial = failover();
    expect(trial.shown).toBe("active");
    trial.hear(50, "10.0.0.9", 200);
    expect(trial.reason).toBe("failover");
    expect(trial.did).toEqual(["releaseConnections"]);
    expect(trial.give({ kind: "released" }).did).toEqual(["removeAddresses"]);
    expect(trial.state).toMatchObject({ name: "backup", activeIntervalMs: 200 });
  });

  it("goes on as Active if no peer takes over", () => {
    const trial = failover();
    expect(trial.left).toBe(1000);
    trial.sleep();
    expect(trial.state.name).toBe("active");
    expect(trial.reason).toBeUndefined();
    expect(trial.did).not.toContain("removeAddresses");
  });

  it("takes priority 0 of another for nobody who takes over", () => {
    expect(failover().hear(0).shown).toBe("active");
  });

  it("leaves all the same when it must", () => {
    const trial = failover(true);
    expect(trial.shown).toBe("backup");
    expect(trial.sleep().did).toEqual(["releaseConnections"]);
    expect(trial.sleep().did).toEqual(["removeAddresses"]);
    expect(trial.state.name).toBe("backup");
  });

  it("keeps its addresses alive meanwhile", () => {
    expect(failover(false, { renewIntervalMs: 250 }).pass(600).did)
      .toEqual(["renewAddresses", "renewAddresses"]);
  });

  it("is nothing to a Backup", () => {
    const trial = new Trial().started();
    const { left } = trial;
    trial.give({ kind: "handOver", then: "backup", force: false });
    expect([trial.outputs, trial.left]).toEqual([[], left]);
  });

  it("waits for its skew only if the peer gives it up at once", () => {
    const trial = failover().hear(50).hear(0);
    expect(trial.did).toEqual(["removeAddresses"]);
    expect(trial.left).toBe(1000 * 156 / 256);
  });

  it("becomes a stop when that is asked for, which never resumes", () => {
    const trial = failover().give({ kind: "shutdown" });
    expect(trial.reason).toBe("shutdown");
    trial.sleep().sleep();
    expect(trial.state).toMatchObject({ name: "initialize", started: false });
  });

  it("does not come back when it is to be given up meanwhile", () => {
    const trial = failover().give({ kind: "yield", yields: true });
    expect(trial.reason).toBe("yielded");
    trial.sleep().sleep();
    expect(trial.state).toMatchObject({ name: "initialize", started: true, yields: true });
  });

  it("ends when the interface goes", () => {
    const trial = failover().give(GONE);
    expect(trial.did).toEqual(["removeAddresses"]);
    expect(trial.reason).toBe("interfaceDown");
  });
});

describe("a handover to be on standby", () => {
  it("ends in Initialize, until it may take part again", () => {
    const trial = standby().hear(50);
    expect(trial.reason).toBe("standby");
    trial.give({ kind: "released" });
    expect(trial.state).toMatchObject({ name: "initialize", yields: true });
    expect(trial.give({ kind: "yield", yields: false }).reason).toBe("recovered");
    expect(trial.left).toBe(3000 + 1000 * 156 / 256);
  });

  it("is not waited for by a Backup", () => {
    const trial = new Trial().started().give({ kind: "handOver", then: "yield", force: false });
    expect(trial.reason).toBe("standby");
    expect(trial.outputs).toEqual([]);
  });

  it("goes on as Active if no peer takes over, and leaves all the same when it must", () => {
    expect(standby().sleep().state.name).toBe("active");
    expect(standby(true).sleep().sleep().state).toMatchObject({ yields: true });
  });
});

describe("an Active that yields to a better router", () => {
  it("waits 10 ms for connections to be reset, and no longer than half an interval", () => {
    const fast = new Trial({ advertisementIntervalMs: 10 }).active().hear(150);
    expect(fast.left).toBe(5);
    const trial = new Trial().active().hear(150);
    expect(trial.left).toBe(10);
    expect(trial.sleep().did).toEqual(["removeAddresses", "advertise 100"]);
  });

  it("is shown as Backup meanwhile, and learns the winner's interval", () => {
    const trial = new Trial().active().hear(150, "10.0.0.9", 200);
    expect(trial.shown).toBe("backup");
    expect(trial.reason).toBe("higherPriority");
    expect(trial.sleep().state).toMatchObject({ name: "backup", activeIntervalMs: 200 });
    expect(trial.reason).toBeUndefined();
  });

  it("waits for nothing when it was replaced long ago", () => {
    const trial = new Trial().active();
    trial.now += 3500;
    trial.hear(150);
    expect(trial.did).toEqual(["removeAddresses", "releaseConnections"]);
    expect(trial.state.name).toBe("backup");
  });
});

describe("a group", () => {
  it("yields without priority 0 when a sibling has become Backup", () => {
    const trial = new Trial({ grouped: true }).started().sleep().give({ kind: "takeOver" });
    trial.give({ kind: "siblingBackup" });
    expect(trial.reason).toBe("siblingBackup");
    expect(trial.sleep().did).toEqual(["removeAddresses", "advertise 100"]);
  });

  it("does not resume when a sibling has been taken over from", () => {
    const trial = failover().give({ kind: "siblingBackup" });
    expect(trial.reason).toBe("failover");
    expect(trial.sleep().did).toEqual(["releaseConnections"]);
  });

  it("gives up with priority 0 when a sibling is kept from taking part", () => {
    const trial = new Trial({ grouped: true }).started().sleep().give({ kind: "takeOver" });
    trial.give({ kind: "siblingFault", fault: true });
    expect(trial.did).toEqual([...FAREWELL, "releaseConnections"]);
    expect(trial.reason).toBe("siblingFault");
    expect(trial.give({ kind: "released" }).did).toEqual(["removeAddresses"]);
    expect(trial.give({ kind: "siblingFault", fault: false }).reason).toBe("recovered");
    expect(trial.state.name).toBe("backup");
  });
});

describe("a tracker that yields", () => {
  it("makes an Active send priority 0, reset connections and drop the addresses", () => {
    const trial = new Trial().active().give({ kind: "yield", yields: true });
    expect(trial.did).toEqual([...FAREWELL, "releaseConnections"]);
    expect([trial.reason, trial.shown]).toEqual(["yielded", "initialize"]);
    expect(trial.give({ kind: "released" }).did).toEqual(["removeAddresses"]);
    expect(trial.reason).toBeUndefined();
    expect(trial.left).toBe(Infinity);
  });

  it("does not keep the addresses for a data plane that does not answer", () => {
    const trial = new Trial().active().give({ kind: "yield", yields: true });
    expect(trial.left).toBe(50);
    expect(trial.sleep().did).toEqual(["removeAddresses"]);
    expect(trial.state).toMatchObject({ name: "initialize", started: true, yields: true });
  });

  it("and is good again before the connections are gone leaves a Backup", () => {
    const trial = new Trial().active().give({ kind: "yield", yields: true });
    trial.give({ kind: "yield", yields: false });
    expect([trial.reason, trial.shown]).toEqual(["recovered", "backup"]);
    trial.give({ kind: "released" });
    expect(trial.did).toEqual(["removeAddresses"]);
    expect(trial.left).toBe(3000 + 1000 * 156 / 256);
  });

  it("takes a Backup out, silently", () => {
    const trial = new Trial().started().give({ kind: "yield", yields: true });
    expect(trial.outputs).toEqual([]);
    expect(trial.reason).toBe("yielded");
  });

  it("that is good again means a Backup with a full timer, or an owner that is Active", () => {
    const trial = new Trial().active().give({ kind: "yield", yields: true });
    trial.give({ kind: "released" });
    expect(trial.hear(0).hear(50).state.name).toBe("initialize");
    trial.give({ kind: "yield", yields: false });
    expect(trial.reason).toBe("recovered");
    expect(trial.left).toBe(3000 + 1000 * 156 / 256);
    const owner = new Trial({ priority: 255 }).active().give({ kind: "yield", yields: true });
    owner.give({ kind: "released" });
    expect(owner.give({ kind: "yield", yields: false }).reason).toBe("owner");
  });

  it("is waited for at the start, and by one whose interface comes back", () => {
    const trial = new Trial().give({ kind: "yield", yields: true }).started();
    expect(trial.state.name).toBe("initialize");
    const other = new Trial().started().give({ kind: "yield", yields: true }).give(GONE);
    other.give({ kind: "interface", source: Uint8Array.of(10, 0, 0, 5), down: false });
    expect(other.state.name).toBe("initialize");
  });

  it("does nothing to a planned stop", () => {
    const trial = new Trial().active().give({ kind: "shutdown" });
    expect(trial.give({ kind: "yield", yields: true }).outputs).toEqual([]);
    expect(trial.pass(2000).state).toMatchObject({ started: false });
  });
});
