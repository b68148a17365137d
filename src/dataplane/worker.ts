/**
 * A data-plane worker's thread. It sits in the engine's loop and looks for orders only when the
 * appliance has written its eventfd.
 */

import { Engine } from "./engine.ts";
import { linuxFromNow } from "./kernel.ts";
import type { Order, Report, StartOrder } from "./orders.ts";
import { signal } from "../linux/eventfd.ts";
import { Inbox, type Posting } from "../memory/inbox.ts";
import { ReleaseLane } from "../memory/release_lane.ts";
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
  const kernel = linuxFromNow();
  const engine = new Engine(start, kernel, report);
  report({ kind: "ready" });
  const posting: Posting = {
    count: () => workers.orders(start.worker),
    now: kernel.now,
    wake: () => signal(start.wake),
  };
  let { virtualRouters = [] } = start.release ?? {};
  const release = releaser(start, engine, (index) => virtualRouters[index]);
  try {
    while (!engine.isStopped) {
      engine.turn();
      release();
      if (!inbox.isBehind(posting)) continue;
      for (const order of await inbox.take(posting)) {
        if (order.kind === "plan") ({ virtualRouters } = order);
        engine.carryOut(order);
      }
    }
  } catch (error) {
    engine.abandon();
    throw error;
  }
  self.close();
}

/** Releases what the speaker asks for without a message. */
function releaser(
  { release, worker }: StartOrder,
  engine: Engine,
  nameOf: (index: number) => string | undefined,
): () => void {
  if (!release) return () => {};
  const lane = new ReleaseLane(release.lane);
  if (lane.join(worker)) signal(release.speaker);
  const give = (router: number) => {
    const virtualRouter = nameOf(router);
    if (virtualRouter !== undefined) engine.carryOut({ kind: "release", virtualRouter });
  };
  return () => {
    if (lane.serve(worker, give)) signal(release.speaker);
  };
}

function report(report: Report): void {
  self.postMessage(report);
}
