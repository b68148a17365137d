/**
 * The planned stop: first the word, then the address once a peer has it, connections on it reset
 * before it goes, the rest drained; and at once when asked twice.
 */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { answerers } from "./arp.ts";
import { Capture } from "./capture.ts";
import { connects } from "./connects.ts";
import { figures, isSoak } from "./figures.ts";
import { HeldConnection } from "./held_connection.ts";
import { Nginx } from "./nginx.ts";
import { ProbeClient } from "./probe_client.ts";
import { Lintel, product } from "./product.ts";
import { skewMs, type Timing } from "./standard.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";
const OWN = "172.16.0.2";
const PEER = "172.16.0.3";
/** Slow enough that the peer's skew can be told from no delay at all. */
const TIMING = { version: 3, intervalMs: 1_000 } as const;
/** For what does not depend on the peer's skew. */
const FAST = { ...TIMING, intervalMs: 100 };
const PRIORITY = { lb1: 150, lb2: 100 };
const ROUNDS = Array.from({ length: isSoak ? 10 : 1 }, (_, at) => at + 1);
/** It passes at 1 MiB/s. */
const DOWNLOAD_MIB = 3;
/** At one a second this outlasts every test. */
const NEVER_DONE_MIB = 100;

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
  lb1 = lab.host("lb1", { addresses: [`${OWN}/24`] });
  lb2 = lab.host("lb2", { addresses: [`${PEER}/24`] });
  watch = new VipWatch(VIP, lb1, lb2);
  const web = lab.host("web1", { addresses: ["172.16.0.21/24"] });
  const files = `${web.directory}/files`;
  await web.run([
    "sh",
    "-c",
    `mkdir ${files} && head -c ${DOWNLOAD_MIB}M /dev/urandom > ${files}/f && ` +
    `truncate -s ${NEVER_DONE_MIB}M ${files}/never`,
  ]);
  await Nginx.start(web);
});

afterEach(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("SIGTERM to the Active", () => {
  it.each(ROUNDS)("hands the address over, drains the rest and ends with 0, round %i", async () => {
    const [active] = await Promise.all([start(lb1), start(lb2)]);
    await watch.only(lb1);
    using held = await HeldConnection.open(client, VIP, 80);
    const probe = new ProbeClient(client, `${VIP}:80`);
    await probe.answered();
    const downloading = download();
    const capture = await Capture.start(lb1, "proto 112 or tcp[tcpflags] & tcp-rst != 0");
    await delay(300);

    const wallOffset = Date.now() - monotonicMs();
    const since = monotonicMs();
    active.process.kill("SIGTERM");
    const [takenMs, goneMs, ended] = await Promise.all([
      watch.gained(lb2, since),
      watch.lost(lb1, since),
      held.end(),
    ]);
    // Now it drains: deaf, not ready, and not to be changed.
    expect(active.process.ended).toBe(false);
    await eventually("nobody accepts", async () => !await connects(client, OWN, 8080));
    const readyz = await active.ask("GET", "/readyz");
    expect([readyz.status, await readyz.text()]).toEqual([503, expect.stringMatching(/stopping/)]);
    const patch = await active.ask("PATCH", "/v1/backends/web/servers/web1", { weight: 1 });
    expect([patch.status, (await patch.json()).status]).toEqual([409, 409]);
    const { gapMs, failed } = await probe.since(since);

    const { code, output } = await downloading.finished;
    const downloadedAt = monotonicMs();
    const { code: exitCode } = await active.process.end();
    const exitMs = monotonicMs() - downloadedAt;
    const seen = await capture.stop();
    const find = (pattern: RegExp, after = 0) =>
      seen.find(({ at, text }) => at > after && pattern.test(text));
    const release = find(new RegExp(`^IP ${OWN} > .*prio 0,`));
    const answer = find(new RegExp(`^IP ${PEER} > .*prio ${PRIORITY.lb2},`));
    const reset = find(new RegExp(`^IP ${VIP}\\.80 > 172.16.0.100.*Flags \\[R`));
    const startedAt = since + wallOffset;
    figures("planned stop with a peer", {
      releaseMs: (release?.at ?? NaN) - startedAt,
      ...{ takenMs, answerMs: (answer?.at ?? NaN) - startedAt },
      ...{ resetMs: (reset?.at ?? NaN) - startedAt, goneMs, gapMs, failed, exitMs },
    });
    const stallMs = watch.stallMs(since);
    expect(takenMs).toBeLessThan(skewMs(TIMING, PRIORITY.lb2) + 100 + stallMs);
    // Priority 0, then the peer speaks, then connections are reset, then the address goes.
    expect(release?.at).toBeLessThan(answer?.at ?? 0);
    expect(answer?.at).toBeLessThan(reset?.at ?? 0);
    expect(goneMs + stallMs + 5).toBeGreaterThan((reset?.at ?? Infinity) - startedAt);
    expect(ended.how).toBe("ECONNRESET");
    expect(goneMs - takenMs).toBeLessThan(100 + stallMs);
    expect(gapMs).toBeLessThan(150 + stallMs);
    expect(watch.vacantMs(since)).toBe(0);
    expect(watch.holders()).toEqual(["lb2"]);
    expect(await answerers(client, VIP, [lb1, lb2])).toEqual(["lb2"]);
    // The download went on to its end, and nothing was waited for after it.
    expect({ code, output }).toEqual({ code: 0, output: await downloading.expected() });
    expect(exitCode, active.process.output).toBe(0);
    expect(exitMs).toBeLessThan(1_000 + stallMs);
    expect(find(new RegExp(`^IP ${OWN} > .*prio ${PRIORITY.lb1},`), release?.at)).toBe(undefined);
  });

  it("waits for no peer longer than a second, where there is none", async () => {
    const active = await start(lb1);
    await watch.only(lb1);
    const since = monotonicMs();
    active.process.kill("SIGTERM");
    const goneMs = await watch.lost(lb1, since);
    const { code } = await active.process.end();
    const exitMs = monotonicMs() - since;
    figures("planned stop without a peer", { goneMs, exitMs });
    expect(goneMs).toBeGreaterThan(950);
    expect(goneMs).toBeLessThan(1_250 + watch.stallMs(since));
    expect(exitMs).toBeLessThan(goneMs + 500 + watch.stallMs(since));
    expect(code, active.process.output).toBe(0);
    expect(await answerers(client, VIP, [lb1, lb2])).toEqual([]);
  });

  it("cuts what is left after stopTimeout, and ends with 0 all the same", async () => {
    const [active] = await Promise.all([start(lb1, FAST, "1s"), start(lb2, FAST)]);
    await watch.only(lb1);
    const { process: curl } = download("never");
    await delay(300);
    const since = monotonicMs();
    active.process.kill("SIGTERM");
    const goneMs = await watch.lost(lb1, since);
    const { code } = await active.process.end();
    const exitMs = monotonicMs() - since;
    figures("planned stop with stopTimeout 1 s", { goneMs, exitMs });
    expect(code, active.process.output).toBe(0);
    expect(exitMs - goneMs).toBeGreaterThan(900 - watch.stallMs(since));
    expect(exitMs - goneMs).toBeLessThan(1_600 + watch.stallMs(since));
    expect((await curl.end()).code).not.toBe(0);
  });
});

describe("a second SIGTERM", () => {
  it("takes the address away at once, before any peer has it", async () => {
    // Alone, it would wait a second for one.
    const active = await start(lb1);
    await watch.only(lb1);
    const { process: curl } = download("never");
    await delay(300);
    active.process.kill("SIGTERM");
    await delay(200);
    expect(watch.holders()).toEqual(["lb1"]);
    const since = monotonicMs();
    active.process.kill("SIGTERM");
    const goneMs = await watch.lost(lb1, since);
    const { code } = await active.process.end();
    const exitMs = monotonicMs() - since;
    figures("second SIGTERM while yielding", { goneMs, exitMs });
    const stallMs = watch.stallMs(since);
    expect(goneMs).toBeLessThan(150 + stallMs);
    expect(exitMs).toBeLessThan(750 + stallMs);
    expect(code, active.process.output).toBe(0);
    expect((await curl.end()).code).not.toBe(0);
  });

  it("ends the drain at once", async () => {
    const [active] = await Promise.all([start(lb1, FAST), start(lb2, FAST)]);
    await watch.only(lb1);
    const { process: curl } = download("never");
    await delay(300);
    const stoppedAt = monotonicMs();
    active.process.kill("SIGTERM");
    await watch.lost(lb1, stoppedAt);
    await delay(300);
    expect(active.process.ended).toBe(false);
    const since = monotonicMs();
    active.process.kill("SIGINT");
    const { code } = await active.process.end();
    const exitMs = monotonicMs() - since;
    figures("second signal while draining", { exitMs });
    expect(exitMs).toBeLessThan(750 + watch.stallMs(since));
    expect(code, active.process.output).toBe(0);
    expect((await curl.end()).code).not.toBe(0);
  });
});

describe("SIGTERM to the Backup", () => {
  it("is noticed by nobody", async () => {
    const [, backup] = await Promise.all([start(lb1, FAST), start(lb2, FAST)]);
    await watch.only(lb1);
    const probe = new ProbeClient(client, `${VIP}:80`);
    await probe.answered();
    const capture = await Capture.start(lb2, `proto 112 and src ${PEER}`);
    const since = monotonicMs();
    backup.process.kill("SIGTERM");
    const { code } = await backup.process.end();
    await delay(300);
    const { failed, gapMs } = await probe.since(since);
    expect(code, backup.process.output).toBe(0);
    expect(await capture.stop()).toEqual([]);
    expect(watch.changes(since)).toEqual([]);
    expect(failed).toBe(0);
    expect(gapMs).toBeLessThan(100 + watch.stallMs(since));
  });
});

async function start(host: Host, timing: Timing = TIMING, stopTimeout = "30s"): Promise<Lintel> {
  const lintel = new Lintel(host, command, configuration(timing, stopTimeout));
  await lintel.ready();
  return lintel;
}

/** A slow download by way of lb1's own address; it prints its checksum when it is whole. */
function download(file = "f"): {
  readonly process: Process;
  readonly finished: Promise<{ code: number; output: string }>;
  readonly expected: () => Promise<string>;
} {
  const web = lab.hosts.find(({ name }) => name === "web1")!;
  const get = `set -o pipefail; curl --silent --fail http://${OWN}:8080/slow/${file} | sha256sum`;
  const process = client.spawn(["bash", "-c", get]);
  return {
    process,
    finished: process.end(20_000).then(({ code }) => ({ code, output: process.stdout })),
    expected: () => web.run(["sh", "-c", `sha256sum < ${web.directory}/files/${file}`]),
  };
}

function configuration({ intervalMs }: Timing, stopTimeout: string): string {
  return `
nodes:
  lb1: { addresses: [${OWN}], priority: ${PRIORITY.lb1} }
  lb2: { addresses: [${PEER}], priority: ${PRIORITY.lb2} }
workers: 2
stopTimeout: ${stopTimeout}
virtualRouters:
  web:
    vrid: 51
    addresses: [${VIP}]
    advertisementInterval: ${intervalMs}ms
    unicast: false
frontends:
  web: { listen: ["vip:web:80"], backend: web }
  own: { listen: "*:8080", backend: web }
backends:
  web:
    check: { type: tcp, interval: 200ms }
    servers: { web1: "172.16.0.21:80" }
`;
}
