/**
 * Fast advertisements beside a data plane, busy loops and a churn of memory that take all there is:
 * nobody mistakes the other for dead. The long form takes the fastest there are, the short one
 * leaves room for a machine that stands still for a moment itself.
 */

import { expect, it } from "vitest";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { figures, isSoak } from "./figures.ts";
import { Frames } from "./frames.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";
import { Standstill } from "./standstill.ts";
import { VipWatch } from "./vip_watch.ts";
import { wrk } from "./wrk.ts";

const VIP = "172.16.0.10";
const INTERVAL_MS = isSoak ? 10 : 50;
const SECONDS = isSoak ? 600 : 5;

const CONFIG = `
nodes:
  lb1: { addresses: [172.16.0.2], priority: 150 }
  lb2: { addresses: [172.16.0.3], priority: 100 }
virtualRouters:
  web:
    vrid: 51
    addresses: [${VIP}]
    advertisementInterval: ${INTERVAL_MS}ms
    unicast: false
    track: { dataplane: false }
frontends:
  web: { listen: "vip:web:80", backend: web }
backends:
  web: { servers: { web1: "172.16.0.21:80" } }
`;

// What must not happen has no second try.
it(`takes nobody for dead in ${SECONDS} seconds`, { retry: 0 }, async () => {
  const command = await product();
  await using lab = Lab.create();
  const client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  const hosts = ["lb1", "lb2"].map((name, at) =>
    lab.host(name, { addresses: [`172.16.0.${at + 2}/24`] })
  );
  await Nginx.start(lab.host("web1", { addresses: ["172.16.0.21/24"] }));
  using watch = new VipWatch(VIP, ...hosts);
  const [active] = await Promise.all(hosts.map(async (host) => {
    const lintel = new Lintel(host, command, CONFIG);
    await lintel.ready();
    return lintel;
  }));
  await watch.only(hosts[0]!);
  await delay(500);
  const frames = await Frames.start(hosts[1]!, "proto 112");
  for (const host of hosts) host.spawn(["sh", "-c", "while :; do :; done"]);
  const churning = client.script(client.write("churn.ts", CHURN));
  await churning.printed(/churned/);
  const standstill = await Standstill.start(client);
  const since = monotonicMs();
  const wallSince = Date.now();
  const { requests, errors } = await wrk(client, `http://${VIP}/`, {
    ...{ connections: 64, seconds: SECONDS },
  });
  const changes = watch.changes(since);
  const instants = frames.advertisements(wallSince).map(({ at }) => at);
  const { count, ...punctuality } = standstill.punctuality(instants, INTERVAL_MS);
  const router = await active!.router();
  figures(`${INTERVAL_MS} ms beside a saturated data plane`, {
    ...{ seconds: SECONDS, requestsPerSecond: requests / SECONDS, takeovers: changes.length },
    ...{ advertisements: count, ...punctuality },
    machineStoodStillMs: standstill.longest(wallSince),
  });
  expect(changes).toEqual([]);
  expect(errors).toEqual({});
  expect(router.state).toBe("active");
  if (isSoak) expect(punctuality.worstOwnLateMs).toBeLessThan(INTERVAL_MS);
  expect(count).toBeGreaterThan(SECONDS * 1_000 / INTERVAL_MS * 0.9);
});

/** A gibibyte of memory, taken and given back all the time. */
const CHURN = `
for (;;) {
  const taken = Array.from({ length: 16 }, () => new Uint8Array(64 * 2 ** 20).fill(1));
  console.log("churned", taken.length);
}
`;
