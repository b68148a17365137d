/**
 * Workloads of HTTP requests by wrk.
 */

import { type Balancer, HAPROXY, HAPROXY_BEST, LINTEL, LINTEL_CLIENT_FIRST } from "./balancers.ts";
import { cpuNs, kernelNs } from "./cpu.ts";
import { type Rig, SERVER_DIRECT_ADDRESS, SERVER_PORT } from "./rig.ts";
import type { Extent, Sample, Workload } from "./workload.ts";

/** Small requests on 64 connections that stay. */
export const KEEP_ALIVE: Workload = {
  name: "keep-alive requests",
  unit: "µs/request",
  variants: [HAPROXY, HAPROXY_BEST, ...LINTEL],
  goals: [
    { figure: "cost", than: HAPROXY.name, atMost: 0.82 },
    { figure: "p99", than: HAPROXY.name, atMost: 1 },
  ],
  measure: requests({ path: "/small", connections: 64 }),
};

/** A connection for each request. */
export const NEW_CONNECTIONS: Workload = {
  name: "new connections",
  unit: "µs/connection",
  variants: [HAPROXY, HAPROXY_BEST, ...LINTEL],
  goals: [
    { figure: "cost", than: HAPROXY.name, atMost: 0.8 },
    { figure: "cost", than: HAPROXY_BEST.name, atMost: 0.9 },
  ],
  measure: requests({ path: "/small", connections: 64, isClosing: true }),
};

/** The same, when the product may wait for the client's first bytes. */
export const CLIENT_FIRST: Workload = {
  ...NEW_CONNECTIONS,
  name: "new connections, client speaks first",
  variants: [HAPROXY, HAPROXY_BEST, ...LINTEL_CLIENT_FIRST],
  goals: [
    { figure: "cost", than: HAPROXY.name, atMost: 0.72 },
    { figure: "cost", than: HAPROXY_BEST.name, atMost: 0.85 },
  ],
};

/** Large answers. */
export const BULK: Workload = {
  name: "bulk",
  unit: "µs/MB",
  variants: [HAPROXY, HAPROXY_BEST, ...LINTEL],
  goals: [
    { figure: "cost", than: HAPROXY.name, atMost: 0.12 },
    { figure: "cost", than: HAPROXY_BEST.name, atMost: 0.65 },
  ],
  measure: requests({ path: "/bulk", connections: 8, isBulk: true }),
};

interface Load {
  readonly path: string;
  readonly connections: number;
  /** Each request has a connection of its own. */
  readonly isClosing?: boolean;
  /** Counted by megabytes, not by requests. */
  readonly isBulk?: boolean;
}

/** What wrk saw. */
interface Seen {
  readonly requests: number;
  readonly bytes: number;
  readonly microseconds: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuSeconds: number;
}

function requests(load: Load): Workload["measure"] {
  return async (rig, balancer, extent) => {
    const ofBalancer = () => balancer ? cpuNs(balancer.process.pid) : 0;
    const ofOthers = () => cpuNs(rig.nginx.pid) + kernelNs();
    const [balancerBefore, othersBefore] = [ofBalancer(), ofOthers()];
    const seen = await wrk(rig, balancer, load, extent);
    const [balancerAfter, othersAfter] = [ofBalancer(), ofOthers()];
    const spent = (balancerAfter - balancerBefore) / 1000;
    const total = spent + (othersAfter - othersBefore) / 1000 + seen.cpuSeconds * 1e6;
    const units = load.isBulk ? seen.bytes / 1e6 : seen.requests;
    return {
      cost: spent / units,
      total: total / units,
      perSecond: units / seen.microseconds * 1e6,
      p50: seen.p50,
      p99: seen.p99,
      errors: seen.errors,
    } satisfies Sample;
  };
}

async function wrk(
  { client }: Rig,
  balancer: Balancer | null,
  { path, connections, isClosing = false }: Load,
  { seconds }: Extent,
): Promise<Seen> {
  const { address, port } = balancer ?? { address: SERVER_DIRECT_ADDRESS, port: SERVER_PORT };
  const printed = await client.run([
    ...["wrk", "--threads", "1", "--connections", String(connections), "--latency"],
    ...["--duration", `${seconds}s`, "--script", client.write("report.lua", REPORT)],
    ...(isClosing ? ["--header", "Connection: close"] : []),
    `http://${address}:${port}${path}`,
  ], { deadlineMs: seconds * 1000 + 30_000 });
  return JSON.parse(printed.slice(printed.lastIndexOf("{")));
}

/** wrk's own report is for people; this one follows it. `os.clock` is of all its threads. */
const REPORT = `
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d,"cpuSeconds":%f}',
    summary.requests, summary.bytes, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), os.clock()))
end
`;
