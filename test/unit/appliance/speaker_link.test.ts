import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createSharedMemory } from "../../../src/appliance/shared_memory.ts";
import { SpeakerLink } from "../../../src/appliance/speaker_link.ts";
import type { VirtualRouterPlan } from "../../../src/core/plan/plan.ts";
import { routerPlan } from "../plans.ts";

interface Posted {
  readonly kind: string;
  readonly participate?: boolean;
}

/** Stands in for the speaker's thread. */
class FakeWorker {
  static readonly made: FakeWorker[] = [];
  readonly heard: Posted[] = [];
  onmessage: (event: { data: unknown }) => void = () => {};
  onerror: (event: object) => void = () => {};

  constructor() {
    FakeWorker.made.push(this);
  }

  postMessage(order: Posted): void {
    this.heard.push(order);
  }

  terminate(): void {}

  says(data: object): void {
    this.onmessage({ data });
  }

  dies(): void {
    this.onerror({ preventDefault() {}, message: "a bug", filename: "worker.ts", lineno: 1 });
  }
}

let link: SpeakerLink;
let heard: string[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Worker", FakeWorker);
  FakeWorker.made.length = 0;
  heard = [];
  linked([routerPlan()]);
});

afterEach(() => {
  link.worker.end();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function linked(virtualRouters: VirtualRouterPlan[]): void {
  const plan = { virtualRouters, syncGroups: [], trackers: [] };
  link = new SpeakerLink({
    plan: { routers: plan.virtualRouters, groups: [], trackers: [] },
    memory: createSharedMemory({ ...plan, backends: [], frontends: [] }, 1),
    row: 1,
    dataplane: [],
    transition: ({ router }) => heard.push(`transition ${router}`),
    release: (router) => heard.push(`release ${router}`),
    begins: () => {},
    failed: (message) => heard.push(`failed ${message}`),
    settled: (kind) => heard.push(kind),
    lost: () => heard.push("lost"),
  });
}

const thread = () => FakeWorker.made.at(-1)!;
const kinds = () => thread().heard.map(({ kind }) => kind);

describe("SpeakerLink", () => {
  it("holds the start back until it is told to take part", () => {
    link.worker.start();
    expect(thread().heard).toMatchObject([{ kind: "start", participate: false }]);
    link.participate();
    link.participate();
    expect(kinds()).toEqual(["start", "participate"]);
  });

  it("passes on what it hears", () => {
    link.worker.start();
    for (const kind of ["ready", "releaseConnections", "transition", "stopped"]) {
      thread().says({ kind, router: "api" });
    }
    thread().says({ kind: "failed", message: "CAP_NET_RAW is missing" });
    expect(heard).toEqual([
      "ready",
      "release api",
      "transition api",
      "stopped",
      "failed CAP_NET_RAW is missing",
    ]);
  });

  it("answers a handover with what has come of it", async () => {
    link.worker.start();
    const handover = link.failover("api", 60_000, false);
    expect(thread().heard.at(-1))
      .toEqual({ kind: "failover", router: "api", holdMs: 60_000, force: false });
    thread().says({ kind: "handedOver", router: "api", ok: true, detail: "taken over" });
    expect(await handover).toMatchObject({ ok: true, detail: "taken over" });
  });

  it("does not wait for a speaker that is silent, dead, or has been asked anew", async () => {
    expect(await link.failover("api", 1, false)).toMatchObject({ ok: false });
    link.worker.start();
    const silent = link.failover("api", 1, false);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await silent).toMatchObject({ ok: false, detail: "the speaker does not answer" });
    const first = link.failover("api", 1, false);
    const second = link.failover("api", 1, false);
    expect((await first).ok).toBe(false);
    const standby = link.standby(true, false);
    thread().dies();
    expect(await second).toMatchObject({ ok: false, detail: "the speaker is not running" });
    expect((await standby).ok).toBe(false);
    expect(heard).toEqual(["lost"]);
  });

  it("tells a successor what its predecessor knew", async () => {
    link.worker.start();
    link.participate();
    link.track("api", { points: -20, yield: null });
    thread().dies();
    await vi.advanceTimersByTimeAsync(50);
    expect(thread().heard).toMatchObject([
      { kind: "start", participate: true },
      { kind: "track", router: "api", points: -20, yield: null },
    ]);
  });

  it("lets a successor take part only when it knows that it is in standby", async () => {
    link.worker.start();
    link.startInStandby();
    link.participate();
    expect(kinds()).toEqual(["start", "standby", "participate"]);
    thread().dies();
    await vi.advanceTimersByTimeAsync(50);
    expect(thread().heard).toMatchObject([
      { kind: "start", participate: false },
      { kind: "standby", enabled: true, force: true },
      { kind: "participate" },
    ]);
    const off = link.standby(false, false);
    thread().says({ kind: "standby", enabled: false, ok: true, detail: "takes part again" });
    expect((await off).ok).toBe(true);
    thread().dies();
    await vi.advanceTimersByTimeAsync(100);
    expect(thread().heard).toMatchObject([{ kind: "start", participate: true }]);
  });

  it("follows another plan once that is said", async () => {
    let isFollowed = false;
    const plan = { routers: [routerPlan({ priority: 1 })], groups: [], trackers: [] };
    link.start();
    const following = link.follow(plan).then(() => isFollowed = true);
    expect(thread().heard.at(-1)).toMatchObject({ ...plan, kind: "plan" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(isFollowed).toBe(false);
    thread().says({ kind: "planned" });
    await following;
    thread().dies();
    await vi.advanceTimersByTimeAsync(100);
    expect(thread().heard[0]).toMatchObject({ ...plan, kind: "start" });
  });

  it("is content when the thread dies on the way: the next one starts with the plan", async () => {
    link.start();
    const following = link.follow({ routers: [null], groups: [], trackers: [] });
    thread().dies();
    await following;
  });

  it("tells a successor what its predecessor may have left that is in no plan now", async () => {
    const leaving = routerPlan({ name: "gone", vrid: 9 });
    const plan = { routers: [routerPlan(), null], groups: [], trackers: [] };
    link.start();
    expect(thread().heard[0]).toMatchObject({ former: [] });
    thread().says({ kind: "ready" });
    const first = link.follow({ ...plan, routers: [routerPlan(), leaving] });
    thread().says({ kind: "planned" });
    await first;
    const second = link.follow(plan);
    thread().dies();
    await second;
    await vi.advanceTimersByTimeAsync(100);
    expect(thread().heard[0]).toMatchObject({ ...plan, former: [leaving] });
    // One that has come so far has taken it away.
    thread().says({ kind: "ready" });
    thread().dies();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(thread().heard[0]).toMatchObject({ ...plan, former: [] });
  });

  it("says so if the thread does not answer", async () => {
    link.start();
    const refused = expect(link.follow({ routers: [null], groups: [], trackers: [] }))
      .rejects.toThrow("the speaker does not answer");
    await vi.advanceTimersByTimeAsync(10_000);
    await refused;
  });
});

describe("a SpeakerLink that has had nothing to do", () => {
  const first = { routers: [routerPlan()], groups: [], trackers: [] };
  const none = { routers: [null], groups: [], trackers: [] };

  beforeEach(() => void linked([]));

  it("starts the thread with the first virtual router", async () => {
    link.start();
    await link.follow(none);
    expect([FakeWorker.made.length, link.isNeeded]).toEqual([0, false]);
    const following = link.follow(first);
    expect(thread().heard[0]).toMatchObject({ ...first, kind: "start", participate: false });
    thread().says({ kind: "ready" });
    await following;
    expect(link.isNeeded).toBe(true);
  });

  it("is put in standby at once, and tells the thread before that may take part", async () => {
    expect(await link.standby(true, false)).toMatchObject({ ok: true });
    link.participate();
    const following = link.follow(first);
    expect(thread().heard[0]).toMatchObject({ kind: "start", participate: false });
    thread().says({ kind: "ready" });
    await following;
    const orders = thread().heard.map(({ kind }) => kind);
    expect(orders.indexOf("standby")).toBeGreaterThan(0);
    expect(orders.indexOf("participate")).toBeGreaterThan(orders.indexOf("standby"));
  });

  it("goes back where the host has no place for the thread", async () => {
    const following = expect(link.follow(first)).rejects.toThrow("virtual routers need CAP_X");
    thread().says({ kind: "failed", capability: "CAP_X", message: "virtual routers need CAP_X" });
    await following;
    await link.follow(none);
    expect([link.isNeeded, link.worker.isRunning]).toEqual([false, false]);
    expect(heard).toEqual([]);
  });
});
