/**
 * Drain and weights at run time, under load: from the answer on, no new connection reaches a
 * drained server, by what arrives at the server's own interface; and nobody's request fails.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { Server } from "../../src/admin/model.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { Capture } from "./capture.ts";
import { figures, isSoak } from "./figures.ts";
import { HeldConnection } from "./held_connection.ts";
import { Nginx } from "./nginx.ts";
import { ProbeClient } from "./probe_client.ts";
import { Lintel, product } from "./product.ts";
import { type Outcome, wrk } from "./wrk.ts";

/** Checks go elsewhere, so that what comes to port 80 comes from clients. */
const CHECK_PORT = 81;

const CONFIG = `
workers: 2
frontends:
  web: { listen: "172.16.0.2:80", backend: web }
backends:
  web:
    check: { type: http, port: ${CHECK_PORT}, interval: 200ms }
    servers: { web1: "172.16.0.21:80", web2: "172.16.0.22:80", web3: "172.16.0.23:80" }
`;

const ROUNDS = isSoak ? 50 : 2;
const NEW_CONNECTIONS = "tcp dst port 80 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn";
const KEPT = 60;

let command: readonly string[];
let lab: Lab;
let client: Host;
let lintel: Lintel;
const hosts = new Map<string, Host>();

beforeAll(async () => {
  command = await product();
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  client.sysctl("net.ipv4.tcp_tw_reuse", 1);
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  for (const at of [1, 2, 3]) {
    const host = lab.host(`web${at}`, { addresses: [`172.16.0.2${at}/24`] });
    hosts.set(host.name, host);
    await Nginx.start(host, { checkPort: CHECK_PORT });
  }
  lintel = new Lintel(balancer, command, CONFIG);
  await lintel.ready();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("a drain under load", () => {
  it.each(Array.from({ length: ROUNDS }, (_, at) => `web${at % 3 + 1}`))(
    "keeps new connections from %s at once, and old ones going, and fails nothing",
    async (name) => {
      const arrivals = await Capture.start(host(name), NEW_CONNECTIONS);
      const seconds = 4;
      // Connections that stay, connections that come and go, and a probe that times itself.
      const kept = wrk(client, "http://172.16.0.2/", { connections: KEPT, seconds, pauseMs: 10 });
      const fresh = wrk(client, "http://172.16.0.2/", {
        ...{ connections: 20, seconds, close: true, pauseMs: 2 },
      });
      const probe = new ProbeClient(client, "172.16.0.2:80", { everyMs: 4, timeoutMs: 5_000 });
      await probe.answered();
      await delay(800);

      const askedAt = Date.now();
      const drained = await lintel.patchServer("web", name, { state: "drain" }) as Server;
      const answeredAt = Date.now();
      const drainedAt = monotonicMs();
      await delay(1_000);
      const meanwhile = await lintel.server(name);
      const readyAt = Date.now();
      const ready = await lintel.patchServer("web", name, { state: "ready" }) as Server;
      const outcomes = await Promise.all([kept, fresh]);
      const { failed, gapMs, failures } = await probe.since(drainedAt);
      await probe.stop();

      const came = await arrivals.stop();
      const since = (from: number, until: number) =>
        came.filter(({ at }) => at > from && at < until).length;
      const before = since(-Infinity, askedAt);
      const after = since(answeredAt, readyAt);
      const again = since(readyAt, Infinity);
      const requests = outcomes.reduce((sum, outcome) => sum + outcome.requests, 0);
      figures(`drain of ${name}`, {
        ...{ answerMs: answeredAt - askedAt, requests, gapMs },
        ...{ before, after, again, kept: meanwhile.connections.active },
      });
      expect(drained).toMatchObject({ admin: "drain", health: { state: "up" } });
      expect(before).toBeGreaterThan(20);
      expect(after).toBe(0);
      expect(again).toBeGreaterThan(20);
      // A third of those that stay are here, and answered as before.
      expect(meanwhile).toMatchObject({ admin: "drain", health: { state: "up" } });
      expect(meanwhile.connections.active).toBeGreaterThan(KEPT / 3 - 10);
      expect(meanwhile.bytes.received).toBeGreaterThan(drained.bytes.received + 10_000);
      expect(ready).toMatchObject({ admin: "ready", health: { state: "up" } });
      for (const { errors } of outcomes) expect(errors).toEqual({});
      expect({ failed, failures }).toEqual({ failed: 0, failures: {} });
      expect(outcomes[0]!.requests).toBeGreaterThan(KEPT * 10);
    },
  );
});

describe("a weight under load", () => {
  it("changes the share of the very next connections", async () => {
    const even = await share();
    const halved = await lintel.patchServer("web", "web1", { weight: "50%" }) as Server;
    const less = await share();
    await lintel.patchServer("web", "web1", { weight: 0 });
    const none = await share();
    await lintel.patchServer("web", "web1", { weight: null });
    const evenAgain = await share();
    const percent = (share: number) => `${(share * 100).toFixed(1)}%`;
    figures("share of web1", {
      ...{ even: percent(even), "weight 50%": percent(less), "weight 0": percent(none) },
      "as before": percent(evenAgain),
    });
    expect(halved.weight).toEqual({ configured: 100, runtime: 50, effective: 50 });
    expect(even).toBeCloseTo(1 / 3, 1.5);
    expect(less).toBeCloseTo(1 / 5, 1.5);
    expect(none).toBe(0);
    expect(evenAgain).toBeCloseTo(1 / 3, 1.5);
  });
});

describe("from the command line", () => {
  it("drains with --wait until the last connection has ended, and makes ready", async () => {
    const held = await hold();
    const beganAt = monotonicMs();
    const waiting = verb("drain", "web/web1", "--wait", "20s");
    await eventually(
      "web1 is drained",
      async () => (await lintel.server("web1")).admin === "drain",
    );
    await delay(700);
    const stillWaits = (await lintel.server("web1")).connections.active;
    for (const one of held) one[Symbol.dispose]();
    const wait = await waiting;
    figures("drain --wait", { waitedMs: monotonicMs() - beganAt });
    expect(wait.code, wait.output).toBe(0);
    expect(stillWaits).toBeGreaterThan(0);
    expect((await lintel.server("web1")).connections.active).toBe(0);
    expect(await share()).toBe(0);
    expect(await verb("ready", "web/web1")).toMatchObject({ code: 0 });
    expect(await share()).toBeGreaterThan(0.25);
  });

  it("ends with 6 when the deadline passes, and leaves connections alone", async () => {
    const held = await hold();
    const wait = await verb("drain", "web/web2", "--wait", "500ms");
    expect(wait.code, wait.output).toBe(6);
    expect((await lintel.server("web2")).connections.active).toBeGreaterThan(0);
    const answerers = await Promise.all(held.map((one) => one.ask()));
    expect(answerers).toContain("web2");
    for (const one of held) one[Symbol.dispose]();
    expect(await verb("ready", "web/web2")).toMatchObject({ code: 0 });
  });
});

/** Connections enough for every server to have some. */
async function hold(): Promise<HeldConnection[]> {
  return await Promise.all(
    Array.from({ length: 12 }, () => HeldConnection.open(client, "172.16.0.2", 80)),
  );
}

/** The share of web1 in what new connections are answered in a second. */
async function share(): Promise<number> {
  const load = { connections: 10, seconds: 1, close: true, pauseMs: 3 };
  const { servers, requests, errors }: Outcome = await wrk(client, "http://172.16.0.2/", load);
  expect(errors).toEqual({});
  return (servers.web1 ?? 0) / requests;
}

async function verb(...args: readonly string[]) {
  return await lintel.host.try([...command, ...args, "--admin", `unix:${lintel.socket}`]);
}

function host(name: string): Host {
  const host = hosts.get(name);
  if (!host) throw new Error(`there is no host ${name}`);
  return host;
}
