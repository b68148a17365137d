import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KeptOverrides } from "../../../src/appliance/kept_overrides.ts";
import type { Log } from "../../../src/appliance/log.ts";
import { type OverrideFact, overrideId } from "../../../src/core/plan/override.ts";
import { backendPlan } from "../plans.ts";

const SAID = { by: "ops", reason: "disk", at: "2026-01-02T00:00:00.000Z", until: null };
const DRAIN: OverrideFact = {
  ...{ ...SAID, backend: "web", server: "s1", field: "state", value: "drain", file: "ready" },
  deadline: { at: "2026-01-02T01:00:00.000Z", then: "kill" },
};
const WEIGHT: OverrideFact = {
  ...{ ...SAID, backend: "web", server: "s1", field: "weight", value: 7, file: 100 },
};
const ADDED: OverrideFact = {
  ...{ ...SAID, backend: "web", server: "s9", field: "server", file: null },
  value: { address: "10.0.0.9", family: 4, port: 80, weight: 100 },
};

let directory: string;
let written: string[];
let notes: string[];

const log: Log = { write: (level, message) => void written.push(`${level}: ${message}`) };
const backends = [backendPlan()];

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-overrides-" });
  written = [];
  notes = [];
});

afterEach(() => Deno.removeSync(directory, { recursive: true }));

async function kept(...facts: OverrideFact[]): Promise<void> {
  const before = new KeptOverrides(directory, log);
  for (const fact of facts) await before.keep(overrideId(fact), fact);
}

async function restored(plans = backends): Promise<OverrideFact[]> {
  const kept = new KeptOverrides(directory, log);
  const facts = kept.restore(plans, (message) => notes.push(message));
  await kept.stop();
  return facts;
}

describe("KeptOverrides", () => {
  it("has everything again after a restart, and nothing that was cleared", async () => {
    await kept(DRAIN, WEIGHT, ADDED);
    const second = new KeptOverrides(directory, log);
    await second.keep(overrideId(WEIGHT), null);
    expect(await restored()).toEqual([DRAIN, ADDED]);
    expect(written).toEqual([]);
  });

  it("lets the file win where it says otherwise now, says so, and forgets", async () => {
    await kept(DRAIN, WEIGHT);
    const [server] = backendPlan().servers;
    const changed = [backendPlan({ servers: [{ ...server!, weight: 50 }] })];
    expect(await restored(changed)).toEqual([DRAIN]);
    expect(notes[0]).toMatch(/^override web:s1:weight is over: the file says 50 now/);
    expect(await restored()).toEqual([DRAIN]);
  });

  it("forgets what is said of servers that are in the file no more", async () => {
    await kept(DRAIN, { ...WEIGHT, server: "s9" });
    expect(await restored()).toEqual([DRAIN]);
    expect(notes[0]).toBe("override web:s9:weight is over: there is no server s9 any more");
    await kept(ADDED, { ...WEIGHT, server: "s9" });
    expect(await restored()).toHaveLength(3);
  });

  it("keeps what is whole of a damaged file, and says so", async () => {
    await kept(DRAIN, WEIGHT);
    const path = `${directory}/overrides.journal`;
    Deno.writeTextFileSync(path, Deno.readTextFileSync(path).slice(0, -9));
    expect(await restored()).toEqual([DRAIN]);
    expect(written).toEqual([expect.stringMatching(/^error: .* was damaged/)]);
  });

  it("takes nothing for a fact that is none", async () => {
    const { Journal } = await import("../../../src/journal/journal.ts");
    const journal = new Journal(`${directory}/overrides.journal`);
    const odd = [null, 7, "x", [], { ...WEIGHT, value: 300 }, { ...DRAIN, value: "away" }];
    for (const [at, value] of odd.entries()) await journal.set(`odd ${at}`, value as never);
    expect(await restored()).toEqual([]);
    expect(notes).toHaveLength(odd.length);
  });

  it("goes on without a disk, and says so", async () => {
    const nowhere = `${directory}/file`;
    Deno.writeTextFileSync(nowhere, "");
    const without = new KeptOverrides(nowhere, log);
    await without.keep(overrideId(DRAIN), DRAIN);
    expect(without.restore(backends, () => {})).toEqual([]);
    expect(written).toEqual([expect.stringMatching(/^warn: overrides will not survive a restart/)]);
    await without.stop();
  });

  describe("on a disk that refuses", () => {
    const path = () => `${directory}/overrides.journal`;

    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
    afterEach(() => void vi.useRealTimers());

    it("tells why, and brings it there as soon as that takes it", async () => {
      const broken = new KeptOverrides(directory, log);
      await broken.keep(overrideId(DRAIN), DRAIN);
      expect(broken.problem).toBeUndefined();
      Deno.removeSync(path());
      Deno.mkdirSync(path());
      await broken.keep(overrideId(WEIGHT), WEIGHT);
      await broken.keep(overrideId(DRAIN), null);
      expect(broken.problem).toMatch(/directory/i);
      expect(written).toEqual([
        expect.stringMatching(/^error: override web:s1:weight is in force and will not survive/),
        expect.stringMatching(/^error: override web:s1:state is over and comes back/),
      ]);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(broken.problem).toMatch(/directory/i);
      Deno.removeSync(path());
      await vi.advanceTimersByTimeAsync(5_000);
      expect([broken.problem, written.at(-1)]).toEqual([
        undefined,
        "info: overrides are kept on the disk again",
      ]);
      expect(await restored()).toEqual([WEIGHT]);
    });

    it("is content with the next change that the disk takes", async () => {
      const broken = new KeptOverrides(directory, log);
      Deno.mkdirSync(path());
      await broken.keep(overrideId(DRAIN), DRAIN);
      expect(broken.problem).toBeDefined();
      Deno.removeSync(path());
      await broken.keep(overrideId(WEIGHT), WEIGHT);
      expect(broken.problem).toBeUndefined();
      expect(await restored()).toEqual([DRAIN, WEIGHT]);
    });

    it("begins with what was said once there is a place for it", async () => {
      Deno.mkdirSync(path());
      const without = new KeptOverrides(directory, log);
      await without.keep(overrideId(WEIGHT), WEIGHT);
      await without.keep(overrideId(DRAIN), DRAIN);
      await without.keep(overrideId(WEIGHT), null);
      expect(without.problem).toMatch(/directory/i);
      Deno.removeSync(path());
      await vi.advanceTimersByTimeAsync(5_000);
      await without.stop();
      await vi.waitFor(() => expect(without.problem).toBeUndefined());
      expect(await restored()).toEqual([DRAIN]);
    });
  });
});
