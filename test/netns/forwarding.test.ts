/**
 * The product between clients and real nginx servers: who gets how much, that every byte arrives,
 * and what becomes of clients when a server dies.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { figures, isSoak } from "./figures.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";
import { type Outcome, wrk } from "./wrk.ts";

const SECONDS = isSoak ? 20 : 2;
const DOWNLOAD_MIB = isSoak ? 1_024 : 64;
const CHECK = { intervalMs: 500, fall: 2 };

const CONFIG = `
workers: 2
frontends:
  web: { listen: ["172.16.0.2:80", "[fd00::2]:80"], backend: web }
  web6: { listen: "172.16.0.2:86", backend: web6 }
  any: { listen: "*:88", backend: web }
  few: { listen: "172.16.0.2:82", backend: few }
backends:
  web:
    check: { type: http, interval: ${CHECK.intervalMs}ms, fall: ${CHECK.fall} }
    servers:
      web1: { address: "172.16.0.21:80", weight: 50 }
      web2: { address: "172.16.0.22:80", weight: 100 }
      web3: { address: "[fd00::23]:80", weight: 50 }
  web6:
    balance: leastconn
    check: { type: tcp, interval: ${CHECK.intervalMs}ms }
    servers: { web1: "[fd00::21]:80", web3: "[fd00::23]:80" }
  few:
    check: { type: tcp, interval: 20s }
    # Otherwise the clients' own connections would tell.
    passive: none
    servers: { web1: "172.16.0.21:80", web2: "172.16.0.22:80" }
`;

let lab: Lab;
let client: Host;
let lintel: Lintel;
const servers = new Map<string, Nginx>();

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24", "fd00::100/64"] });
  client.sysctl("net.ipv4.tcp_tw_reuse", 1);
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  for (const at of [1, 2, 3]) {
    const name = `web${at}`;
    const addresses = [`172.16.0.2${at}/24`, `fd00::2${at}/64`];
    servers.set(name, await Nginx.start(lab.host(name, { addresses })));
  }
  lintel = new Lintel(balancer, command, CONFIG);
  await lintel.ready();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("balancing", () => {
  it.each(["172.16.0.2:80", "[fd00::2]:80", "[fd00::2]:88", "172.16.0.2:88"])(
    "gives servers new connections by their weights, asked at %s",
    async (place) => {
      const load = { connections: 20, seconds: SECONDS, close: true, pauseMs: 2 };
      const before = await totals();
      const outcome = await wrk(client, `http://${place}/`, load);
      const after = await totals();
      tell(`new connections to ${place}`, outcome);
      expect(outcome.errors).toEqual({});
      expect(outcome.requests).toBeGreaterThan(200 * SECONDS);
      const share = shares(outcome);
      expect(share.web1).toBeCloseTo(0.25, 1.5);
      expect(share.web2).toBeCloseTo(0.5, 1.5);
      expect(share.web3).toBeCloseTo(0.25, 1.5);
      // The API counts what the client has seen; wrk drops some at its end.
      for (const [name, count] of Object.entries(outcome.servers)) {
        const counted = after[name]! - before[name]!;
        expect(counted).toBeGreaterThanOrEqual(count);
        expect(counted).toBeLessThanOrEqual(count + load.connections);
      }
    },
  );

  it("keeps a connection with its server, request after request", async () => {
    const load = { connections: 40, seconds: SECONDS, pauseMs: 2 };
    const before = await totals();
    const outcome = await wrk(client, "http://172.16.0.2:80/", load);
    const after = await totals();
    tell("keep-alive", outcome);
    expect(outcome.errors).toEqual({});
    expect(outcome.requests).toBeGreaterThan(1_000 * SECONDS);
    const opened = Object.keys(after).map((name) => after[name]! - before[name]!);
    // wrk tries the place by one connection more before it begins.
    expect(opened.reduce((sum, count) => sum + count)).toBe(load.connections + 1);
    // A quarter and a half, but for each worker's unfinished cycle.
    expect(Math.abs(Math.min(...opened) - 10)).toBeLessThanOrEqual(2);
    expect(Math.abs(Math.max(...opened) - 20)).toBeLessThanOrEqual(3);
  });

  it("spreads connections evenly over servers that are reached by IPv6 only", async () => {
    const load = { connections: 20, seconds: SECONDS, pauseMs: 2 };
    const outcome = await wrk(client, "http://172.16.0.2:86/", load);
    tell("IPv4 to IPv6, keep-alive", outcome);
    expect(outcome.errors).toEqual({});
    expect(Object.keys(outcome.servers).toSorted()).toEqual(["web1", "web3"]);
    expect(shares(outcome).web1).toBeCloseTo(0.5, 0.5);
  });
});

describe("a download", () => {
  let sum: string;

  beforeAll(async () => {
    sum = await fill(DOWNLOAD_MIB);
  });

  it.each(["172.16.0.2:80", "[fd00::2]:80", "172.16.0.2:86"])(
    "arrives whole from %s",
    async (place) => {
      const beganAt = monotonicMs();
      const download = `curl --silent --fail --globoff http://${place}/files/large | sha256sum`;
      const [received] = (await client.run(["sh", "-c", download])).split(" ");
      const seconds = (monotonicMs() - beganAt) / 1_000;
      figures(`download of ${DOWNLOAD_MIB} MiB from ${place}`, {
        "MB/s": DOWNLOAD_MIB * 1.048576 / seconds,
      });
      expect(received).toBe(sum);
    },
  );
});

describe("a server that is killed", () => {
  it("costs no request of new clients, also before any check has noticed", async () => {
    await servers.get("web1")?.kill();
    // Its check is due in 20 s: until then half of all clients are sent to it first.
    const load = { connections: 10, seconds: SECONDS, close: true, pauseMs: 5 };
    const outcome = await wrk(client, "http://172.16.0.2:82/", load);
    const { health, redispatches, failures } = await lintel.server("web1", "few");
    tell("one of two servers dead, unnoticed", outcome, { redispatches });
    expect(health.state).toBe("up");
    expect(outcome.errors).toEqual({});
    expect(Object.keys(outcome.servers)).toEqual(["web2"]);
    expect(outcome.requests).toBeGreaterThan(50 * SECONDS);
    expect(redispatches).toBeGreaterThan(20 * SECONDS);
    expect(failures.connectRefused).toBe(redispatches);
  });

  it("is found down by its check, and up again when it is back", async () => {
    await eventually("web1 is down", async () => await lintel.health("web", "web1") === "down");
    const { health, weight } = await lintel.server("web1");
    expect(health).toMatchObject({ code: "L4CON", failure: expect.stringMatching(/refused/i) });
    expect(weight).toMatchObject({ configured: 50 });
    const load = { connections: 10, seconds: 1, close: true, pauseMs: 5 };
    const without = await wrk(client, "http://172.16.0.2:80/", load);
    expect(without.errors).toEqual({});
    expect(Object.keys(without.servers).toSorted()).toEqual(["web2", "web3"]);
    expect(shares(without).web2).toBeCloseTo(2 / 3, 1.5);
    await restart("web1");
    await eventually("web1 is up", async () => await lintel.health("web", "web1") === "up");
    const again = await wrk(client, "http://172.16.0.2:80/", load);
    expect(again.errors).toEqual({});
    expect(shares(again).web1).toBeCloseTo(0.25, 1);
  });

  it("under load costs only the requests it had begun, and is down in time", async () => {
    const load = { connections: 30, seconds: SECONDS + 3, close: true, pauseMs: 3 };
    const running = wrk(client, "http://172.16.0.2:80/", load);
    await eventually("the load has begun", async () =>
      (await lintel.backend()).servers.every(
        ({ connections }) => connections.active > 0 || connections.total > 1_000,
      ));
    const killedAt = monotonicMs();
    await servers.get("web2")?.kill();
    await eventually("web2 is down", async () => await lintel.health("web", "web2") === "down", {
      everyMs: 5,
    });
    const downMs = monotonicMs() - killedAt;
    const outcome = await running;
    tell("a server killed under load", outcome, { downMs });
    const lost = Object.values(outcome.errors).reduce((sum, count) => sum + count, 0);
    expect(lost).toBeLessThanOrEqual(load.connections);
    expect(downMs).toBeLessThan(CHECK.intervalMs * (CHECK.fall + 1) + 200);
    expect(outcome.servers.web1! + outcome.servers.web3!).toBeGreaterThan(outcome.requests * 0.4);
    await restart("web2");
    await eventually("web2 is up", async () => await lintel.health("web", "web2") === "up");
  });
});

it("has counted every connection, and holds none", async () => {
  await eventually("all connections have ended", async () => {
    const { servers } = await lintel.backend();
    return servers.every(({ connections }) => connections.active === 0);
  });
  const { frontends, backends } = await lintel.json("GET", "/v1/status") as {
    frontends: { connections: { active: number; total: number } }[];
    backends: { servers: { connections: { total: number } }[] }[];
  };
  expect(frontends.map(({ connections }) => connections.active)).toEqual([0, 0, 0, 0]);
  const came = frontends.reduce((sum, { connections }) => sum + connections.total, 0);
  const went = backends.flatMap((backend) => backend.servers)
    .reduce((sum, { connections }) => sum + connections.total, 0);
  expect(went).toBeGreaterThanOrEqual(came);
  expect(lintel.process.output).not.toMatch(/died|error/i);
});

async function restart(name: string): Promise<void> {
  const host = servers.get(name)?.host;
  if (!host) throw new Error(`there is no server ${name}`);
  servers.set(name, await Nginx.start(host));
}

/** Connections each server of the main backend has had. */
async function totals(): Promise<Record<string, number>> {
  const { servers } = await lintel.backend();
  return Object.fromEntries(servers.map(({ name, connections }) => [name, connections.total]));
}

function shares({ servers, requests }: Outcome): Record<string, number> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, count]) => [name, count / requests]),
  );
}

function tell(what: string, outcome: Outcome, more: Record<string, number> = {}): void {
  const { requests, slowestMs, servers, errors } = outcome;
  const by = Object.entries(servers).map(([name, count]) => `${name} ${count}`).join(" ");
  const errors_ = JSON.stringify(errors);
  figures(what, { requests, slowestMs, by, errors: errors_, ...more });
}

/** Puts the same large file on all servers. @returns its SHA-256. */
async function fill(mebibytes: number): Promise<string> {
  const file = `${lab.directory}/large`;
  for (const { host } of servers.values()) {
    Deno.mkdirSync(`${host.directory}/files`);
    Deno.symlinkSync(file, `${host.directory}/files/large`);
  }
  const make = `head -c ${mebibytes}M /dev/urandom > ${file} && sha256sum < ${file}`;
  const [sum = ""] = (await client.run(["sh", "-c", make])).split(" ");
  return sum;
}
