import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { monotonicMs } from "../../src/linux/clock.ts";
import { Counters } from "../../src/memory/counters.ts";
import { type Row, ServerTable } from "../../src/memory/server_table.ts";
import { SERVER_COUNTERS } from "../../src/memory/traffic.ts";
import { WorkerTable } from "../../src/memory/worker_table.ts";
import type { CheckedServer, CheckResult, Order, Report } from "../../src/prober/orders.ts";
import { pollerMemory } from "../../src/prober/poller.ts";
import { reclaimScripts, scriptMemory } from "../../src/prober/script_probe.ts";
import { answering, checkedServer, Servers } from "./prober_servers.ts";

const FIRST = 0 as Row;

/** The prober's thread as the appliance runs it. */
class ProberThread {
  readonly table: ServerTable;
  readonly workers = new WorkerTable(1);
  readonly results: CheckResult[] = [];
  readonly scripts = scriptMemory();
  readonly counters: Counters;
  readonly kinds = new Set<Report["kind"]>();
  readonly #worker = new Worker(new URL("../../src/prober/worker.ts", import.meta.url), {
    type: "module",
  });

  constructor(checked: readonly CheckedServer[], rows: number) {
    this.table = new ServerTable(rows);
    const columns = SERVER_COUNTERS.length;
    this.counters = new Counters({ rows, columns, stripes: 1 });
    this.#worker.onmessage = ({ data: report }: MessageEvent<Report>) => {
      this.kinds.add(report.kind);
      if (report.kind === "results") this.results.push(...report.results);
    };
    this.post({
      kind: "start",
      servers: checked,
      agents: [],
      serverTable: this.table.buffer,
      workerTable: this.workers.buffer,
      worker: 0,
      descriptors: pollerMemory(rows),
      scripts: this.scripts,
      serverCounters: this.counters.shape,
      seed: 1,
    });
  }

  post(order: Order): void {
    this.#worker.postMessage(order);
  }

  terminate(): void {
    this.#worker.terminate();
    reclaimScripts(this.scripts);
  }
}

const servers = new Servers();
let thread: ProberThread | undefined;

function start(
  checked: readonly CheckedServer[],
  rows = Math.max(1, checked.length),
): ProberThread {
  thread = new ProberThread(checked, rows);
  return thread;
}

afterEach(() => {
  thread?.terminate();
  servers.close();
});

async function until(what: () => boolean, withinMs = 3000): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!what()) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((later) => setTimeout(later, 5));
  }
}

const QUICK = { intervalMs: 100, fastIntervalMs: 50, downIntervalMs: 100, rise: 2, fall: 2 };

describe("the prober's thread", () => {
  it("writes what checks say into the table and reports it", async () => {
    let text = "HTTP/1.1 200 OK\r\n\r\n";
    const port = await servers.serve((one: Socket) => answering(text)(one));
    const http = { method: "GET", path: "/", host: null, status: [[200, 299]] } as const;
    const prober = start([
      checkedServer(port, { ...QUICK, request: { type: "http", http } }, 0),
      checkedServer(1, QUICK, 1),
      checkedServer(servers.serveNobody(), { ...QUICK, timeoutMs: 150 }, 2),
    ]);
    const health = () => [0, 1, 2].map((row) => prober.table.health(row as Row));
    await until(() => health().join() === "up,down,down");
    expect(prober.kinds.has("ready")).toBe(true);

    text = "HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nnot ready";
    await until(() => health()[0] === "down");
    await until(() => prober.results.some(({ changed, row, ok }) => changed && row === 0 && !ok));
    const down = prober.results.filter(({ row, changed }) => row === 0 && changed).at(-1);
    expect(down).toMatchObject({ code: "L7STS", status: 503, text: "not ready", health: "down" });
    expect(Math.abs(monotonicMs() - (down?.at ?? 0))).toBeLessThan(1000);

    text = "HTTP/1.1 200 OK\r\n\r\n";
    await until(() => health()[0] === "up");
  });

  it("does not check in maint, and checks at once after it", async () => {
    let connections = 0;
    const http = { method: "GET", path: "/", host: null, status: [[200, 299]] } as const;
    const port = await servers.serve((one) => {
      connections++;
      answering("HTTP/1.1 200 OK\r\n\r\n")(one);
    });
    const prober = start([checkedServer(port, { ...QUICK, request: { type: "http", http } })]);
    await until(() => prober.table.health(FIRST) === "up");

    prober.post({ kind: "admin", row: FIRST, state: "maint" });
    await until(() => prober.table.health(FIRST) === "unchecked");
    const before = connections;
    await new Promise((later) => setTimeout(later, 300));
    expect(connections).toBe(before);

    prober.post({ kind: "admin", row: FIRST, state: "drain" });
    await until(() => prober.table.health(FIRST) === "up");
    await until(() => connections >= before + 3);
  });

  it("shows that it lives, also without servers, and stops when told", async () => {
    const prober = start([]);
    await until(() => prober.workers.silence(0, monotonicMs()) !== undefined);
    for (let round = 0; round < 60; round++) {
      expect(prober.workers.silence(0, monotonicMs())).toBeLessThan(1_500);
      await new Promise((later) => setTimeout(later, 10));
    }
    prober.post({ kind: "stop" });
    await until(() => prober.kinds.has("stopped"));
  });

  it("brings a thousand servers up in one go", async () => {
    const port = await servers.serve(() => {});
    const prober = start(
      Array.from({ length: 1000 }, (_, row) => checkedServer(port, { intervalMs: 2000 }, row)),
    );
    await until(() => prober.results.length >= 1000, 1800);
    expect(new Set(prober.results.map(({ row }) => row)).size).toBe(1000);
    expect(prober.results.every(({ code }) => code === "L4OK")).toBe(true);
  });

  it("takes another plan: what is gone is hung up on, what is new is checked at once", async () => {
    let [held, hungUp] = [0, 0];
    const silent = await servers.serve((one) => {
      held++;
      one.on("close", () => hungUp++).resume();
    });
    const quick = await servers.serve(answering("hello"));
    const expecting = { type: "tcp", expect: "hello" } as const;
    const patient = { ...QUICK, timeoutMs: 60_000, request: expecting };
    const stays = checkedServer(silent, patient, 0);
    const prober = start([stays, checkedServer(silent, patient, 1)], 1000);
    await until(() => held === 2);

    const rest = Array.from({ length: 998 }, (_, at) => checkedServer(quick, QUICK, 2 + at));
    prober.post({ kind: "plan", servers: structuredClone([stays, ...rest]), agents: [] });
    await until(() => hungUp === 1);
    await until(() => prober.kinds.has("planned"));
    await until(() => rest.every(({ row }) => prober.table.health(row) === "up"), 5000);
    expect([held, hungUp]).toEqual([2, 1]);
    expect(prober.results.every(({ row }) => row >= 2)).toBe(true);
  });
});
