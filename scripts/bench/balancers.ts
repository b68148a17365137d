/**
 * The load balancers that are compared, each as its users would start it, with one thread that
 * forwards and the same TCP check.
 */

import type { Host } from "../lab/host.ts";
import type { Process } from "../lab/process.ts";
import { BALANCER_ADDRESS, SERVER_ADDRESS, SERVER_PORT } from "./rig.ts";

/** A load balancer, running. */
export interface Balancer {
  readonly name: string;
  readonly port: number;
  readonly process: Process;
}

/** Starts HAProxy: mode tcp, one thread. */
export function startHaproxy(host: Host): Balancer {
  const port = 8001;
  const file = host.write(
    "haproxy.cfg",
    `
global
  nbthread 1
  maxconn 8192
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen web
  bind ${BALANCER_ADDRESS}:${port}
  balance roundrobin
  server nginx ${SERVER_ADDRESS}:${SERVER_PORT} check inter 2s
`,
  );
  return { name: "HAProxy", port, process: host.spawn(["haproxy", "-db", "-f", file]) };
}

/** Starts the product: one data-plane worker. */
export function startLintel(host: Host, product: string): Balancer {
  const port = 8002;
  const file = host.write(
    "lintel.yaml",
    `
workers: 1
stateDirectory: ${host.directory}/state
admin: { socket: ${host.directory}/admin.sock }
frontends:
  web: { listen: "${BALANCER_ADDRESS}:${port}", backend: web }
backends:
  web:
    servers: { nginx: "${SERVER_ADDRESS}:${SERVER_PORT}" }
`,
  );
  return { name: "lintel", port, process: host.spawn([product, "run", "-c", file]) };
}

/**
 * Time on a CPU of all of a process's threads so far, in nanoseconds, as the scheduler counts it.
 */
export function cpuNs(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const [running] = Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ");
    sum += Number(running);
  }
  return sum;
}
