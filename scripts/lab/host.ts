/**
 * One host of the lab: a network namespace, and the commands that run in it.
 */

import type { Fd } from "../../src/linux/libc.ts";
import { createNetworkNamespace, inNetworkNamespace } from "../../src/linux/namespace.ts";
import { type AddressSeen, Links } from "./links.ts";
import { Process, type SpawnOptions } from "./process.ts";

/** What a command that ended has left. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** A host. Made by the lab, which also takes it down. */
export class Host {
  readonly name: string;
  /** For its configuration, sockets and pid files; removed with the lab. */
  readonly directory: string;
  /** For rtnetlink inside the host. */
  readonly links: Links;
  /** Keeps the network namespace alive. */
  readonly namespace: Fd;
  readonly #processes = new Set<Process>();

  constructor(name: string, directory: string) {
    this.name = name;
    this.directory = directory;
    this.namespace = createNetworkNamespace();
    this.links = new Links(this.namespace);
    this.links.up("lo");
  }

  /** What `nsenter --net=` takes, as long as this process lives. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.namespace}`;
  }

  /** How the kernel names the namespace: `net:[4026532177]`. */
  get identity(): string {
    return Deno.readLinkSync(`/proc/self/fd/${this.namespace}`);
  }

  /** What was started here and has not ended. */
  get processes(): readonly Process[] {
    return [...this.#processes];
  }

  /** Starts a command; it dies with the lab. */
  spawn(command: readonly string[], options: SpawnOptions = {}): Process {
    const process = new Process(
      `${this.name}: ${command.join(" ")}`,
      // A session of its own: a Ctrl-C in the terminal is for us, and we end what we started.
      [...DIE_WITH_US, "setsid", "nsenter", `--net=${this.path}`, "--", ...command],
      options,
    );
    this.#processes.add(process);
    process.status.then(() => this.#processes.delete(process));
    return process;
  }

  /** Starts a script of ours. */
  script(path: string, args: readonly string[] = [], options: SpawnOptions = {}): Process {
    return this.spawn([Deno.execPath(), "run", "--quiet", "-A", path, ...args], options);
  }

  /** Runs a command to its end. */
  async try(
    command: readonly string[],
    { deadlineMs = 30_000, ...options }: SpawnOptions & { readonly deadlineMs?: number } = {},
  ): Promise<Result> {
    const process = this.spawn(command, options);
    try {
      const { code } = await process.end(deadlineMs);
      return { code, stdout: process.stdout, output: process.output };
    } finally {
      process.kill("SIGKILL");
    }
  }

  /** Runs a command that must succeed, and returns what it printed on standard output. */
  async run(
    command: readonly string[],
    options: SpawnOptions & { readonly deadlineMs?: number } = {},
  ): Promise<string> {
    const { code, stdout, output } = await this.try(command, options);
    if (code !== 0) {
      throw new Error(`${this.name}: ${command.join(" ")} ended with ${code}:\n${output}`);
    }
    return stdout;
  }

  /**
   * Runs a function inside the host: sockets it makes belong there. It must not be asynchronous.
   */
  inside<Answer>(act: () => Answer): Answer {
    return inNetworkNamespace(this.namespace, act);
  }

  /** All addresses, but for those of the loopback. */
  addresses(): AddressSeen[] {
    return this.links.addresses();
  }

  /** Whether an interface carries the address. */
  holds(address: string): boolean {
    return this.links.holds(address);
  }

  /** Sets a kernel parameter of the namespace: `sysctl("net.ipv4.ip_forward", 1)`. */
  sysctl(name: string, value: string | number): void {
    const path = `/proc/sys/${name.replaceAll(".", "/")}`;
    this.inside(() => Deno.writeTextFileSync(path, String(value)));
  }

  /** Writes a file into the host's directory, and returns its path. */
  write(name: string, text: string): string {
    const path = `${this.directory}/${name}`;
    Deno.writeTextFileSync(path, text);
    return path;
  }
}

/** The kernel sends SIGKILL to what we start when we die, whatever we die of: setpriv(1). */
const DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL"];
