/**
 * The load balancers that are compared, each as its users would start it, with one thread that
 * forwards and the same TCP check.
 */

import type { Host } from "../lab/host.ts";
import type { Process } from "../lab/process.ts";
import { BALANCER_ADDRESS, SERVER_ADDRESS, SERVER_PORT } from "./rig.ts";

/** A load balancer that can be started. */
export interface Variant {
  readonly name: string;
  /**
   * Its configuration file, and the command that starts it.
   *
   * @param place what is its own in the host: a port, and a prefix of file names.
   */
  launch(host: Host, place: Place, product: string): Launch;
}

/** What a load balancer has for itself. */
export interface Place {
  readonly port: number;
  readonly prefix: string;
}

/** How a load balancer is started, and first asked whether it can be. */
export interface Launch {
  readonly check: readonly string[];
  readonly command: readonly string[];
}

/** A load balancer, running. */
export interface Balancer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly process: Process;
}

/** Whether a variant is the product. */
export function isOurs(name: string): boolean {
  return name.startsWith(OURS);
}

function haproxy(name: string, options: string, bind: string): Variant {
  return {
    name,
    launch(host, { port, prefix }) {
      const file = host.write(
        `${prefix}.cfg`,
        `
global
  nbthread 1
  maxconn ${MAX_CONNECTIONS}
  maxpipes ${MAX_PIPES}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${options}
listen web
  bind ${BALANCER_ADDRESS}:${port} ${bind}
  balance roundrobin
  server nginx ${SERVER_ADDRESS}:${SERVER_PORT} check inter 2s
`,
      );
      const command = ["haproxy", "-db", "-f", file];
      return { check: [...command, "-c"], command };
    },
  };
}

function lintel(frontend: string): Variant[] {
  return ["epoll", "uring"].map((engine) => ({
    name: `${OURS} ${engine}`,
    launch(host, { port, prefix }, product) {
      const file = host.write(
        `${prefix}.yaml`,
        `
workers: 1
engine: ${engine}
stateDirectory: ${host.directory}/${prefix}
admin: { socket: ${host.directory}/${prefix}.sock }
frontends:
  web:
    listen: "${BALANCER_ADDRESS}:${port}"
    backend: web
    ${frontend}
backends:
  web:
    servers: { nginx: "${SERVER_ADDRESS}:${SERVER_PORT}" }
`,
      );
      return { check: [product, "check", "-c", file], command: [product, "run", "-c", file] };
    },
  }));
}

const OURS = "lintel";

/** As most people run it: mode tcp, one thread. */
export const HAPROXY: Variant = haproxy("HAProxy", "", "");

/** With everything that makes it cheaper. */
export const HAPROXY_BEST: Variant = haproxy(
  "HAProxy best",
  `  option splice-request
  option splice-response
  option tcp-smart-accept
  option tcp-smart-connect`,
  "defer-accept",
);

/** The product with one data-plane worker, on each engine. */
export const LINTEL: readonly Variant[] = lintel("");

/** The same, told that clients speak first. */
export const LINTEL_CLIENT_FIRST: readonly Variant[] = lintel("clientSpeaksFirst: true");

/** Two descriptors each have to go below the usual limit of 20,000. */
const MAX_CONNECTIONS = 9_600;
/** HAProxy sets descriptors aside for a pipe in four connections, unless told how many it needs. */
const MAX_PIPES = 64;
