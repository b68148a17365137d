/**
 * The connection log beside that of a real HAProxy: the same traffic through both, told by the same
 * line. Times are compared for whether there are any, since no two connections take the same.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { COMMON, Lintel, product } from "./product.ts";

/** Nobody answers there, not even the host itself. */
const NOWHERE = "10.77.0.9:80";

/** By the name of the frontend and the backend: ports, and HAProxy's and our words for the rest. */
const PROXIES = [
  { name: "ok", haproxy: "", lintel: "", servers: { s1: "PEER" } },
  { name: "refused", haproxy: "", lintel: "", servers: { s1: "127.0.0.1:1" } },
  { name: "none", haproxy: "", lintel: "", servers: { s1: "127.0.0.1:1 disabled" } },
  { name: "nowhere", haproxy: "retries 0", lintel: "retries: 0", servers: { s1: NOWHERE } },
  {
    ...{ name: "other", haproxy: "option redispatch\n  balance roundrobin" },
    ...{ lintel: "redispatch: true", servers: { s1: "127.0.0.1:1", s2: "PEER" } },
  },
  { name: "full", haproxy: "", lintel: "", servers: { s1: "PEER maxconn 1" } },
  {
    ...{ name: "down", haproxy: "", lintel: "onMarkedDown: shutdown-connections" },
    servers: { s1: "PEER on-marked-down shutdown-sessions" },
  },
] as const;

type Name = typeof PROXIES[number]["name"];

/** One of the two, as a test sees it. */
interface Balancer {
  readonly process: Process;
  port(name: Name): number;
  /** Takes a server out. */
  maint(name: Name): Promise<unknown>;
  /** Kills the connections of a server. */
  kill(name: Name): Promise<unknown>;
}

let lab: Lab;
let host: Host;
let peers: PeerListener;
const balancers: Balancer[] = [];

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  host = lab.host("lb", { addresses: ["10.77.0.1/24"] });
  peers = host.inside(() => new PeerListener());
  const lintel = new Lintel(host, command, lintelConfig());
  await lintel.ready();
  const haproxy = host.spawn(["haproxy", "-db", "-f", host.write("haproxy.cfg", haproxyConfig())]);
  const say = (text: string) =>
    host.run(["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/8999; echo "${text}" >&3; cat <&3`]);
  const listens = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8999"];
  await eventually("HAProxy listens", async () => (await host.try(listens)).code === 0);
  balancers.push({
    process: haproxy,
    port: (name) => 8100 + indexOf(name),
    maint: (name) => say(`disable server ${name}/s1`),
    kill: (name) => say(`shutdown sessions server ${name}/s1`),
  }, {
    process: lintel.process,
    port: (name) => 8200 + indexOf(name),
    maint: (name) => lintel.json("PATCH", `/v1/backends/${name}/servers/s1`, { state: "maint" }),
    kill: (name) => lintel.json("DELETE", `/v1/connections?backend=${name}&server=s1`),
  });
});

afterAll(async () => {
  peers?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("a connection that", () => {
  it("both sides end in order", () =>
    alike("ok", "ok ok/s1 n/n/n 2 -- 1/1/0/0/0 0/0", async ({ client, server }) => {
      client.end();
      expect(await server.next()).toBe(0);
      server.close();
      expect(await client.next()).toBe(0);
    }));

  it("the client resets", () =>
    alike("ok", "ok ok/s1 n/n/n 2 CD 1/1/0/0/0 0/0", async ({ client, server }) => {
      client.reset();
      expect(await server.next()).toBeLessThan(0);
    }));

  it("the server resets", () =>
    alike("ok", "ok ok/s1 n/n/n 2 SD 1/1/0/0/0 0/0", async ({ client, server }) => {
      server.reset();
      expect(await client.next()).toBeLessThanOrEqual(0);
    }));

  it("is silent for too long", () =>
    alike("ok", "ok ok/s1 n/n/n 2 cD 1/1/0/0/0 0/0", async ({ client }) => {
      expect(await client.next()).toBeLessThanOrEqual(0);
    }));

  it("the server has ended, and the client does not", () =>
    alike("ok", "ok ok/s1 n/n/n 2 cD 1/1/0/0/0 0/0", async ({ client, server }) => {
      server.end();
      expect(await client.next()).toBe(0);
      // Until it has been cut.
      await server.next();
    }));

  it("the client has ended, and the server does not", () =>
    alike("ok", "ok ok/s1 n/n/n 2 sD 1/1/0/0/0 0/0", async ({ client, server }) => {
      client.end();
      expect(await server.next()).toBe(0);
      await client.next();
    }));

  it("somebody kills", () =>
    alike("ok", "ok ok/s1 n/n/n 2 K- 1/1/0/0/0 0/0", async ({ client }, balancer) => {
      await balancer.kill("ok");
      expect(await client.next()).toBeLessThanOrEqual(0);
    }));

  it("loses its server", () =>
    alike("down", "down down/s1 n/n/n 2 D- 1/1/0/0/0 0/0", async ({ client }, balancer) => {
      await balancer.maint("down");
      expect(await client.next()).toBeLessThanOrEqual(0);
    }));

  it("finds its server refusing", () =>
    alike("refused", "refused refused/s1 n/-1/n 0 SC 1/1/0/0/1 0/0"));

  it("finds no server", () => alike("none", "none none/<NOSRV> -1/-1/n 0 SC 1/1/0/0/0 0/0"));

  it("waits for its server in vain", () =>
    alike("nowhere", "nowhere nowhere/s1 n/-1/n 0 sC 1/1/0/0/0 0/0"));

  it("is given another server", () =>
    alike("other", "other other/s2 n/n/n 2 -- 1/1/0/0/+1 0/0", async ({ client, server }) => {
      client.end();
      expect(await server.next()).toBe(0);
      server.close();
      expect(await client.next()).toBe(0);
    }));
});

describe("connections at once", () => {
  it("are counted beside each other", async () => {
    for (const balancer of balancers) {
      const first = await open(balancer, "ok");
      const second = await open(balancer, "ok");
      for (const [pair, expected] of [[first, "2/2/1/1/0"], [second, "1/1/0/0/0"]] as const) {
        const [line] = await linesOf(balancer, 1, () => {
          pair.client.reset();
          pair.server.reset();
          return Promise.resolve();
        });
        expect(line).toMatch(new RegExp(`^ok ok/s1 n/n/n 2 [CS]D ${expected} 0/0$`));
      }
    }
  });

  it("wait for a place, and not for ever", async () => {
    for (const balancer of balancers) {
      const first = await open(balancer, "full");
      const [line] = await linesOf(balancer, 1, async () => {
        using second = host.inside(() => Peer.dial(balancer.port("full")));
        expect(await second.next()).toBeLessThanOrEqual(0);
      });
      expect(line).toBe("full full/<NOSRV> n/-1/n 0 sQ 2/2/1/0/0 0/1");
      await linesOf(balancer, 1, () => Promise.resolve(first.client.reset()));
      first.server.close();
    }
  });
});

interface Pair {
  readonly client: Peer;
  readonly server: Peer;
}

/** Does the same with both balancers, and expects the same line of both. */
async function alike(
  name: Name,
  expected: string,
  act?: (pair: Pair, balancer: Balancer) => Promise<void>,
): Promise<void> {
  for (const balancer of balancers) {
    const [line] = await linesOf(balancer, 1, async () => {
      if (act) {
        const pair = await open(balancer, name);
        await act(pair, balancer);
        pair.client.close();
        pair.server.close();
      } else {
        using client = host.inside(() => Peer.dial(balancer.port(name)));
        expect(await client.next()).toBeLessThanOrEqual(0);
      }
    });
    expect(line, balancer.process.name).toBe(expected);
  }
}

/** A connection through a balancer, by which two bytes have come each way. */
async function open(balancer: Balancer, name: Name): Promise<Pair> {
  const client = host.inside(() => Peer.dial(balancer.port(name)));
  await client.sendAll("hi");
  const server = await peers.next();
  expect(await server.next()).toBe(2);
  await server.sendAll("yo");
  expect(await client.next()).toBe(2);
  return { client, server };
}

/** What a balancer says of connections that end meanwhile, without addresses and times. */
async function linesOf(
  { process }: Balancer,
  count: number,
  act: () => Promise<void>,
): Promise<string[]> {
  const lines = () => process.stdout.split("\n").filter((line) => FORM.test(line));
  const before = lines().length;
  await act();
  await eventually("the lines are there", () => lines().length >= before + count);
  // One too many would be as wrong.
  await delay(150);
  return lines().slice(before).map((line) => {
    const { rest = "", times = "" } = FORM.exec(line)?.groups ?? {};
    const known = times.split("/").map((time) => time === "-1" ? "-1" : "n").join("/");
    return rest.replace("TIMES", known).replace(times, known);
  });
}

/** HAProxy's manual, section 8.2.2; what stands before the names is the same in all lines. */
const FORM = new RegExp(
  "^127\\.0\\.0\\.1:\\d{1,5} \\[\\d{2}/[A-Z][a-z]{2}/\\d{4}(?::\\d{2}){3}\\.\\d{3}\\] " +
    "(?<rest>\\w+ \\w+/(?:\\w+|<NOSRV>) (?<times>-?\\d+/-?\\d+/\\d+) \\d+ [A-Za-z-]{2} " +
    "\\d+/\\d+/\\d+/\\d+/\\+?\\d+ \\d+/\\d+)$",
);

function indexOf(name: Name): number {
  return PROXIES.findIndex((proxy) => proxy.name === name);
}

function haproxyConfig(): string {
  const proxies = PROXIES.map(({ name, haproxy, servers }, at) =>
    `listen ${name}\n  bind 127.0.0.1:${8100 + at}\n  ${haproxy}\n` +
    Object.entries(servers).map(([server, how]) => `  server ${server} ${placed(how)}\n`).join("")
  );
  return `global
  log stdout format raw local0
  stats socket ipv4@127.0.0.1:8999 level admin
defaults
  log global
  mode tcp
  option tcplog
  retries 1
  timeout connect 500ms
  timeout client 1h
  timeout server 1h
  timeout tunnel 1s
  timeout client-fin 500ms
  timeout server-fin 500ms
  timeout queue 500ms
${proxies.join("")}`;
}

function lintelConfig(): string {
  const frontends = PROXIES.map(({ name }, at) =>
    `  ${name}: { listen: "127.0.0.1:${8200 + at}", backend: ${name}, required: false }\n`
  );
  const backends = PROXIES.map(({ name, lintel, servers }) => {
    const lines = Object.entries(servers).map(([server, how]) => {
      const [address] = placed(how).split(" ");
      const state = how.endsWith("disabled") ? ", state: maint" : "";
      const limit = how.endsWith("maxconn 1") ? ", maxConnections: 1" : "";
      return `      ${server}: { address: "${address}"${state}${limit} }\n`;
    });
    const own = lintel.startsWith("re") ? "" : "    redispatch: false\n    retries: 1\n";
    const more = lintel === "redispatch: true" ? "    retries: 1\n" : "";
    return `  ${name}:\n    check: none\n${own}${more}` +
      (lintel === "" ? "" : `    ${lintel}\n`) +
      "    timeouts: { connect: 500ms, idle: 1s, halfClosed: 500ms, queue: 500ms }\n" +
      `    servers:\n${lines.join("")}`;
  });
  return `${COMMON}log: { connections: tcplog }
workers: 1
frontends:
${frontends.join("")}backends:
${backends.join("")}`;
}

function placed(how: string): string {
  return how.replace("PEER", `127.0.0.1:${peers.port}`);
}
