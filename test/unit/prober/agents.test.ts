import { describe, expect, it } from "vitest";
import { type Row, ServerTable } from "../../../src/memory/server_table.ts";
import { Agents } from "../../../src/prober/agents.ts";
import type { AskedAgent, Report } from "../../../src/prober/orders.ts";
import type { Outcome } from "../../../src/prober/probe.ts";

const row = (at: number) => at as Row;

function agent(at: number, rest: Partial<AskedAgent> = {}): AskedAgent {
  const names = { backend: "b", server: `s${at}`, address: "10.0.0.1", port: 9000 };
  return { row: row(at), ...names, intervalMs: 2000, send: null, ...rest };
}

/** Agents in virtual time, which answer when the test says so. */
class Bench {
  now = 1000;
  readonly table = new ServerTable(40);
  readonly agents: Agents;
  readonly reports: Report[] = [];
  readonly asked: { readonly row: number; readonly at: number }[] = [];
  readonly abandoned: number[] = [];
  readonly #asking = new Map<number, (outcome: Outcome) => void>();
  #wakeAt = Infinity;

  constructor(count: number, prepare: (table: ServerTable) => void = () => {}) {
    prepare(this.table);
    this.agents = new Agents({
      now: () => this.now,
      ask: ({ row, server }, done) => {
        if (server === "broken") throw new TypeError("not an address");
        this.asked.push({ row, at: this.now });
        this.#asking.set(row, done);
        const timeOut = (): Outcome => {
          this.#asking.delete(row);
          return { code: "L7TOUT", text: "no line in time" };
        };
        return { timeOut, abandon: () => void this.abandoned.push(row) };
      },
      report: (report) => this.reports.push(report),
      wakeAt: (at) => this.#wakeAt = at,
    }, { table: this.table, seed: 1, agents: Array.from({ length: count }, (_, at) => agent(at)) });
    this.agents.turn();
  }

  pass(ms: number): void {
    const until = this.now + ms;
    while (this.#wakeAt <= until) {
      this.now = Math.max(this.now, this.#wakeAt);
      this.#wakeAt = Infinity;
      this.agents.turn();
    }
    this.now = until;
  }

  /** Ends the question to a row's agent, the next one if none is under way. */
  end(at: number, outcome: Outcome): void {
    for (let round = 0; round < 200 && !this.#asking.has(at); round++) this.pass(50);
    this.#asking.get(at)?.(outcome);
    this.#asking.delete(at);
  }

  says(at: number, line: string): void {
    this.end(at, { code: "L7OK", text: line });
  }

  get lines(): unknown[] {
    return this.reports.flatMap((report) => report.kind === "agent" ? [report.line] : []);
  }
}

describe("Agents", () => {
  it("are asked at once, and then at their interval", () => {
    const bench = new Bench(40);
    bench.pass(100);
    expect(new Set(bench.asked.map(({ row }) => row)).size).toBe(40);
    bench.says(0, "up");
    bench.pass(1880);
    expect(bench.asked.filter(({ row }) => row === 0).length).toBe(1);
    bench.pass(260);
    expect(bench.asked.filter(({ row }) => row === 0).length).toBe(2);
  });

  it("put a server down, and only they up again; the check's word stays", () => {
    const bench = new Bench(1);
    bench.table.setHealth(row(0), "up", 4);
    bench.table.setWeight(row(0), 1);
    bench.says(0, "stopped #planned");
    expect(bench.table.takesConnections(row(0))).toBe(false);
    expect([bench.table.health(row(0)), bench.table.isAgentDown(row(0))]).toEqual(["up", true]);
    bench.pass(2200);
    bench.says(0, "50%");
    bench.pass(2200);
    bench.end(0, { code: "L4CON", text: "refused" });
    bench.pass(10_000);
    expect(bench.table.takesConnections(row(0))).toBe(false);
    bench.says(0, "up");
    expect(bench.table.takesConnections(row(0))).toBe(true);
    expect(bench.lines).toEqual(["stopped #planned", "50%", "up"]);
  });

  it("are passed on only when they say something else", () => {
    const bench = new Bench(1);
    for (const line of ["75%", "75%", "75%", "80%", "75%"]) {
      bench.says(0, line);
      bench.pass(2200);
    }
    expect(bench.lines).toEqual(["75%", "80%", "75%"]);
  });

  it("change nothing while they fail, which is said once", () => {
    const bench = new Bench(1);
    bench.says(0, "drain");
    bench.pass(2200);
    for (let round = 0; round < 3; round++) bench.pass(5000);
    expect(bench.asked.length).toBeGreaterThan(3);
    const warnings = () => bench.reports.filter(({ kind }) => kind === "log").length;
    expect(warnings()).toBe(1);
    bench.says(0, "drain");
    bench.pass(10_000);
    expect(warnings()).toBe(2);
    expect(bench.lines).toEqual(["drain"]);
  });

  it("one that cannot be asked keeps no other from it", async () => {
    const bench = new Bench(1);
    bench.agents.apply([agent(0, { server: "broken" }), agent(1)]);
    bench.pass(30);
    await Promise.resolve();
    expect(bench.reports).toMatchObject([{ kind: "log", properties: { cause: "not an address" } }]);
    bench.says(1, "up");
    expect(bench.lines).toEqual(["up"]);
  });

  it("another plan leaves alone who is as before, and forgets who is not", () => {
    const bench = new Bench(3);
    for (const at of [0, 1, 2]) bench.says(at, "down");
    bench.pass(2200);
    bench.agents.apply([agent(0), agent(1, { port: 9001 })]);
    expect(bench.abandoned.sort()).toEqual([1, 2]);
    expect([0, 1, 2].map((at) => bench.table.isAgentDown(row(at)))).toEqual([true, false, false]);
    const before = bench.asked.length;
    bench.pass(30);
    expect(bench.asked.slice(before).map(({ row }) => row)).toEqual([1]);
    bench.says(0, "down");
    expect(bench.reports.at(-1)).toMatchObject({ row: 0, line: "down", isNew: false });
    bench.says(0, "up");
    expect(bench.table.isAgentDown(row(0))).toBe(false);
  });

  it("after a restart of the thread what they said holds, unless nobody asks any more", () => {
    const bench = new Bench(1, (table) => {
      for (const at of [0, 7]) table.setAgentDown(row(at), true);
    });
    expect([0, 7].map((at) => bench.table.isAgentDown(row(at)))).toEqual([true, false]);
  });

  it("are asked no more once it stops", () => {
    const bench = new Bench(2);
    bench.agents.stop();
    expect(bench.abandoned).toEqual([0, 1]);
    bench.says(0, "down");
    bench.pass(10_000);
    expect(bench.lines).toEqual([]);
    expect(bench.asked.length).toBe(2);
  });
});
