import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Engines } from "../../../src/appliance/engines.ts";
import { Frontends } from "../../../src/appliance/frontends.ts";
import { Routers } from "../../../src/appliance/routers.ts";
import { Servers } from "../../../src/appliance/servers.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/appliance/shared_memory.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { EBADF, must } from "../../../src/linux/errno.ts";
import { eventfd } from "../../../src/linux/eventfd.ts";
import { close } from "../../../src/linux/socket.ts";
import type { HostFacts } from "../../../src/config/host.ts";

/** Stands in for a thread: keeps what it is told, and says what the test wants. */
class FakeWorker {
  static readonly made: FakeWorker[] = [];
  readonly name: string;
  readonly heard: string[] = [];
  /** Memory that a prober is given for its descriptors. */
  descriptors: SharedArrayBuffer | undefined;
  listeners = 0;
  onmessage: (event: { data: unknown }) => void = () => {};
  onerror: (event: object) => void = () => {};

  constructor(_: URL, { name }: { name: string }) {
    this.name = name;
    FakeWorker.made.push(this);
  }

  postMessage({ kind, listeners = [], descriptors }: {
    readonly kind: string;
    readonly listeners?: readonly unknown[];
    readonly descriptors?: SharedArrayBuffer;
  }): void {
    this.heard.push(kind);
    this.listeners += listeners.length;
    this.descriptors ??= descriptors;
  }

  terminate(): void {}

  says(kind: string): void {
    this.onmessage({ data: { kind, connections: 0 } });
  }

  dies(): void {
    this.onerror({ preventDefault() {}, message: "a bug", filename: "worker.ts", lineno: 1 });
  }
}

const TEXT = `
virtualRouters: { api: { interface: lo, vrid: 7, addresses: [10.0.0.9] } }
frontends: { web: { listen: "vip:api:28917", backend: web } }
backends: { web: { check: none } }
`;
const FACTS: HostFacts = {
  hostname: "here",
  shortHostname: "here",
  interfaces: ["lo"],
  addresses: [],
  cpus: 2,
  whyNotRunnable: () => null,
};

describe("Engines", () => {
  let engines: Engines;
  let frontends: Frontends;
  let memory: SharedMemory;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("Worker", FakeWorker);
    FakeWorker.made.length = 0;
    const source = { file: "f", env: {}, readFile: () => "", host: FACTS };
    const { plan } = loadConfig(TEXT, source);
    if (!plan) throw new Error("the file of this test is broken");
    memory = createSharedMemory(plan, 2);
    const tables = new Tables(plan, memory);
    const servers = new Servers(plan.backends, memory, tables);
    frontends = new Frontends(plan, tables, memory.frontendCounters, 2);
    const routers = new Routers(plan, memory.routers, FACTS);
    const parts = { plan, memory, tables, servers, frontends, routers };
    engines = new Engines({
      ...parts,
      dataplaneWorkers: 2,
      engine: "epoll",
      connections: { process: 8, worker: 4 },
      connectionLog: () => null,
      sessionsPerWorker: 0,
    });
  });

  afterEach(() => {
    frontends.close();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  /** The running, or last, thread of a name. */
  const thread = (name: string) => FakeWorker.made.findLast((one) => one.name === name)!;

  const started = async () => {
    const start = engines.start();
    for (const name of ["dataplane-0", "dataplane-1"]) thread(name).says("ready");
    await start;
  };

  it("starts the speaker when every data-plane worker accepts, not before", async () => {
    const start = engines.start();
    thread("dataplane-0").says("ready");
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeWorker.made.map(({ name }) => name)).not.toContain("speaker");
    thread("dataplane-1").says("ready");
    await start;
    expect(thread("speaker").heard).toEqual(["start"]);
  });

  it("waits for the successor of a worker that dies before it accepts", async () => {
    const start = engines.start();
    thread("dataplane-0").says("ready");
    thread("dataplane-1").dies();
    await vi.advanceTimersByTimeAsync(50);
    expect(FakeWorker.made.map(({ name }) => name)).not.toContain("speaker");
    thread("dataplane-1").says("ready");
    await start;
    expect(thread("speaker").heard).toEqual(["start"]);
  });

  it("ends a speaker that is dead when the time to leave comes, and has no successor", async () => {
    await started();
    thread("speaker").dies();
    await engines.leave();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeWorker.made.filter(({ name }) => name === "speaker")).toHaveLength(1);
  });

  it("does not wait for a worker that dies while draining, nor starts it again", async () => {
    await started();
    thread("dataplane-1").dies();
    let deaf = 0;
    const drained = engines.drain(() => {
      deaf++;
      frontends.close();
    });
    thread("dataplane-0").says("draining");
    await vi.advanceTimersByTimeAsync(0);
    expect(deaf).toBe(1);
    thread("dataplane-0").dies();
    await drained;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeWorker.made.filter(({ name }) => name.startsWith("dataplane"))).toHaveLength(2);
  });

  it("releases a virtual router also where a worker dies instead of answering", async () => {
    await started();
    thread("speaker").onmessage({ data: { kind: "releaseConnections", router: "api" } });
    thread("dataplane-0").onmessage({ data: { kind: "released", virtualRouter: "api" } });
    await vi.advanceTimersByTimeAsync(0);
    expect(thread("speaker").heard).toEqual(["start"]);
    thread("dataplane-1").dies();
    await vi.advanceTimersByTimeAsync(0);
    expect(thread("speaker").heard).toEqual(["start", "released"]);
  });

  it("listens again at once where the addresses are back before the release is over", async () => {
    await started();
    const becomes = (to: string) =>
      thread("speaker").onmessage({
        data: { kind: "transition", router: "api", from: "", to, reason: "peerSilent", detail: "" },
      });
    becomes("active");
    becomes("backup");
    thread("speaker").onmessage({ data: { kind: "releaseConnections", router: "api" } });
    becomes("active");
    for (const name of ["dataplane-0", "dataplane-1"]) {
      thread(name).onmessage({ data: { kind: "released", virtualRouter: "api" } });
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(thread("dataplane-0").listeners).toBe(2);
    expect(frontends.isReleased("api")).toBe(false);
  });

  it("lends no worker a listener that is about to be closed", async () => {
    await started();
    thread("dataplane-1").dies();
    thread("speaker").onmessage({ data: { kind: "releaseConnections", router: "api" } });
    await vi.advanceTimersByTimeAsync(50);
    expect(thread("dataplane-0").listeners).toBe(1);
    expect(thread("dataplane-1").heard).toEqual(["start"]);
    expect(thread("dataplane-1").listeners).toBe(0);
    thread("dataplane-0").onmessage({ data: { kind: "released", virtualRouter: "api" } });
    await vi.advanceTimersByTimeAsync(250);
    expect(thread("dataplane-1").listeners).toBe(1);
  });

  it("mends what the speaker was writing when it died", async () => {
    await started();
    const status = new Int32Array(memory.routers.shape.memory!.status);
    status[0]!++;
    const lag = new Int32Array(memory.workerLag.shape.buffer!);
    lag[lag.length / 4 * 2 + 1] = 0x8000_0000 | 0;
    thread("speaker").dies();
    expect(status[0]).toBe(2);
    expect(lag[lag.length / 4 * 2 + 1]).toBe(1);
  });

  it("closes the descriptors that a prober leaves when it dies", async () => {
    await started();
    const fd = must("eventfd", eventfd());
    const held = new Int32Array(thread("prober").descriptors!);
    held[0] = fd;
    thread("prober").dies();
    expect(held[0]).toBe(0);
    expect(close(fd)).toBe(-EBADF);
  });

  it("stops at once what was never started", async () => {
    await engines.leave();
    await engines.stop();
    expect(FakeWorker.made).toEqual([]);
  });

  it("does not start the speaker once it is to stop", async () => {
    const start = engines.start();
    await engines.leave();
    for (const name of ["dataplane-0", "dataplane-1"]) thread(name).says("ready");
    await start;
    expect(FakeWorker.made.map(({ name }) => name)).not.toContain("speaker");
  });
});
