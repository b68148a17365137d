/**
 * The demo's network: a client, two lintel nodes and three web servers on one LAN.
 */

import { Appliance } from "../lab/appliance.ts";
import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";

export const VIP = "172.16.0.10";
export const PORT = 80;
export const BACKEND = "web";
export const SERVERS = ["web1", "web2", "web3"];
export const NODES = ["lb1", "lb2"];

/** How often a server is checked, and how many failures in a row make it down. */
export const CHECK = { intervalMs: 500, fall: 2 };

/** The priority that wins, the one that waits, and RFC 9568's intervals for the latter. */
export const VRRP = { active: 150, backup: 100, intervalMs: 1_000, deadmanMs: 3_000 };

/** The configuration, one file for both nodes. */
export const CONFIG = `nodes:
  lb1: { addresses: [172.16.0.2], priority: ${VRRP.active} }
  lb2: { addresses: [172.16.0.3], priority: ${VRRP.backup} }
stateDirectory: \${HOST_DIRECTORY}
admin:
  socket: \${HOST_DIRECTORY}/admin.sock
virtualRouters:
  web:
    vrid: 51
    addresses: [${VIP}]
    advertisementInterval: ${VRRP.intervalMs}ms
    deadman: ${VRRP.deadmanMs / 1_000}s
frontends:
  web:
    listen: ["vip:web:${PORT}"]
    backend: ${BACKEND}
backends:
  ${BACKEND}:
    balance: roundrobin
    check: { type: http, path: /healthz, interval: ${CHECK.intervalMs}ms, fall: ${CHECK.fall} }
    servers:
      web1: 172.16.0.21:8080
      web2: 172.16.0.22:8080
      web3: 172.16.0.23:8080
`;

/** The hosts and what runs in them. */
export class Rig {
  readonly client: Host;
  /** The executable and the arguments before the verb. */
  readonly lintel: readonly string[];
  readonly #hosts = new Map<string, Host>();
  readonly #servers = new Map<string, Process>();
  readonly #appliances = new Map<string, Appliance>();

  constructor(lab: Lab, lintel: readonly string[]) {
    this.lintel = lintel;
    this.client = lab.host("client", { addresses: ["172.16.0.100/24"] });
    // Hundreds of connections a second to one address: their ports must come back soon.
    this.client.sysctl("net.ipv4.tcp_tw_reuse", 1);
    for (const [at, name] of NODES.entries()) {
      this.#hosts.set(name, lab.host(name, { addresses: [`172.16.0.${2 + at}/24`] }));
    }
    for (const [at, name] of SERVERS.entries()) {
      this.#hosts.set(name, lab.host(name, { addresses: [`172.16.0.${21 + at}/24`] }));
    }
  }

  /** Starts a web server, and waits until it listens. */
  async startServer(name: string): Promise<void> {
    const server = this.host(name).script(SERVER_SCRIPT, [name, "0.0.0.0", "8080"]);
    this.#servers.set(name, server);
    await server.printed(/listens/, 30_000);
  }

  /** Kills a web server. */
  killServer(name: string): void {
    this.#servers.get(name)?.kill("SIGKILL");
  }

  /** Starts lintel on a node. */
  startNode(name: string): Appliance {
    const options = { lintel: this.lintel, config: CONFIG };
    const appliance = new Appliance(this.host(name), options);
    this.#appliances.set(name, appliance);
    return appliance;
  }

  /** The lintel last started on a node. */
  appliance(node: string): Appliance {
    const appliance = this.#appliances.get(node);
    if (!appliance) throw new Error(`lintel was not started on ${node}`);
    return appliance;
  }

  /** The host of that name. */
  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (!host) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** The nodes whose interface carries the VIP; while it moves that may be both. */
  holders(): string[] {
    return NODES.filter((name) => this.host(name).holds(VIP));
  }

  /** Throws when something has ended that should run. */
  check(): void {
    for (const [, process] of this.#running()) {
      if (process.ended) throw new Error(`${process.name} ${process.ending}`);
    }
  }

  /** What runs or has ended, and the last lines that lintel wrote on each node. */
  logs(): string {
    const states = this.#running().map(([name, process]) => `${name}: ${process.ending}`);
    const logs = [...this.#appliances].flatMap(([name, { process }]) => {
      return [`--- ${name}`, ...process.output.trimEnd().split("\n").slice(-LOG_LINES)];
    });
    return [...states, ...logs].join("\n");
  }

  #running(): (readonly [name: string, process: Process])[] {
    const nodes = [...this.#appliances].map(([name, { process }]) => [name, process] as const);
    return [...this.#servers, ...nodes];
  }
}

const LOG_LINES = 30;
const SERVER_SCRIPT = new URL("../lab/http_server.ts", import.meta.url).pathname;
