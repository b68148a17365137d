/**
 * One measurement: wrk sends load through a balancer, whose CPU time is read before and after.
 */

import type { Host } from "../lab/host.ts";
import { BALANCER_ADDRESS } from "./rig.ts";
import { type Balancer, cpuNs } from "./balancers.ts";

/** A kind of load, and what its cost is counted by. */
export interface Load {
  readonly name: string;
  readonly unit: string;
  readonly path: string;
  readonly options: readonly string[];
  readonly units: (seen: Seen) => number;
}

/** What one measurement gave. */
export interface Sample {
  /** CPU time of the balancer's process for one unit. */
  readonly cpuMicroseconds: number;
  readonly unitsPerSecond: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  /** Of connections, reads, writes, status codes and timeouts. */
  readonly errors: number;
}

/** What wrk saw. */
interface Seen {
  readonly requests: number;
  readonly bytes: number;
  readonly microseconds: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
}

/** The three kinds of load. */
export const LOADS: readonly Load[] = [
  {
    name: "keep-alive requests",
    unit: "request",
    path: "/small",
    options: ["--connections", "64"],
    units: ({ requests }) => requests,
  },
  {
    name: "new connections",
    unit: "connection",
    path: "/small",
    options: ["--connections", "64", "--header", "Connection: close"],
    units: ({ requests }) => requests,
  },
  {
    name: "bulk",
    unit: "MB",
    path: "/bulk",
    options: ["--connections", "8"],
    units: ({ bytes }) => bytes / 1e6,
  },
];

/** Loads a balancer for so many seconds. */
export async function measure(
  client: Host,
  balancer: Balancer,
  load: Load,
  seconds: number,
): Promise<Sample> {
  const before = cpuNs(balancer.process.pid);
  const printed = await client.run([
    ...["wrk", "--threads", "1", ...load.options, "--duration", `${seconds}s`, "--latency"],
    ...["--script", client.write("report.lua", REPORT)],
    `http://${BALANCER_ADDRESS}:${balancer.port}${load.path}`,
  ], { deadlineMs: seconds * 1000 + 30_000 });
  const spent = cpuNs(balancer.process.pid) - before;
  const seen: Seen = JSON.parse(printed.slice(printed.lastIndexOf("{")));
  const units = load.units(seen);
  return {
    cpuMicroseconds: spent / 1000 / units,
    unitsPerSecond: units / seen.microseconds * 1e6,
    p50Microseconds: seen.p50,
    p99Microseconds: seen.p99,
    errors: seen.errors,
  };
}

/** wrk's own report is for people; this one follows it. */
const REPORT = `
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d}',
    summary.requests, summary.bytes, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
