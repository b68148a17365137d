/**
 * Reload after reload between two files, under load and with fast advertisements: nobody fails on
 * the frontend that both files have, no advertisement is missed, and nothing grows. The long form
 * is a thousand reloads with the fastest advertisements, after a thousand that bring the heaps of
 * all threads to their size.
 */

import { expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { figures, isSoak } from "./figures.ts";
import { Frames } from "./frames.ts";
import { Nginx } from "./nginx.ts";
import { ProbeClient } from "./probe_client.ts";
import { COMMON, Lintel, product } from "./product.ts";
import { Standstill } from "./standstill.ts";
import { VipWatch } from "./vip_watch.ts";
import { wrk } from "./wrk.ts";

const VIP = "172.16.0.10";
const INTERVAL_MS = isSoak ? 10 : 50;
const RELOADS = isSoak ? 2_000 : 20;
const LOAD_SECONDS = isSoak ? 10 : 2;

const SHARED = `${COMMON}workers: 2
nodes:
  lb1: { addresses: [172.16.0.2], priority: 150 }
  lb2: { addresses: [172.16.0.3], priority: 100 }
`;
const ROUTER = `  web:
    vrid: 51
    addresses: [${VIP}]
    advertisementInterval: ${INTERVAL_MS}ms
    unicast: false
    track: { dataplane: false }
`;
const ONE = `${SHARED}
virtualRouters:
${ROUTER}
frontends:
  web: { listen: "vip:web:80", backend: web }
  other: { listen: ["0.0.0.0:81", "0.0.0.0:83"], backend: other }
backends:
  web: { check: { type: tcp, interval: 500ms }, servers: { web1: "172.16.0.21:80" } }
  other: { check: { type: tcp, interval: 1s }, servers: { a: "172.16.0.21:80" } }
`;
/** Other listeners, frontends, backends, servers, weights, checks, and another virtual router. */
const OTHER = `${SHARED}
virtualRouters:
${ROUTER}
  more:
    vrid: 52
    addresses: [172.16.0.11]
    advertisementInterval: ${INTERVAL_MS}ms
    unicast: false
    track: { dataplane: false }
frontends:
  web: { listen: "vip:web:80", backend: web }
  other: { listen: "0.0.0.0:81", maxConnections: 100, backend: other }
  more: { listen: ["vip:more:82", "0.0.0.0:82/udp"], backend: more }
backends:
  web: { check: { type: tcp, interval: 500ms }, servers: { web1: "172.16.0.21:80" } }
  other:
    check: { type: http, interval: 2s }
    servers:
      a: { address: "172.16.0.21:80", weight: 7 }
      b: { address: "172.16.0.21:80", backup: true }
  more: { balance: source, servers: { c: "172.16.0.21:80" } }
`;

it(`nothing fails, is missed or grows in ${RELOADS} reloads`, async () => {
  const command = await product();
  await using lab = Lab.create();
  const client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  client.sysctl("net.ipv4.tcp_tw_reuse", 1);
  const hosts = ["lb1", "lb2"].map((name, at) =>
    lab.host(name, { addresses: [`172.16.0.${at + 2}/24`] })
  );
  const [active, backup] = hosts as [Host, Host];
  await Nginx.start(lab.host("web1", { addresses: ["172.16.0.21/24"] }));
  using watch = new VipWatch(VIP, ...hosts);
  const [lintel] = await Promise.all(hosts.map(async (host) => {
    const one = new Lintel(host, command, ONE);
    await one.ready();
    return one;
  })) as [Lintel, Lintel];
  await watch.only(active);
  const probe = new ProbeClient(client, `${VIP}:80`, { everyMs: 10, timeoutMs: 5_000 });
  await probe.answered();
  await delay(500);
  const frames = await Frames.start(backup, "proto 112 and src host 172.16.0.2");
  const standstill = await Standstill.start(client);
  const advertised = advertisedTo(frames, standstill);
  const quiet = await advertised(() => delay(LOAD_SECONDS * 1_000));

  const before = sizeOf(lintel);
  const since = monotonicMs();
  const loads = loadUntil(client);
  const sizes: Size[] = [];
  const tookMs: number[] = [];
  const busy = await advertised(async () => {
    for (let count = 1; count <= RELOADS; count++) {
      active.write("lintel.yaml", count % 2 === 1 ? OTHER : ONE);
      const askedAt = monotonicMs();
      const answer = await lintel.json("POST", "/v1/config/reload");
      tookMs.push(monotonicMs() - askedAt);
      expect(answer).toMatchObject({ applied: true });
      if (count % Math.ceil(RELOADS / 20) === 0 && count % 2 === 0) sizes.push(sizeOf(lintel));
      // Each of the two files runs for a moment.
      await delay(isSoak ? 30 : 100);
    }
  });
  const { requests, errors } = await loads.end();
  const { failed, gapMs } = await probe.since(since);
  await probe.stop();
  await frames.stop();
  // Those of the two files' last one, which is the first, and of our own asking.
  const left = await eventually("descriptors are given back", () => {
    const { descriptors } = sizeOf(lintel);
    return descriptors <= before.descriptors + 4 && descriptors;
  });

  tookMs.sort((a, b) => a - b);
  const [first, last] = [sizes[Math.floor((sizes.length - 1) / 2)]!, sizes.at(-1)!];
  figures(`${RELOADS} reloads, ${INTERVAL_MS} ms advertisements`, {
    ...{ requests, failed, worstGapMs: gapMs, medianMs: tookMs[RELOADS >> 1]! },
    ...{ worstMs: tookMs.at(-1)!, advertisements: busy.count, worstLateMs: busy.worstLateMs },
    ...{ missed: busy.missed, worstOwnLateMs: busy.worstOwnLateMs },
    ...{ withoutReloads: `${quiet.worstLateMs.toFixed(1)} (${quiet.missed} missed)` },
    memory: sizes.map(({ residentMb }) => Math.round(residentMb)).join(" "),
    descriptors: `${before.descriptors} → ${left}`,
  });
  // Where the other node has taken over, all else is to be expected.
  expect(watch.changes(since)).toEqual([]);
  expect((await lintel.router()).state).toBe("active");
  expect(errors).toEqual([]);
  expect(failed).toBe(0);
  expect(busy.count).toBeGreaterThan(busy.forMs / INTERVAL_MS * (isSoak ? 0.98 : 0.7));
  if (!isSoak) return;
  expect(busy.worstOwnLateMs).toBeLessThan(INTERVAL_MS);
  expect(last.residentMb).toBeLessThan(first.residentMb * 1.1 + 16);
});

/** Load on the frontend that both files have, until it is ended. */
function loadUntil(client: Host) {
  let isOver = false;
  const run = async () => {
    let requests = 0;
    const errors: object[] = [];
    while (!isOver) {
      const load = { connections: 16, seconds: LOAD_SECONDS, pauseMs: 5 };
      const outcome = await wrk(client, `http://${VIP}/`, load);
      requests += outcome.requests;
      if (Object.keys(outcome.errors).length > 0) errors.push(outcome.errors);
    }
    return { requests, errors };
  };
  const running = run();
  return {
    end: () => {
      isOver = true;
      return running;
    },
  };
}

/** What arrives at the other node of the virtual router that both files have. */
function advertisedTo(frames: Frames, standstill: Standstill) {
  return async (during: () => Promise<void>) => {
    const since = Date.now();
    await during();
    await delay(200);
    const instants = frames.advertisements(since).filter(({ vrid }) => vrid === 51)
      .map(({ at }) => at);
    return { forMs: Date.now() - since, ...standstill.punctuality(instants, INTERVAL_MS) };
  };
}

interface Size {
  readonly residentMb: number;
  readonly descriptors: number;
}

function sizeOf({ process: { pid } }: Lintel): Size {
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
  const descriptors = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
  return { residentMb: Number(resident) / 1024, descriptors };
}
