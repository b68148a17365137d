/**
 * The daemons that the failover bench compares, each as its users would start it, on a node of the
 * bench's LAN: one virtual router, one address, everything else by default.
 */

import type { Host } from "../lab/host.ts";
import { Appliance } from "../lab/appliance.ts";
import type { Process } from "../lab/process.ts";
import { cpuNs } from "./cpu.ts";

/** What both daemons of a pair are configured to. */
export interface Terms {
  readonly version: 2 | 3;
  readonly intervalMs: number;
}

/** Which daemon. */
export type Product = "Keepalived" | "lintel";

/** A daemon on a node. */
export interface Daemon {
  /** Starts it; settles when it takes part. */
  start(): Promise<void>;
  /** Asks it to stop; settles when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL to all of it: it gets to give nothing up. */
  kill(): Promise<void>;
  /** SIGSTOP or SIGCONT to all of it. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /** Its time on a CPU so far, in nanoseconds. */
  cpuNs(): number;
}

/** A daemon for a node; the higher priority is the one to be Active. */
export function daemon(
  product: Product,
  host: Host,
  terms: Terms,
  priority: number,
  lintel: string,
): Daemon {
  return product === "lintel"
    ? new LintelDaemon(host, terms, priority, lintel)
    : new KeepalivedDaemon(host, terms, priority);
}

class LintelDaemon implements Daemon {
  readonly #host: Host;
  readonly #config: string;
  readonly #lintel: string;
  #appliance: Appliance | undefined;

  constructor(host: Host, { version, intervalMs }: Terms, priority: number, lintel: string) {
    this.#host = host;
    this.#lintel = lintel;
    this.#config = `
stateDirectory: \${HOST_DIRECTORY}
admin: { socket: "\${HOST_DIRECTORY}/admin.sock" }
virtualRouters:
  web:
    interface: eth0
    vrid: ${VRID}
    version: ${version}
    addresses: [${VIP}]
    priority: ${priority}
    advertisementInterval: ${intervalMs}ms
`;
  }

  async start(): Promise<void> {
    this.#appliance = new Appliance(this.#host, { lintel: [this.#lintel], config: this.#config });
    await this.#appliance.ready();
  }

  async stop(): Promise<void> {
    await stop(this.#process);
  }

  async kill(): Promise<void> {
    await this.#process.stop("SIGKILL");
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  cpuNs(): number {
    return cpuNs(this.#process.pid);
  }

  get #process(): Process {
    if (!this.#appliance) throw new Error("lintel has not been started");
    return this.#appliance.process;
  }
}

class KeepalivedDaemon implements Daemon {
  readonly #host: Host;
  readonly #config: string;
  #started: Process | undefined;

  constructor(host: Host, { version, intervalMs }: Terms, priority: number) {
    this.#host = host;
    this.#config = `
vrrp_instance web {
  interface eth0
  state BACKUP
  virtual_router_id ${VRID}
  version ${version}
  priority ${priority}
  advert_int ${intervalMs / 1000}
  virtual_ipaddress { ${VIP}/32 }
}
`;
  }

  async start(): Promise<void> {
    const { directory } = this.#host;
    for (const { name } of Deno.readDirSync(directory)) {
      if (name.endsWith(".pid")) Deno.removeSync(`${directory}/${name}`);
    }
    this.#started = this.#host.spawn([
      ...["keepalived", "--dont-fork", "--log-console", "--vrrp"],
      ...["--use-file", this.#host.write("keepalived.conf", this.#config)],
      ...["--pid", `${directory}/keepalived.pid`, "--vrrp_pid", `${directory}/vrrp.pid`],
    ], { env: { TMPDIR: directory } });
    await this.#started.printed(/Startup complete/);
  }

  async stop(): Promise<void> {
    await stop(this.#process);
  }

  async kill(): Promise<void> {
    // The parent would start another child, and the child would stop cleanly without its parent.
    this.#process.kill("SIGSTOP");
    Deno.kill(this.#child, "SIGKILL");
    await this.#process.stop("SIGKILL");
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
    Deno.kill(this.#child, signal);
  }

  cpuNs(): number {
    return cpuNs(this.#process.pid) + cpuNs(this.#child);
  }

  get #process(): Process {
    if (!this.#started) throw new Error("Keepalived has not been started");
    return this.#started;
  }

  get #child(): number {
    return Number(Deno.readTextFileSync(`${this.#host.directory}/vrrp.pid`));
  }
}

async function stop(process: Process): Promise<void> {
  const { code } = await process.stop("SIGTERM");
  if (code !== 0) throw new Error(`${process.name} ended with ${code}:\n${process.output}`);
}

/** The virtual address. */
export const VIP = "172.16.0.10";

const VRID = 51;
