/**
 * Load by wrk, which counts what fails.
 */

import type { Host } from "../../scripts/lab/host.ts";

/** How much, and how. */
export interface Load {
  readonly connections: number;
  readonly seconds: number;
  /** A new connection for each request. */
  readonly close?: boolean;
  /** What a connection waits before its next request; 0 is as fast as it can. */
  readonly pauseMs?: number;
}

/** What came of it. */
export interface Outcome {
  readonly requests: number;
  /** Requests by the server that answered, from `x-server`. */
  readonly servers: Readonly<Record<string, number>>;
  /** All that went wrong, by kind; empty if nothing did. */
  readonly errors: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

/** Runs wrk on a host against `http://…`. */
export async function wrk(host: Host, url: string, load: Load): Promise<Outcome> {
  const { connections, seconds, close = false, pauseMs = 0 } = load;
  const script = host.write(`load-${count++}.lua`, lua(pauseMs));
  const header = close ? ["-H", "Connection: close"] : [];
  const stdout = await host.run([
    ...["wrk", "-t", "1", "-c", String(connections), "-d", `${seconds}s`, "--timeout", "5s"],
    ...["-s", script, ...header, url],
  ], { deadlineMs: (seconds + 20) * 1_000 });
  const line = stdout.split("\n").find((one) => one.startsWith("{"));
  if (line === undefined) throw new Error(`wrk printed no result:\n${stdout}`);
  const { requests, servers, slowestMs, ...errors }: Told = JSON.parse(line);
  const happened = Object.entries(errors).filter(([, times]) => times > 0);
  return { requests, servers, slowestMs, errors: Object.fromEntries(happened) };
}

type Told = { [kind in (typeof ERRORS)[number]]: number } & Omit<Outcome, "errors">;

/** Counters of a thread are strings and numbers: tables do not reach `done`. */
function lua(pauseMs: number): string {
  return `
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() names = ""; counts = {} end
${pauseMs > 0 ? `function delay() return ${pauseMs} end` : ""}
function response(status, headers)
  local name = headers["x-server"] or "-"
  if not counts[name] then counts[name] = 0; names = names .. name .. " " end
  counts[name] = counts[name] + 1
  _G["count " .. name] = counts[name]
end
function done(summary, latency)
  local servers = {}
  for _, thread in ipairs(threads) do
    for name in string.gmatch(thread:get("names"), "%S+") do
      table.insert(servers, string.format('"%s":%d', name, thread:get("count " .. name)))
    end
  end
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"slowestMs":%.1f,"servers":{%s},' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n',
    summary.requests, latency.max / 1000, table.concat(servers, ","),
    e.connect, e.read, e.write, e.status, e.timeout))
end
`;
}

const ERRORS = ["connect", "read", "write", "status", "timeout"] as const;

let count = 0;
