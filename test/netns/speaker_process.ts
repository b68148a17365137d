/**
 * Runs the speaker's worker alone, without a data plane or an admin API: the plans of its virtual
 * routers come as JSON, reports and counters go out as lines of JSON. SIGHUP reads the plans anew;
 * SIGTERM leaves in the planned way. Not a test: `speaker_host.ts` starts it on a host of the lab.
 */

import { TRANSITIONS } from "../../src/core/vrrp/state.ts";
import { REJECTION_REASONS } from "../../src/core/wire/vrrp.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { eventfd, signal } from "../../src/linux/eventfd.ts";
import { ROUTER_COUNTERS, RouterTable } from "../../src/memory/router_table.ts";
import { WorkerTable } from "../../src/memory/worker_table.ts";
import type { Order, Report, SpeakerPlan, StartOrder } from "../../src/speaker/orders.ts";

/** Rows that a later plan may take. */
const SPARE = 8;
let given = read();
const table = new RouterTable({
  routers: given.routers.length + SPARE,
  rejections: REJECTION_REASONS,
  transitions: Object.keys(TRANSITIONS),
});
const workers = new WorkerTable(1);
const wake = eventfd();
const worker = new Worker(new URL("../../src/speaker/worker.ts", import.meta.url), {
  type: "module",
});
let before = "";

worker.onmessage = ({ data }: MessageEvent<Report>) => {
  if (data.kind === "releaseConnections") post({ kind: "released", router: data.router });
  if (data.kind === "stopped" || data.kind === "failed") tell();
  print(data);
  if (data.kind === "stopped") Deno.exit(0);
  if (data.kind === "failed") Deno.exit(4);
};
worker.postMessage(
  {
    kind: "start",
    ...given,
    participate: true,
    worker: 0,
    workers: workers.buffer,
    wake,
    table: table.shape,
    lag: null,
  } satisfies StartOrder,
);
print({ kind: "process", pid: Deno.pid });
Deno.addSignalListener("SIGHUP", () => {
  given = read();
  post({ kind: "plan", ...given });
  print({ kind: "ordered" });
});
Deno.addSignalListener("SIGTERM", () => post({ kind: "stop" }));
setInterval(tell, 50);

function post(order: Order): void {
  worker.postMessage(order);
  workers.order(0);
  signal(wake);
}

function read(): SpeakerPlan {
  const text = Deno.readTextFileSync(Deno.args[0] ?? "");
  return { groups: [], trackers: [], ...JSON.parse(text) as Pick<SpeakerPlan, "routers"> };
}

/** Prints what has been counted, if it has changed. */
function tell(): void {
  const routers = given.routers.map((plan, row) => ({
    name: plan?.name ?? "",
    state: table.status(row).state,
    since: table.status(row).since,
    priority: table.status(row).priority,
    ...Object.fromEntries(ROUTER_COUNTERS.map((counter) => [counter, table.counter(row, counter)])),
    rejected: Object.fromEntries(
      REJECTION_REASONS.map((reason) => [reason, table.rejections(row, reason)] as const)
        .filter(([, count]) => count > 0),
    ),
  }));
  const text = JSON.stringify(routers);
  if (text !== before) print({ kind: "counters", routers });
  before = text;
}

function print(line: object): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify({ ...line, saidAt: monotonicMs() })}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
