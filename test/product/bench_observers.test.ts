/**
 * What those who look on cost: a scrape every five seconds and an open dashboard, beside a data
 * plane at its limit. Rounds with and without them take turns, and medians are compared.
 */

import { expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { figures, isSoak } from "../netns/figures.ts";
import { Nginx } from "../netns/nginx.ts";
import { Lintel, product } from "../netns/product.ts";
import { wrk } from "../netns/wrk.ts";

/** In half of them somebody looks on. */
const MINUTES = Number(Deno.env.get("LINTEL_MINUTES") ?? (isSoak ? 20 : 0.1));
const ROUND_SECONDS = MINUTES >= 1 ? 10 : 3;
const PAIRS = Math.max(1, Math.round(MINUTES * 60 / ROUND_SECONDS / 2));
/** How often an appliance without clients is looked at, and not. */
const IDLE_PAIRS = MINUTES >= 1 ? 4 : 0;
const SCRAPE_EVERY_MS = 5_000;

it.each(MINUTES >= 1 ? [3, 1_000] : [1_000])(
  "looking on costs little with %i servers",
  async (count) => {
    const command = await product();
    await using lab = Lab.create();
    const client = lab.host("client", { addresses: ["172.16.0.100/24"] });
    const balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
    const server = lab.host("web", { addresses: ["172.16.0.21/24"] });
    await Nginx.start(server);
    // Any address of this network is the server's own, and no neighbour has to be found for it.
    await server.run(["ip", "route", "add", "local", "10.20.0.0/16", "dev", "lo"]);
    balancer.links.addRoute("10.20.0.0/16", "172.16.0.21");
    const lintel = new Lintel(balancer, command, configuration(count));
    await lintel.ready(60_000);
    const isUp = async () => (await lintel.backend()).usableServers === count;
    await eventually("all servers are up", isUp, { deadlineMs: 60_000, everyMs: 200 });

    const rounds: Record<"with" | "without", Round[]> = { with: [], without: [] };
    for (let pair = 0; pair < PAIRS; pair++) {
      // Whoever comes second finds other caches and other neighbours.
      for (const kind of pair % 2 === 0 ? BOTH : [...BOTH].reverse()) {
        rounds[kind].push(await round(client, lintel, kind === "with"));
      }
    }
    const ratio = (of: (round: Round) => number) =>
      median(rounds.with.map(of)) / median(rounds.without.map(of));
    const throughput = ratio(({ perSecond }) => perSecond);
    const cost = ratio(({ cpuMicroseconds }) => cpuMicroseconds);
    const alone: number[] = [];
    const seen: number[] = [];
    for (let pair = 0; pair < IDLE_PAIRS; pair++) {
      alone.push(await spent(lintel, false));
      seen.push(await spent(lintel, true));
    }
    const [idle, watched] = [median(alone), median(seen)];
    const share = (watched - idle) / 1_000 / navigator.hardwareConcurrency;
    figures(`looking on, ${count} servers`, {
      ...{ pairs: PAIRS, seconds: ROUND_SECONDS },
      perSecond: median(rounds.without.map(({ perSecond }) => perSecond)),
      throughputPercent: (throughput - 1) * 100,
      cpuARequestPercent: (cost - 1) * 100,
      ...(IDLE_PAIRS > 0 && { idleCpuMsASecond: idle, watchedCpuMsASecond: watched }),
      ...(IDLE_PAIRS > 0 && { machinePercent: share * 100 }),
    });
    expect(rounds.with.every(({ perSecond }) => perSecond > 0)).toBe(true);
    // A few rounds on a machine that others use say nothing of a few hundredths.
    if (!isSoak) return;
    expect(share).toBeLessThan(0.02);
    expect(throughput).toBeGreaterThan(0.98);
  },
  MINUTES * 60_000 * 2 + 300_000,
);

interface Round {
  readonly perSecond: number;
  /** Of all of the appliance, for each request: what is left of a CPU when it is busy. */
  readonly cpuMicroseconds: number;
}

async function round(client: Host, lintel: Lintel, isSeen: boolean): Promise<Round> {
  const stop = isSeen ? lookOn(lintel) : undefined;
  const before = cpuMs(lintel.process.pid);
  const load = { connections: 32, seconds: ROUND_SECONDS };
  const { requests, errors } = await wrk(client, "http://172.16.0.2/", load);
  const spent = cpuMs(lintel.process.pid) - before;
  await stop?.();
  expect(errors).toEqual({});
  return { perSecond: requests / ROUND_SECONDS, cpuMicroseconds: spent * 1_000 / requests };
}

/** Milliseconds of CPU in a second, without clients. */
async function spent(lintel: Lintel, isSeen: boolean): Promise<number> {
  const stop = isSeen ? lookOn(lintel) : undefined;
  const before = cpuMs(lintel.process.pid);
  await new Promise((resolve) => setTimeout(resolve, ROUND_SECONDS * 1_000));
  const used = cpuMs(lintel.process.pid) - before;
  await stop?.();
  return used / ROUND_SECONDS;
}

/**
 * What an open dashboard and a Prometheus ask, by readers that do as good as nothing with it: a
 * browser on this machine would cost more than what is measured.
 */
function lookOn(lintel: Lintel): () => Promise<void> {
  const { host, socket } = lintel;
  const ask = ["curl", "--silent", "--output", "/dev/null", "--unix-socket", socket];
  const streams = ["status", "events"].map((name) =>
    host.spawn([...ask, "--header", "accept: text/event-stream", `http://lintel/v1/${name}`])
  );
  let timer: ReturnType<typeof setTimeout>;
  const scrape = () => {
    host.spawn([...ask, "http://lintel/metrics"]);
    timer = setTimeout(scrape, SCRAPE_EVERY_MS);
  };
  // In the middle: a round has its share, no more.
  timer = setTimeout(scrape, SCRAPE_EVERY_MS / 2);
  return async () => {
    clearTimeout(timer);
    await Promise.all(streams.map((stream) => stream.stop("SIGKILL")));
  };
}

/**
 * Time on a CPU so far, also of threads that have ended, in steps of 10 ms.
 *
 * @see proc(5), utime and stime
 */
function cpuMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function configuration(count: number): string {
  const servers = Array.from(
    { length: count },
    (_, at) => `      web${at}: "10.20.${Math.floor(at / 250)}.${at % 250 + 1}:80"`,
  );
  return `
virtualRouters:
  web: { interface: eth0, vrid: 60, addresses: [172.16.0.3] }
frontends:
  web: { listen: "172.16.0.2:80", backend: web }
backends:
  web:
    servers:
${servers.join("\n")}
`;
}

const BOTH = ["without", "with"] as const;
