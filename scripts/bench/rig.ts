/**
 * The bench's hosts: a client, a load balancer and a server with one nginx worker, each in a
 * network namespace, with a cable of its own between any two of them.
 */

import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";

/** The three hosts. */
export interface Rig {
  readonly client: Host;
  readonly balancer: Host;
  readonly server: Host;
  readonly nginx: Process;
}

/** Builds the rig and starts nginx. */
export async function buildRig(lab: Lab): Promise<Rig> {
  const [client, balancer, server] = ["client", "lb", "server"].map((name) => lab.host(name));
  if (!client || !balancer || !server) throw new Error("the lab did not make three hosts");
  lab.connect(client, ["10.11.1.1/24"], balancer, [`${BALANCER_ADDRESS}/24`]);
  lab.connect(balancer, ["10.11.2.1/24"], server, [`${SERVER_ADDRESS}/24`]);
  lab.connect(client, ["10.11.3.1/24"], server, [`${SERVER_DIRECT_ADDRESS}/24`]);
  for (const host of [client, balancer, server]) {
    // A machine's default may be bbr, whose pacing costs bulk transfers CPU time of its own.
    host.sysctl("net.ipv4.tcp_congestion_control", "reno");
    host.sysctl("net.ipv4.ip_local_port_range", "1024 65535");
    host.sysctl("net.ipv4.tcp_tw_reuse", 1);
  }
  return { client, balancer, server, nginx: await startNginx(server) };
}

async function startNginx(host: Host): Promise<Process> {
  const file = await Deno.open(host.write("bulk", ""), { write: true });
  await file.truncate(BULK_BYTES);
  file.close();
  return host.spawn(["nginx", "-c", host.write("nginx.conf", nginxConfiguration(host.directory))]);
}

function nginxConfiguration(directory: string): string {
  return `
daemon off;
master_process off;
user root;
pid ${directory}/nginx.pid;
error_log stderr;
events { worker_connections 16384; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_header_timeout 1h;
  server {
    listen ${SERVER_PORT} backlog=4096;
    location = /small { return 200 "ok\\n"; }
    location = /bulk { root ${directory}; }
  }
}
`;
}

export const BALANCER_ADDRESS = "10.11.1.2";
export const SERVER_ADDRESS = "10.11.2.2";
/** The server's, on the client's own cable to it. */
export const SERVER_DIRECT_ADDRESS = "10.11.3.2";
export const SERVER_PORT = 8080;

const BULK_BYTES = 32 * 1024 * 1024;
