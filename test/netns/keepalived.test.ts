/**
 * lintel beside a real Keepalived 2.2.7: each takes over from the other, whoever has the higher
 * priority, gracefully, after SIGKILL and when a cable is pulled.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { answerers } from "./arp.ts";
import { figures, isSoak } from "./figures.ts";
import { Keepalived } from "./keepalived.ts";
import { Nginx } from "./nginx.ts";
import { ProbeClient } from "./probe_client.ts";
import { Lintel, product } from "./product.ts";
import { activeDownMs, skewMs } from "./standard.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const OURS = "172.16.0.2";
const THEIRS = "172.16.0.3";

const CASES = [
  { version: 2, intervalMs: 1_000, unicast: false, higher: "lintel" },
  { version: 2, intervalMs: 1_000, unicast: false, higher: "keepalived" },
  { version: 3, intervalMs: 100, unicast: false, higher: "lintel" },
  { version: 3, intervalMs: 100, unicast: false, higher: "keepalived" },
  { version: 3, intervalMs: 100, unicast: true, higher: "lintel" },
] as const;

type Case = (typeof CASES)[number];

/** What the clock of a virtual machine and the tests themselves may add. */
const GRACEFUL_SLACK_MS = 100;
const SIGKILL_SLACK_MS = 150;
/** Keepalived says that it has started before it takes part. */
const RETURN_SLACK_MS = 500;
const ROUNDS = isSoak ? 5 : 1;

let lintel: readonly string[];

beforeAll(async () => {
  lintel = await product();
});

describe.each(CASES)(
  "lintel and Keepalived, VRRPv$version every $intervalMs ms, unicast $unicast, $higher higher",
  (terms) => {
    let pair: Pair;

    beforeAll(async () => {
      pair = await Pair.create(terms);
    });

    afterAll(() => pair?.[Symbol.asyncDispose]());

    it("elect the one with the higher priority, and nobody beside it", async () => {
      await pair.startBoth();
      await pair.agree(pair.higher);
      // For two intervals of quiet, nobody else comes forth.
      const since = monotonicMs();
      await delay(2 * terms.intervalMs + 200);
      expect(pair.watch.changes(since)).toEqual([]);
      expect(await pair.reached()).toEqual([pair.higher.name]);
    });

    it.each(rounds())("take over after a planned stop, and back, round %i", async () => {
      const { higher, lower, watch } = pair;
      await pair.begin();
      const since = monotonicMs();
      const [takenMs] = await Promise.all([watch.gained(lower.host, since), higher.stop()]);
      const boundMs = skewMs(terms, PRIORITY.lower) + GRACEFUL_SLACK_MS;
      const { gapMs, failed } = await pair.client.since(since);
      figures(pair.title(`planned stop of ${higher.name}`), { takenMs, boundMs, gapMs, failed });
      expect(takenMs).toBeLessThan(boundMs + watch.stallMs(since));
      await pair.agree(lower);
      await pair.comeBack();
    });

    it.each(rounds())("take over after SIGKILL, and back, round %i", async () => {
      const { higher, lower, watch } = pair;
      await pair.begin();
      const since = monotonicMs();
      await higher.kill();
      const takenMs = await watch.gained(lower.host, since);
      const boundMs = activeDownMs(terms, PRIORITY.lower) +
        SIGKILL_SLACK_MS;
      const { gapMs } = await pair.client.since(since);
      figures(pair.title(`SIGKILL of ${higher.name}`), { takenMs, boundMs, gapMs });
      expect(takenMs).toBeLessThan(boundMs + watch.stallMs(since));
      if (higher.name === "keepalived") await pair.cleanUpAfterKeepalived();
      await watch.only(lower.host);
      await pair.agree(lower);
      await pair.comeBack();
    });

    // Every second it takes long, and says no more than at the shorter interval.
    if (isSoak || terms.intervalMs < 1_000) {
      it("take over when a cable is pulled, and back when it is plugged in", async () => {
        const { higher, lower, watch } = pair;
        await pair.begin();
        const since = monotonicMs();
        pair.unplug(higher);
        const takenMs = await watch.gained(lower.host, since);
        // Both ends holding it after the link is back would be the worst of it.
        await watch.only(lower.host);
        const boundMs = activeDownMs(terms, PRIORITY.lower) + SIGKILL_SLACK_MS;
        const { gapMs } = await pair.client.since(since);
        figures(pair.title(`link down of ${higher.name}`), { takenMs, boundMs, gapMs });
        expect(takenMs).toBeLessThan(boundMs + watch.stallMs(since));
        const pluggedAt = monotonicMs();
        pair.plug(higher);
        const backMs = await watch.gained(higher.host, pluggedAt);
        expect(backMs).toBeGreaterThan(2 * terms.intervalMs);
        await pair.agree(higher);
        const overlapMs = watch.overlapMs(pluggedAt);
        figures(pair.title(`link up of ${higher.name}`), { backMs, overlapMs });
        expect(overlapMs).toBeLessThan(terms.intervalMs + watch.stallMs(pluggedAt));
        // Its server may have been out of reach for long enough to be out of use.
        await eventually(
          "the client is served",
          async () => (await pair.reached()).join() === higher.name,
        );
      });
    }

    it("have found nothing wrong with each other", async () => {
      expect(await pair.rejections()).toEqual({});
      const statistics = Object.entries(await pair.statistics());
      const errors = statistics.filter(([name, count]) => /Errors/.test(name) && count > 0);
      expect(statistics.length).toBeGreaterThan(10);
      expect(errors).toEqual([]);
    });
  },
);

const PRIORITY = { higher: 150, lower: 100 };

/** One of the two daemons, as far as both can the same. */
interface Daemon {
  readonly name: "lintel" | "keepalived";
  readonly host: Host;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Both daemons on a LAN, with a server behind lintel, one beside Keepalived, and a client. */
class Pair implements AsyncDisposable {
  readonly higher: Daemon;
  readonly lower: Daemon;
  readonly watch: VipWatch;
  readonly #lab: Lab;
  readonly #terms: Case;
  readonly #asker: Host;
  #client: ProbeClient | undefined;
  #lintel: Lintel | undefined;
  #keepalived: Keepalived | undefined;
  #nginx: Nginx | undefined;

  private constructor(lab: Lab, terms: Case, server: Host) {
    this.#lab = lab;
    this.#terms = terms;
    this.#asker = lab.host("client", { addresses: ["172.16.0.100/24"] });
    this.#asker.sysctl("net.ipv4.tcp_tw_reuse", 1);
    const ours = this.#ours(lab.host("lintel", { addresses: [`${OURS}/24`] }), server);
    const theirs = this.#theirs(lab.host("keepalived", { addresses: [`${THEIRS}/24`] }));
    [this.higher, this.lower] = terms.higher === "lintel" ? [ours, theirs] : [theirs, ours];
    this.watch = new VipWatch(VIP, ours.host, theirs.host);
  }

  static async create(terms: Case): Promise<Pair> {
    const lab = Lab.create();
    const server = lab.host("server", { addresses: ["172.16.0.21/24"] });
    await Nginx.start(server);
    return new Pair(lab, terms, server);
  }

  get client(): ProbeClient {
    if (!this.#client) throw new Error("the client does not run yet");
    return this.#client;
  }

  async startBoth(): Promise<void> {
    await Promise.all([this.higher.start(), this.lower.start()]);
    this.#client = new ProbeClient(this.#asker, `${VIP}:80`);
    await this.#client.answered();
  }

  /** Sees to it that the higher one is Active, also after a test that has failed half-way. */
  async begin(): Promise<void> {
    if (this.watch.holders().join() !== this.higher.host.name) await this.comeBack();
  }

  /** Pulls a daemon's cable. */
  unplug({ host }: Daemon): void {
    this.#lab.unplug(host);
  }

  /** Plugs it in again. */
  plug({ host }: Daemon): void {
    this.#lab.plug(host);
  }

  /** The daemon with the higher priority is started again, and takes over. */
  async comeBack(): Promise<void> {
    const { higher, lower, watch } = this;
    // What clients still wait for in vain belongs to what was before.
    await delay(350);
    const since = monotonicMs();
    await higher.start();
    const startedMs = monotonicMs() - since;
    const takenMs = await watch.gained(higher.host, since, startedMs + 10_000);
    await this.agree(higher);
    const { intervalMs } = this.#terms;
    const boundMs = startedMs + activeDownMs(this.#terms, PRIORITY.higher) + RETURN_SLACK_MS;
    const overlapMs = watch.overlapMs(since);
    const vacantMs = watch.vacantMs(since);
    const { gapMs, failed } = await this.client.since(since);
    const measured = { takenMs, overlapMs, vacantMs, gapMs, failed };
    figures(this.title(`return of ${higher.name}`), measured);
    expect(takenMs).toBeLessThan(boundMs + watch.stallMs(since));
    expect(overlapMs).toBeLessThan(intervalMs + watch.stallMs(since));
    expect(watch.changes(since).filter(({ host }) => host === lower.host)).toHaveLength(1);
    expect(await this.reached()).toEqual([higher.name]);
  }

  /** Waits until everybody says the same of who is Active: kernels, ARP, lintel's API. */
  async agree(active: Daemon): Promise<void> {
    await this.watch.only(active.host);
    const hosts = [this.higher.host, this.lower.host];
    expect(await answerers(this.#asker, VIP, hosts)).toEqual([active.name]);
    if (!this.#lintel) return;
    const lintel = this.#lintel;
    // A moment later than the others, if it has just been started.
    const state = active.name === "lintel" ? "active" : "backup";
    await eventually(`lintel is ${state}`, async () => (await lintel.router()).state === state);
    if (active.name === "lintel") return;
    const priority = active === this.higher ? PRIORITY.higher : PRIORITY.lower;
    const known = async () => (await lintel.router()).peer?.priority === priority;
    await eventually("lintel knows its peer", known);
    expect((await lintel.router()).peer).toMatchObject({
      address: THEIRS,
      advertisementIntervalSeconds: this.#terms.intervalMs / 1_000,
    });
  }

  /** By way of which daemon the client is answered. */
  async reached(): Promise<string[]> {
    const since = monotonicMs();
    await delay(200);
    const { servers } = await this.client.since(since);
    return Object.keys(servers).map((name) => name === "server" ? "lintel" : name);
  }

  /** A Keepalived that was killed leaves its address behind: an operator must take it away. */
  async cleanUpAfterKeepalived(): Promise<void> {
    expect(this.watch.holders()).toEqual(["lintel", "keepalived"]);
    const { host } = this.#daemon("keepalived");
    const hosts = [this.higher.host, this.lower.host];
    expect(await answerers(this.#asker, VIP, hosts)).toEqual(["keepalived", "lintel"]);
    host.links.removeAddress("eth0", `${VIP}/32`);
  }

  /** What lintel has rejected since it was last started. */
  async rejections(): Promise<Record<string, number>> {
    return await this.#lintel?.rejections() ?? {};
  }

  /** What Keepalived has counted since it was last started. */
  async statistics(): Promise<Readonly<Record<string, number>>> {
    return await this.#keepalived?.statistics() ?? {};
  }

  title(what: string): string {
    const { version, intervalMs, unicast } = this.#terms;
    return `v${version} ${intervalMs} ms${unicast ? " unicast" : ""}, ${what}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch[Symbol.dispose]();
    await this.#lab[Symbol.asyncDispose]();
  }

  #daemon(name: Daemon["name"]): Daemon {
    return this.higher.name === name ? this.higher : this.lower;
  }

  #priority(name: Daemon["name"]): number {
    return this.#terms.higher === name ? PRIORITY.higher : PRIORITY.lower;
  }

  #ours(host: Host, server: Host): Daemon {
    const address = server.addresses()[0]!.prefix.split("/")[0];
    return {
      name: "lintel",
      host,
      start: async () => {
        this.#lintel = new Lintel(host, lintel, this.#configuration(`${address}:80`));
        await this.#lintel.ready();
      },
      stop: async () => {
        // What it has counted dies with it.
        expect(await this.rejections()).toEqual({});
        const process = this.#lintel?.process;
        this.#lintel = undefined;
        expect((await process?.stop("SIGTERM"))?.code, process?.output).toBe(0);
      },
      kill: async () => {
        expect(await this.rejections()).toEqual({});
        const process = this.#lintel?.process;
        this.#lintel = undefined;
        await process?.stop("SIGKILL");
      },
    };
  }

  #theirs(host: Host): Daemon {
    return {
      name: "keepalived",
      host,
      start: async () => {
        const { version, intervalMs, unicast } = this.#terms;
        const priority = this.#priority("keepalived");
        this.#nginx ??= await Nginx.start(host);
        this.#keepalived = new Keepalived(host, {
          ...{ version, intervalMs, priority, vip: VIP },
          ...(unicast ? { unicast: { source: THEIRS, peer: OURS } } : {}),
        });
        await this.#keepalived.process.printed(/Startup complete/);
      },
      stop: async () => await this.#keepalived?.stop(),
      kill: async () => {
        // Otherwise it would go on answering at the address that its Keepalived leaves.
        await Promise.all([this.#keepalived?.kill(), this.#nginx?.kill()]);
        this.#nginx = undefined;
      },
    };
  }

  #configuration(server: string): string {
    const { version, intervalMs, unicast } = this.#terms;
    return `
nodes:
  lintel: { addresses: [${OURS}], priority: ${this.#priority("lintel")} }
workers: 1
virtualRouters:
  web:
    vrid: 51
    version: ${version}
    addresses: [${VIP}]
    advertisementInterval: ${intervalMs}ms
    unicast: ${unicast ? `{ peers: [${THEIRS}] }` : "false"}
frontends:
  web: { listen: ["vip:web:80"], backend: web }
backends:
  web:
    check: { type: tcp, interval: 200ms }
    servers: { server: "${server}" }
`;
  }
}

function rounds(): number[] {
  return Array.from({ length: ROUNDS }, (_, at) => at + 1);
}
