/**
 * The speaker's thread. Blocks in the kernel between packets and deadlines; looks for orders only
 * when the appliance has written its eventfd.
 */

import { monotonicMs } from "../linux/clock.ts";
import { errorName } from "../linux/errno.ts";
import { clear, signal } from "../linux/eventfd.ts";
import type { Fd } from "../linux/libc.ts";
import {
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_SYS_NICE,
  mayHave,
  raise,
  scheduleRealTime,
} from "../linux/thread.ts";
import { Histogram } from "../memory/histogram.ts";
import { Inbox, type Posting } from "../memory/inbox.ts";
import { RouterTable } from "../memory/router_table.ts";
import { WorkerTable } from "../memory/worker_table.ts";
import type { Order, Report, StartOrder } from "./orders.ts";
import { Speaker } from "./speaker.ts";

const inbox = new Inbox<Order>();

self.onmessage = ({ data }: MessageEvent<Order>) => {
  if (data.kind === "start") {
    run(data);
    return;
  }
  inbox.put(data);
};

async function run(start: StartOrder): Promise<void> {
  if (!isAllowed()) return;
  await speak(start);
  // All that was made on this host is gone by now.
  report({ kind: "stopped" });
  self.close();
}

/** Takes part until every virtual router has been left. */
async function speak(start: StartOrder): Promise<void> {
  const workers = new WorkerTable(start.workers);
  const lag = start.lag && new Histogram(start.lag);
  using speaker = new Speaker({
    plan: start,
    ...(start.former && { former: start.former }),
    table: new RouterTable(start.table),
    // The appliance keeps it open for as long as this thread runs.
    wake: start.wake as Fd,
    ...(start.release && { release: start.release }),
    report,
    observeLateness: (seconds) => lag?.observe(start.worker, start.worker, seconds * 1e3),
  });
  if (start.participate) speaker.participate();
  report({ kind: "ready" });
  const posting: Posting = {
    count: () => workers.orders(start.worker),
    now: monotonicMs,
    wake: () => signal(start.wake as Fd),
  };
  while (!speaker.isDone) {
    workers.beat(start.worker, monotonicMs());
    if (speaker.turn()) clear(start.wake as Fd);
    if (!inbox.isBehind(posting)) continue;
    for (const order of await inbox.take(posting)) carryOut(speaker, order);
  }
}

function carryOut(speaker: Speaker, order: Order): void {
  switch (order.kind) {
    case "start":
      return;
    case "participate":
      return speaker.participate();
    case "plan":
      return speaker.plan(order);
    case "track":
      return speaker.track(order);
    case "failover":
      return speaker.failover(order);
    case "unhold":
      return speaker.unhold(order.router);
    case "standby":
      return speaker.standby(order);
    case "stop":
      return speaker.stop();
    case "released":
      return speaker.released(order.router);
  }
}

/** Takes what this thread may do from the permitted set; says what is missing. */
function isAllowed(): boolean {
  raise(CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_NICE);
  for (const [name, capability, purpose] of NEEDED) {
    if (mayHave(capability)) continue;
    const message = `virtual routers need ${name} to ${purpose}: run as root, grant it to the ` +
      "container, or `setcap cap_net_admin,cap_net_raw,cap_net_bind_service+p` on the executable";
    report({ kind: "failed", capability: name, message });
    return false;
  }
  const result = scheduleRealTime(REAL_TIME_PRIORITY);
  if (result < 0) {
    const message = `the speaker runs without real-time priority (${errorName(-result)}): ` +
      "grant CAP_SYS_NICE if advertisements are late under load";
    report({ kind: "log", level: "info", message, properties: {} });
  }
  return true;
}

function report(report: Report): void {
  self.postMessage(report);
}

const NEEDED = [
  ["CAP_NET_RAW", CAP_NET_RAW, "send and receive advertisements"],
  ["CAP_NET_ADMIN", CAP_NET_ADMIN, "add and remove virtual addresses"],
] as const;

/**
 * Any real-time priority comes before all ordinary threads; a low one leaves the kernel's own
 * alone.
 */
const REAL_TIME_PRIORITY = 10;
