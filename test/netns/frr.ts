/**
 * A real FRR vrrpd on a host of the lab, with the macvlan that its administrator must make.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";

/** One virtual router on eth0, VRID 51. */
export interface FrrOptions {
  readonly version: 2 | 3;
  readonly priority: number;
  readonly intervalMs: number;
  /** IPv6: link-local first. */
  readonly vips: readonly string[];
}

/** A running vrrpd, and the zebra that it needs. */
export class Frr {
  readonly #host: Host;
  readonly #directory: string;
  readonly #zebra: Process;
  readonly #vrrpd: Process;

  private constructor(host: Host, directory: string, zebra: Process, vrrpd: Process) {
    this.#host = host;
    this.#directory = directory;
    this.#zebra = zebra;
    this.#vrrpd = vrrpd;
  }

  /** Starts it; settles when it takes part. */
  static async start(host: Host, options: FrrOptions): Promise<Frr> {
    const directory = `${host.directory}/frr`;
    await host.run(["rm", "-rf", directory]);
    await host.run(["install", "--directory", "--owner=frr", "--group=frr", directory]);
    host.write("frr/zebra.conf", "log stdout\n");
    host.write("frr/vrrpd.conf", configuration(options));
    await addMacvlan(host, options.vips);
    const spawn = (name: string) =>
      host.spawn([
        ...[`/usr/lib/frr/${name}`, "--config_file", `${directory}/${name}.conf`],
        ...["--pid_file", `${directory}/${name}.pid`, "--socket", `${directory}/zserv`],
        ...["--vty_socket", directory, "--vty_port", "0", "--user", "frr", "--group", "frr"],
      ]);
    const zebra = spawn("zebra");
    // Who finds nobody there tries again after ten seconds.
    await eventually("zebra listens", () => Deno.lstatSync(`${directory}/zserv`).isSocket);
    const vrrpd = spawn("vrrpd");
    await zebra.printed(/client \d+ says hello and bids fair to announce only vrrp routes/);
    await vrrpd.printed(/Startup|Initialize -> |-> Backup|Backup/);
    return new Frr(host, directory, zebra, vrrpd);
  }

  /** SIGTERM: it gives the virtual router up. */
  async stop(): Promise<void> {
    await this.#vrrpd.stop("SIGTERM");
  }

  /** SIGKILL: the macvlan stays up, and the kernel goes on answering. */
  async kill(): Promise<void> {
    await this.#vrrpd.stop("SIGKILL");
  }

  /** What its operator must do after SIGKILL, and we before it is started again. */
  async cleanUp(): Promise<void> {
    await this.#zebra.stop("SIGKILL");
    await this.#host.run(["ip", "link", "delete", MACVLAN]);
  }

  /** What `show vrrp` says of one thing, such as `Status (v4)`. */
  async show(name: string): Promise<string> {
    const command = ["vtysh", "--vty_socket", this.#directory, "-c", "show vrrp"];
    const text = await this.#host.run(command);
    const line = text.split("\n").find((line) => line.trim().startsWith(name));
    if (line === undefined) throw new Error(`FRR does not show ${name}:\n${text}`);
    return line.trim().slice(name.length).trim();
  }

  /** Everything it has printed. */
  get output(): string {
    return this.#vrrpd.output;
  }
}

/** FRR takes the interface by its hardware address; without arp_ignore eth0 would answer for it. */
async function addMacvlan(host: Host, vips: readonly string[]): Promise<void> {
  host.sysctl("net.ipv4.conf.all.arp_ignore", 1);
  const name = ["dev", MACVLAN];
  const isIpv6 = vips[0]?.includes(":") === true;
  const commands = [
    ["link", "add", MACVLAN, "link", "eth0", "type", "macvlan", "mode", "bridge"],
    ["link", "set", ...name, "addrgenmode", "random"],
    ["link", "set", ...name, "address", isIpv6 ? VIRTUAL_MAC_IPV6 : VIRTUAL_MAC],
    ...vips.map((vip) => ["address", "add", `${vip}/${isIpv6 ? "128 nodad" : "32"}`, ...name]),
    ["link", "set", ...name, "up"],
  ];
  for (const command of commands) {
    await host.run(["ip", ...command.flatMap((word) => word.split(" "))]);
  }
}

function configuration({ version, priority, intervalMs, vips }: FrrOptions): string {
  const lines = vips.map((vip) => ` vrrp 51 ${vip.includes(":") ? "ipv6" : "ip"} ${vip}`);
  return `log stdout
debug vrrp
interface eth0
 vrrp 51 version ${version}
 vrrp 51 priority ${priority}
 vrrp 51 advertisement-interval ${intervalMs}
${lines.join("\n")}
`;
}

/** RFC 9568, section 7.3: VRID 51. */
export const VIRTUAL_MAC = "00:00:5e:00:01:33";
const VIRTUAL_MAC_IPV6 = "00:00:5e:00:02:33";

const MACVLAN = "vrrp4-51";
