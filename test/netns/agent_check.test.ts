/**
 * Agents beside servers: what each of their words means, side by side with HAProxy, who hears the
 * same; and who has the last word.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { Lintel, product } from "./product.ts";
import { Nginx } from "./nginx.ts";

const CONFIG = `
workers: 1
frontends: { web: { listen: "172.16.0.2:80", backend: web } }
backends:
  web:
    check: { type: tcp, interval: 200ms, timeout: 5s, rise: 1 }
    agentCheck: { port: 9000, interval: 200ms, send: "lintel\\n" }
    servers: { web1: { address: "172.16.0.21:80", maxConnections: 100 } }
`;
const AGENT = 'agent-check agent-port 9000 agent-inter 200 agent-send "haproxy\\n"';
const HAPROXY = (socket: string) => `
global
  stats socket ${socket} level admin
defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
  timeout check 5s
listen web
  bind 172.16.0.2:81
  balance roundrobin
  server web1 172.16.0.21:80 weight 100 maxconn 100 check inter 200 rise 1 ${AGENT}
`;

/** How a server stands, in words that both have. */
interface Standing {
  readonly state: string;
  readonly weight: number;
  readonly maxConnections: number;
}

let lab: Lab;
let web: Host;
let lintel: Lintel;
let haproxy: string;
let file: string;
let agent: Process;
let number = 0;
/** Who has been told which line. */
const told = new Set<string>();

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  web = lab.host("web1", { addresses: ["172.16.0.21/24"] });
  await Nginx.start(web);
  file = web.write("agent.json", JSON.stringify({ number, line: "up\n" }));
  await startAgent();
  haproxy = `${balancer.directory}/haproxy.sock`;
  balancer.spawn(["haproxy", "-db", "-f", balancer.write("haproxy.cfg", HAPROXY(haproxy))]);
  lintel = new Lintel(balancer, command, CONFIG);
  await lintel.ready();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

async function startAgent(): Promise<void> {
  const script = new URL("agent.ts", import.meta.url).pathname;
  agent = web.script(script, [file, "172.16.0.21", "9000"], { onLine: (line) => told.add(line) });
  await eventually("the agent listens", () => agent.output.includes("listens"));
}

/** The agent says this from now on; returns once both have heard it. */
async function say(line: string): Promise<void> {
  number++;
  await Deno.writeTextFile(`${file}.new`, JSON.stringify({ number, line }));
  await Deno.rename(`${file}.new`, file);
  await eventually(
    `both have heard ${JSON.stringify(line)}`,
    () => told.has(`${number} lintel`) && told.has(`${number} haproxy`),
  );
}

/** Waits until lintel's facts have what the agent has said of the weight. */
async function weighed(percent: number): Promise<void> {
  await eventually(
    `the agent's ${percent}% is in the facts`,
    async () => (await lintel.server("web1")).agent?.weightPercent === percent,
  );
}

async function ours(): Promise<Standing> {
  const { admin, agent, health, weight } = await lintel.server("web1");
  const isDown = health.state !== "up" || agent?.down === true;
  const state = admin === "maint" ? "MAINT" : isDown ? "DOWN" : admin === "drain" ? "DRAIN" : "UP";
  const { usableServers } = await lintel.backend();
  expect(usableServers).toBe(state === "UP" && weight.effective > 0 ? 1 : 0);
  return { state, weight: weight.effective, maxConnections: agent?.maxConnections ?? 100 };
}

async function theirs(): Promise<Standing> {
  using connection = await Deno.connect({ transport: "unix", path: haproxy });
  await connection.write(new TextEncoder().encode("show stat\n"));
  const rows = (await new Response(connection.readable).text()).split("\n")
    .map((row) => row.split(","));
  const server = rows.find((row) => row[0] === "web" && row[1] === "web1") ?? [];
  const column = (name: string) => server[rows[0]?.indexOf(name) ?? -1] ?? "";
  return {
    state: column("status").split(" ")[0] ?? "",
    weight: Number(column("weight")),
    maxConnections: Number(column("slim")),
  };
}

const LINES = [
  ...["50%\n", "up 100%\n", "drain\n", "sideways\n", "ready\n", "maint\n", "ready\n"],
  ...["down #disk full\n", "75%\n", "ready\n", "up\n", "stopped\n", "up\r\n", "fail #x\n"],
  ...["UP, Ready\t30%\n", "down#full\n", "maxconn:30\n", "0%\n", "200%\n", "1000%\n"],
  ...["maxconn:50 20%\n", "drain sideways 100%\n", "ready\nmaint\n", "60%", "\n", "#down\n"],
  ...["down maint\n", "up\n", "maxconn:0\n", "ready up 100% maxconn:100\n"],
];

describe("an agent", () => {
  it("means by each of its words what it means to HAProxy", async () => {
    for (const line of LINES) {
      await say(line);
      await eventually(`${JSON.stringify(line)} means the same to both`, async () => {
        const [our, their] = [await ours(), await theirs()];
        expect(our).toEqual(their);
        return true;
      });
    }
  });

  it("does not outvote an operator, and is heard again after him", async () => {
    await say("50% ready\n");
    await weighed(50);
    await lintel.patchServer("web", "web1", { weight: 7, state: "drain", reason: "disk" });
    await say("80% ready up\n");
    await weighed(80);
    expect(await ours()).toMatchObject({ state: "DRAIN", weight: 7 });
    await lintel.patchServer("web", "web1", { weight: null, state: null });
    expect(await ours()).toMatchObject({ state: "UP", weight: 80 });
  });

  it("changes nothing by its absence", async () => {
    await say("40% #busy\n");
    await weighed(40);
    await agent.stop("SIGKILL");
    await eventually(
      "its absence is noticed",
      () => lintel.process.output.includes("the agent of server web/web1 does not answer"),
    );
    expect(await ours()).toMatchObject({ state: "UP", weight: 40 });
    expect((await lintel.server("web1")).health.code).toMatch(/^L4OK$/);
    await startAgent();
    await say("down #it is enough\n");
    await eventually("it is down", async () => (await ours()).state === "DOWN");
    const { health, agent: said } = await lintel.server("web1");
    expect([health.state, health.code]).toEqual(["up", "L4OK"]);
    expect(said).toMatchObject({ word: "down", text: "it is enough", weightPercent: 40 });
    const ready = await (await lintel.ask("GET", "/readyz")).text();
    expect(ready).toContain("web1 down, says its agent");
  });
});
