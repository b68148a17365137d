import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deadline, type Input } from "../../../../src/core/vrrp/state.ts";
import { OURS, Trial } from "../../../conformance/trial.ts";

const DOWN = { kind: "interface", source: null, down: true } as const;
const NO_ADDRESS = { kind: "interface", source: null, down: false } as const;
const UP = { kind: "interface", source: OURS, down: false } as const;
const FAREWELL = ["advertise 100 every 10 ms", "advertise 0 every 10 ms"];
const SKEW = 1000 * 156 / 256;

describe("a planned stop while Active", () => {
  it("sends priority 0 and keeps the addresses alive until a peer advertises", () => {
    const trial = new Trial().active().give({ kind: "shutdown" });
    expect(trial.did).toEqual(FAREWELL);
    expect(trial.reason).toBe("shutdown");
    expect(trial.pass(600).did).toEqual(["renewAddresses", "renewAddresses"]);
    expect(trial.hear(50).did).toEqual(["releaseConnections"]);
  });

  it("removes the addresses when the data plane has released them", () => {
    const trial = new Trial().active().give({ kind: "shutdown" }).hear(50);
    expect(trial.give({ kind: "released" }).did).toEqual(["removeAddresses"]);
    expect(trial.state).toMatchObject({ name: "initialize", started: false });
  });

  it("waits 250 ms for the data plane", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().give({ kind: "shutdown" }).hear(50);
    expect(trial.left).toBe(250);
    expect(trial.sleep().did).toEqual(["removeAddresses"]);
  });

  it("waits for no peer longer than the greatest skew and 50 ms, or a second", () => {
    const waits = [100, 1000].map((advertisementIntervalMs) =>
      new Trial({ advertisementIntervalMs, renewIntervalMs: null }).active()
        .give({ kind: "shutdown" }).left
    );
    expect(waits).toEqual([100 * 255 / 256 + 50, 1000]);
  });

  it("takes priority 0 of another for no successor", () => {
    expect(new Trial().active().give({ kind: "shutdown" }).hear(0).outputs).toEqual([]);
  });

  it("ends at once when asked a second time", () => {
    const trial = new Trial().active().give({ kind: "shutdown" }).give({ kind: "shutdown" });
    expect(trial.did).toEqual(["removeAddresses"]);
    expect(trial.state.name).toBe("initialize");
  });

  it("ends at once when the interface goes", () => {
    const trial = new Trial().active().give({ kind: "shutdown" }).give(DOWN);
    expect(trial.did).toEqual(["removeAddresses"]);
    expect(trial.give(UP).state.name).toBe("initialize");
  });

  it("is over: released comes too late to matter", () => {
    const trial = new Trial({ renewIntervalMs: null }).active().give({ kind: "shutdown" });
    expect(trial.give({ kind: "released" }).outputs).toEqual([]);
    trial.sleep().sleep();
    expect(trial.give({ kind: "released" }).outputs).toEqual([]);
  });
});

describe("an interface", () => {
  it("that is down at the start is waited for", () => {
    const trial = new Trial().give({ kind: "startup" });
    expect(trial.state.name).toBe("initialize");
    expect(trial.give(UP).reason).toBe("interfaceUp");
    expect(trial.left).toBe(3000 + SKEW);
  });

  it("that goes down makes an Active send priority 0 and drop the addresses", () => {
    const trial = new Trial().active().give(DOWN);
    expect(trial.did).toEqual([...FAREWELL, "removeAddresses"]);
    expect(trial.reason).toBe("interfaceDown");
    expect(trial.left).toBe(Infinity);
  });

  it("that loses its address does the same", () => {
    expect(new Trial().active().give(NO_ADDRESS).reason).toBe("noAddress");
    expect(new Trial().started().give(NO_ADDRESS).reason).toBe("noAddress");
  });

  it("that comes back means a Backup with a full timer, and Active at once for an owner", () => {
    const trial = new Trial().active().give(DOWN).give(UP);
    expect(trial.state.name).toBe("backup");
    expect(trial.left).toBe(3000 + SKEW);
    expect(new Trial({ priority: 255 }).active().give(DOWN).give(UP).reason).toBe("owner");
  });

  it("that gets another address changes who wins a tie, and nothing else", () => {
    const trial = new Trial().active().give({ ...UP, source: Uint8Array.of(10, 0, 0, 200) });
    expect(trial.outputs).toEqual([]);
    expect(trial.hear(100, "10.0.0.199").state.name).toBe("active");
    expect(trial.hear(100, "10.0.0.201").shown).toBe("backup");
  });

  it("that comes back after a stop changes nothing", () => {
    const trial = new Trial().started().give({ kind: "shutdown" }).give(DOWN).give(UP);
    expect(trial.state.name).toBe("initialize");
  });
});

describe("a tracked priority", () => {
  it("moves a Backup's deadline by the difference of the skews", () => {
    const trial = new Trial().started();
    trial.now += 1000;
    const before = trial.left;
    trial.give({ kind: "tracked", priority: 200 });
    expect(trial.left).toBe(before - 1000 * 100 / 256);
  });

  it("is advertised at once by an Active", () => {
    const trial = new Trial().active().pass(500);
    expect(trial.give({ kind: "tracked", priority: 40 }).did).toEqual(["advertise 40"]);
    expect(trial.hear(41).reason).toBe("higherPriority");
  });

  it("decides whom a Backup preempts", () => {
    const trial = new Trial().started().give({ kind: "tracked", priority: 40 });
    const before = trial.left;
    trial.now += 1000;
    expect(trial.hear(41).left).toBe(before);
  });

  it("of nearly nothing leaves an Active that is alone where it is", () => {
    const trial = new Trial().active().give({ kind: "tracked", priority: -153 });
    expect(trial.pass(60_000).did).not.toContain("removeAddresses");
    expect(trial.state).toMatchObject({ name: "active", priority: 1 });
  });

  it("does nothing to an owner", () => {
    const trial = new Trial({ priority: 255 }).active().pass(500);
    expect(trial.give({ kind: "tracked", priority: 40 }).outputs).toEqual([]);
  });
});

describe("a Backup whose timer comes late", () => {
  it("grants one skew more before it takes over", () => {
    const trial = new Trial().started().sleep(501);
    expect(trial.state.name).toBe("backup");
    expect(trial.left).toBe(SKEW);
    expect(trial.sleep().reason).toBe("peerSilent");
  });

  it("grants it once", () => {
    expect(new Trial().started().sleep(501).sleep(501).state.name).toBe("active");
  });

  it("grants it anew after a sign of life", () => {
    expect(new Trial().started().sleep(501).hear(150).sleep(501).state.name).toBe("backup");
  });

  it("grants nothing for half an interval", () => {
    expect(new Trial().started().sleep(500).state.name).toBe("active");
  });
});

describe("step()", () => {
  it("ignores a second startup", () => {
    const trial = new Trial().active().give({ kind: "startup" });
    expect(trial.outputs).toEqual([]);
    expect(trial.state.name).toBe("active");
  });

  it("holds addresses exactly while Active or leaving, whatever happens", () => {
    const address = fc.integer({ min: 1, max: 9 }).map((last) => Uint8Array.of(10, 0, 0, last));
    const input: fc.Arbitrary<Input> = fc.oneof(
      fc.constantFrom<Input>({ kind: "startup" }, { kind: "shutdown" }, { kind: "released" }),
      fc.constantFrom<Input>(DOWN, NO_ADDRESS, UP, { kind: "timer" }, { kind: "timer" }),
      fc.integer({ min: -10, max: 300 }).map((priority): Input => ({ kind: "tracked", priority })),
      fc.integer({ min: 1, max: 255 }).map((priority): Input => ({ kind: "parameters", priority })),
      fc.record({
        priority: fc.constantFrom(0, 1, 99, 100, 101, 255),
        intervalMs: fc.constantFrom(10, 100, 1000),
        source: address,
      }).map((advertisement): Input => ({ kind: "advertisement", advertisement })),
    );
    const inputs = fc.array(fc.tuple(input, fc.constantFrom(0, 1, 250, 1000, 9000)), {
      maxLength: 60,
    });
    const routers = fc.record({
      version: fc.constantFrom(2 as const, 3 as const),
      priority: fc.constantFrom(1, 100, 255),
      preempt: fc.boolean(),
    });
    fc.assert(fc.property(routers, inputs, (router, script) => {
      const trial = new Trial(router);
      let held = false;
      for (const [one, laterMs] of script) {
        trial.now += laterMs;
        trial.give(one);
        for (const { kind } of trial.outputs) {
          if (kind === "addAddresses") held = true;
          if (kind === "removeAddresses") held = false;
          // What is renewed or announced must be here, or a renewal would bring it back.
          if (kind === "renewAddresses" || kind === "announceAddresses") expect(held).toBe(true);
        }
        expect(held).toBe(trial.state.name === "active" || trial.state.name === "leaving");
        if (one.kind === "timer") expect(deadline(trial.state)).toBeGreaterThan(trial.now);
      }
    }));
  });
});
