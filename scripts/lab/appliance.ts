/**
 * lintel running in a host of the lab, and its admin API over the unix socket.
 */

import type { Host } from "./host.ts";
import type { Process } from "./process.ts";
import { eventually } from "./wait.ts";

/** How lintel is started. */
export interface ApplianceOptions {
  /** The executable and the arguments before the verb. */
  readonly lintel: readonly string[];
  /**
   * The configuration. `${HOST_DIRECTORY}` in it is the host's own directory, so that one text does
   * for several hosts; it should say `admin: { socket: "${HOST_DIRECTORY}/admin.sock" }`.
   */
  readonly config: string;
  /** Default: the host's name, where the configuration has `nodes`. */
  readonly node?: string;
}

/** A running appliance. */
export class Appliance {
  readonly host: Host;
  readonly process: Process;
  /** Path of the admin socket. */
  readonly socket: string;
  readonly #client: Deno.HttpClient;

  /** Starts it; {@linkcode ready} tells when it works. */
  constructor(host: Host, options: ApplianceOptions) {
    this.host = host;
    this.socket = `${host.directory}/admin.sock`;
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: this.socket } });
    const file = host.write("lintel.yaml", options.config);
    const node = options.node ?? (/^nodes:/m.test(options.config) ? host.name : undefined);
    this.process = host.spawn(
      [...options.lintel, "run", "-c", file, ...(node === undefined ? [] : ["--node", node])],
      { env: { HOST_DIRECTORY: host.directory } },
    );
  }

  /** Asks the admin API. */
  async ask(method: string, path: string, body?: unknown): Promise<Response> {
    return await fetch(`http://lintel${path}`, {
      method,
      client: this.#client,
      ...(body === undefined ? {} : {
        body: JSON.stringify(body),
        headers: {
          "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
        },
      }),
    });
  }

  /** Asks the admin API for something that must be there. */
  async json(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.ask(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** Changes a server, and returns it as it is after the change. */
  async patchServer(backend: string, server: string, patch: object): Promise<unknown> {
    return await this.json("PATCH", `/v1/backends/${backend}/servers/${server}`, patch);
  }

  /** What the checks say of a server: `unchecked`, `up` or `down`. */
  async health(backend: string, server: string): Promise<string> {
    const answer = await this.json("GET", `/v1/backends/${backend}/servers/${server}`);
    const { health } = answer as { health: { state: string } };
    return health.state;
  }

  /** Waits until `/readyz` says so. */
  async ready(deadlineMs = 15_000): Promise<void> {
    try {
      await eventually(`${this.host.name} is ready`, async () => {
        if (this.process.ended) throw new Error("lintel has ended");
        const response = await this.ask("GET", "/readyz");
        const text = await response.text();
        if (!response.ok) throw new Error(text);
        return true;
      }, { deadlineMs, everyMs: 50 });
    } catch (cause) {
      const { output } = this.process;
      throw new Error(`lintel on ${this.host.name} is not ready:\n${output}`, { cause });
    }
  }
}
