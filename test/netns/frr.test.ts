/**
 * lintel beside a real FRR vrrpd 8.4: each takes over from the other, whoever has the higher
 * priority, gracefully, after SIGKILL and when a cable is pulled. FRR uses the virtual hardware
 * address, lintel its own.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { routerPlan } from "../unit/plans.ts";
import { answerers } from "./arp.ts";
import { Capture } from "./capture.ts";
import { figures, isSoak } from "./figures.ts";
import { Frr, VIRTUAL_MAC } from "./frr.ts";
import { Lintel, product } from "./product.ts";
import { SpeakerHost } from "./speaker_host.ts";
import { activeDownMs, skewMs } from "./standard.ts";

const VIP = "172.16.0.10";
const OURS = "172.16.0.2";
const THEIRS = "172.16.0.3";
const PRIORITY = { higher: 150, lower: 100 };
const SLACK_MS = 250;
/** From the start of a daemon until it takes part. */
const START_MS = 10_000;

const CASES = [
  { version: 3, intervalMs: 100, higher: "lintel" },
  { version: 3, intervalMs: 100, higher: "frr" },
  // Nothing in it depends on the interval but its duration.
  { version: 2, intervalMs: 1_000, higher: "frr" },
  { version: 2, intervalMs: 1_000, higher: "lintel" },
] as const;

type Case = (typeof CASES)[number];

let command: readonly string[];

beforeAll(async () => {
  command = await product();
});

describe.each(isSoak ? CASES : CASES.slice(0, 2))(
  "lintel and FRR, VRRPv$version every $intervalMs ms, $higher higher",
  (terms) => {
    let pair: Pair;

    beforeAll(() => {
      pair = new Pair(terms);
    });

    afterAll(() => pair?.[Symbol.asyncDispose]());

    it("elect the one with the higher priority, and nobody beside it", async () => {
      await pair.start();
      await pair.agree(pair.higher);
    });

    it.each(endings(terms))("take over after %s, and back", async (what, how, boundMs) => {
      const { higher, lower } = pair;
      const since = Date.now();
      const stopped = higher[how]();
      const takenMs = await pair.heard(lower, since) - since;
      await stopped;
      figures(`v${terms.version} ${terms.intervalMs} ms, ${what} of ${higher.name}`, {
        ...{ takenMs, boundMs },
      });
      expect(takenMs).toBeLessThan(boundMs + SLACK_MS);
      await higher.cleanUp();
      await pair.agree(lower);

      const returnedAt = Date.now();
      await higher.start();
      const backMs = await pair.heard(higher, returnedAt) - returnedAt;
      expect(backMs).toBeLessThan(START_MS + activeDownMs(terms, PRIORITY.higher));
      await pair.agree(higher);
    });

    it("take over when a cable is pulled, and back when it is plugged in", async () => {
      const { higher, lower } = pair;
      const since = Date.now();
      pair.unplug(higher);
      const takenMs = await pair.heard(lower, since) - since;
      const boundMs = activeDownMs(terms, PRIORITY.lower);
      figures(`v${terms.version} ${terms.intervalMs} ms, link down of ${higher.name}`, {
        ...{ takenMs, boundMs },
      });
      expect(takenMs).toBeLessThan(boundMs + SLACK_MS);
      pair.plug(higher);
      await pair.agree(higher);
    });

    it("have found nothing wrong with each other", async () => {
      expect(await pair.rejections()).toEqual({});
      // FRR counts no errors; that it has listened shows in the interval that it has learned.
      if (terms.higher === "lintel") {
        expect(await pair.shown("Status (v4)")).toBe("Backup");
        expect(await pair.shown("Master Advertisement Interval (v4) Rx"))
          .toMatch(`${terms.intervalMs} ms`);
      }
    });
  },
);

describe("lintel and FRR over IPv6", () => {
  it("take over from each other after a planned stop", async () => {
    await using lab = Lab.create();
    const ours = lab.host("lintel", { addresses: ["fd00::2/64"] });
    const theirs = lab.host("frr", { addresses: ["fd00::3/64"] });
    const client = lab.host("client", { addresses: ["fd00::100/64"] });
    const vips = ["fe80::51", "fd00::10"];
    const capture = await Capture.start(client, "ip6 proto 112");
    const heard = async (priority: number, since: number): Promise<number> => {
      const text = new RegExp(`> ff02::12: .* prio ${priority},`);
      const find = () => capture.seen.find((one) => one.at > since && text.test(one.text))?.at;
      await eventually(`priority ${priority}`, find, { deadlineMs: 20_000, everyMs: 5 });
      return find() ?? NaN;
    };
    const frr = await Frr.start(theirs, { version: 3, priority: 100, intervalMs: 100, vips });
    await heard(100, 0);
    const plan = routerPlan({
      ...{ family: 6, priority: 150, advertisementIntervalMs: 100 },
      addresses: vips.map((address) => ({ address, prefixLength: 128 })),
    });
    const speaker = new SpeakerHost(ours, [plan]);
    await speaker.is("active");
    await eventually("FRR yields", async () => await frr.show("Status (v6)") === "Backup");
    expect(speaker.counted()?.rejected).toEqual({});

    const since = Date.now();
    const stopped = speaker.stop();
    const takenMs = await heard(100, since) - since;
    await stopped;
    figures("v3 100 ms, IPv6, planned stop of lintel", { takenMs });
    expect(takenMs).toBeLessThan(skewMs({ version: 3, intervalMs: 100 }, 100) + SLACK_MS);
    const again = new SpeakerHost(ours, [{ ...plan, priority: 50 }]);
    await again.is("backup");
    await delay(500);
    expect(again.counted()).toMatchObject({ state: "backup", rejected: {} });
    const stoppedAt = Date.now();
    await frr.stop();
    const backMs = await heard(50, stoppedAt) - stoppedAt;
    figures("v3 100 ms, IPv6, planned stop of frr", { backMs });
    await again.is("active");
    await again.stop();
  });
});

/** How the Active ends, and how long the Backup may take at most. */
function endings(terms: Case): readonly (readonly [string, "stop" | "kill", number])[] {
  return [
    ["a planned stop", "stop", skewMs(terms, PRIORITY.lower)],
    ["SIGKILL", "kill", activeDownMs(terms, PRIORITY.lower)],
  ];
}

/** One of the two daemons, as far as both can the same. */
interface Daemon {
  readonly name: "lintel" | "frr";
  readonly host: Host;
  readonly address: string;
  readonly priority: number;
  /** Who answers by ARP while it is Active. */
  readonly answers: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** What an operator does after it has ended. */
  cleanUp(): Promise<void>;
}

/** Both daemons on a LAN, and somebody who listens. */
class Pair implements AsyncDisposable {
  readonly higher: Daemon;
  readonly lower: Daemon;
  readonly #lab = Lab.create();
  readonly #terms: Case;
  readonly #asker: Host;
  readonly #ours: Host;
  #capture: Capture | undefined;
  #lintel: Lintel | undefined;
  #frr: Frr | undefined;

  constructor(terms: Case) {
    this.#terms = terms;
    this.#asker = this.#lab.host("client", { addresses: ["172.16.0.100/24"] });
    this.#ours = this.#lab.host("lintel", { addresses: [`${OURS}/24`] });
    const ours = this.#lintelDaemon();
    const theirs = this.#frrDaemon(this.#lab.host("frr", { addresses: [`${THEIRS}/24`] }));
    [this.higher, this.lower] = terms.higher === "lintel" ? [ours, theirs] : [theirs, ours];
  }

  async start(): Promise<void> {
    this.#capture = await Capture.start(this.#asker, "proto 112");
    await Promise.all([this.higher.start(), this.lower.start()]);
  }

  /** Waits until a daemon advertises. @returns when it did, on the wall clock. */
  async heard({ address, priority }: Daemon, since: number): Promise<number> {
    const own = new RegExp(`^IP ${address} > 224\\.0\\.0\\.18: .* prio ${priority},`);
    const find = () => this.#capture?.seen.find(({ at, text }) => at > since && own.test(text));
    await eventually(`${address} advertises`, find, { deadlineMs: 20_000, everyMs: 5 });
    return find()?.at ?? NaN;
  }

  /** Waits until everybody says the same of who is Active, and nobody else advertises. */
  async agree(active: Daemon): Promise<void> {
    await this.heard(active, Date.now());
    const hosts = [this.#ours];
    await eventually(`only ${active.name} answers`, async () => {
      return (await answerers(this.#asker, VIP, hosts)).join() === active.answers;
    }, { deadlineMs: 20_000 });
    const since = Date.now();
    await delay(2 * this.#terms.intervalMs + 100);
    const passive = active === this.higher ? this.lower : this.higher;
    const spoken = this.#capture?.seen.filter(({ at, text }) =>
      at > since && text.startsWith(`IP ${passive.address} `)
    );
    expect(spoken).toEqual([]);
    expect(await answerers(this.#asker, VIP, hosts)).toEqual([active.answers]);
    if (this.#lintel && !this.#lintel.process.ended) {
      const lintel = this.#lintel;
      const wanted = active.name === "lintel" ? "active" : "backup";
      await eventually("lintel says so", async () => (await lintel.router()).state === wanted);
      const { peer } = await lintel.router();
      if (active.name === "frr") expect(peer).toMatchObject({ address: THEIRS });
    }
    if (active.name === "frr") expect(await this.shown("Status (v4)")).toBe("Master");
  }

  /** Pulls a daemon's cable. */
  unplug({ host }: Daemon): void {
    this.#lab.unplug(host);
  }

  /** Plugs it in again. */
  plug({ host }: Daemon): void {
    this.#lab.plug(host);
  }

  async rejections(): Promise<Record<string, number>> {
    return await this.#lintel?.rejections() ?? {};
  }

  async shown(name: string): Promise<string> {
    return await this.#frr?.show(name) ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab[Symbol.asyncDispose]();
  }

  #priority(name: Daemon["name"]): number {
    return this.#terms.higher === name ? PRIORITY.higher : PRIORITY.lower;
  }

  #lintelDaemon(): Daemon {
    const priority = this.#priority("lintel");
    const end = async (signal: Deno.Signal) => {
      expect(await this.rejections()).toEqual({});
      const process = this.#lintel?.process;
      this.#lintel = undefined;
      await process?.stop(signal);
    };
    return {
      ...{ name: "lintel", host: this.#ours, address: OURS, priority, answers: "lintel" },
      start: async () => {
        this.#lintel = new Lintel(this.#ours, command, configuration(this.#terms, priority));
        await this.#lintel.ready();
      },
      stop: () => end("SIGTERM"),
      kill: () => end("SIGKILL"),
      // Its kernel takes the address away by itself.
      cleanUp: () => Promise.resolve(),
    };
  }

  #frrDaemon(host: Host): Daemon {
    const priority = this.#priority("frr");
    const { version, intervalMs } = this.#terms;
    return {
      ...{ name: "frr", host, address: THEIRS, priority, answers: VIRTUAL_MAC },
      start: async () => {
        this.#frr = await Frr.start(host, { version, priority, intervalMs, vips: [VIP] });
      },
      stop: async () => await this.#frr?.stop(),
      kill: async () => await this.#frr?.kill(),
      cleanUp: async () => await this.#frr?.cleanUp(),
    };
  }
}

function configuration({ version, intervalMs }: Case, priority: number): string {
  return `
virtualRouters:
  web:
    interface: eth0
    vrid: 51
    version: ${version}
    addresses: [${VIP}]
    priority: ${priority}
    advertisementInterval: ${intervalMs}ms
`;
}
