/**
 * C16 with the product: reloads of a file whose virtual routers change, and of one whose virtual
 * routers do not.
 */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { figures } from "./figures.ts";
import { Frames } from "./frames.ts";
import { HeldConnection } from "./held_connection.ts";
import { Keepalived } from "./keepalived.ts";
import { Nginx } from "./nginx.ts";
import { COMMON, Lintel, product } from "./product.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const ANOTHER = "172.16.0.11";
const NEW = "172.16.0.12";
const QUIET = "announce: { repeat: 5, delay: 0s, refresh: none }";
const A =
  `  a: { interface: eth0, vrid: 51, addresses: [${VIP}], advertisementInterval: 10ms, ${QUIET},
       track: { dataplane: false, script: yield, late: -10 } }
`;
const B = `  b: { interface: eth0, vrid: 52, addresses: [${ANOTHER}], advertisementInterval: 100ms }
`;
const C = `  c: { interface: eth0, vrid: 54, addresses: [${NEW}], advertisementInterval: 100ms }
`;
const TRAFFIC = `workers: 1
frontends: { web: { listen: "172.16.0.2:80", backend: web, required: false } }
backends: { web: { servers: { s1: "172.16.0.3:80" } } }
`;

let lintel: readonly string[];
let lab: Lab;
let lb1: Host;
let other: Host;
let frames: Frames;
let running: Lintel | undefined;

beforeAll(async () => {
  lintel = await product();
});

beforeEach(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  other = lab.host("other", { addresses: ["172.16.0.3/24"] });
  frames = await Frames.start(other, "proto 112 or arp");
  running = undefined;
});

afterEach(async () => {
  await lab?.[Symbol.asyncDispose]();
});

describe("a reload", () => {
  it("costs an unchanged virtual router not one advertisement, whatever it changes", async () => {
    using watch = new VipWatch(VIP, lb1);
    await started(withRouters(A + B));
    const before = await running!.router("a");
    const runs = scriptRuns();
    const since = Date.now();
    const sinceMonotonic = monotonicMs();
    const more = A + B.replace(ANOTHER, `${ANOTHER}, ${NEW}`);
    const another = A + B.replace("vrid: 52", "vrid: 53");
    const priority = A + B.replace("vrid: 52", "vrid: 52, priority: 77");
    for (const routers of [priority, more, another, A, A + B]) await reload(withRouters(routers));
    const lastMs = monotonicMs() - sinceMonotonic;
    const heard = frames.advertisements(since).filter(({ vrid }) => vrid === 51);
    const gaps = heard.slice(1).map(({ at }, index) => at - heard[index]!.at);
    const maxGapMs = Math.max(...gaps);
    const stallMs = watch.stallMs(sinceMonotonic);
    figures("reloads beside 10 ms", { maxGapMs, stallMs, heard: heard.length, lastMs });
    expect(maxGapMs).toBeLessThan(20 + stallMs);
    expect(new Set(heard.map((one) => one.priority))).toEqual(new Set([90]));
    // One that was not run for so long that a Backup may have taken over announces anew.
    if (maxGapMs < 25) expect(frames.announcements(VIP, since)).toEqual([]);
    expect(watch.changes(sinceMonotonic)).toEqual([]);
    const after = await running!.router("a");
    expect(after).toMatchObject({ state: "active", since: before.since });
    expect(after.counters.transitions).toEqual(before.counters.transitions);
    const sent = after.counters.advertisementsSent - before.counters.advertisementsSent;
    expect(sent).toBeGreaterThan(lastMs / 10 / 2);
    // Its script runs on at its own pace, as if nothing had been.
    expect(scriptRuns() - runs).toBeLessThanOrEqual(Math.ceil(lastMs / 500) + 1);
    await running!.process.stop("SIGTERM");
  });

  it("says neither more nor less of an unchanged one, whose peer stays Backup", async () => {
    // Slow enough that no stall of a busy machine moves anything.
    const slow = A.replace("10ms", "1s").replace(", late: -10", "");
    await started(withRouters(slow + B));
    const keepalived = new Keepalived(other, {
      ...{ version: 3, priority: 99, intervalMs: 1_000, vip: VIP },
    });
    await keepalived.process.printed(/Entering BACKUP STATE/);
    const since = Date.now();
    const mac = B.replace("vrid: 52", "vrid: 52, virtualMac: true");
    const more = B.replace(ANOTHER, `${ANOTHER}, ${NEW}`);
    const plans = [slow + B.replace("vrid: 52", "vrid: 52, priority: 77"), slow + more, slow + mac];
    for (const routers of [...plans, slow, slow + B, slow + B + C]) {
      await reload(withRouters(routers));
      await delay(800);
    }
    const heard = frames.advertisements(since).filter(({ vrid }) => vrid === 51);
    const gaps = heard.slice(1).map(({ at }, index) => at - heard[index]!.at);
    figures("reloads beside 1 s", { heard: heard.length, minMs: Math.min(...gaps) });
    expect(heard.length).toBeGreaterThan(3);
    // Half an interval is nobody's lateness: one more than there should be, or one less.
    expect(gaps.filter((gap) => gap < 500 || gap > 1_500)).toEqual([]);
    expect(new Set(heard.map(({ priority }) => priority))).toEqual(new Set([100]));
    expect(frames.announcements(VIP, since)).toEqual([]);
    expect(keepalived.process.output).not.toMatch(/MASTER/);
    await running!.process.stop("SIGTERM");
    await keepalived.stop();
  });

  it("keeps the hold of one that starts anew, and forgets it with one that goes", async () => {
    await started(withRouters(A + B));
    await running!.json("POST", "/v1/virtual-routers/b/failover", { hold: "60s", force: true });
    await reload(withRouters(A + B.replace("vrid: 52", "vrid: 53")));
    expect((await running!.router("b")).heldUntil).not.toBeNull();
    await reload(withRouters(A));
    await reload(withRouters(A + B));
    expect((await running!.router("b")).heldUntil).toBeNull();
    await running!.process.stop("SIGTERM");
  });

  it("keeps a node in standby, with whom it brings, until that is over", async () => {
    await started(withRouters(A + B));
    await running!.json("PUT", "/v1/standby", { enabled: true, force: true, ttl: "8s" });
    await reload(withRouters(A + B.replace("vrid: 52", "vrid: 53") + C));
    await delay(500);
    expect([VIP, ANOTHER, NEW].map((one) => lb1.holds(one))).toEqual([false, false, false]);
    expect(await running!.json("GET", "/v1/standby")).toMatchObject({ enabled: true });
    for (const name of ["a", "b", "c"]) await active(name);
    await running!.process.stop("SIGTERM");
  });

  it("in the middle of a handover ends that, too", async () => {
    const slow = B.replace("100ms", "1s");
    await started(withRouters(A + slow));
    const since = Date.now();
    const handover = running!.ask("POST", "/v1/virtual-routers/b/failover", { hold: "60s" });
    await frames.heard("the handover", since, ({ priority }) => priority === 0);
    await reload(withRouters(A));
    const { status } = await handover;
    expect(status).toBe(409);
    await reload(withRouters(A + slow));
    expect((await running!.router("b")).heldUntil).toBeNull();
    await running!.process.stop("SIGTERM");
  });

  it("advertises another priority, brings an address, and has only what goes leave", async () => {
    await started(withRouters(A + B));
    const since = Date.now();
    const changed = B.replace("vrid: 52", "vrid: 52, priority: 77").replace(
      ANOTHER,
      `${ANOTHER}, ${NEW}`,
    );
    await reload(withRouters(A + changed));
    await frames.heard(
      "the new priority and address",
      since,
      ({ vrid, priority, addresses }) => vrid === 52 && priority === 77 && addresses.includes(NEW),
    );
    await eventually("announced", () => frames.announcements(NEW, since).length >= 5);
    expect(await running!.router("b")).toMatchObject({
      ...{ state: "active", priority: { configured: 77, effective: 77 } },
      addresses: [`${ANOTHER}/32`, `${NEW}/32`],
    });
    await reload(withRouters(A));
    expect([ANOTHER, NEW, VIP].map((one) => lb1.holds(one))).toEqual([false, false, true]);
    const zero = frames.advertisements(since).filter(({ priority }) => priority === 0);
    expect(new Set(zero.map(({ vrid }) => vrid))).toEqual(new Set([52]));
    expect((await running!.ask("GET", "/v1/virtual-routers/b")).status).toBe(404);
    await running!.process.stop("SIGTERM");
    expect(lb1.holds(VIP)).toBe(false);
  });

  it("resets the connections on an address that goes, and none on one that stays", async () => {
    await Nginx.start(other);
    const listens = (...addresses: string[]) =>
      withRouters(B.replace(ANOTHER, addresses.join(", "))).replace("172.16.0.2:80", "vip:b:80");
    await started(listens(ANOTHER, NEW));
    using going = await HeldConnection.open(other, NEW, 80);
    using staying = await HeldConnection.open(other, ANOTHER, 80);
    await reload(listens(ANOTHER));
    expect((await going.end()).how).toBe("ECONNRESET");
    expect(await staying.ask()).toBe("other");
    await running!.process.stop("SIGTERM");
  });

  it("brings the first virtual router, and takes the last", async () => {
    await started(TRAFFIC);
    await reload(TRAFFIC + `virtualRouters:\n${B}`);
    await active("b");
    expect(lb1.holds(ANOTHER)).toBe(true);
    await running!.ready();
    const { workers } = await running!.json("GET", "/v1/status") as { workers: { name: string }[] };
    expect(workers.map(({ name }) => name)).toEqual(["dataplane-0", "speaker", "prober"]);
    await reload(TRAFFIC);
    expect(lb1.holds(ANOTHER)).toBe(false);
    await reload(TRAFFIC + `virtualRouters:\n${B}`);
    await active("b");
    const { code } = await running!.process.stop("SIGTERM");
    expect([code, lb1.holds(ANOTHER)]).toEqual([0, false]);
  });

  it("waits for the first result of a new tracker before that counts", async () => {
    await started(withRouters(B));
    const since = Date.now();
    const trackers = `trackers:
  slow: { type: script, command: [/bin/sh, -c, "sleep 1"], interval: 5s, timeout: 4s, rise: 1 }
`;
    const tracked = B.replace("vrid: 52", "vrid: 52, track: { slow: yield }");
    await reload(`${TRAFFIC}${trackers}virtualRouters:\n${tracked}`);
    await delay(500);
    expect((await running!.router("b")).trackers).toContainEqual(
      expect.objectContaining({ name: "slow", good: true }),
    );
    expect(frames.advertisements(since).every(({ priority }) => priority === 100)).toBe(true);
    await running!.process.stop("SIGTERM");
  });
});

async function started(config: string): Promise<void> {
  running = new Lintel(lb1, lintel, config);
  await running.ready();
  for (const [, name = ""] of config.matchAll(/^ {2}([ab]): /gm)) await active(name);
  // Bursts are over, and what follows is of the reload.
  await delay(300);
}

async function active(name: string): Promise<void> {
  await eventually(
    `${name} is Active`,
    async () => (await running!.router(name)).state === "active",
  );
}

async function reload(config: string): Promise<void> {
  lb1.write("lintel.yaml", COMMON + config);
  const response = await running!.ask("POST", "/v1/config/reload");
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}\n${running!.process.output}`);
}

function withRouters(routers: string): string {
  return `${TRAFFIC}trackers:
  script: { type: script, command: [/bin/sh, -c, "echo >>${lb1.directory}/runs"],
            interval: 500ms, timeout: 400ms, rise: 1 }
  late: { type: file, path: /bin/sh }
virtualRouters:
${routers}`;
}

function scriptRuns(): number {
  return Deno.readTextFileSync(`${lb1.directory}/runs`).length;
}
