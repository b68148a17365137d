import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeptHealth } from "../../../src/appliance/kept_health.ts";
import type { Log } from "../../../src/appliance/log.ts";
import { Servers } from "../../../src/appliance/servers.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import { createSharedMemory } from "../../../src/appliance/shared_memory.ts";
import type { BackendPlan } from "../../../src/core/plan/plan.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import type { CheckResult } from "../../../src/prober/orders.ts";
import { planOf } from "../config/source.ts";

const FILE = `
backends:
  web:
    check: { rise: 3, fall: 5 }
    servers: { a: "192.0.2.1:80", b: "192.0.2.2:80", c: "192.0.2.3:80" }
  open: { check: none, servers: { a: "192.0.2.9:80" } }
`;
const MINUTE = 60_000;

let directory: string;
let written: string[];
const log: Log = { write: (level, message) => void written.push(`${level}: ${message}`) };

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-health-" });
  written = [];
});

afterEach(() => Deno.removeSync(directory, { recursive: true }));

/** One life of the appliance: what is kept of its servers, in virtual time. */
class Life {
  readonly memory;
  readonly servers: Servers;
  readonly kept: KeptHealth;
  /** Monotonic; the wall clock began a billion milliseconds before. */
  now: number;

  constructor(now: number, file = FILE) {
    this.now = now;
    const { backends }: { backends: readonly BackendPlan[] } = planOf(file);
    this.memory = createSharedMemory({ backends, frontends: [], virtualRouters: [] }, 1);
    this.servers = new Servers(
      backends,
      this.memory,
      new Tables({ frontends: [], backends }, this.memory),
    );
    const clocks = { monotonic: () => this.now, wall: () => this.now + 1e9 };
    this.kept = new KeptHealth(directory, this.servers, log, clocks);
    this.kept.restore();
    this.kept.start();
  }

  get health(): string {
    return [0, 1, 2].map((row) => this.memory.servers.health(row as Row)).join();
  }

  /** A check ends, as the prober tells of it. */
  check(at: number, health: "up" | "down", count: number, rest: Partial<CheckResult> = {}): void {
    const row = at as Row;
    const changed = this.memory.servers.health(row) !== health;
    const ok = health === "up";
    const result = { code: ok ? "L4OK" : "L4CON", text: ok ? "" : "refused", ok } as const;
    this.memory.servers.setHealth(row, health, count);
    this.servers.noteCheck({
      ...result,
      row,
      at: this.now,
      durationMs: 1,
      health,
      changed,
      ...rest,
    });
  }

  /** Ends without a word, once what was under way is on the disk. */
  async kill(): Promise<void> {
    this.servers.onKnown = () => {};
    await Promise.resolve();
    await this.kept.flush();
  }
}

describe("KeptHealth", () => {
  it("has health, counts and results again after a crash", async () => {
    const before = new Life(0);
    before.check(0, "up", 7);
    before.check(1, "down", 0, { code: "L7STS", status: 503, text: "not ready" });
    await before.kill();
    const after = new Life(MINUTE);
    expect(after.health).toBe("up,down,unchecked");
    expect([0, 1].map((row) => after.memory.servers.healthCount(row as Row))).toEqual([7, 0]);
    expect(after.servers.usable("web")).toBe(1);
    expect(after.servers.known(1 as Row)).toMatchObject({
      lastCheck: { at: 0, code: "L7STS", status: 503, text: "not ready", row: 1 },
      lastFailure: { code: "L7STS" },
      healthChangedAt: 0,
    });
    expect(written).toEqual([
      "info: servers are again as they were before the restart",
    ]);
    await after.kept.stop();
  });

  it("has the last counts and results after a planned stop", async () => {
    const before = new Life(0);
    before.check(0, "up", 7);
    await Promise.resolve();
    before.now = 30_000;
    before.check(0, "up", 5, { code: "L4TOUT", text: "no connection in time", ok: false });
    await before.kept.stop();
    const after = new Life(MINUTE);
    expect(after.memory.servers.healthCount(0 as Row)).toBe(5);
    expect(after.servers.known(0 as Row)).toMatchObject({ lastCheck: { at: 30_000, ok: false } });
    await after.kept.stop();
  });

  it("writes nothing for a check that changes nothing", async () => {
    const life = new Life(0);
    life.check(0, "up", 7);
    await life.kill();
    const size = () => Deno.statSync(`${directory}/health.journal`).size;
    const before = size();
    life.kept.start();
    for (let round = 0; round < 100; round++) life.check(0, "up", 7);
    await life.kill();
    expect(size()).toBe(before);
    await life.kept.stop();
  });

  it.each(
    [
      ["old", 11 * MINUTE],
      ["from the future: the clock was set back", -11 * MINUTE],
    ] as const,
  )("does not believe what is %s", async (_, laterMs) => {
    const before = new Life(100 * MINUTE);
    before.check(0, "up", 7);
    await before.kill();
    const after = new Life(100 * MINUTE + laterMs);
    expect(after.health).toBe("unchecked,unchecked,unchecked");
    await after.kept.stop();
  });

  it("believes what was confirmed of late, however long ago it came about", async () => {
    const before = new Life(0);
    before.check(0, "up", 7);
    await Promise.resolve();
    before.now = 1000 * MINUTE;
    before.kept.keepAll();
    await before.kill();
    const after = new Life(1009 * MINUTE);
    expect(after.health).toBe("up,unchecked,unchecked");
    await after.kept.stop();
  });

  it("is confirmed by nobody who has not lived long enough to know", async () => {
    const before = new Life(0);
    before.check(0, "up", 7);
    await before.kill();
    for (const minute of [4, 8]) {
      const crashing = new Life(minute * MINUTE);
      expect(crashing.health).toBe("up,unchecked,unchecked");
      crashing.now += 2000;
      crashing.kept.keepAll();
      await crashing.kill();
    }
    const after = new Life(12 * MINUTE);
    expect(after.health).toBe("unchecked,unchecked,unchecked");
    await after.kept.stop();
  });

  it.each(
    [
      ["address", FILE.replace("192.0.2.1:", "192.0.2.7:")],
      ["port", FILE.replace("192.0.2.1:80", "192.0.2.1:81")],
      ["check", FILE.replace("rise: 3", "rise: 3, type: http")],
      ["name", FILE.replace("{ a:", "{ z:")],
    ] as const,
  )("says nothing of a server with another %s", async (_, file) => {
    const before = new Life(0);
    before.check(0, "up", 7);
    await before.kill();
    const after = new Life(MINUTE, file);
    expect(after.memory.servers.health(0 as Row)).toBe("unchecked");
    await after.kept.stop();
  });

  it("forgets a server in maint, and what the file no longer has", async () => {
    const before = new Life(0);
    for (const at of [0, 1, 2]) before.check(at, "up", 7);
    const said = { by: "ops", reason: null, at: "2026-01-02T00:00:00.000Z", until: null };
    const maint = { field: "state", value: "maint", file: "ready", deadline: null } as const;
    before.servers.override("web", "a", [{ ...said, backend: "web", server: "a", ...maint }]);
    await before.kill();
    const between = new Life(1000, FILE.replace(', b: "192.0.2.2:80"', ""));
    expect(between.health).toBe("unchecked,up,up");
    await between.kept.stop();
    const after = new Life(2000);
    expect(after.health).toBe("unchecked,unchecked,up");
    await after.kept.stop();
  });

  it("leaves a server alone that begins in maint", async () => {
    const before = new Life(0);
    before.check(0, "up", 7);
    await before.kill();
    const inMaint = 'a: { address: "192.0.2.1:80", state: maint }';
    const after = new Life(1000, FILE.replace('a: "192.0.2.1:80"', inMaint));
    expect(after.memory.servers.health(0 as Row)).toBe("unchecked");
    await after.kept.stop();
  });

  it("says that the file was damaged, and goes by what is whole", async () => {
    const before = new Life(0);
    before.check(0, "up", 7);
    before.check(1, "up", 7);
    await before.kill();
    const path = `${directory}/health.journal`;
    Deno.writeTextFileSync(path, Deno.readTextFileSync(path).slice(0, -9));
    const after = new Life(1000);
    expect(after.health).toBe("up,unchecked,unchecked");
    expect(written[0]).toMatch(/^warn: .*health\.journal was damaged/);
    await after.kept.stop();
    Deno.writeTextFileSync(path, "\0\0\0\nnonsense");
    expect(new Life(2000).health).toBe("unchecked,unchecked,unchecked");
  });

  it("says once that the disk refuses, and changes nothing else", async () => {
    const missing = `${directory}/file`;
    Deno.writeTextFileSync(missing, "");
    directory = missing;
    const life = new Life(0);
    for (let round = 0; round < 3; round++) {
      life.check(0, "up", 7);
      life.check(0, "down", 0);
      await Promise.resolve();
    }
    await life.kept.stop();
    expect(written).toEqual([expect.stringMatching(/^warn: .* will not survive a restart/)]);
    directory = missing.replace(/\/file$/, "");
  });

  it("keeps no secret of a check", async () => {
    const before = new Life(
      0,
      FILE.replace("rise: 3", "rise: 3, type: https, verify: none, token: s3cret"),
    );
    before.check(0, "up", 7);
    await before.kept.stop();
    expect(Deno.readTextFileSync(`${directory}/health.journal`)).not.toContain("s3cret");
  });
});
