import { beforeEach, describe, expect, it } from "vitest";
import { DataplaneWatch } from "../../../src/appliance/dataplane_watch.ts";
import { WorkerTable } from "../../../src/memory/worker_table.ts";
import { frontendPlan } from "../plans.ts";

let workers: WorkerTable;
let watch: DataplaneWatch;

beforeEach(() => {
  workers = new WorkerTable(2);
  watch = new DataplaneWatch({
    frontendPlans: [frontendPlan({ name: "web", backend: "b" })],
    frontends: { unbound: (names) => names.includes("web") ? ["10.0.0.1:80"] : [] },
    servers: { usable: () => 3 },
    workers,
    dataplaneWorkers: 2,
  });
});

/** Looks every 50 ms, as the appliance does, while worker 0 beats and worker 1 does not. */
function lookUntil(from: number, until: number, beats: boolean) {
  let facts = watch.facts(["web"], from);
  for (let now = from; now <= until; now += 50) {
    workers.beat(0, now);
    if (beats) workers.beat(1, now);
    facts = watch.facts(["web"], now);
  }
  return facts;
}

describe("DataplaneWatch", () => {
  it("knows servers and listeners of what is watched, and nothing of the rest", () => {
    expect(watch.facts(["web"], 1_000)).toEqual({
      stalled: [],
      unbound: ["10.0.0.1:80"],
      frontends: [{ name: "web", usable: 3 }],
    });
    expect(watch.facts([], 1_050)).toEqual({ stalled: [], unbound: [], frontends: [] });
  });

  it("counts no servers where a frontend leads nowhere", () => {
    watch.change([frontendPlan({ name: "web", backend: null })]);
    expect(watch.facts(["web"], 1_000)).toMatchObject({ unbound: ["10.0.0.1:80"], frontends: [] });
  });

  it("sees a worker that is silent", () => {
    expect(lookUntil(1_000, 2_000, true).stalled).toEqual([]);
    expect(lookUntil(2_050, 3_700, false).stalled).toEqual([]);
    expect(lookUntil(3_750, 4_000, false).stalled).toEqual(["dataplane-1 (for 2.0 s)"]);
    expect(lookUntil(4_050, 4_100, true).stalled).toEqual([]);
  });

  it("holds silence against nobody while it was not run itself", () => {
    lookUntil(1_000, 2_000, true);
    // The whole process was stopped for a minute: the workers' beats are old as well.
    expect(watch.facts(["web"], 62_000).stalled).toEqual([]);
    expect(lookUntil(62_050, 63_000, true).stalled).toEqual([]);
    expect(lookUntil(63_050, 66_000, false).stalled).toHaveLength(1);
  });
});
