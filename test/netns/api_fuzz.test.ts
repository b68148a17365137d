/**
 * The admin API of the real binary, asked for what its own document offers, rightly and wrongly,
 * and for what nobody offers: no answer blames us, nothing grows, and clients notice nothing.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { StatusSchema } from "../../src/admin/model.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import type { FuzzOrder, FuzzReport } from "./api_fuzz_client.ts";
import { figures, isSoak } from "./figures.ts";
import { ProbeClient } from "./probe_client.ts";
import { Lintel, product } from "./product.ts";

const CONFIG = `
stateDirectory: \${HOST_DIRECTORY}
log: { level: error }
admin:
  socket: \${HOST_DIRECTORY}/admin.sock
  listen: 127.0.0.1:9900
  tokens:
    - { name: looker, role: viewer, secret: viewer-0123456789 }
    - { name: ops, role: operator, secret: operator-0123456789 }
    - { name: boss, role: admin, secret: admin-0123456789 }
virtualRouters:
  spare: { interface: eth0, vrid: 60, addresses: [10.77.0.100] }
frontends:
  web: { listen: "10.77.0.1:80", backend: web }
  spare: { listen: "10.77.0.1:81", backend: spare, required: false }
backends:
  web: { servers: { web1: "10.77.0.21:80", web2: "10.77.0.21:80" } }
  spare: { servers: { spare1: "10.77.0.21:80", spare2: "10.77.0.21:81" } }
`;

/** What whoever may change something aims at: nothing that the client needs. */
const SPARE = {
  backend: ["spare"],
  server: ["spare1", "spare2", "added"],
  name: ["spare"],
  id: ["spare:spare1:state", "spare:spare2:weight"],
  virtualRouter: ["spare"],
};
const TEXT = [CONFIG, CONFIG.replace("spare2", "spare3"), "{", "workers: 2", "a: &a [*a, *a]"];
const WILD = {
  names: { ...SPARE, backend: ["spare", "web"], server: ["web1", "spare1"], name: ["web"] },
  text: TEXT,
  forced: {},
};

const seed = Number(Deno.env.get("LINTEL_SEED") ?? "20261123");
const requests = isSoak ? 10_000 : 1_000;

let lab: Lab;
let node: Host;
let lintel: Lintel;
let client: ProbeClient;

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  node = lab.host("lb1", { addresses: ["10.77.0.1/24"] });
  const web = lab.host("web", { addresses: ["10.77.0.21/24"] });
  await web.script(HTTP_SERVER, ["web", "10.77.0.21", "80"]).printed(/listens/);
  lintel = new Lintel(node, command, CONFIG);
  await lintel.ready();
  const clients = lab.host("client", { addresses: ["10.77.0.50/24"] });
  client = new ProbeClient(clients, "10.77.0.1:80", { everyMs: 10, timeoutMs: 5_000 });
  await client.answered();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

it(`bears ${requests} requests made up from its own document (seed ${seed})`, async () => {
  await fuzz({ requests: 200, slow: 0, seed: seed + 1 });
  const startedAt = monotonicMs();
  const before = await resident();
  const report = await fuzz({ requests, slow: isSoak ? 24 : 4, seed });
  const after = await resident();
  const clients = await client.since(startedAt);
  const { statuses, succeeded, operations, wrong, seconds, slowestMs } = report;
  figures("admin API fuzzed", {
    ...{ seed, requests, seconds, slowestMs, beforeMiB: before, afterMiB: after },
    ...{ statuses: JSON.stringify(statuses), succeeded: Object.keys(succeeded).length, operations },
    ...{ clientAnswered: clients.answered, clientGapMs: clients.gapMs },
  });
  expect(wrong).toEqual([]);
  expect(clients.failures).toEqual({});
  expect(clients.gapMs).toBeLessThan(3_000);
  // Garbage of so many requests waits until somebody has the time to collect it.
  expect(after - before).toBeLessThan(300);
  if (isSoak) {
    const isBack = async () => await resident() < before + 60;
    await eventually("memory is given back", isBack, { deadlineMs: 120_000, everyMs: 2_000 });
  }
  // Requests that all fail at the first hurdle would show nothing.
  expect(Object.keys(succeeded).length).toBeGreaterThan(operations * 0.6);
  const status = StatusSchema.parse(await lintel.json("GET", "/v1/status"));
  expect(status.workers.map(({ restarts }) => restarts)).toEqual(status.workers.map(() => 0));
  expect(status.live).toEqual({ ok: true, causes: [] });
  expect(lintel.process.output).toBe("");
});

async function fuzz(how: Pick<FuzzOrder, "requests" | "slow" | "seed">): Promise<FuzzReport> {
  const order: FuzzOrder = {
    ...how,
    ...{ socket: lintel.socket, port: 9900 },
    tokens: {
      viewer: "viewer-0123456789",
      operator: "operator-0123456789",
      admin: "admin-0123456789",
    },
    tame: { names: SPARE, text: TEXT, forced: { "/v1/connections": { backend: "spare" } } },
    wild: WILD,
  };
  const process = node.script(CLIENT, [JSON.stringify(order)]);
  const { code } = await process.end(isSoak ? 1_200_000 : 100_000);
  if (code !== 0) throw new Error(process.output);
  return JSON.parse(process.stdout);
}

/** MiB. */
async function resident(): Promise<number> {
  const { pid } = StatusSchema.parse(await lintel.json("GET", "/v1/status"));
  const kib = /^VmRSS:\s+(\d+)/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))?.[1];
  return Math.round(Number(kib) / 1024);
}

const CLIENT = new URL("api_fuzz_client.ts", import.meta.url).pathname;
const HTTP_SERVER = new URL("../../scripts/lab/http_server.ts", import.meta.url).pathname;
