import { describe, expect, it } from "vitest";
import { reclaim } from "../../src/dataplane/connection_memory.ts";
import { gateOf, PROCESS_GATE } from "../../src/memory/admission.ts";
import type { PlanOrder } from "../../src/dataplane/orders.ts";
import type { Row } from "../../src/memory/server_table.ts";
import { ECONNREFUSED } from "../../src/linux/errno.ts";
import type { Endpoint } from "./relay_kernel.ts";
import { backendOf, Peer, World } from "./relay_world.ts";

// The last one had two workers wake each other for as long as clients waited.
const SEEDS = [...Array.from({ length: 16 }, (_, seed) => seed + 1), 67];
const BALANCES = ["roundrobin", "leastconn", "source", "random", "first"] as const;

describe("limits and queues through a kernel of our own", () => {
  it.each(SEEDS)(
    "seed %i: no limit is passed, nobody waits for nothing, nobody is lost",
    (seed) => {
      const rig = new Rig(seed);
      const { world } = rig;
      rig.dialAll();
      if (rig.chance(0.5)) rig.letServersComeAndGo();
      if (rig.chance(0.3)) rig.planDeath();
      for (let turn = 0; !rig.isDone; turn++) {
        if (turn > 4_000) throw new Error(`stuck at ${world.kernel.clock}: ${rig.state()}`);
        rig.turn();
        rig.checkLimits();
      }
      expect(rig.isDone).toBe(true);
      rig.settle();
      rig.checkNobodyWaits();
      for (const peer of rig.peers) expect(["end", "reset"]).toContain(peer.outcome);
      expect(rig.served + rig.refused).toBe(rig.clients);
      rig.checkNothingIsLeft();
    },
  );
});

it.each(SEEDS.slice(0, 10))(
  "seed %i: nothing is left of anybody, whoever cuts, drains and resets",
  (seed) => {
    const rig = new Rig(1000 + seed);
    const { world } = rig;
    rig.dialAll({ areRough: true });
    rig.meddle();
    for (let turn = 0; !rig.isDone; turn++) {
      if (turn > 4_000) throw new Error(`stuck at ${world.kernel.clock}: ${rig.state()}`);
      rig.turn();
      rig.checkLimits();
    }
    rig.settle();
    rig.checkNobodyWaits();
    rig.checkNothingIsLeft();
  },
);

it.each(SEEDS.slice(0, 12))(
  "seed %i: nobody is lost, and nothing is left, while one plan follows the other",
  (seed) => {
    const rig = new Rig(2000 + seed);
    const { world } = rig;
    const areRough = seed % 2 === 0;
    rig.dialAll({ areRough });
    rig.letServersComeAndGo();
    rig.replan();
    for (let turn = 0; !rig.isDone; turn++) {
      if (turn > 4_000) throw new Error(`stuck at ${world.kernel.clock}: ${rig.state()}`);
      rig.turn();
    }
    rig.settle();
    rig.checkNobodyWaits();
    if (!areRough) expect(rig.served + rig.refused).toBe(rig.clients);
    rig.checkNothingIsLeft();
  },
);

it("workers do not wake each other while nobody has a place to give", () => {
  const backend = { balance: "source", queueTimeoutMs: 60_000 } as const;
  const world = new World({ workers: 2, servers: 2, limit: 1, backend });
  const { kernel, starts, queues } = world;
  world.kernel.answer = () => ({ accept: () => {} });
  const dial = (worker: number, client: number) => {
    kernel.dial(starts[worker]!.listeners[0]!.fd, undefined, `10.0.0.${client}`);
    world.pass(50);
  };
  // One server is the first client's, the other one the last's; each has two who wait for it.
  dial(0, 1);
  dial(0, 1);
  let last = 1;
  while (world.active(0) + world.active(1) < 2) dial(1, ++last);
  for (const [worker, client] of [[1, last], [1, 1], [0, last]] as const) {
    dial(worker, client);
  }
  const workerOf = (row: number) => queues.firstWorker(queues.shape.backends + row);
  expect(new Set([workerOf(0), workerOf(1)])).toEqual(new Set([0, 1]));
  const before = kernel.clock;
  for (let turn = 0; turn < 200; turn++) world.turn();
  expect(kernel.clock - before).toBeGreaterThan(20_000);
});

/** One world with limits, and clients that come and go. */
class Rig {
  readonly world: World;
  readonly peers: Peer[] = [];
  readonly servers: number;
  readonly clients: number;
  readonly #random: () => number;
  readonly #limit: number;
  readonly #frontendLimit: number | null;
  readonly #processLimit: number;
  #deathAt = Infinity;

  constructor(seed: number) {
    const workers = 1 + seed % 3;
    this.servers = 1 + Math.floor(seed / 3) % 4;
    this.#limit = 1 + seed % 4;
    this.#frontendLimit = seed % 5 === 0 ? 7 : null;
    this.#processLimit = seed % 7 === 0 ? 9 : 1000;
    this.world = new World({
      seed,
      workers,
      servers: this.servers,
      limit: this.#limit,
      processConnections: this.#processLimit,
      frontend: { maxConnections: this.#frontendLimit },
      backend: {
        balance: BALANCES[seed % BALANCES.length] ?? "roundrobin",
        maxQueue: seed % 4 === 0 ? 2 : null,
        queueTimeoutMs: seed % 6 === 0 ? 300 : 60_000,
        whenEmpty: seed % 2 === 0 ? "hold" : "reject",
      },
    });
    this.#random = this.world.kernel.random;
    this.clients = 10 + Math.floor(this.#random() * 50);
    let id = 1000;
    const accepting = {
      accept: (end: Endpoint) =>
        void new Peer(this.world.kernel, end, ++id, { ...QUIET, listensFirst: true }),
    };
    const [refused, unanswered] = seed % 3 === 1 ? [0.3, 0.05] : [0, 0];
    this.world.kernel.answer = () => {
      if (refused > 0 && this.chance(refused)) return { error: ECONNREFUSED };
      return unanswered > 0 && this.chance(unanswered) ? undefined : accepting;
    };
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  /**
   * Every client stays for a while, says goodbye, and waits for the answer to that; some rough ones
   * do not wait, or reset the connection.
   */
  dialAll({ areRough = false } = {}): void {
    const { kernel, starts } = this.world;
    for (let id = 0; id < this.clients; id++) {
      kernel.after(this.#random() * 500, () => {
        const start = starts[Math.floor(this.#random() * starts.length)];
        const listener = start?.listeners[0]?.fd ?? this.world.listener;
        const end = kernel.dial(listener, undefined, `10.0.0.${1 + id % 20}`);
        kernel.after(this.#random() * 200, () => {
          const then = areRough ? ROUGH[Math.floor(this.#random() * ROUGH.length)] : undefined;
          this.peers.push(new Peer(kernel, end, id, { ...QUIET, then: then ?? "end" }));
        });
      });
    }
  }

  /** At the end all are there. */
  letServersComeAndGo(): void {
    const { kernel, servers } = this.world;
    for (let change = 0; change < 10; change++) {
      const row = Math.floor(this.#random() * this.servers) as Row;
      kernel.after(this.#random() * 700, () => servers.setHealth(row, "down"));
      kernel.after(700 + this.#random() * 200, () => servers.setHealth(row, "up"));
    }
  }

  /** Servers are drained, weighed and cut off. At the end all are there. */
  meddle(): void {
    const { kernel, engines, servers } = this.world;
    for (let id = 0; id < 15; id++) {
      const row = Math.floor(this.#random() * this.servers) as Row;
      const act = [
        () => servers.setAdmin(row, "drain"),
        () => servers.setAdmin(row, "maint"),
        () => servers.setWeight(row, id % 3),
        () => engines.forEach((one) => one.carryOut({ kind: "cut", id, which: { row } })),
      ][id % 4]!;
      kernel.after(this.#random() * 900, act);
      kernel.after(950, () => {
        servers.setAdmin(row, "ready");
        servers.setWeight(row, 10);
      });
    }
  }

  /** Plans with other ways to choose, other limits and a server more follow each other. */
  replan(): void {
    const { kernel, engines, servers, start: { backends, frontends } } = this.world;
    const added = this.servers as Row;
    servers.setWeight(added, 10);
    servers.setLimit(added, this.#limit);
    const { [0]: usual = backendOf([]) } = backends;
    const longer = { servers: [...usual.servers, { ...usual.servers[0]!, name: "added" }] };
    const rows = [...usual.rows, added];
    const plan = (isLast: boolean): PlanOrder => {
      const any = <Item>(items: readonly Item[]) =>
        items[Math.floor(this.#random() * items.length)]!;
      const backend = {
        ...usual,
        ...longer,
        rows,
        balance: any(BALANCES),
        maxQueue: any([null, null, 1, 3]),
        queueTimeoutMs: any([300, 5_000, 60_000]),
        whenEmpty: any(["hold", "reject"] as const),
      };
      const maxConnections = isLast ? this.#frontendLimit : any([null, 3, 50]);
      return {
        kind: "plan",
        frontends: frontends.map((frontend) => ({ ...frontend, maxConnections })),
        backends: [backend],
        virtualRouters: [],
      };
    };
    for (let id = 0; id < 20; id++) {
      const order = plan(id === 19);
      // Each worker takes it up when it can.
      const at = id * 45;
      for (const engine of engines) {
        kernel.after(at + this.#random() * 40, () => engine.carryOut(order));
      }
      kernel.after(at + 45, () => servers.setHealth(added, id % 2 === 0 ? "up" : "down"));
    }
  }

  /** One worker will die, and its successor be started as the appliance would. */
  planDeath(): void {
    this.#deathAt = this.world.kernel.clock + 100 + this.#random() * 300;
  }

  turn(): void {
    const { kernel, starts } = this.world;
    this.world.turn();
    if (kernel.clock < this.#deathAt) return;
    this.#deathAt = Infinity;
    const start = starts[Math.floor(this.#random() * starts.length)] ?? this.world.start;
    reclaim(start, kernel);
    this.world.begin(start);
  }

  /** For whoever reads a failure. */
  state(): string {
    const { admission, queues } = this.world;
    const rows = Array.from(
      { length: this.servers },
      (_, row) => `${this.world.active(row)} + ${queues.queued(row)}`,
    );
    return `${this.peers.length} of ${this.clients} clients, ${this.served} served, servers ` +
      `${rows.join(", ")}, open ${admission.open(PROCESS_GATE)}`;
  }

  get isDone(): boolean {
    return this.peers.length === this.clients && this.peers.every(({ isDone }) => isDone);
  }

  get served(): number {
    return this.peers.filter(({ outcome }) => outcome === "end").length;
  }

  get refused(): number {
    return this.peers.filter(({ outcome }) => outcome === "reset").length;
  }

  /** Without `expect`, which would take longer than all the rest. */
  checkLimits(): void {
    const { admission, queues, starts } = this.world;
    const maxQueue = starts[0]?.backends[0]?.maxQueue ?? Infinity;
    for (let row = 0; row < this.servers; row++) {
      const active = this.world.active(row);
      if (active >= 0 && active <= this.#limit && queues.queued(row) <= maxQueue) continue;
      throw new Error(`server ${row} has too many: ${this.state()}`);
    }
    const isOver = admission.open(PROCESS_GATE) > this.#processLimit ||
      admission.open(gateOf(0)) > (this.#frontendLimit ?? 0);
    if (isOver) throw new Error(`too many are in: ${this.state()}`);
  }

  /** Long enough for every worker to look once more. */
  settle(): void {
    const before = this.world.kernel.clock;
    for (let turn = 0; turn < 200; turn++) this.world.turn();
    const passed = this.world.kernel.clock - before;
    if (passed < 3000) throw new Error(`it spins: 200 turns in ${passed} ms`);
  }

  checkNothingIsLeft(): void {
    const { admission, queues } = this.world;
    expect(this.world.frontend("opened")).toBe(this.world.frontend("closed"));
    // Also the one that a plan may have added.
    for (let row = 0; row <= this.servers; row++) {
      expect([this.world.active(row), queues.queued(row)]).toEqual([0, 0]);
    }
    expect([admission.open(PROCESS_GATE), admission.open(gateOf(0))]).toEqual([0, 0]);
  }

  checkNobodyWaits(): void {
    const { queues } = this.world;
    for (let queue = 0; queue < queues.queues; queue++) expect(queues.waiting(queue)).toBe(0);
  }
}

const ROUGH = ["end", "end", "close", "reset"] as const;
const QUIET = { bytes: 1, then: "end", readsAfter: 0, listensFirst: false } as const;
