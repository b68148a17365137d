import { beforeEach, describe, expect, it } from "vitest";
import { Conflict, type HandoverWish } from "../../../src/admin/appliance.ts";
import { HandoverSchema } from "../../../src/admin/model_handover.ts";
import { Handovers } from "../../../src/appliance/handovers.ts";
import { Recorder } from "../../../src/appliance/recorder.ts";
import { Routers } from "../../../src/appliance/routers.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/appliance/shared_memory.ts";
import { monotonicMs } from "../../../src/linux/clock.ts";
import { routerPlan } from "../plans.ts";

const FACTS = {
  hostname: "here",
  shortHostname: "here",
  interfaces: ["eth0"],
  addresses: [],
  cpus: 1,
  whyNotRunnable: () => null,
};
const SOURCE = Uint8Array.of(10, 77, 0, 2);

let memory: SharedMemory;
let routers: Routers;
let recorder: Recorder;
let handovers: Handovers;
let asked: unknown[];
let outcome: Promise<{ ok: boolean; detail: string }>;

beforeEach(() => {
  const plans = [routerPlan({ name: "api" }), routerPlan({ name: "api6", vrid: 52 })];
  memory = createSharedMemory({ virtualRouters: plans, backends: [], frontends: [] }, 1);
  const groups = [{ name: "both", members: ["api", "api6"] }];
  routers = new Routers({ virtualRouters: plans, syncGroups: groups }, memory.routers, FACTS);
  recorder = new Recorder("lb1", { read: () => [], append() {}, flush: () => Promise.resolve() });
  asked = [];
  outcome = Promise.resolve({ ok: true, detail: "10.77.0.3 has taken over" });
  handovers = new Handovers({
    routers,
    frontends: { show: () => [frontend("api", 3), frontend("other", 5), frontend(null, 7)] },
    speaker: {
      failover: (...order) => {
        asked.push(order);
        return outcome;
      },
      unhold: (router) => asked.push(["unhold", router]),
    },
    recorder,
  });
  stand("active");
});

function stand(state: "active" | "backup"): void {
  const status = { reason: null, priority: 100, interfaceIndex: 2, activeIntervalMs: 1_000 };
  for (const row of [0, 1]) {
    memory.routers.setStatus(row, { ...status, state, since: monotonicMs(), source: SOURCE });
  }
}

function frontend(virtualRouter: string | null, active: number) {
  return {
    name: `of ${virtualRouter}`,
    listeners: [{
      protocol: "tcp" as const,
      address: "10.77.0.100",
      port: 80,
      virtualRouter,
      bound: true,
    }],
    backend: "web",
    routes: [],
    required: true,
    connections: { active, total: active },
    bytes: { received: 0, sent: 0 },
    denied: {},
    maxConnections: null,
    evictedSessions: 0,
  };
}

function wish(said: Partial<HandoverWish> = {}): HandoverWish {
  const caller = { name: "ops", role: "operator" } as const;
  return { holdMs: 60_000, force: false, dryRun: false, reason: "disk", caller, ...said };
}

const told = () => recorder.after(0).map(({ message }) => message);

describe("Handovers", () => {
  it("hands the whole group over, and holds it", async () => {
    const handover = await handovers.failover("api6", wish({ force: true }));
    HandoverSchema.parse(handover);
    expect(handover).toMatchObject({
      virtualRouters: ["api", "api6"],
      connections: 3,
      detail: "10.77.0.3 has taken over",
    });
    expect(asked).toEqual([["api6", 60_000, true]]);
    for (const { heldUntil } of routers.show()) expect(heldUntil).not.toBeNull();
    expect(recorder.after(0)).toMatchObject([
      { kind: "failover", by: "ops", reason: "disk", virtualRouter: "api6" },
      { message: expect.stringMatching(/group of api, api6 was handed over: 10\.77\.0\.3/) },
    ]);
  });

  it("only says what to expect in a dry run", async () => {
    const unknown = await handovers.failover("api", wish({ dryRun: true }));
    expect(unknown).toMatchObject({ dryRun: true, peer: null, peerAgeSeconds: null });
    expect(unknown.detail).toMatch(/no peer was ever heard/);
    const address = Uint8Array.of(10, 77, 0, 3);
    const peer = { address, priority: 90, intervalMs: 1_000, at: monotonicMs() - 5_000 };
    memory.routers.setPeer(0, peer);
    const known = await handovers.failover("api", wish({ dryRun: true }));
    expect(known).toMatchObject({
      peer: { address: "10.77.0.3", priority: 90, advertisementIntervalSeconds: 1 },
    });
    expect(known.peerAgeSeconds).toBeCloseTo(5, 0);
    expect([asked, told()]).toEqual([[], []]);
  });

  it("is refused where this node is not Active, or is handing over already", async () => {
    const first = handovers.failover("api", wish());
    await expect(handovers.failover("api6", wish())).rejects.toThrow(/being handed over already/);
    await first;
    stand("backup");
    await expect(handovers.failover("api", wish())).rejects.toThrow(/is backup here: only its/);
    expect(asked).toHaveLength(1);
  });

  it("is refused to an owner and to its group, also by force: its addresses stay", async () => {
    routers.apply({
      virtualRouters: [
        routerPlan({ name: "api" }),
        routerPlan({ name: "api6", vrid: 52, priority: 255 }),
      ],
      syncGroups: [{ name: "both", members: ["api", "api6"] }],
    });
    const owns = /owns the addresses of virtual router api6 \(priority 255\): they stay/;
    await expect(handovers.failover("api", wish({ force: true }))).rejects.toThrow(owns);
    await expect(handovers.failover("api6", wish({ dryRun: true }))).rejects.toThrow(Conflict);
    expect(asked).toEqual([]);
  });

  it("is a conflict where nobody takes over, and holds nothing then", async () => {
    outcome = Promise.resolve({ ok: false, detail: "no peer has taken over" });
    await expect(handovers.failover("api", wish())).rejects.toThrow(Conflict);
    expect(routers.show()[0]?.heldUntil).toBeNull();
    expect(told().at(-1)).toMatch(/was not handed over: no peer has taken over/);
    await expect(handovers.failover("api", wish())).rejects.toThrow(/no peer/);
  });

  it("forgets a hold", async () => {
    await handovers.failover("api", wish());
    expect(handovers.unhold("api6", wish({ dryRun: true })).heldUntil).toBeNull();
    expect(routers.show()[1]?.heldUntil).not.toBeNull();
    expect(handovers.unhold("api6", wish()).heldUntil).toBeNull();
    expect(asked.at(-1)).toEqual(["unhold", "api6"]);
    expect(routers.show()[0]?.heldUntil).toBeNull();
  });
});
