/**
 * `lintel status`: the appliance on one screen. What it means is for the reader to judge; nothing
 * is summed up into one word.
 */

import {
  type Backend,
  type Frontend,
  type Server,
  type Status,
  StatusSchema,
  type VirtualRouter,
} from "../admin/model.ts";
import { type AdminClient, readAs } from "./client.ts";
import { listenerName } from "../core/plan/diff.ts";
import { describeTracker } from "./events.ts";
import { EXIT } from "./exit_code.ts";
import { describeStandby } from "./handover.ts";
import { type Cell, formatTable, paint, type Tone } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** Prints the status as tables, or the document itself as JSON; or only asks whether it is live. */
export async function status(
  client: AdminClient,
  options: { readonly json?: boolean; readonly live?: boolean },
  terminal: Terminal,
): Promise<number> {
  const { body } = await client.get("/v1/status");
  if (options.live) {
    const { causes } = readAs(StatusSchema, body).live;
    for (const cause of causes) terminal.err(`lintel: not live: ${cause}\n`);
    return causes.length === 0 ? EXIT.done : EXIT.failed;
  }
  if (options.json) {
    terminal.out(JSON.stringify(body, null, 2) + "\n");
    return EXIT.done;
  }
  terminal.out(formatStatus(readAs(StatusSchema, body), terminal.colours));
  return EXIT.done;
}

/** The status as people read it. */
export function formatStatus(document: Status, colours: boolean): string {
  const { virtualRouters, frontends, backends } = document;
  const parts = [
    heading(document, colours),
    virtualRouters.length > 0 && routersTable(virtualRouters, colours),
    frontends.length > 0 && frontendsTable(frontends, colours),
    backends.length > 0 && serversTable(backends, colours),
  ];
  return parts.filter((part) => part !== false).join("\n");
}

function heading(document: Status, colours: boolean): string {
  const { node, version, engine, pid, uptimeSeconds, configuration, live, ready } = document;
  const { standby, virtualRouters } = document;
  const facts = [
    paint({ text: node, tone: "strong" }, colours),
    `lintel ${version} (${engine})`,
    `pid ${pid}`,
    `up ${formatSpan(uptimeSeconds)}`,
    configuration.file,
  ];
  const verdicts = [
    ...verdict("live", live.causes),
    ...verdict("ready", ready.causes.filter((cause) => !live.causes.includes(cause))),
    ...(standby.enabled ? [{ text: describeStandby(standby), tone: "attention" } as const] : []),
    ...virtualRouters.flatMap(badTrackers),
  ];
  const lines = [facts.join("  "), ...verdicts.map((cell) => paint(cell, colours))];
  return lines.map((line) => `${line}\n`).join("");
}

function verdict(word: string, causes: readonly string[]): Cell[] {
  if (causes.length === 0) return [];
  return causes.map((cause) => ({ text: `not ${word}: ${cause}`, tone: "bad" }));
}

function badTrackers({ name, trackers, heldUntil }: VirtualRouter): Cell[] {
  const bad = trackers.filter(({ good }) => !good).map((tracker): Cell => ({
    text: `${name}: tracker ${describeTracker(tracker)}`,
    tone: "bad",
  }));
  if (heldUntil === null) return bad;
  return [...bad, { text: `${name}: does not preempt until ${heldUntil}`, tone: "attention" }];
}

function routersTable(routers: readonly VirtualRouter[], colours: boolean): string {
  const rows = routers.map((one) => [
    one.name,
    { text: one.state, tone: STATE_TONES[one.state] },
    one.since === null ? "-" : one.since,
    one.priority.effective,
    one.vrid,
    `v${one.version}`,
    one.interface ?? "-",
    one.addresses.join(" "),
    one.peer ? `${one.peer.address} (${one.peer.priority})` : "-",
  ]);
  const headings = [
    "VIRTUAL ROUTER",
    "STATE",
    "SINCE",
    "PRIORITY",
    "VRID",
    "VERSION",
    "INTERFACE",
    "ADDRESSES",
    "LAST PEER",
  ];
  return formatTable(headings, rows, colours);
}

function frontendsTable(frontends: readonly Frontend[], colours: boolean): string {
  const rows = frontends.map(({ name, listeners, backend, routes, connections, denied, bytes }) => {
    const unbound = listeners.some(({ bound }) => !bound);
    const listen = listeners.map((one) => `${listenerName(one)}${one.bound ? "" : " (not bound)"}`)
      .join(" ");
    const routed = routes.map((route) => route.backend);
    const backends = [...new Set([...(backend === null ? [] : [backend]), ...routed])];
    return [
      name,
      unbound ? { text: listen, tone: "bad" as const } : listen,
      backends.join(" "),
      connections.active,
      connections.total,
      total(denied),
      formatBytes(bytes.received),
      formatBytes(bytes.sent),
    ];
  });
  const headings = [
    "FRONTEND",
    "LISTEN",
    "BACKEND",
    "OPEN",
    "TOTAL",
    "DENIED",
    "RECEIVED",
    "SENT",
  ];
  return formatTable(headings, rows, colours);
}

function serversTable(backends: readonly Backend[], colours: boolean): string {
  const rows = backends.flatMap(({ servers }) =>
    servers.map((one) => [
      `${one.backend}/${one.name}${one.backup ? " (backup)" : ""}`,
      one.port === null ? one.address : formatHostPort(one.address, one.port),
      { text: one.admin, tone: ADMIN_TONES[one.admin] },
      { text: one.health.state, tone: HEALTH_TONES[one.health.state] },
      checkOf(one.health.code, one.health.latencySeconds),
      one.weight.effective === one.weight.configured
        ? String(one.weight.effective)
        : `${one.weight.effective} of ${one.weight.configured}`,
      one.connections.active,
      one.connections.total,
      total(one.failures),
      one.override?.reason ?? whyDown(one),
    ])
  );
  const headings = [
    "SERVER",
    "ADDRESS",
    "ADMIN",
    "HEALTH",
    "CHECK",
    "WEIGHT",
    "OPEN",
    "TOTAL",
    "FAILED",
    "REASON",
  ];
  return formatTable(headings, rows, colours);
}

/** Why a server that nobody has touched takes no connections. */
function whyDown({ agent, health }: Server): string {
  if (health.state === "down") return firstLine(health.failure ?? "");
  return agent?.down ? `agent: ${agent.text || agent.word}` : "";
}

function firstLine(text: string): string {
  return text.trim().split(/[\r\n]/, 1)[0] ?? "";
}

function checkOf(code: string | null, latencySeconds: number | null): string {
  if (code === null) return "-";
  return latencySeconds === null ? code : `${code} ${(latencySeconds * 1e3).toFixed(1)} ms`;
}

function formatHostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** In the largest unit of a thousand: `1.2 MB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1000 && unit < BYTE_UNITS.length - 1) {
    amount /= 1000;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** The two largest units: `3d 4h`, `2m 5s`. */
export function formatSpan(seconds: number): string {
  let rest = Math.floor(seconds);
  const parts = SPAN_UNITS.map(([unit, size]) => {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    return { amount, text: `${amount}${unit}` };
  });
  const first = parts.findIndex(({ amount }) => amount > 0);
  if (first < 0) return "0s";
  return parts.slice(first, first + 2).filter(({ amount }) => amount > 0)
    .map(({ text }) => text).join(" ");
}

const SPAN_UNITS = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const;
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

const STATE_TONES: Readonly<Record<VirtualRouter["state"], Tone>> = {
  initialize: "bad",
  backup: "quiet",
  active: "good",
};
const ADMIN_TONES = { ready: "good", drain: "attention", maint: "attention" } as const;
const HEALTH_TONES = { unchecked: "attention", up: "good", down: "bad" } as const;
