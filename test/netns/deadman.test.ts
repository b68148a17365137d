/**
 * The Active node is killed, or stopped in the middle of everything: its kernel takes the address
 * away, the peer takes over, and when it wakes up it does not quarrel.
 */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { answerers } from "./arp.ts";
import { figures, isSoak } from "./figures.ts";
import { Nginx } from "./nginx.ts";
import { ProbeClient } from "./probe_client.ts";
import { Lintel, product } from "./product.ts";
import { activeDownMs as activeDown } from "./standard.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const PRIORITY = { lb1: 150, lb2: 100 };
const ROUNDS = Array.from({ length: isSoak ? 10 : 1 }, (_, at) => at + 1);
const SLACK_MS = 150;
/** The kernel's own clock for lifetimes is coarse. */
const DEADMAN_SLACK_MS = 300;

/** At one second the address is gone before the peer takes it; at 100 ms the peer is faster. */
const TERMS = [
  { intervalMs: 1_000, deadmanMs: 3_000 },
  { intervalMs: 100, deadmanMs: 2_000 },
];

let command: readonly string[];
let lab: Lab;
let client: Host;
let lb1: Host;
let lb2: Host;
let watch: VipWatch;

beforeAll(async () => {
  command = await product();
});

beforeEach(async () => {
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  client.sysctl("net.ipv4.tcp_tw_reuse", 1);
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
  watch = new VipWatch(VIP, lb1, lb2);
  await Nginx.start(lab.host("web1", { addresses: ["172.16.0.21/24"] }));
});

afterEach(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe.each(TERMS)("an Active node, advertising every $intervalMs ms", (terms) => {
  const { intervalMs, deadmanMs } = terms;
  const activeDownMs = activeDown({ version: 3, intervalMs }, PRIORITY.lb2);

  it.each(ROUNDS)("loses its address by the kernel after SIGKILL, round %i", async () => {
    const [active] = await both(terms);
    const probe = new ProbeClient(client, `${VIP}:80`);
    await probe.answered();
    expect(lifetimes(lb1)).toEqual([deadmanMs / 1_000 - 1]);
    await delay(500);
    const since = monotonicMs();
    active.process.kill("SIGKILL");
    const [goneMs, takenMs] = await Promise.all([watch.lost(lb1, since), watch.gained(lb2, since)]);
    await delay(300);
    const { gapMs, failed } = await probe.since(since);
    const overlapMs = watch.overlapMs(since);
    figures(`SIGKILL of the Active, ${intervalMs} ms, deadman ${deadmanMs / 1_000} s`, {
      ...{ goneMs, takenMs, gapMs, overlapMs, failed },
    });
    const stallMs = watch.stallMs(since);
    expect(goneMs).toBeLessThan(deadmanMs + DEADMAN_SLACK_MS + stallMs);
    expect(takenMs).toBeLessThan(activeDownMs + SLACK_MS + stallMs);
    expect(gapMs).toBeLessThan(activeDownMs + 2 * SLACK_MS + stallMs);
    expect(watch.holders()).toEqual(["lb2"]);
    expect(await answerers(client, VIP, [lb1, lb2])).toEqual(["lb2"]);
    // Where the address goes before the peer takes it, nobody ever sees it twice.
    if (deadmanMs < activeDownMs - intervalMs) expect(overlapMs).toBe(0);
    expect(overlapMs).toBeLessThan(deadmanMs + DEADMAN_SLACK_MS);
  });

  it.each(ROUNDS)(
    "that hangs loses it too, and takes it back when it wakes, round %i",
    async () => {
      const [active, backup] = await both(terms);
      const probe = new ProbeClient(client, `${VIP}:80`);
      await probe.answered();
      const since = monotonicMs();
      active.process.kill("SIGSTOP");
      const [goneMs, takenMs] = await Promise.all([
        watch.lost(lb1, since),
        watch.gained(lb2, since),
      ]);
      const { gapMs } = await probe.since(since);
      await delay(500);
      const resumedAt = monotonicMs();
      active.process.kill("SIGCONT");
      // Its priority is the higher one: by the standard it is Active again, and the other yields.
      await watch.only(lb1);
      const settledMs = monotonicMs() - resumedAt;
      await delay(2 * intervalMs);
      const overlapMs = watch.overlapMs(resumedAt);
      const back = await probe.since(resumedAt);
      figures(`SIGSTOP and SIGCONT of the Active, ${intervalMs} ms`, {
        ...{ goneMs, takenMs, gapMs, settledMs, overlapMs, backGapMs: back.gapMs },
      });
      const stallMs = watch.stallMs(since);
      expect(goneMs).toBeLessThan(deadmanMs + DEADMAN_SLACK_MS + stallMs);
      expect(takenMs).toBeLessThan(activeDownMs + SLACK_MS + stallMs);
      expect(overlapMs).toBeLessThan(intervalMs + stallMs);
      expect(watch.holders()).toEqual(["lb1"]);
      expect(await answerers(client, VIP, [lb1, lb2])).toEqual(["lb1"]);
      expect((await backup.router()).state).toBe("backup");
      // What clients have sent to it meanwhile comes first when it wakes.
      expect(back.gapMs).toBeLessThan(intervalMs + 3 * SLACK_MS + stallMs);
    },
  );

  // Nothing in it depends on the interval but its duration.
  const rounds = isSoak || intervalMs < 1_000 ? ROUNDS : [];
  it.each(rounds)("yields when it wakes and a better one is Active, round %i", async () => {
    // The lesser node is Active because the better one does not preempt.
    const lesser = await start(lb2, terms);
    await watch.only(lb2);
    const better = await start(lb1, terms, "preempt: false");
    await delay(activeDownMs + SLACK_MS);
    expect(watch.holders()).toEqual(["lb2"]);
    const probe = new ProbeClient(client, `${VIP}:80`);
    await probe.answered();
    const since = monotonicMs();
    lesser.process.kill("SIGSTOP");
    const [goneMs, takenMs] = await Promise.all([watch.lost(lb2, since), watch.gained(lb1, since)]);
    await delay(500);
    const resumedAt = monotonicMs();
    lesser.process.kill("SIGCONT");
    await delay(3 * intervalMs + 300);
    const { gapMs, failed } = await probe.since(resumedAt);
    const router = await lesser.router();
    figures(`SIGCONT of a lesser node, ${intervalMs} ms`, {
      ...{ goneMs, takenMs, gapMs, failed },
    });
    expect(goneMs).toBeLessThan(deadmanMs + DEADMAN_SLACK_MS + watch.stallMs(since));
    // It hears the new Active before it does anything about its addresses.
    expect(watch.changes(resumedAt)).toEqual([]);
    expect(watch.holders()).toEqual(["lb1"]);
    expect(await answerers(client, VIP, [lb1, lb2])).toEqual(["lb1"]);
    expect(router).toMatchObject({ state: "backup", peer: { address: "172.16.0.2" } });
    expect((await better.router()).state).toBe("active");
    expect({ failed, gap: gapMs < SLACK_MS + watch.stallMs(resumedAt) })
      .toEqual({ failed: 0, gap: true });
  });
});

it("keeps an address that lintel renews from ever blinking", async () => {
  await both({ intervalMs: 100, deadmanMs: 2_000 });
  const since = monotonicMs();
  await delay(isSoak ? 600_000 : 4_000);
  expect(watch.changes(since)).toEqual([]);
  expect(watch.holders()).toEqual(["lb1"]);
});

interface Terms {
  readonly intervalMs: number;
  readonly deadmanMs: number;
}

/** Both nodes; lb1 is Active. */
async function both(terms: Terms): Promise<[active: Lintel, backup: Lintel]> {
  const pair = await Promise.all([start(lb1, terms), start(lb2, terms)]);
  await watch.only(lb1);
  return pair;
}

async function start(host: Host, terms: Terms, more = ""): Promise<Lintel> {
  const lintel = new Lintel(host, command, configuration(terms, more));
  await lintel.ready();
  return lintel;
}

/** How many seconds at most the kernel would still keep the address, rounded up. */
function lifetimes(host: Host): number[] {
  return host.addresses().filter(({ prefix }) => prefix === `${VIP}/32`)
    .map(({ validSeconds }) => validSeconds);
}

function configuration({ intervalMs, deadmanMs }: Terms, more: string): string {
  return `
nodes:
  lb1: { addresses: [172.16.0.2], priority: ${PRIORITY.lb1} }
  lb2: { addresses: [172.16.0.3], priority: ${PRIORITY.lb2} }
workers: 1
virtualRouters:
  web:
    vrid: 51
    addresses: [${VIP}]
    advertisementInterval: ${intervalMs}ms
    deadman: ${deadmanMs / 1_000}s
    ${more}
frontends:
  web: { listen: ["vip:web:80"], backend: web }
backends:
  web:
    check: { type: tcp, interval: 200ms }
    servers: { web1: "172.16.0.21:80" }
`;
}
