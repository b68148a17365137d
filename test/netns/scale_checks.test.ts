/**
 * What checking a thousand servers every two seconds costs: over TCP, and over TLS without and with
 * a certificate to verify. It is printed; the long form, beside which nothing else runs, also
 * bounds it. The short one has fewer.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { cpuNs } from "../../scripts/bench/cpu.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { AUTHORITY, SERVER_CERTIFICATE, SERVER_KEY } from "../unit/certificates.ts";
import { figures, isSoak } from "./figures.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";

const COUNT = isSoak ? 1_000 : 200;
const SECONDS = isSoak ? 60 : 5;

let lab: Lab;
let balancer: Host;
let web: Host;
let command: readonly string[];

beforeAll(async () => {
  command = await product();
  lab = Lab.create();
  balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  balancer.sysctl("net.ipv4.tcp_tw_reuse", 1);
  balancer.write("ca.pem", AUTHORITY);
  web = lab.host("web", { addresses: ["172.16.0.21/24"] });
  web.write("server.pem", SERVER_CERTIFICATE);
  web.write("server.key", SERVER_KEY);
  await Nginx.start(web, { further: TLS });
  // Any address of this network is the server's own, and no neighbour has to be found for it.
  await web.run(["ip", "route", "add", "local", "10.20.0.0/16", "dev", "lo"]);
  balancer.links.addRoute("10.20.0.0/16", "172.16.0.21");
});

afterAll(() => lab?.[Symbol.asyncDispose]());

it("by tcp", async () => {
  const percent = await percentOfCpu("tcp", 80);
  if (isSoak) expect(percent).toBeLessThanOrEqual(MOST_PERCENT);
});

it("by https that verifies nothing, on connections that serve several checks", async () => {
  await percentOfCpu("https, verify: none", 443);
  const checks = Deno.readTextFileSync(`${web.directory}/checks.log`).trim().split("\n");
  expect(new Set(checks).size).toBeLessThan(checks.length / 2);
});

if (isSoak) {
  it("by https that verifies each certificate", async () => {
    const check = `https, serverName: localhost, ca: "${balancer.directory}/ca.pem"`;
    await percentOfCpu(check, 443);
  });
}

/** Checks all servers every two seconds. @returns what of one CPU the product takes. */
async function percentOfCpu(check: string, port: number): Promise<number> {
  const lintel = new Lintel(balancer, command, configuration(check, port));
  await lintel.ready(60_000);
  const all = async () => (await lintel.backend()).usableServers === COUNT;
  await eventually("all servers are up", all, { deadlineMs: 60_000, everyMs: 500 });
  // What is compiled once is compiled.
  if (isSoak) await delay(10_000);
  const { pid } = lintel.process;
  const [fromMs, fromNs, fromWall] = [monotonicMs(), cpuNs(pid), new Date().toISOString()];
  await delay(SECONDS * 1_000);
  const percent = (cpuNs(pid) - fromNs) / 1e4 / (monotonicMs() - fromMs);
  const { servers } = await lintel.backend();
  const checked = servers.filter(({ health }) => (health.checkedAt ?? "") > fromWall);
  const what = check.replace(/".*\//, '"');
  figures(`${COUNT} servers, check: { type: ${what} }`, { percentOfOneCpu: percent });
  expect(checked).toHaveLength(COUNT);
  expect(servers.filter(({ health }) => health.state !== "up")).toEqual([]);
  await lintel.process.stop();
  return percent;
}

function configuration(check: string, port: number): string {
  const servers = Array.from(
    { length: COUNT },
    (_, at) => `      web${at}: "10.20.${Math.floor(at / 250)}.${at % 250 + 1}:${port}"`,
  );
  return `
frontends: { web: { listen: "172.16.0.2:80", backend: web } }
backends:
  web:
    check: { type: ${check}, interval: 2s }
    servers:
${servers.join("\n")}
`;
}

const TLS = `  log_format connection "$connection";
  server {
    access_log DIRECTORY/checks.log connection;
    listen 443 ssl backlog=8192;
    ssl_certificate DIRECTORY/server.pem;
    ssl_certificate_key DIRECTORY/server.key;
    location / { return 200 "well\\n"; }
  }`;

/** Of one CPU, on a machine like the one of the bench. */
const MOST_PERCENT = 12;
