/**
 * What a pair of nodes is put through, and what its client sees of it. Node 0 has the higher
 * priority and is Active whenever nothing is wrong.
 */

import type { Host } from "../lab/host.ts";
import { Lab } from "../lab/lab.ts";
import { DeadlinePassed, delay, eventually } from "../lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { type Daemon, daemon, type Product, type Terms, VIP } from "./failover_nodes.ts";
import { Probe } from "./failover_probe.ts";

/** Two daemons, the Active first. */
export type Pair = readonly [active: Product, backup: Product];

/** What one event looked like. */
export interface Sample {
  /** The client's longest time without an answer. */
  readonly gapMs: number;
  /** For how long in all two nodes held the address. */
  readonly twoOwnersMs: number;
  /** After a graceful stop: when the Backup had the address. */
  readonly takenMs?: number;
  /** After SIGKILL: when the address was gone by itself; infinite if it never was. */
  readonly staleMs?: number;
}

/** What one round of one pair gave. */
export interface Round {
  readonly samples: ReadonlyMap<EventName, Sample>;
  /** Shares of one CPU, in percent, while nothing happens. */
  readonly cpuPercent: { readonly active: number; readonly backup: number };
}

/** Everything that happens, in this order. */
export const EVENTS = [
  "nothing",
  "graceful stop",
  "its return",
  "SIGKILL",
  "link down",
  "link up",
  "partition",
  "heal",
  "SIGSTOP",
  "SIGCONT",
] as const;

/** One of {@linkcode EVENTS}. */
export type EventName = (typeof EVENTS)[number];

/** How a round goes. */
export interface Course {
  /** Each round has its moments: how far in an interval things happen, the same for each pair. */
  readonly round: number;
  /** How long nothing happens, and CPU time is counted. */
  readonly quietMs: number;
  /** How long the nodes are apart: Keepalived's second burst, 5 s on, would hide a dark client. */
  readonly apartMs: number;
}

/** Puts a pair through everything once. */
export async function round(
  pair: Pair,
  terms: Terms,
  lintel: string,
  course: Course,
): Promise<Round> {
  await using lab = Lab.create();
  const client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  const hosts = [
    lab.host("one", { addresses: ["172.16.0.2/24"] }),
    lab.host("two", { addresses: ["172.16.0.3/24"] }),
  ];
  const daemons = hosts.map((host, node) =>
    daemon(pair[node]!, host, terms, PRIORITIES[node]!, lintel)
  );
  await using probe = Probe.start(VIP, client, hosts);
  const trial = new Trial(lab, client, hosts, daemons, probe, terms);
  return await trial.run(course);
}

class Trial {
  readonly #lab: Lab;
  readonly #client: Host;
  readonly #host: Host;
  readonly #active: Daemon;
  readonly #backup: Daemon;
  readonly #probe: Probe;
  readonly #terms: Terms;
  readonly #samples = new Map<EventName, Sample>();
  #moment = 0;

  constructor(
    lab: Lab,
    client: Host,
    hosts: readonly Host[],
    daemons: readonly Daemon[],
    probe: Probe,
    terms: Terms,
  ) {
    this.#lab = lab;
    this.#client = client;
    this.#host = hosts[0]!;
    this.#active = daemons[0]!;
    this.#backup = daemons[1]!;
    this.#probe = probe;
    this.#terms = terms;
  }

  async run({ round, quietMs, apartMs }: Course): Promise<Round> {
    this.#moment = round * GOLDEN_RATIO ** 2;
    await Promise.all([this.#active.start(), this.#backup.start()]);
    await this.#settled(ACTIVE);
    // What it costs to start is no part of what it costs to run.
    await delay(quietMs);
    const cpuPercent = await this.#nothing(quietMs);
    await this.#gracefulStop();
    await this.#sigkill();
    await this.#linkDown();
    await this.#partition(apartMs);
    await this.#pause();
    await Promise.all([this.#active.stop(), this.#backup.stop()]);
    return { samples: this.#samples, cpuPercent };
  }

  async #nothing(quietMs: number): Promise<Round["cpuPercent"]> {
    const since = monotonicMs();
    const before = [this.#active.cpuNs(), this.#backup.cpuNs()];
    await delay(quietMs);
    const ms = monotonicMs() - since;
    const percent = (after: number, node: number) => (after - before[node]!) / 1e4 / ms;
    this.#note("nothing", since);
    return {
      active: percent(this.#active.cpuNs(), ACTIVE),
      backup: percent(this.#backup.cpuNs(), BACKUP),
    };
  }

  async #gracefulStop(): Promise<void> {
    await this.#anyMoment();
    const since = monotonicMs();
    const stopped = this.#active.stop();
    await this.#settled(BACKUP);
    const gapMs = this.#probe.longestGapMs(since);
    const twoOwnersMs = this.#probe.twoOwnersMs(since);
    const takenMs = (this.#probe.changedAt(BACKUP, true, since) ?? Infinity) - since;
    this.#samples.set("graceful stop", { gapMs, twoOwnersMs, takenMs });
    await stopped;
    const returnedAt = monotonicMs();
    await this.#active.start();
    await this.#settled(ACTIVE);
    this.#note("its return", returnedAt);
  }

  /** The service dies with its daemon. */
  async #sigkill(): Promise<void> {
    await this.#anyMoment();
    const since = monotonicMs();
    this.#probe.mute(ACTIVE, true);
    await this.#active.kill();
    await this.#served(BACKUP);
    const gapMs = this.#probe.longestGapMs(since);
    const gone = () => this.#probe.changedAt(ACTIVE, false, since);
    while (gone() === undefined && monotonicMs() < since + STALE_MS) await delay(10);
    const twoOwnersMs = this.#probe.twoOwnersMs(since);
    const staleMs = (gone() ?? Infinity) - since;
    this.#samples.set("SIGKILL", { gapMs, twoOwnersMs, staleMs });
    // As an operator would.
    if (staleMs === Infinity) this.#host.links.removeAddress("eth0", `${VIP}/32`);
    this.#probe.mute(ACTIVE, false);
    await this.#settled(BACKUP);
    await this.#active.start();
    await this.#settled(ACTIVE);
  }

  async #linkDown(): Promise<void> {
    await this.#anyMoment();
    const since = monotonicMs();
    this.#lab.unplug(this.#host);
    await this.#settled(BACKUP);
    this.#note("link down", since);
    const pluggedAt = monotonicMs();
    this.#lab.plug(this.#host);
    await this.#settled(ACTIVE);
    this.#note("link up", pluggedAt);
  }

  /** The client is on the Backup's side, and learns its address there. */
  async #partition(apartMs: number): Promise<void> {
    await this.#anyMoment();
    const since = monotonicMs();
    this.#lab.partition(this.#host);
    await this.#served(BACKUP);
    const gapMs = this.#probe.longestGapMs(since);
    await delay(since + apartMs - monotonicMs());
    // Each is alone on its side.
    this.#samples.set("partition", { gapMs, twoOwnersMs: 0 });
    await this.#anyMoment();
    const healedAt = monotonicMs();
    this.#lab.heal(this.#host);
    await this.#settled(ACTIVE);
    this.#note("heal", healedAt);
  }

  /** As a virtual machine that is paused, but for its kernel: the service hangs with its daemon. */
  async #pause(): Promise<void> {
    await this.#anyMoment();
    const since = monotonicMs();
    this.#probe.mute(ACTIVE, true);
    this.#active.signal("SIGSTOP");
    await this.#served(BACKUP);
    await delay(since + STALE_MS - monotonicMs());
    this.#note("SIGSTOP", since);
    const resumedAt = monotonicMs();
    this.#active.signal("SIGCONT");
    this.#probe.mute(ACTIVE, false);
    // It advertises within an interval at the latest, and has the better priority.
    await delay(2 * this.#terms.intervalMs);
    await this.#settled(ACTIVE);
    this.#note("SIGCONT", resumedAt);
  }

  /**
   * How long a Backup waits depends on how far in an interval something happens: each round has its
   * own moments, and they are the same for all pairs.
   */
  async #anyMoment(): Promise<void> {
    this.#moment += GOLDEN_RATIO;
    const heardAt = await this.#probe.advertisement(this.#deadlineMs);
    await delay(heardAt + this.#moment % 1 * this.#terms.intervalMs - monotonicMs());
  }

  #note(event: EventName, since: number): void {
    const gapMs = this.#probe.longestGapMs(since);
    this.#samples.set(event, { gapMs, twoOwnersMs: this.#probe.twoOwnersMs(since) });
  }

  /** Waits until a node serves the client, whoever else holds the address. */
  async #served(node: number): Promise<void> {
    const served = () => this.#probe.isServedBy(node, SERVED_MS);
    await eventually(`node ${node + 1} serves the client`, served, {
      deadlineMs: this.#deadlineMs,
      everyMs: 5,
    });
  }

  /** Waits until a node alone holds the address; a client that stays dark is noted, and helped. */
  async #settled(node: number): Promise<void> {
    try {
      await this.#probe.settled(node, this.#deadlineMs);
    } catch (error) {
      if (!(error instanceof DeadlinePassed) || this.#probe.holders().join() !== `${node}`) {
        throw error;
      }
      await this.#client.run(["ip", "neigh", "flush", "all"]);
      await this.#probe.settled(node, this.#deadlineMs);
    }
  }

  /** A Backup waits for less than four intervals; the rest is for daemons to start. */
  get #deadlineMs(): number {
    return 4 * this.#terms.intervalMs + 4_000;
  }
}

const PRIORITIES = [150, 100];
const ACTIVE = 0;
const BACKUP = 1;
/** A little more than the three seconds after which lintel's address is gone by default. */
const STALE_MS = 4_000;
const SERVED_MS = 60;
/** Its multiples spread evenly between whole numbers, however many there are. */
const GOLDEN_RATIO = 0.618;
