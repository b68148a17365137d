import { describe, expect, it } from "vitest";
import type { Traffic } from "../../../src/core/health/passive.ts";
import type { CheckPlan, PassivePlan } from "../../../src/core/plan/plan.ts";
import { type AdminState, type Row, ServerTable } from "../../../src/memory/server_table.ts";
import type { CheckedServer, CheckResult, LogReport, Report } from "../../../src/prober/orders.ts";
import type { Outcome } from "../../../src/prober/probe.ts";
import { Prober } from "../../../src/prober/prober.ts";

const OK: Outcome = { code: "L4OK", text: "" };
const REFUSED: Outcome = { code: "L4CON", text: "connection refused" };

const CHECK: CheckPlan = {
  intervalMs: 2000,
  fastIntervalMs: 500,
  downIntervalMs: 4000,
  timeoutMs: 1000,
  rise: 2,
  fall: 3,
  address: null,
  port: null,
  request: { type: "tcp" },
  passive: null,
};

function row(at: number): Row {
  return at as Row;
}

function server(at: number, rest: Partial<CheckedServer> = {}): CheckedServer {
  const names = { backend: "b", server: `s${at}`, address: "10.0.0.1", port: 80 };
  return { row: row(at), ...names, check: structuredClone(CHECK), proxyProtocol: null, ...rest };
}

/** A prober in virtual time, whose probes end when the test says so. */
class Bench {
  now = 1000;
  readonly table: ServerTable;
  readonly prober: Prober;
  readonly results: CheckResult[] = [];
  readonly logs: LogReport[] = [];
  /** Probes under way, by row. */
  readonly probes = new Map<number, (outcome: Outcome) => void>();
  /** All that were started: row and instant. */
  readonly started: { readonly row: number; readonly at: number }[] = [];
  readonly abandoned: number[] = [];
  /** What the next look at the connections of a row finds. */
  readonly traffic = new Map<number, Traffic>();
  readonly forgotten: number[] = [];
  /** Rows whose next check is to find nothing of the one before. */
  readonly forsaken: number[] = [];
  /** Whether a check of a row may begin. */
  hasRoom: (row: number) => boolean = () => true;
  #wakeAt = Infinity;

  constructor(
    count: number,
    prepare: (table: ServerTable) => void = () => {},
    check = CHECK,
    begin: (row: number) => void = () => {},
  ) {
    this.table = new ServerTable(count);
    prepare(this.table);
    const servers = Array.from({ length: count }, (_, at) => server(at, { check }));
    this.prober = new Prober({
      now: () => this.now,
      startProbe: ({ row }, done) => {
        this.started.push({ row, at: this.now });
        begin(row);
        this.probes.set(row, done);
        return {
          timeOut: () => ({ code: "L4TOUT", text: "no connection in time" }),
          abandon: () => this.abandoned.push(row),
        };
      },
      hasRoom: ({ row }) => this.hasRoom(row),
      forget: ({ row }) => void this.forsaken.push(row),
      traffic: (row) => {
        const seen = this.traffic.get(row) ?? { errors: 0, successes: 0 };
        this.traffic.delete(row);
        return seen;
      },
      forgetTraffic: (row) => void this.forgotten.push(row),
      report: (report) => this.#hear(report),
      wakeAt: (at) => this.#wakeAt = at,
    }, { table: this.table, seed: 1, servers });
    this.prober.turn();
  }

  /** Lets time pass, turning whenever the prober has asked for it. */
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.#wakeAt <= until) {
      this.now = Math.max(this.now, this.#wakeAt);
      this.#wakeAt = Infinity;
      this.prober.turn();
    }
    this.now = until;
  }

  /** Ends the probe of a row. */
  end(at: number, outcome: Outcome): void {
    const done = this.probes.get(at);
    this.probes.delete(at);
    done?.(outcome);
  }

  /** The instants at which checks of a row have begun since the last time that this was asked. */
  starts(at: number): number[] {
    const mine = this.started.filter(({ row }) => row === at);
    this.started.splice(0, Infinity, ...this.started.filter(({ row }) => row !== at));
    return mine.map(({ at }) => at);
  }

  #hear(report: Report): void {
    if (report.kind === "results") this.results.push(...report.results);
    if (report.kind === "log") this.logs.push(report);
  }
}

describe("Prober: a check that cannot begin", () => {
  it("fails its own server, with the reason, and no other", async () => {
    const bench = new Bench(2, undefined, CHECK, (at) => {
      if (at === 0) throw new TypeError("not a host name");
    });
    await Promise.resolve();
    bench.end(1, OK);
    bench.pass(10);
    expect([0, 1].map((at) => bench.table.health(row(at)))).toEqual(["down", "up"]);
    expect(bench.results[0]).toMatchObject({ row: 0, code: "SOCKERR", text: "not a host name" });
    bench.pass(4500);
    await Promise.resolve();
    expect(bench.results.filter(({ row }) => row === 0).length).toBeGreaterThan(0);
    expect(bench.started.filter(({ row }) => row === 0).length).toBe(2);
  });
});

describe("Prober: the first check", () => {
  it.each([[OK, "up"], [REFUSED, "down"]] as const)("decides: %j makes %s", (outcome, health) => {
    const bench = new Bench(1);
    expect(bench.table.health(row(0))).toBe("unchecked");
    bench.pass(30);
    bench.end(0, outcome);
    expect(bench.table.health(row(0))).toBe(health);
    bench.pass(5);
    expect(bench.results).toEqual([{
      row: 0,
      at: 1030,
      durationMs: 30,
      ok: health === "up",
      health,
      changed: true,
      ...outcome,
    }]);
  });

  it("comes at once to all, a few at a time", () => {
    const bench = new Bench(1000);
    expect(bench.started.length).toBe(16);
    bench.pass(250);
    expect(bench.started.length).toBe(1000);
    expect(new Set(bench.started.map(({ row }) => row)).size).toBe(1000);
  });

  it("is not held up by servers that hang", () => {
    const bench = new Bench(1000, undefined, { ...CHECK, timeoutMs: 60_000 });
    bench.pass(250);
    for (let at = 900; at < 1000; at++) bench.end(at, OK);
    bench.pass(2500);
    expect(bench.started.length).toBe(1100);
  });

  it("does not come to a server in maint", () => {
    const bench = new Bench(2, (table) => table.setAdmin(row(1), "maint"));
    bench.pass(10_000);
    expect(bench.started.every(({ row }) => row === 0)).toBe(true);
    expect(bench.table.health(row(1))).toBe("unchecked");
  });
});

describe("Prober: room", () => {
  it("is waited for, without a verdict and without keeping others waiting", () => {
    const bench = new Bench(3);
    [0, 1, 2].forEach((at) => bench.end(at, OK));
    bench.hasRoom = (at) => at !== 0;
    bench.pass(2200);
    expect(bench.started.map(({ row }) => row).sort()).toEqual([0, 1, 1, 2, 2]);
    bench.pass(500);
    expect(bench.table.health(row(0))).toBe("up");
    bench.hasRoom = () => true;
    bench.pass(100);
    expect(bench.started.filter(({ row }) => row === 0).length).toBe(2);
  });
});

describe("Prober: intervals", () => {
  it("follow from the state, within five per cent, from the end of the last check", () => {
    const bench = new Bench(1);
    const waited: number[] = [];
    for (const outcome of [OK, OK, REFUSED, REFUSED, REFUSED, REFUSED, OK, OK, OK]) {
      bench.pass(100);
      bench.end(0, outcome);
      const endedAt = bench.now;
      const before = bench.started.length;
      while (bench.started.length === before) bench.pass(1);
      waited.push(bench.now - endedAt);
    }
    const expected = [2000, 2000, 500, 500, 4000, 4000, 500, 2000, 2000];
    for (const [at, ms] of waited.entries()) {
      expect(Math.abs(ms - expected[at]!)).toBeLessThan(expected[at]! * 0.05 + 2);
    }
    expect(new Set(waited).size).toBeGreaterThan(4);
  });
});

describe("Prober: timeouts", () => {
  it("end a check that hangs, after its timeout", () => {
    const bench = new Bench(1);
    bench.pass(999);
    expect(bench.results).toEqual([]);
    bench.pass(10);
    expect(bench.results).toMatchObject([{ code: "L4TOUT", ok: false, health: "down" }]);
    expect(bench.results[0]?.durationMs).toBeLessThan(1010);
  });

  it("are put off once when we were late ourselves", () => {
    const bench = new Bench(2);
    bench.now += 3000;
    bench.pass(0);
    expect(bench.results).toEqual([]);
    expect(bench.logs).toMatchObject([{ level: "warn", properties: { lateMs: 2000 } }]);
    bench.end(0, OK);
    bench.pass(30);
    expect(bench.results).toMatchObject([{ row: 0, code: "L4OK" }, { row: 1, code: "L4TOUT" }]);
    expect(bench.logs.length).toBe(1);
  });
});

describe("Prober: connections of clients", () => {
  const passive = { errorLimit: 10, action: "fail-check" } as const;
  const bench = (action: PassivePlan["action"], count = 2) => {
    const takeConnections = (table: ServerTable) => {
      for (let at = 0; at < count; at++) table.setWeight(row(at), 100);
    };
    const made = new Bench(count, takeConnections, { ...CHECK, passive: { ...passive, action } });
    for (let at = 0; at < count; at++) made.end(at, OK);
    made.pass(100);
    return made;
  };

  it("count as a failed check when too many in a row fail, and hasten the next one", () => {
    const made = bench("fail-check");
    made.traffic.set(0, { errors: 9, successes: 0 });
    made.pass(450);
    expect(made.results.length).toBe(2);
    made.traffic.set(0, { errors: 1, successes: 0 });
    made.pass(700);
    expect(made.results.at(-1)).toMatchObject({
      row: 0,
      code: "PASSIVE",
      text: "10 connections in a row failed",
      health: "up",
      changed: false,
    });
    made.pass(500);
    expect(made.started.filter(({ row }) => row === 0).length).toBe(2);
    expect(made.started.filter(({ row }) => row === 1).length).toBe(1);
    for (const outcome of [REFUSED, REFUSED]) {
      expect(made.table.health(row(0))).toBe("up");
      made.end(0, outcome);
      made.pass(600);
    }
    expect(made.table.health(row(0))).toBe("down");
  });

  it("are forgiven by one that succeeds", () => {
    const made = bench("mark-down");
    for (const traffic of [{ errors: 9, successes: 0 }, { errors: 5, successes: 1 }]) {
      made.traffic.set(0, traffic);
      made.pass(500);
    }
    made.traffic.set(0, { errors: 9, successes: 0 });
    made.pass(500);
    expect(made.table.health(row(0))).toBe("up");
  });

  it("never take the last usable server away", () => {
    const made = bench("mark-down");
    const failing = { errors: 50, successes: 0 };
    made.traffic.set(0, failing).set(1, failing);
    made.pass(600);
    expect([0, 1].map((at) => made.table.health(row(at)))).toEqual(["down", "up"]);
    expect(made.results.filter(({ changed, ok }) => changed && !ok)).toMatchObject([
      { row: 0, code: "PASSIVE", text: "50 connections in a row failed", health: "down" },
    ]);
    made.pass(600);
    made.end(1, REFUSED);
    expect(made.table.health(row(1))).toBe("down");
  });
});

describe("Prober: admin states", () => {
  it("maint ends checks, and a result that comes late is ignored", () => {
    const bench = new Bench(1);
    bench.end(0, OK);
    bench.pass(2200);
    expect(bench.started.length).toBe(2);
    bench.prober.setAdmin(row(0), "maint");
    expect([bench.abandoned, bench.forsaken]).toEqual([[0], [0]]);
    bench.end(0, OK);
    bench.pass(10_000);
    expect(bench.table.health(row(0))).toBe("unchecked");
    expect(bench.results.length).toBe(1);
    expect(bench.started.length).toBe(2);
  });

  it.each(["ready", "drain"] as const)("leaving maint for %s checks at once", (state) => {
    const bench = new Bench(1);
    bench.end(0, OK);
    bench.pass(10);
    bench.prober.setAdmin(row(0), "maint");
    bench.pass(10);
    bench.prober.setAdmin(row(0), state);
    bench.pass(5);
    expect(bench.started.length).toBe(2);
    expect(bench.table.health(row(0))).toBe("unchecked");
    bench.end(0, REFUSED);
    expect(bench.table.health(row(0))).toBe("down");
  });

  it("a result of a check from before maint is not taken for the one after it", () => {
    const bench = new Bench(1);
    const before = bench.probes.get(0);
    bench.prober.setAdmin(row(0), "maint");
    bench.prober.setAdmin(row(0), "ready");
    bench.pass(5);
    before?.(OK);
    expect(bench.table.health(row(0))).toBe("unchecked");
    bench.end(0, OK);
    expect(bench.table.health(row(0))).toBe("up");
  });

  it("drain goes on checking, and changes nothing", () => {
    const bench = new Bench(1);
    bench.end(0, OK);
    for (const state of ["drain", "ready"] satisfies AdminState[]) {
      bench.prober.setAdmin(row(0), state);
      expect(bench.table.health(row(0))).toBe("up");
    }
    bench.pass(2200);
    expect(bench.started.length).toBe(2);
  });

  it("of a row it does not know is none of its business", () => {
    const bench = new Bench(1);
    bench.prober.setAdmin(row(7), "maint");
    expect(bench.abandoned).toEqual([]);
  });
});

describe("Prober: after a restart", () => {
  it("keeps what the table says, at full count", () => {
    const bench = new Bench(2, (table) => {
      table.setHealth(row(0), "up");
      table.setHealth(row(1), "down");
    });
    bench.end(0, REFUSED);
    bench.end(1, OK);
    expect([bench.table.health(row(0)), bench.table.health(row(1))]).toEqual(["up", "down"]);
    bench.pass(600);
    bench.end(0, REFUSED);
    bench.end(1, OK);
    expect([bench.table.health(row(0)), bench.table.health(row(1))]).toEqual(["up", "up"]);
  });
});

describe("Prober: another plan", () => {
  it("leaves alone what it leaves as it was: schedule, counts and the check under way", () => {
    const [told, untold] = [new Bench(4), new Bench(4)];
    for (const bench of [told, untold]) {
      for (const at of [0, 1, 2, 3]) bench.end(at, OK);
      bench.pass(2300);
      bench.end(0, REFUSED);
      bench.pass(100);
      const others = [server(0), server(1), server(3, { server: "new" })];
      for (let round = 0; round < 5 && bench === told; round++) bench.prober.apply(others);
      expect(bench.abandoned.sort()).toEqual(bench === told ? [2, 3] : []);
      // The check that was under way decides still, and the failures before it count.
      bench.end(1, REFUSED);
      for (let round = 0; round < 2; round++) {
        bench.pass(600);
        bench.end(0, REFUSED);
      }
      expect(bench.table.health(row(0))).toBe("down");
      bench.pass(9000);
    }
    for (const at of [0, 1]) {
      const [one, other] = [told.starts(at), untold.starts(at)];
      expect(one.length).toBe(other.length);
      // Checks that are due close to each other share a turn; nothing else may move them.
      for (const [index, ms] of one.entries()) {
        expect(Math.abs(ms - other[index]!)).toBeLessThanOrEqual(25);
      }
    }
  });

  it("checks anew at once where the check is another, and keeps the health at full count", () => {
    const bench = new Bench(2);
    bench.end(0, OK);
    bench.pass(2200);
    for (let round = 0; round < 2; round++) {
      bench.end(0, REFUSED);
      bench.pass(600);
    }
    expect(bench.table.health(row(0))).toBe("up");
    const late = bench.probes.get(0);
    bench.starts(0);
    bench.prober.apply([server(0, { check: { ...CHECK, timeoutMs: 700 } }), server(1)]);
    expect([bench.abandoned, bench.forsaken]).toEqual([[0], [0]]);
    expect(bench.table.health(row(0))).toBe("up");
    bench.pass(25);
    expect(bench.starts(0).length).toBe(1);
    late?.(REFUSED);
    for (let round = 0; round < 3; round++) {
      expect(bench.table.health(row(0))).toBe("up");
      bench.end(0, REFUSED);
      bench.pass(600);
    }
    expect(bench.table.health(row(0))).toBe("down");
  });

  it.each(
    [
      ["another name", { server: "other" }],
      ["another backend", { backend: "other" }],
      ["another backend and address", { backend: "other", address: "10.0.0.2" }],
    ] as const,
  )("knows nothing yet of a row with %s", (_, rest) => {
    const bench = new Bench(1);
    bench.end(0, OK);
    bench.forgotten.length = 0;
    bench.prober.apply([server(0, rest)]);
    expect(bench.table.health(row(0))).toBe("unchecked");
    expect(bench.forgotten).toEqual([0]);
    bench.pass(25);
    bench.end(0, REFUSED);
    expect(bench.table.health(row(0))).toBe("down");
  });

  it.each([["address", { address: "10.0.0.2" }], ["port", { port: 81 }]] as const)(
    "doubts a server with another %s, unless nobody else serves: then until its first check",
    (_, rest) => {
      const bench = new Bench(2);
      const serve = (at: number) => {
        bench.table.setWeight(row(at), 1);
        bench.end(at, OK);
      };
      [0, 1].forEach(serve);
      bench.prober.apply([server(0, rest), server(1)]);
      expect(bench.table.health(row(0))).toBe("unchecked");
      bench.prober.apply([server(0, rest), server(1, rest)]);
      expect(bench.table.health(row(1))).toBe("up");
      bench.pass(25);
      bench.end(0, OK);
      expect(bench.table.health(row(0))).toBe("up");
      bench.end(1, REFUSED);
      expect(bench.table.health(row(1))).toBe("down");
      // Who was down is asked first, whoever else serves.
      bench.table.setWeight(row(0), 0);
      bench.prober.apply([server(0, rest), server(1)]);
      expect(bench.table.health(row(1))).toBe("unchecked");
    },
  );

  it("aborts the check of a server that is gone, and leaves its row to others", () => {
    const bench = new Bench(2);
    const late = bench.probes.get(1);
    bench.prober.apply([server(0)]);
    expect(bench.abandoned).toEqual([1]);
    bench.table.setHealth(row(1), "up");
    late?.(REFUSED);
    bench.prober.setAdmin(row(1), "maint");
    bench.pass(10_000);
    expect(bench.table.health(row(1))).toBe("up");
    expect(bench.results.every(({ row }) => row === 0)).toBe(true);
    expect(bench.starts(1).length).toBe(1);
  });

  it("believes the table of a row that it did not check, at full count", () => {
    const bench = new Bench(2);
    bench.prober.apply([]);
    bench.table.setHealth(row(0), "down");
    bench.table.setHealth(row(1), "up");
    bench.table.setAdmin(row(1), "maint");
    bench.prober.apply([server(0), server(1)]);
    expect(bench.table.health(row(1))).toBe("unchecked");
    bench.pass(25);
    bench.end(0, OK);
    expect(bench.table.health(row(0))).toBe("down");
    bench.prober.setAdmin(row(1), "ready");
    bench.pass(600);
    bench.end(0, OK);
    bench.end(1, OK);
    expect([0, 1].map((at) => bench.table.health(row(at)))).toEqual(["up", "up"]);
  });

  it("may come after a time without any server, and with a check that heeds clients", () => {
    const bench = new Bench(3);
    bench.prober.apply([]);
    bench.pass(10_000);
    const passive = { errorLimit: 1, action: "mark-down" } as const;
    const check = { ...CHECK, passive };
    for (const at of [0, 1]) bench.table.setWeight(row(at), 100);
    bench.prober.apply([server(0, { check }), server(1, { check }), server(2)]);
    bench.pass(25);
    for (const at of [0, 1, 2]) bench.end(at, OK);
    bench.traffic.set(0, { errors: 1, successes: 0 });
    bench.pass(600);
    expect([0, 1, 2].map((at) => bench.table.health(row(at)))).toEqual(["down", "up", "up"]);
  });

  it("is told of what was found before it, first", () => {
    const bench = new Bench(1);
    bench.end(0, OK);
    bench.prober.apply([server(0, { server: "other" })]);
    expect(bench.results).toMatchObject([{ row: 0, health: "up" }]);
  });
});

describe("Prober: counts", () => {
  it("are in the table, for whoever comes after a restart", () => {
    const bench = new Bench(1);
    bench.end(0, OK);
    const full = CHECK.rise + CHECK.fall - 1;
    expect(bench.table.healthCount(row(0))).toBe(full);
    bench.pass(2200);
    bench.end(0, REFUSED);
    const next = new Bench(1, (table) => table.setHealth(row(0), "up", full - 1));
    for (const one of [bench, next]) {
      expect(one.table.healthCount(row(0))).toBe(full - 1);
      for (let round = 0; round < 2; round++) {
        expect(one.table.health(row(0))).toBe("up");
        one.pass(600);
        one.end(0, REFUSED);
      }
      expect(one.table.health(row(0))).toBe("down");
    }
  });
});

describe("Prober: reports", () => {
  it("share a message where nothing changes, and lose nothing at the end", () => {
    const bench = new Bench(1);
    bench.end(0, OK);
    bench.pass(2200);
    expect(bench.results.length).toBe(1);
    bench.end(0, { code: "L7STS", status: 500, text: "no" });
    expect(bench.results.length).toBe(1);
    bench.prober.stop();
    expect(bench.results[1]).toMatchObject({
      code: "L7STS",
      status: 500,
      text: "no",
      changed: false,
    });
    expect(bench.table.health(row(0))).toBe("up");
  });

  it("cease with the checks", () => {
    const bench = new Bench(3);
    bench.prober.stop();
    expect(bench.abandoned).toEqual([0, 1, 2]);
    for (const at of [0, 1, 2]) bench.end(at, OK);
    bench.pass(10_000);
    expect(bench.results).toEqual([]);
    expect(bench.started.length).toBe(3);
  });

  it("are none where there are no servers", () => {
    const bench = new Bench(0);
    bench.pass(10_000);
    expect(bench.results).toEqual([]);
  });
});
