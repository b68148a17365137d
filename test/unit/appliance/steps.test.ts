import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Applying } from "../../../src/appliance/applying.ts";
import { Engines } from "../../../src/appliance/engines.ts";
import { Frontends } from "../../../src/appliance/frontends.ts";
import { Routers } from "../../../src/appliance/routers.ts";
import { Servers } from "../../../src/appliance/servers.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/appliance/shared_memory.ts";
import { type StepParts, stepsOf } from "../../../src/appliance/steps.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import type { Plan } from "../../../src/core/plan/plan.ts";
import type { Listener, Order, PlanOrder, StartOrder } from "../../../src/dataplane/orders.ts";
import { hostFacts, planOf } from "../config/source.ts";

/** Stands in for a thread: keeps what it is told, and answers as a thread does. */
class FakeWorker {
  static readonly made: FakeWorker[] = [];
  readonly name: string;
  readonly heard: Order[] = [];
  isMute = false;
  onmessage: (event: { data: unknown }) => void = () => {};
  onerror: (event: object) => void = () => {};

  constructor(_: URL, { name }: { name: string }) {
    this.name = name;
    FakeWorker.made.push(this);
  }

  postMessage(order: Order): void {
    this.heard.push(order);
    const kind = ANSWERS[order.kind];
    if (!kind || this.isMute) return;
    const answer = { kind, listeners: "listeners" in order ? order.listeners : [] };
    queueMicrotask(() => this.onmessage({ data: answer }));
  }

  terminate(): void {}

  dies(): void {
    this.onerror({ preventDefault() {}, message: "a bug", filename: "worker.ts", lineno: 1 });
  }
}

const ANSWERS: Readonly<Partial<Record<Order["kind"], string>>> = {
  start: "ready",
  plan: "planned",
  close: "closed",
};

describe("another plan", () => {
  let ports: number[];
  let before: Plan;
  let after: Plan;
  let engines: Engines;
  let frontends: Frontends;
  let applying: Applying;
  let stepParts: StepParts;
  let memory: SharedMemory;
  /** What the last part to be changed does. */
  let routersChange: (plan: Plan) => Promise<void>;

  beforeEach(async () => {
    vi.useFakeTimers();
    vi.stubGlobal("Worker", FakeWorker);
    FakeWorker.made.length = 0;
    ports = [freePort(), freePort(), freePort()];
    before = planOf(`
frontends:
  web: { listen: "127.0.0.1:${ports[0]}", backend: web }
  old: { listen: "127.0.0.1:${ports[1]}", backend: web }
backends: { web: { check: { type: tcp }, servers: { a: "10.0.1.1:80", b: "10.0.1.2:80" } } }
`);
    after = planOf(`
frontends:
  new: { listen: "127.0.0.1:${ports[2]}", backend: new }
  web: { listen: "127.0.0.1:${ports[0]}", backend: web }
backends:
  new: { check: none, servers: { c: "10.0.1.3:80" } }
  web: { check: { type: tcp }, servers: { b: "10.0.1.2:80" } }
`);
    memory = createSharedMemory(before, 2);
    const tables = new Tables(before, memory);
    const servers = new Servers(before.backends, memory, tables);
    for (const row of servers.rows("web")) memory.servers.setHealth(row, "up");
    frontends = new Frontends(before, tables, memory.frontendCounters, 2);
    const routers = new Routers(before, memory.routers, hostFacts());
    const parts = { plan: before, memory, tables, servers, frontends, routers };
    engines = new Engines({
      ...parts,
      dataplaneWorkers: 2,
      engine: "epoll",
      connections: { process: 8, worker: 4 },
      connectionLog: () => null,
      sessionsPerWorker: 0,
    });
    routersChange = () => Promise.resolve();
    stepParts = {
      ...parts,
      engines,
      log: before.log,
      connectionLogs: undefined,
      overrides: { holding: () => [] },
      admin: { apply: () => Promise.resolve() },
      availability: { apply: (plan) => routersChange(plan) },
    };
    applying = new Applying(before, stepsOf(stepParts));
    await engines.start();
  });

  afterEach(() => {
    frontends.close();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  const thread = (name: string) => FakeWorker.made.findLast((one) => one.name === name)!;
  const told = (name: string) => thread(name).heard.map(({ kind }) => kind);
  const bound = () =>
    frontends.show().map(({ name, listeners }) => [name, listeners.map((one) => one.bound)]);

  it("is told to workers before they accept on what is new; what goes is closed last", async () => {
    await applying.apply(after);
    for (const name of ["dataplane-0", "dataplane-1"]) {
      expect(told(name)).toEqual(["start", "plan", "listen", "close"]);
    }
    expect(told("prober").slice(0, 2)).toEqual(["start", "plan"]);
    expect(bound()).toEqual([["new", [true]], ["web", [true]]]);
    expect(isFree(ports[1])).toBe(true);
    const [start, plan, listen] = thread("dataplane-0").heard;
    expect(start?.kind === "start" && start.listeners[0]?.frontend).toBe(0);
    expect(plan?.kind === "plan" && plan.frontends.map(({ name }) => name))
      .toEqual(["web", "old", "new"]);
    expect(listen?.kind === "listen" && listen.listeners).toMatchObject([
      { frontend: 2, port: ports[2] },
    ]);
  });

  it("opens and closes nothing where listeners are the same", async () => {
    const same = { ...before, backends: after.backends.filter(({ name }) => name === "web") };
    const lent = frontends.listeners(0);
    await applying.apply(same);
    expect(told("dataplane-0")).toEqual(["start", "plan"]);
    expect(frontends.listeners(0)).toEqual(lent);
  });

  it("is refused where a port is another program's, and nobody has heard of it", async () => {
    const other = Deno.listen({ hostname: "127.0.0.1", port: ports[2] ?? 0 });
    await expect(applying.apply(after)).rejects.toThrow(
      `could not open the listeners: cannot listen on 127.0.0.1:${ports[2]}: port`,
    );
    other.close();
    expect(told("dataplane-0")).toEqual(["start"]);
    expect(bound()).toEqual([["web", [true]], ["old", [true]]]);
    expect(applying.plan).toBe(before);
  });

  it("takes an address from one frontend to another", async () => {
    const text = `
frontends: { web: { listen: ["127.0.0.1:${ports[0]}", "127.0.0.1:${ports[1]}"], backend: web } }
backends: { web: { check: { type: tcp }, servers: { a: "10.0.1.1:80" } } }
`;
    await applying.apply(planOf(text));
    expect(told("dataplane-1")).toEqual(["start", "plan", "listen", "close"]);
    expect(bound()).toEqual([["web", [true, true]]]);
  });

  it("is undone where its last part fails: workers go by the old one again", async () => {
    const lent = frontends.listeners(0);
    const starts = tablesOf(thread("dataplane-0").heard[0]);
    routersChange = (plan) =>
      plan === before ? Promise.resolve() : Promise.reject(new Error("no such interface"));
    await expect(applying.apply(after)).rejects.toThrow(
      "could not change the virtual routers: no such interface",
    );
    expect(told("dataplane-0")).toEqual(["start", "plan", "listen", "plan", "close"]);
    expect(frontends.listeners(0)).toEqual(lent);
    expect(bound()).toEqual([["web", [true]], ["old", [true]]]);
    expect(isFree(ports[2])).toBe(true);
    const back = tablesOf(thread("dataplane-0").heard[3]);
    expect(back?.frontends.slice(0, 2)).toEqual(starts?.frontends);
    expect(back?.backends[0]).toEqual(starts?.backends[0]);
    // What failed may be asked for again.
    routersChange = () => Promise.resolve();
    await applying.apply(after);
    expect(bound()).toEqual([["new", [true]], ["web", [true]]]);
  });

  it("is undone wherever it fails, also after listeners were closed, and works then", async () => {
    const steps = stepsOf(stepParts);
    const fails = { name: "do one thing more", apply: failUnlessUndo };
    const lent = () => [0, 1].map((worker) => portsOf(frontends.listeners(worker)).sort());
    for (let at = 0; at <= steps.length; at++) {
      const broken = new Applying(before, steps.toSpliced(at, 0, fails));
      await expect(broken.apply(after)).rejects.toThrow("could not do one thing more: no");
      expect(bound()).toEqual([["web", [true]], ["old", [true]]]);
      expect(lent()).toEqual([0, 1].map(() => [ports[0], ports[1]].sort()));
      expect(stepParts.servers.usable("web")).toBe(2);
      if (at === steps.length) expect(told("dataplane-1").slice(-2)).toEqual(["listen", "close"]);
      await applying.apply(after);
      expect(bound()).toEqual([["new", [true]], ["web", [true]]]);
      expect([stepParts.servers.usable("new"), stepParts.servers.usable("web")]).toEqual([1, 1]);
      await applying.apply(before);
      // Checks would say so.
      const rows = stepParts.servers.rows("web");
      for (const row of rows) memory.servers.setHealth(row, "up");
    }
  });

  it("is not kept from a worker that dies in the middle of it", async () => {
    thread("dataplane-1").isMute = true;
    const applied = applying.apply(after);
    await vi.waitFor(() => expect(told("dataplane-1")).toContain("plan"));
    thread("dataplane-1").dies();
    await applied;
    await vi.advanceTimersByTimeAsync(1_000);
    const [start, ...rest] = thread("dataplane-1").heard;
    expect(rest).toEqual([]);
    expect(tablesOf(start)?.frontends.map(({ name }) => name)).toEqual(["web", "old", "new"]);
    expect(start?.kind === "start" && portsOf(start.listeners)).toEqual([ports[0], ports[2]]);
  });
});

function failUnlessUndo(_: Plan, isUndo: boolean): void {
  if (!isUndo) throw new Error("no");
}

function tablesOf(order: Order | undefined): StartOrder | PlanOrder | undefined {
  return order?.kind === "start" || order?.kind === "plan" ? order : undefined;
}

function portsOf(listeners: readonly Listener[]): number[] {
  return listeners.map(({ port }) => port);
}

function freePort(): number {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  free.close();
  return free.addr.port;
}

function isFree(port = 0): boolean {
  Deno.listen({ hostname: "127.0.0.1", port }).close();
  return true;
}
