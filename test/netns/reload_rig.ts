/**
 * The product with a file that changes while it runs, two real servers and a client.
 */

import type { Host, Result } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Configuration } from "../../src/admin/model_config.ts";
import { Nginx } from "./nginx.ts";
import { COMMON, Lintel, product } from "./product.ts";

/** A lab with a balancer `lb`, servers `web1` and `web2`, and a client. */
export class ReloadRig implements AsyncDisposable {
  readonly lab: Lab;
  readonly balancer: Host;
  readonly client: Host;
  readonly #command: readonly string[];
  #lintel: Lintel | undefined;

  private constructor(lab: Lab, command: readonly string[]) {
    this.lab = lab;
    this.#command = command;
    this.balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
    this.client = lab.host("client", { addresses: ["172.16.0.100/24"] });
    this.client.sysctl("net.ipv4.tcp_tw_reuse", 1);
  }

  /** Makes one; nothing of ours runs yet. */
  static async create(): Promise<ReloadRig> {
    const rig = new ReloadRig(Lab.create(), await product());
    for (const at of [1, 2]) {
      await Nginx.start(rig.lab.host(`web${at}`, { addresses: [`172.16.0.2${at}/24`] }));
    }
    return rig;
  }

  /** The product as it was started last. */
  get lintel(): Lintel {
    if (!this.#lintel) throw new Error("lintel has not been started");
    return this.#lintel;
  }

  /** Starts the product with a file. */
  async start(config: string): Promise<Lintel> {
    this.#lintel = new Lintel(this.balancer, this.#command, config);
    await this.#lintel.ready();
    return this.#lintel;
  }

  /** Writes another text into the file. */
  write(config: string): void {
    this.balancer.write("lintel.yaml", COMMON + config);
  }

  /** Runs a verb on the balancer. */
  verb(...args: readonly string[]): Promise<Result> {
    const env = { LINTEL_ADMIN: `unix:${this.lintel.socket}` };
    return this.balancer.try([...this.#command, ...args], { env });
  }

  /** What is configured, as the API tells it. */
  async configuration(): Promise<Configuration> {
    return await this.lintel.json("GET", "/v1/config") as Configuration;
  }

  /** One of the metrics without labels. */
  async metric(name: string): Promise<number> {
    const text = await (await this.lintel.ask("GET", "/metrics")).text();
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lintel?.process.stop();
    await this.lab[Symbol.asyncDispose]();
  }
}
