/**
 * Very many connections, one after another and at once: what they leave behind, what each takes,
 * and how the workers share them. The long form is a million.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { descriptors, residentBytes } from "../../scripts/bench/cpu.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { Status } from "../../src/admin/model.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { allocated, collections } from "./collections.ts";
import { figures, isSoak } from "./figures.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";
import { wrk } from "./wrk.ts";

const ONE_AFTER_ANOTHER = isSoak ? 1_000_000 : 20_000;
const AT_ONCE = 4_000;

const CONFIG = `
workers: 2
frontends: { web: { listen: "172.16.0.2:80", backend: web } }
backends: { web: { servers: { web: "172.16.0.21:80" } } }
`;

let lab: Lab;
let client: Host;
let lintel: Lintel;
let startedAt = 0;
/** When the many connections were made, in milliseconds from the start. */
let course = { made: 0, fromMs: 0, toMs: 0 };

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  for (const host of [client, balancer]) {
    host.sysctl("net.ipv4.tcp_tw_reuse", 1);
    host.sysctl("net.ipv4.ip_local_port_range", "1024 65535");
  }
  await Nginx.start(lab.host("web", { addresses: ["172.16.0.21/24"] }));
  startedAt = monotonicMs();
  // V8 prints each collection of its garbage.
  lintel = new Lintel(balancer, ["env", "DENO_V8_FLAGS=--trace-gc", ...command], CONFIG);
  await lintel.ready();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

it(`keeps nothing of ${ONE_AFTER_ANOTHER} connections`, async () => {
  // What is only done once is done after these.
  await connect(isSoak ? ONE_AFTER_ANOTHER / 4 : ONE_AFTER_ANOTHER);
  await settled();
  const { pid } = lintel.process;
  const before = { descriptors: descriptors(pid), resident: residentBytes(pid) };
  const fromMs = monotonicMs() - startedAt;
  const made = await connect(ONE_AFTER_ANOTHER);
  await settled();
  course = { made, fromMs, toMs: monotonicMs() - startedAt };
  const noMore = () => descriptors(pid) <= before.descriptors;
  await eventually("no descriptor is left of a connection", noMore);
  const grownMegabytes = (residentBytes(pid) - before.resident) / 1e6;
  figures(`${made} connections, one after another`, { grownMegabytes });
  expect(grownMegabytes).toBeLessThan(16);
  expect((await lintel.server("web")).connections.active).toBe(0);
});

it(`shares ${AT_ONCE} connections at once among the workers, and lets all of them go`, async () => {
  const { pid } = lintel.process;
  const before = { descriptors: descriptors(pid), resident: residentBytes(pid) };
  const holder = client.script(HOLDER, ["172.16.0.2", "80", String(AT_ONCE)]);
  const all = async () => {
    if (holder.ended) throw new Error(holder.output);
    return sum(await open()) >= AT_ONCE;
  };
  await eventually("all are connected", all, { deadlineMs: 60_000, everyMs: 100 });
  const shares = await open();
  const bytesEach = (residentBytes(pid) - before.resident) / AT_ONCE;
  figures(`${AT_ONCE} idle connections`, { bytesEach, shares: shares.join(" and ") });
  expect(Math.max(...shares)).toBeLessThan(1.2 * Math.min(...shares));
  expect(bytesEach).toBeLessThan(HAPROXY_BYTES_EACH);
  await holder.stop();
  await settled();
  const noMore = () => descriptors(pid) <= before.descriptors;
  await eventually("no descriptor is left of a connection", noMore);
});

it("allocates next to nothing for a connection", async () => {
  await lintel.process.stop();
  const { made, fromMs, toMs } = course;
  // A thread's heap is younger than the process, by the second that a start may take.
  const meanwhile = { fromMs, toMs: toMs - 1_000 };
  const seen = collections(lintel.process.output);
  const all = allocated(seen, meanwhile);
  // The main thread, whose heap is the oldest, answers this test, and has no part in connections.
  all.delete(seen[0]?.isolate ?? "");
  const bytesEach = Object.fromEntries([...all].map(([thread, bytes]) => [thread, bytes / made]));
  figures(`allocated for one of ${made} connections, by thread`, bytesEach);
  expect(sum(Object.values(bytesEach))).toBeLessThan(MOST_ALLOCATED);
});

/** Makes at least so many connections, one after another on 64 lines. @returns how many. */
async function connect(count: number): Promise<number> {
  const total = async () => (await lintel.server("web")).connections.total;
  const before = await total();
  let made = 0;
  while (made < count) {
    const load = { connections: 64, seconds: isSoak ? 20 : 1, close: true };
    const { errors } = await wrk(client, "http://172.16.0.2/", load);
    expect(errors).toEqual({});
    made = await total() - before;
  }
  return made;
}

/** Waits until nobody is connected. */
async function settled(): Promise<void> {
  const nobody = async () => sum(await open()) === 0;
  await eventually("every connection has ended", nobody);
  await delay(500);
}

/** How many connections each data-plane worker holds. */
async function open(): Promise<number[]> {
  const { workers } = await lintel.json("GET", "/v1/status") as Status;
  return workers.flatMap(({ connections }) => connections ?? []);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

const HOLDER = new URL("../../scripts/bench/idle_client.ts", import.meta.url).pathname;
/** What `deno task bench` finds of HAProxy 2.6. */
const HAPROXY_BYTES_EACH = 3_370;
/**
 * All workers together: what compiling leaves behind, two bytes or so once that is done. V8
 * collects a megabyte at a time, and on a busy machine compiles late, which is the noise of this
 * measuring: 50 bytes of each of 20,000 for every collection. A boxed number for each connection
 * would be 16 or more: that is for the long form to see.
 */
const MOST_ALLOCATED = isSoak ? 16 : 256;
