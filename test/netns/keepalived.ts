/**
 * A real Keepalived on a host of the lab, VRRP only.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";

/** One `vrrp_instance` on eth0, VRID 51. */
export interface KeepalivedOptions {
  readonly version: 2 | 3;
  readonly priority: number;
  readonly intervalMs: number;
  readonly vip: string;
  /** Both ends of unicast; default: multicast. */
  readonly unicast?: { readonly source: string; readonly peer: string };
  /** Default: 51. */
  readonly vrid?: number;
  /** Further addresses that are advertised. */
  readonly more?: readonly string[];
  /** Version 2 PASS. */
  readonly password?: string;
  /** Lines of the instance as they are. */
  readonly lines?: readonly string[];
}

/** A running Keepalived. */
export class Keepalived {
  readonly process: Process;
  readonly #host: Host;

  /** Starts it. */
  constructor(host: Host, options: KeepalivedOptions) {
    this.#host = host;
    const { directory } = host;
    for (const file of PID_FILES) remove(`${directory}/${file}`);
    this.process = host.spawn([
      ...["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"],
      ...["--use-file", host.write("keepalived.conf", configuration(options))],
      ...["--pid", `${directory}/${PID_FILES[0]}`, "--vrrp_pid", `${directory}/${PID_FILES[1]}`],
    ], { env: { TMPDIR: directory } });
  }

  /** SIGTERM: it gives the virtual router up. Settles when it has ended. */
  async stop(): Promise<void> {
    const { code } = await this.process.stop("SIGTERM");
    if (code !== 0) throw new Error(`keepalived ended with ${code}:\n${this.process.output}`);
  }

  /** SIGKILL, to parent and child alike: neither gets to give anything up. */
  async kill(): Promise<void> {
    // The parent would start another child, and the child would stop cleanly without its parent.
    this.process.kill("SIGSTOP");
    Deno.kill(this.#child(), "SIGKILL");
    this.process.kill("SIGKILL");
    await this.process.status;
  }

  /** Its counters, such as `Packet Errors: TTL`. */
  async statistics(): Promise<Readonly<Record<string, number>>> {
    const file = `${this.#host.directory}/keepalived.stats`;
    remove(file);
    Deno.kill(this.#child(), "SIGUSR2");
    const text = await eventually("keepalived writes its statistics", () => {
      const text = Deno.readTextFileSync(file);
      return /Priority Zero:\s+Received: \d+\s+Sent: \d+/.test(text) ? text : undefined;
    });
    return parse(text ?? "");
  }

  #child(): number {
    return Number(Deno.readTextFileSync(`${this.#host.directory}/${PID_FILES[1]}`));
  }
}

function configuration(options: KeepalivedOptions): string {
  const { version, priority, intervalMs, vip, unicast, vrid = 51 } = options;
  const addresses = [vip, ...options.more ?? []]
    .map((address) => address.includes("/") ? address : `${address}/${hostLength(address)}`);
  const { password, lines = [] } = options;
  return `global_defs {
  router_id lab
}
vrrp_instance web {
  interface eth0
  state BACKUP
  virtual_router_id ${vrid}
  version ${version}
  priority ${priority}
  advert_int ${intervalMs / 1_000}
${unicast ? `  unicast_src_ip ${unicast.source}\n  unicast_peer { ${unicast.peer} }\n` : ""}
${password ? `  authentication { auth_type PASS\n auth_pass "${password}"\n }\n` : ""}
${lines.map((line) => `  ${line}\n`).join("")}
  virtual_ipaddress {
${addresses.map((address) => `    ${address}\n`).join("")}
  }
}
`;
}

function hostLength(address: string): number {
  return address.includes(":") ? 128 : 32;
}

function parse(text: string): Record<string, number> {
  const counters: Record<string, number> = {};
  let section = "";
  for (const line of text.split("\n")) {
    const [, indent = "", name = "", value = ""] = /^( *)([^:]+): *(.*)$/.exec(line) ?? [];
    if (value === "") section = name;
    else if (/^\d+$/.test(value)) {
      counters[indent.length > 2 ? `${section}: ${name}` : name] = Number(value);
    }
  }
  return counters;
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Of the parent and of the child that speaks VRRP. */
const PID_FILES = ["keepalived.pid", "keepalived_vrrp.pid"] as const;
