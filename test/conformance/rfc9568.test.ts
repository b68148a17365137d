/**
 * RFC 9568, sections 6 and 7, a clause a test, each once obeyed and once provoked. What version 2
 * (RFC 3768) does otherwise stands at the end; what both leave open is in test/unit/core/vrrp.
 */

import { describe, expect, it } from "vitest";
import { addressOf, Trial } from "./trial.ts";

const SKEW = 1000 * 156 / 256;
const DOWN = 3000 + SKEW;

describe("6.1 Parameters", () => {
  it("Skew_Time is (256 - Priority) * Active_Adver_Interval / 256", () => {
    expect(new Trial().started().hear(0).left).toBe(SKEW);
    expect(new Trial({ priority: 254 }).started().hear(0).left).toBe(1000 * 2 / 256);
  });

  it("Active_Down_Interval is 3 * Active_Adver_Interval + Skew_Time", () => {
    expect(new Trial().started().left).toBe(DOWN);
    expect(new Trial({ advertisementIntervalMs: 10 }).started().left).toBe(10 * (3 + 156 / 256));
  });

  it("Active_Adver_Interval is Advertisement_Interval at first, then what the Active says", () => {
    const trial = new Trial({ advertisementIntervalMs: 200 }).started();
    expect(trial.left).toBe(200 * (3 + 156 / 256));
    expect(trial.hear(150, "10.0.0.9", 1000).left).toBe(DOWN);
  });

  it("Active_Adver_Interval is not what the Active itself advertises by", () => {
    const trial = new Trial({ advertisementIntervalMs: 200 }).started().hear(150).sleep();
    expect(trial.shown).toBe("active");
    expect(trial.pass(1000).did.filter((did) => did === "advertise 100")).toHaveLength(5);
  });

  it("Preempt_Mode true: a higher priority takes over from a lower one", () => {
    const trial = new Trial().started();
    trial.now += DOWN - 1;
    expect(trial.hear(99).left).toBe(1);
    expect(trial.sleep().reason).toBe("preempt");
  });

  it("Preempt_Mode false: a higher priority leaves a lower one in place", () => {
    const trial = new Trial({ preempt: false }).started();
    trial.now += DOWN - 1;
    expect(trial.hear(1).left).toBe(DOWN);
  });

  it("Preempt_Mode: the owner of the addresses always preempts", () => {
    const trial = new Trial({ preempt: false, priority: 255 }).active().hear(255, "10.0.0.9");
    expect(trial.give({ kind: "released" }).shown).toBe("backup");
    const { left } = trial;
    trial.now += 1000;
    expect(trial.hear(254).left).toBe(left - 1000);
  });
});

describe("6.4.1 Initialize", () => {
  it("startup with priority 255: advertisement, addresses, gratuitous ARP, then Active", () => {
    const trial = new Trial({ priority: 255 }).started();
    expect(trial.did).toEqual(["advertise 255", "addAddresses", "announce 5"]);
    expect(trial.shown).toBe("active");
    expect(trial.reason).toBe("owner");
  });

  it("startup with any other priority: Active_Down_Timer, then Backup", () => {
    const trial = new Trial({ priority: 254 }).started();
    expect(trial.outputs).toEqual([]);
    expect(trial.shown).toBe("backup");
    expect(trial.left).toBe(3000 + 1000 * 2 / 256);
  });

  it("before startup nothing that is heard matters", () => {
    const trial = new Trial();
    trial.give({ kind: "interface", source: addressOf("10.0.0.5"), down: false });
    expect(trial.hear(0).hear(200).shown).toBe("initialize");
    expect(trial.left).toBe(Infinity);
  });
});

describe("6.4.2 Backup", () => {
  it("shutdown: cancel Active_Down_Timer, then Initialize", () => {
    const trial = new Trial().started().give({ kind: "shutdown" });
    expect(trial.outputs).toEqual([]);
    expect(trial.shown).toBe("initialize");
    expect(trial.left).toBe(Infinity);
  });

  it("Active_Down_Timer fires: advertisement, addresses, gratuitous ARP, then Active", () => {
    const trial = new Trial().started().sleep();
    expect(trial.did).toEqual(["advertise 100", "addAddresses", "announce 5"]);
    expect(trial.shown).toBe("active");
    expect(trial.reason).toBe("peerSilent");
  });

  it("Active_Down_Timer has not fired: nothing", () => {
    const trial = new Trial().started();
    trial.now += DOWN - 0.001;
    expect(trial.give({ kind: "timer" }).outputs).toEqual([]);
    expect(trial.shown).toBe("backup");
  });

  it("priority 0 sets Active_Down_Timer to Skew_Time", () => {
    const trial = new Trial().started().hear(150).hear(0);
    expect(trial.left).toBe(SKEW);
    expect(trial.sleep().reason).toBe("peerReleased");
  });

  it("priority 0: Skew_Time follows the interval that was learned", () => {
    const trial = new Trial().started().hear(150, "10.0.0.9", 100).hear(0);
    expect(trial.left).toBe(SKEW / 10);
  });

  it("a priority greater than or equal to ours resets Active_Down_Timer", () => {
    for (const priority of [100, 101, 255]) {
      const trial = new Trial().started();
      trial.now += 2000;
      expect(trial.hear(priority).left).toBe(DOWN);
    }
  });

  it("an equal priority resets it whatever the sender's address", () => {
    const trial = new Trial().started();
    trial.now += 2000;
    expect(trial.hear(100, "10.0.0.1").left).toBe(DOWN);
  });

  it("a lower priority is discarded and teaches nothing while preempting", () => {
    const trial = new Trial().started();
    trial.now += 1000;
    expect(trial.hear(99, "10.0.0.9", 10_000).left).toBe(DOWN - 1000);
  });
});

describe("6.4.3 Active", () => {
  it("shutdown: advertisement of priority 0", () => {
    const trial = new Trial({ lastIntervalMs: 1000 }).active().give({ kind: "shutdown" });
    expect(trial.did).toEqual(["advertise 0"]);
  });

  it("shutdown ends in Initialize without the addresses", () => {
    const trial = new Trial().active().give({ kind: "shutdown" }).pass(2000);
    expect(trial.did.at(-1)).toBe("removeAddresses");
    expect(trial.shown).toBe("initialize");
  });

  it("Adver_Timer fires: one advertisement, and the timer again", () => {
    const trial = new Trial({ renewIntervalMs: null }).active();
    expect(trial.left).toBe(1000);
    expect(trial.sleep().did).toEqual(["advertise 100"]);
    expect(trial.left).toBe(1000);
  });

  it("Adver_Timer fires late: one advertisement, none to catch up", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().sleep(1800);
    expect(trial.did).toEqual(["advertise 100"]);
    expect(trial.left).toBeGreaterThanOrEqual(500);
  });

  it("priority 0: advertisement at once, and the timer again", () => {
    const trial = new Trial({ renewIntervalMs: null }).active();
    trial.now += 500;
    expect(trial.hear(0).did).toEqual(["advertise 100"]);
    expect(trial.left).toBe(1000);
  });

  it("a greater priority: Backup with the interval learned and Active_Down_Timer", () => {
    const trial = new Trial().active();
    trial.now += 500;
    trial.hear(101, "10.0.0.1", 100);
    expect(trial.reason).toBe("higherPriority");
    expect(trial.give({ kind: "released" }).did).toContain("removeAddresses");
    expect(trial.left).toBe(DOWN / 10);
  });

  it("a greater priority is never answered with priority 0", () => {
    const trial = new Trial().active().hear(101);
    expect(trial.did).not.toContain("advertise 0");
    expect(trial.pass(1000).did).not.toContain("advertise 0");
  });

  it("an equal priority and a greater primary address: Backup", () => {
    const trial = new Trial().active().hear(100, "10.0.0.6");
    expect(trial.reason).toBe("higherAddress");
    expect(trial.shown).toBe("backup");
  });

  it("addresses are compared as unsigned integers in network byte order", () => {
    expect(new Trial().active().hear(100, "9.255.255.255").shown).toBe("active");
    expect(new Trial().active().hear(100, "200.0.0.1").shown).toBe("backup");
  });

  it("an equal priority and a smaller primary address: discard, advertisement at once", () => {
    const trial = new Trial().active();
    trial.now += 200;
    expect(trial.hear(100, "10.0.0.4").did[0]).toBe("advertise 100");
    expect(trial.shown).toBe("active");
  });

  it("a lower priority: discard, advertisement at once", () => {
    const trial = new Trial().active();
    trial.now += 200;
    expect(trial.hear(99).did[0]).toBe("advertise 100");
    expect(trial.shown).toBe("active");
  });

  it("Preempt_Mode false: an Active yields to a greater priority all the same", () => {
    expect(new Trial({ preempt: false }).active().hear(101).shown).toBe("backup");
  });
});

describe("erratum 8298: two owners of the addresses", () => {
  it("the greater address stays Active", () => {
    expect(new Trial({ priority: 255 }).active().hear(255, "10.0.0.4").shown).toBe("active");
  });

  it("the smaller address yields", () => {
    expect(new Trial({ priority: 255 }).active().hear(255, "10.0.0.6").shown).toBe("backup");
  });
});

describe("RFC 3768, 6.1 and 6.4: version 2", () => {
  it("no interval is learned", () => {
    const trial = new Trial({ version: 2 }).started();
    expect(trial.hear(150, "10.0.0.9", 5000).left).toBe(DOWN);
    expect(trial.hear(0).left).toBe(SKEW);
  });

  it("otherwise the machine is the same", () => {
    const trial = new Trial({ version: 2 }).started().sleep();
    expect(trial.did).toEqual(["advertise 100", "addAddresses", "announce 5"]);
    expect(trial.hear(101).shown).toBe("backup");
  });
});
