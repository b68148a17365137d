/**
 * A data-plane worker's thread. It sits in the engine's loop and looks for orders only when the
 * appliance has written its eventfd.
 */

import { Engine } from "./engine.ts";
import { linux } from "./kernel.ts";
import type { Order, Report, StartOrder } from "./orders.ts";
import { signal } from "../linux/eventfd.ts";
import { Inbox, type Posting } from "../memory/inbox.ts";
import { WorkerTable } from "../memory/worker_table.ts";

const inbox = new Inbox<Order>();

self.onmessage = ({ data }: MessageEvent<Order>) => {
  if (data.kind === "start") {
    run(data);
    return;
  }
  inbox.put(data);
};

async function run(start: StartOrder): Promise<void> {
  const workers = new WorkerTable(start.workers);
  const engine = new Engine(start, linux, report);
  report({ kind: "ready" });
  const posting: Posting = {
    count: () => workers.orders(start.worker),
    now: linux.now,
    wake: () => signal(start.wake),
  };
  try {
    while (!engine.isStopped) {
      engine.turn();
      if (!inbox.isBehind(posting)) continue;
      for (const order of await inbox.take(posting)) engine.carryOut(order);
    }
  } catch (error) {
    engine.abandon();
    throw error;
  }
  self.close();
}

function report(report: Report): void {
  self.postMessage(report);
}
