/**
 * Hosts in network namespaces on LANs of virtual cables, made with nothing but our own rtnetlink
 * and util-linux. Works as root, and as anybody under `unshare -Urnm`. Everything is gone at the
 * end: when the lab is disposed of, on SIGINT and SIGTERM, and by the kernel should we be killed.
 */

import type { Fd } from "../../src/linux/libc.ts";
import { createNetworkNamespace } from "../../src/linux/namespace.ts";
import { close } from "../../src/linux/socket.ts";
import { Host } from "./host.ts";
import { Links } from "./links.ts";

/** How a lab ends. */
export interface LabOptions {
  /**
   * Asked at a signal, when all is cleaned up, for the code to exit with; default: 128 + signal.
   */
  readonly exitCode?: (usual: number) => number;
}

/** How a host is connected. */
export interface HostOptions {
  /** `172.16.0.2/24`, for the host's `eth0`. */
  readonly addresses?: readonly string[];
  /** The LAN that `eth0` is plugged into. */
  readonly lan?: string;
  /** Default gateway. */
  readonly gateway?: string;
}

/** A set of hosts and the switch between them. */
export class Lab implements AsyncDisposable {
  /** Removed with the lab. */
  readonly directory: string;
  readonly #switch: Fd;
  readonly #bridges: Links;
  readonly #hosts = new Map<string, Host>();
  readonly #ports: Port[] = [];
  readonly #onSignal = new Map<Deno.Signal, () => void>();
  #count = 0;
  #destroyed = false;

  private constructor({ exitCode = (code) => code }: LabOptions) {
    try {
      this.#switch = createNetworkNamespace();
    } catch (cause) {
      const remedy = "run as root, or under: unshare -Urnm";
      throw new Error(`cannot make network namespaces; ${remedy}`, { cause });
    }
    this.#bridges = new Links(this.#switch);
    this.directory = Deno.makeTempDirSync({ prefix: "lintel-lab-" });
    // Servers that give up root read their configuration here.
    Deno.chmodSync(this.directory, 0o755);
    for (const [signal, number] of ENDING_SIGNALS) {
      const end = () => {
        this.#destroy();
        Deno.exit(exitCode(128 + number));
      };
      Deno.addSignalListener(signal, end);
      this.#onSignal.set(signal, end);
    }
  }

  /** Makes a lab without hosts: `await using lab = Lab.create()`. */
  static create(options: LabOptions = {}): Lab {
    return new Lab(options);
  }

  /** All hosts. */
  get hosts(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  /** Makes a host. With addresses or a LAN it is plugged in, by its `eth0`. */
  host(name: string, options: HostOptions = {}): Host {
    if (this.#hosts.has(name)) throw new Error(`there is a host ${name} already`);
    const directory = `${this.directory}/${name}`;
    Deno.mkdirSync(directory);
    Deno.chmodSync(directory, 0o755);
    const host = new Host(name, directory);
    this.#hosts.set(name, host);
    if (options.addresses || options.lan) {
      this.attach(host, options.lan ?? DEFAULT_LAN, options.addresses ?? []);
    }
    if (options.gateway) host.links.addRoute("0.0.0.0/0", options.gateway);
    return host;
  }

  /** Plugs a host into a LAN, and returns the name of the interface it is plugged in by. */
  attach(host: Host, lan: string, addresses: readonly string[] = []): string {
    const nic = nextInterface(host);
    const port = `port${this.#count++}`;
    this.#bridges.addVeth(port, host.namespace, nic);
    this.#ports.push({ host, interface: nic, name: port, lan });
    this.#plugInto(port, lan);
    this.#bridges.up(port);
    configure(host, nic, addresses);
    return nic;
  }

  /** Connects two hosts by a cable of their own, and returns the names of its ends. */
  connect(
    left: Host,
    leftAddresses: readonly string[],
    right: Host,
    rightAddresses: readonly string[],
  ): [left: string, right: string] {
    const leftEnd = nextInterface(left);
    const rightEnd = nextInterface(right);
    left.links.addVeth(leftEnd, right.namespace, rightEnd);
    configure(left, leftEnd, leftAddresses);
    configure(right, rightEnd, rightAddresses);
    return [leftEnd, rightEnd];
  }

  /**
   * Cuts hosts off from the others, on all LANs; those named together still reach each other. Their
   * links stay up: to them the others have merely fallen silent.
   */
  partition(...hosts: readonly Host[]): void {
    const side = this.#count++;
    for (const port of this.#portsOf(hosts)) this.#plugInto(port.name, `${port.lan}-${side}`);
  }

  /** Undoes {@linkcode partition}; without hosts, for all. */
  heal(...hosts: readonly Host[]): void {
    const healed = hosts.length === 0 ? this.hosts : hosts;
    for (const port of this.#portsOf(healed)) this.#plugInto(port.name, port.lan);
  }

  /** Pulls a host's cables: its links lose their carrier. */
  unplug(host: Host): void {
    for (const port of this.#portsOf([host])) this.#bridges.down(port.name);
  }

  /** Undoes {@linkcode unplug}. */
  plug(host: Host): void {
    for (const port of this.#portsOf([host])) this.#bridges.up(port.name);
  }

  /** The host that the switch would send frames for a MAC address to, as far as it has learnt. */
  behind(mac: string): Host | undefined {
    const { stdout } = new Deno.Command("nsenter", {
      args: [`--net=/proc/${Deno.pid}/fd/${this.#switch}`, "bridge", "-json", "fdb", "show"],
      stderr: "inherit",
    }).outputSync();
    const learnt: Learnt[] = JSON.parse(new TextDecoder().decode(stdout));
    const port = learnt.find((one) => one.mac === mac && !one.state)?.ifname;
    return this.#ports.find(({ name }) => name === port)?.host;
  }

  /** Kills everything in the lab, and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const processes = this.hosts.flatMap((host) => host.processes);
    this.#destroy();
    await Promise.all(processes.map((process) => process.status));
  }

  #portsOf(hosts: readonly Host[]): Port[] {
    return this.#ports.filter((port) => hosts.includes(port.host));
  }

  #plugInto(port: string, lan: string): void {
    const bridges = this.#bridges.list().map((link) => link.name);
    if (!bridges.includes(lan)) this.#bridges.addBridge(lan);
    this.#bridges.enslave(port, lan);
  }

  #destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const [signal, end] of this.#onSignal) Deno.removeSignalListener(signal, end);
    killInside(new Set(this.hosts.map((host) => host.identity)));
    for (const host of this.hosts) {
      host.links[Symbol.dispose]();
      close(host.namespace);
    }
    this.#bridges[Symbol.dispose]();
    close(this.#switch);
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** A socket of the switch, and what is plugged into it. */
interface Port {
  readonly host: Host;
  readonly interface: string;
  readonly name: string;
  readonly lan: string;
}

/** An entry of the switch's table; those with a state were not learnt. */
interface Learnt {
  readonly mac: string;
  readonly ifname: string;
  readonly state?: string;
}

/** The first free name of `eth0`, `eth1` and so on. */
function nextInterface(host: Host): string {
  const names = new Set(host.links.list().map((link) => link.name));
  let count = 0;
  while (names.has(`eth${count}`)) count++;
  return `eth${count}`;
}

function configure(host: Host, nic: string, addresses: readonly string[]): void {
  host.links.up(nic);
  for (const address of addresses) host.links.addAddress(nic, address);
}

/** Kills every process in these namespaces, also what daemons have forked. */
function killInside(namespaces: ReadonlySet<string>): void {
  // Once more as long as there was one: it may have forked meanwhile.
  for (let round = 0; round < KILL_ROUNDS; round++) {
    let found = false;
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name) || !namespaces.has(namespaceOf(name))) continue;
      found = true;
      try {
        Deno.kill(Number(name), "SIGKILL");
      } catch {
        // It has ended since.
      }
    }
    if (!found) return;
  }
}

function namespaceOf(pid: string): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/net`);
  } catch {
    // Ended, or not ours to look at.
    return "";
  }
}

const DEFAULT_LAN = "lan";
const KILL_ROUNDS = 20;

const ENDING_SIGNALS: readonly (readonly [Deno.Signal, number])[] = [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
];
