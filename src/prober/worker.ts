/**
 * The prober's thread: takes orders as messages, sleeps on its own event loop, and leaves signs of
 * life. Decides nothing about servers.
 */

import { monotonicMs } from "../linux/clock.ts";
import { ServerTable } from "../memory/server_table.ts";
import { WorkerTable } from "../memory/worker_table.ts";
import { Agents } from "./agents.ts";
import type { CheckedServer, Order, Report, StartOrder } from "./orders.ts";
import { Poller } from "./poller.ts";
import type { Outcome, Probe } from "./probe.ts";
import { Prober } from "./prober.ts";
import { ScriptProbes } from "./script_probe.ts";
import { askAgent, startSocketProbe } from "./socket_probe.ts";
import { TlsProbes } from "./tls_probe.ts";
import { TrafficWatch } from "./traffic.ts";

let prober: Prober | undefined;
let agents: Agents | undefined;
let tls: TlsProbes | undefined;
let poller: Poller | undefined;
let workers: WorkerTable | undefined;
let worker = 0;
let alarm: ReturnType<typeof setTimeout> | undefined;
let agentAlarm: ReturnType<typeof setTimeout> | undefined;
let nextTurnAt = 0;

self.onmessage = ({ data: order }: MessageEvent<Order>) => {
  switch (order.kind) {
    case "start":
      start(order);
      break;
    case "plan":
      prober?.apply(order.servers);
      tls?.keep(order.servers);
      agents?.apply(order.agents);
      report({ kind: "planned" });
      break;
    case "admin":
      prober?.setAdmin(order.row, order.state);
      break;
    case "stop":
      clearTimeout(alarm);
      clearTimeout(agentAlarm);
      prober?.stop();
      agents?.stop();
      poller?.[Symbol.dispose]();
      report({ kind: "stopped" });
      self.close();
      break;
  }
};

function start(order: StartOrder): void {
  const sockets = new Poller(order.descriptors);
  poller = sockets;
  const tlsProbes = new TlsProbes();
  tls = tlsProbes;
  const traffic = new TrafficWatch(order.serverCounters);
  const scripts = new ScriptProbes(order.scripts);
  workers = new WorkerTable(order.workerTable);
  worker = order.worker;
  prober = new Prober(
    {
      now: monotonicMs,
      startProbe,
      hasRoom,
      forget: (server) => tlsProbes.forget(server),
      traffic: (row) => traffic.look(row),
      forgetTraffic: (row) => traffic.forget(row),
      report,
      wakeAt,
    },
    { table: new ServerTable(order.serverTable), seed: order.seed, servers: order.servers },
  );
  agents = new Agents(
    {
      now: monotonicMs,
      ask: (agent, done) => askAgent(sockets, agent, done),
      report,
      wakeAt: wakeAgentsAt,
    },
    { table: new ServerTable(order.serverTable), seed: order.seed, agents: order.agents },
  );
  report({ kind: "ready" });
  wakeAt(monotonicMs());
  agents.turn();

  function startProbe(server: CheckedServer, done: (outcome: Outcome) => void): Probe {
    const { request } = server.check;
    switch (request.type) {
      case "https":
      case "tls":
        return tlsProbes.start(server, request, done);
      case "script":
        return scripts.start(server, request.command, done);
      default:
        return startSocketProbe(sockets, server, done);
    }
  }

  function hasRoom({ row, check }: CheckedServer): boolean {
    return check.request.type !== "script" || scripts.hasRoom(row);
  }
}

function wakeAt(at: number): void {
  nextTurnAt = at;
  clearTimeout(alarm);
  alarm = setTimeout(wake, Math.min(Math.max(0, at - monotonicMs()), BEAT_MS));
}

function wakeAgentsAt(at: number): void {
  clearTimeout(agentAlarm);
  if (at === Infinity) return;
  agentAlarm = setTimeout(() => agents?.turn(), Math.max(0, at - monotonicMs()));
}

function wake(): void {
  const now = monotonicMs();
  workers?.beat(worker, now);
  if (now >= nextTurnAt) prober?.turn();
  else wakeAt(nextTurnAt);
}

function report(message: Report): void {
  self.postMessage(message);
}

/** Signs of life come at least this often. */
const BEAT_MS = 1_000;
