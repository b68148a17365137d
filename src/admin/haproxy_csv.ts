/**
 * The status as HAProxy's `show stat` and `/stats;csv` write it, for scrapers that know no other. A
 * column that lintel has no figure for is empty, as HAProxy leaves those that do not apply.
 *
 * @see HAProxy Management Guide, section 9.1, CSV format
 */

import { harmless } from "../core/text/harmless.ts";
import type { Backend, Frontend, Server } from "./model.ts";

/** All frontends, then each backend's servers and the backend itself. */
export function haproxyCsv(frontends: readonly Frontend[], backends: readonly Backend[]): string {
  const rows = [
    ...frontends.map((frontend, at) => ({ ...frontendRow(frontend), iid: at + 1 })),
    ...backends.flatMap((backend, at) =>
      backendRows(backend).map((row) => ({ ...row, iid: frontends.length + at + 1 }))
    ),
  ];
  const lines = rows.map((row) => COLUMNS.map((column) => field(row[column])).join(",") + ",");
  return [`# ${COLUMNS.join(",")},`, ...lines, ""].join("\n");
}

type Row = { [column in (typeof COLUMNS)[number]]?: string | number | null };

function frontendRow(frontend: Frontend): Row {
  const { connections, bytes, denied } = frontend;
  return {
    ...PROCESS,
    pxname: frontend.name,
    svname: "FRONTEND",
    sid: 0,
    type: 0,
    scur: connections.active,
    slim: frontend.maxConnections,
    stot: connections.total,
    conn_tot: connections.total,
    bin: bytes.received,
    bout: bytes.sent,
    dcon: sum(Object.values(denied)),
    status: frontend.listeners.some(({ bound }) => bound) ? "OPEN" : "STOP",
  };
}

function backendRows(backend: Backend): Row[] {
  const servers = backend.servers.map((server, at) => serverRow(server, at + 1));
  const total = (column: keyof Row) => sum(servers.map((row) => Number(row[column] ?? 0)));
  const takers = backend.servers.filter(takesConnections);
  const actives = takers.filter(({ backup }) => !backup);
  const backups = takers.filter(({ backup }) => backup);
  // One backup after another takes the place of all the others.
  const inUse = actives.length > 0 ? actives : backups.slice(0, 1);
  const totals = [
    "qcur",
    "scur",
    "stot",
    "bin",
    "bout",
    "econ",
    "wretr",
    "wredis",
    "lbtot",
  ] as const;
  return [...servers, {
    ...PROCESS,
    ...Object.fromEntries(totals.map((column) => [column, total(column)])),
    pxname: backend.name,
    svname: "BACKEND",
    sid: 0,
    type: 1,
    status: backend.usableServers > 0 ? "UP" : "DOWN",
    weight: sum(inUse.map(({ weight }) => weight.effective)),
    act: actives.length,
    bck: backups.length,
    algo: backend.balance,
  }];
}

function serverRow(server: Server, sid: number): Row {
  const { connections, bytes, failures, health, weight } = server;
  const port = server.port === null ? "" : `:${server.port}`;
  const host = server.address.includes(":") ? `[${server.address}]` : server.address;
  return {
    ...PROCESS,
    pxname: server.backend,
    svname: server.name,
    sid,
    type: 2,
    qcur: connections.queued,
    scur: connections.active,
    // Of an agent's limit 0 is none.
    slim: (server.agent?.maxConnections ?? server.maxConnections) || null,
    stot: connections.total,
    lbtot: connections.total,
    // HAProxy's "in" is what comes from clients, at every line.
    bin: bytes.sent,
    bout: bytes.received,
    econ: sum(Object.entries(failures).map(([why, n]) => why.startsWith("connect") ? n : 0)),
    wretr: server.retries,
    wredis: server.redispatches,
    status: statusOf(server),
    weight: weight.effective,
    uweight: weight.configured,
    act: server.backup ? 0 : 1,
    bck: server.backup ? 1 : 0,
    check_status: health.code,
    check_code: health.status,
    check_duration: health.latencySeconds === null ? null : Math.round(health.latencySeconds * 1e3),
    last_chk: health.failedAt === health.checkedAt ? health.failure : null,
    lastchg: health.changedAt === null
      ? null
      : Math.max(0, Math.round((Date.now() - Date.parse(health.changedAt)) / 1e3)),
    addr: `${host}${port}`,
  };
}

/** HAProxy's words. A server that has had no check yet takes no connections: to a scraper, down. */
function statusOf({ admin, agent, health }: Server): string {
  if (admin === "maint") return "MAINT";
  if (admin === "drain") return "DRAIN";
  if (agent?.down) return "DOWN (agent)";
  if (health.state === "up") return health.code === null ? "no check" : "UP";
  return "DOWN";
}

function takesConnections({ admin, agent, health, weight }: Server): boolean {
  return admin === "ready" && health.state === "up" && !agent?.down && weight.effective > 0;
}

function field(value: string | number | null | undefined): string {
  const text = value === null || value === undefined ? "" : harmless(String(value));
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const PROCESS = { pid: 1, mode: "tcp" } as const;

/** HAProxy 2.6's, in its order, up to those that only other protocols have. */
// deno-fmt-ignore
const COLUMNS = [
  "pxname", "svname", "qcur", "qmax", "scur", "smax", "slim", "stot", "bin", "bout", "dreq",
  "dresp", "ereq", "econ", "eresp", "wretr", "wredis", "status", "weight", "act", "bck",
  "chkfail", "chkdown", "lastchg", "downtime", "qlimit", "pid", "iid", "sid", "throttle",
  "lbtot", "tracked", "type", "rate", "rate_lim", "rate_max", "check_status", "check_code",
  "check_duration", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other",
  "hanafail", "req_rate", "req_rate_max", "req_tot", "cli_abrt", "srv_abrt", "comp_in",
  "comp_out", "comp_byp", "comp_rsp", "lastsess", "last_chk", "last_agt", "qtime", "ctime",
  "rtime", "ttime", "agent_status", "agent_code", "agent_duration", "check_desc", "agent_desc",
  "check_rise", "check_fall", "check_health", "agent_rise", "agent_fall", "agent_health", "addr",
  "cookie", "mode", "algo", "conn_rate", "conn_rate_max", "conn_tot", "intercepted", "dcon",
  "dses", "wrew", "connect", "reuse", "cache_lookups", "cache_hits", "srv_icur", "src_ilim",
  "qtime_max", "ctime_max", "rtime_max", "ttime_max", "eint", "idle_conn_cur", "safe_conn_cur",
  "used_conn_cur", "need_conn_est", "uweight",
] as const;
