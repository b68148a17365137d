/**
 * A thousand servers, a thousand frontends: the product starts, checks, forwards and shows them.
 */

import { expect, it } from "vitest";
import { cpuNs, residentBytes } from "../../scripts/bench/cpu.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import type { Backend, Frontend } from "../../src/admin/model.ts";
import { figures } from "./figures.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";
import { wrk } from "./wrk.ts";

const COUNT = 1_000;
const FIRST_PORT = 20_000;

it(`serves ${COUNT} frontends and ${COUNT} servers`, async () => {
  const command = await product();
  await using lab = Lab.create();
  const client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  client.sysctl("net.ipv4.tcp_tw_reuse", 1);
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  const server = lab.host("web", { addresses: ["172.16.0.21/24"] });
  await Nginx.start(server);
  // Any address of this network is the server's own, and no neighbour has to be found for it.
  await server.run(["ip", "route", "add", "local", "10.20.0.0/16", "dev", "lo"]);
  balancer.links.addRoute("10.20.0.0/16", "172.16.0.21");

  const startedAt = performance.now();
  const lintel = new Lintel(balancer, command, configuration());
  await lintel.ready(60_000);
  const readyMs = performance.now() - startedAt;
  const cpuMs = cpuNs(lintel.process.pid) / 1e6;
  const all = async () => (await lintel.backend()).usableServers === COUNT;
  await eventually("all servers are up", all, { deadlineMs: 60_000, everyMs: 200 });
  const upMs = performance.now() - startedAt;
  const residentMegabytes = residentBytes(lintel.process.pid) / 1e6;
  figures(`${COUNT} servers and frontends`, {
    ...{ readyMs, cpuMs, upMs, residentMegabytes },
  });
  // Not the time on the clock: others may use the machine.
  expect(cpuMs).toBeLessThan(15_000);

  for (let port = FIRST_PORT; port < FIRST_PORT + COUNT; port += 111) {
    const url = `http://172.16.0.2:${port}/`;
    const { requests, errors } = await wrk(client, url, {
      ...{ connections: 10, seconds: 1, close: true, pauseMs: 2 },
    });
    expect(errors).toEqual({});
    expect(requests).toBeGreaterThan(50);
  }
  await shows(lintel);
});

/** The API and the command line know all of them, and the traffic that there was. */
async function shows(lintel: Lintel): Promise<void> {
  const frontends = await lintel.json("GET", "/v1/frontends") as { items: Frontend[] };
  expect(frontends.items.filter(({ listeners }) => listeners[0]?.bound)).toHaveLength(COUNT);
  const { servers } = await lintel.json("GET", "/v1/backends/web") as Backend;
  expect(servers).toHaveLength(COUNT);
  const totals = servers.map(({ connections }) => connections.total);
  // Each worker takes turns of its own.
  expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(2);
  const metrics = await (await lintel.ask("GET", "/metrics")).text();
  expect(metrics.match(/^lintel_server_up\{/gm)).toHaveLength(COUNT);
}

function configuration(): string {
  const ports = Array.from({ length: COUNT }, (_, at) => FIRST_PORT + at);
  const frontends = ports.map((port) =>
    `  web${port}: { listen: "172.16.0.2:${port}", backend: web }`
  );
  const servers = Array.from(
    { length: COUNT },
    (_, at) => `      web${at}: "10.20.${Math.floor(at / 250)}.${at % 250 + 1}:80"`,
  );
  return `
workers: 2
frontends:
${frontends.join("\n")}
backends:
  web:
    servers:
${servers.join("\n")}
`;
}
