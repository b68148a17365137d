/**
 * Workloads of DNS queries over UDP, by dnsperf, beside nginx: HAProxy has no UDP.
 */

import type { Host } from "../lab/host.ts";
import type { Process } from "../lab/process.ts";
import { eventually } from "../lab/wait.ts";
import type { Variant } from "./balancers.ts";
import { cpuNs } from "./cpu.ts";
import {
  BALANCER_ADDRESS,
  type Rig,
  SERVER_ADDRESS,
  SERVER_DIRECT_ADDRESS,
  SERVER_PORT,
} from "./rig.ts";
import type { Workload } from "./workload.ts";

/** Clients that keep their ports: a session has many queries. */
export const UDP_QUERIES: Workload = workload("UDP queries", { isBrief: false });

/** A session for each answer, as resolvers want it, which use a port once. */
export const UDP_SESSIONS: Workload = workload("UDP queries, a session for each", {
  isBrief: true,
});

interface Kind {
  /** Sessions end with their answer. */
  readonly isBrief: boolean;
}

function workload(name: string, kind: Kind): Workload {
  const nginx = nginxStream(kind);
  return {
    name,
    unit: "µs/query",
    variants: [nginx, ...lintel(kind)],
    goals: [{ figure: "cost", than: nginx.name, atMost: 0.8 }],
    async measure(rig, balancer, { seconds }) {
      const { address, port } = balancer ?? { address: SERVER_DIRECT_ADDRESS, port: DNS_PORT };
      await dnsServer(rig);
      const spent = () => balancer ? cpuNs(balancer.process.pid) : 0;
      const before = spent();
      const seen = await dnsperf(rig.client, address, port, seconds);
      return {
        cost: (spent() - before) / 1000 / seen.completed,
        perSecond: seen.completed / seconds,
        errors: seen.lost,
      };
    },
  };
}

/** nginx's stream module with one process; TCP beside it, which is how it is found to be ready. */
function nginxStream({ isBrief }: Kind): Variant {
  return {
    name: "nginx",
    launch(host, { port, prefix }) {
      const file = host.write(
        `${prefix}.conf`,
        `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
user root;
pid ${host.directory}/${prefix}.pid;
error_log stderr;
events { worker_connections 16384; }
stream {
  server {
    listen ${BALANCER_ADDRESS}:${port} udp;
    proxy_pass ${SERVER_ADDRESS}:${DNS_PORT};
    proxy_timeout 30s;
    ${isBrief ? "proxy_responses 1;" : ""}
  }
  server {
    listen ${BALANCER_ADDRESS}:${port};
    proxy_pass ${SERVER_ADDRESS}:${SERVER_PORT};
  }
}
`,
      );
      const command = ["nginx", "-c", file];
      return { check: [...command, "-t"], command };
    },
  };
}

function lintel({ isBrief }: Kind): Variant[] {
  return ["epoll", "uring"].map((engine) => ({
    name: `lintel ${engine}`,
    launch(host, { port, prefix }, product) {
      const file = host.write(
        `${prefix}.yaml`,
        `
workers: 1
engine: ${engine}
stateDirectory: ${host.directory}/${prefix}
admin: { socket: ${host.directory}/${prefix}.sock }
frontends:
  dns: { listen: "${BALANCER_ADDRESS}:${port}/udp", backend: dns }
  web: { listen: "${BALANCER_ADDRESS}:${port}", backend: web }
backends:
  dns:
    check: none
    ${isBrief ? "udp: { replies: 1 }" : ""}
    servers: { unbound: "${SERVER_ADDRESS}:${DNS_PORT}" }
  web:
    servers: { nginx: "${SERVER_ADDRESS}:${SERVER_PORT}" }
`,
      );
      return { check: [product, "check", "-c", file], command: [product, "run", "-c", file] };
    },
  }));
}

/** Starts unbound beside the rig's nginx, once. */
async function dnsServer({ server }: Rig): Promise<void> {
  if (running.has(server)) return;
  const file = server.write(
    "unbound.conf",
    `server:
  directory: "${server.directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  interface: 0.0.0.0
  port: ${DNS_PORT}
  access-control: 0.0.0.0/0 allow
  module-config: "iterator"
  local-zone: "test." static
  local-data: "a.test. A 192.0.2.1"
remote-control:
  control-enable: no
`,
  );
  const unbound = server.spawn(["unbound", "-d", "-c", file]);
  running.set(server, unbound);
  await eventually("unbound answers", async () => {
    if (unbound.ended) throw new Error(unbound.output);
    return (await dnsperf(server, "127.0.0.1", DNS_PORT, 1, ["-n", "1"])).completed > 0;
  });
}

/** Loads a DNS server: 64 clients with 100 queries under way together. */
async function dnsperf(
  host: Host,
  address: string,
  port: number,
  seconds: number,
  options: readonly string[] = ["-c", "64", "-q", "100", "-S", "0"],
): Promise<{ completed: number; lost: number }> {
  const queries = host.write("queries", "a.test A\n");
  const place = ["-s", address, "-p", String(port), "-d", queries, "-l", String(seconds)];
  const printed = await host.run(["dnsperf", ...place, ...options], {
    deadlineMs: seconds * 1000 + 30_000,
  });
  const count = (name: string) =>
    Number(new RegExp(`Queries ${name}:\\s+(\\d+)`).exec(printed)?.[1]);
  return { completed: count("completed"), lost: count("lost") };
}

const running = new Map<Host, Process>();

const DNS_PORT = 5353;
