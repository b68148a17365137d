/**
 * A data-plane worker's thread. It sits in the engine's loop and looks for orders only when the
 * appliance has written its eventfd.
 */

import { Engine } from "./engine.ts";
import { linux } from "./kernel.ts";
import type { Order, Report, StartOrder } from "./orders.ts";
import { signal } from "../linux/eventfd.ts";
import { WorkerTable } from "../memory/worker_table.ts";

/** Orders that have arrived and are not carried out yet. */
const inbox: Order[] = [];
let arrived = () => {};

self.onmessage = ({ data }: MessageEvent<Order>) => {
  if (data.kind === "start") {
    run(data);
    return;
  }
  inbox.push(data);
  arrived();
};

async function run(start: StartOrder): Promise<void> {
  const workers = new WorkerTable(start.workers);
  const engine = new Engine(start, linux, report);
  let received = 0;
  report({ kind: "ready" });
  while (!engine.isStopped) {
    engine.turn();
    const missing = workers.orders(start.worker) - received;
    if (missing <= 0) continue;
    await receive(missing);
    received += inbox.length;
    // What has been posted may take its time to come: the next turn must not sleep.
    if (inbox.length < missing) signal(start.wake);
    for (const order of inbox.splice(0)) engine.carryOut(order);
  }
  self.close();
}

/** Lets posted messages in: they come only while nothing runs here. Never waits for long. */
async function receive(count: number): Promise<void> {
  const giveUpAt = linux.now() + RECEIVE_MS;
  while (inbox.length < count && linux.now() < giveUpAt) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RECEIVE_MS);
      arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function report(report: Report): void {
  self.postMessage(report);
}

const RECEIVE_MS = 20;
