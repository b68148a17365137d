/**
 * Two nodes of the product with one virtual router, a client and a server beside them: what tests
 * about leaving the Active's place begin with.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Event } from "../../src/admin/model_events.ts";
import { Nginx } from "./nginx.ts";
import { Lintel } from "./product.ts";
import { VipWatch } from "./vip_watch.ts";

/** The address of the virtual router `web`. */
export const VIP = "172.16.0.10";

/** What tests vary. */
export interface PairOptions {
  /** More keys of the virtual router, each on a line of its own. */
  readonly router?: string;
  /** More keys of the file. */
  readonly file?: string;
  /** Advertisements are sent so often. */
  readonly interval?: string;
}

/** lb1, of priority 150, and lb2, of priority 100. */
export class Pair implements AsyncDisposable {
  readonly lab = Lab.create();
  readonly client: Host;
  readonly lb1: Host;
  readonly lb2: Host;
  readonly web: Host;
  readonly watch: VipWatch;
  readonly #command: readonly string[];
  readonly #options: PairOptions;

  private constructor(command: readonly string[], options: PairOptions) {
    this.#command = command;
    this.#options = options;
    this.client = this.lab.host("client", { addresses: ["172.16.0.100/24"] });
    this.lb1 = this.lab.host("lb1", { addresses: ["172.16.0.2/24"] });
    this.lb2 = this.lab.host("lb2", { addresses: ["172.16.0.3/24"] });
    this.web = this.lab.host("web1", { addresses: ["172.16.0.21/24"] });
    this.watch = new VipWatch(VIP, this.lb1, this.lb2);
  }

  /** Makes the hosts and starts the server. */
  static async create(command: readonly string[], options: PairOptions = {}): Promise<Pair> {
    const pair = new Pair(command, options);
    await Nginx.start(pair.web);
    return pair;
  }

  /** Starts the product on a host. */
  start(host: Host): Lintel {
    return new Lintel(host, this.#command, this.#configuration());
  }

  /** Starts both, and waits until lb1 is Active. */
  async startBoth(): Promise<readonly [Lintel, Lintel]> {
    const both = [this.start(this.lb1), this.start(this.lb2)] as const;
    await Promise.all(both.map((one) => one.ready()));
    await this.watch.only(this.lb1);
    return both;
  }

  /** Runs a verb about the appliance on a host. */
  async lintel(host: Host, ...args: readonly string[]) {
    const env = { LINTEL_ADMIN: `unix:${host.directory}/admin.sock` };
    const { code, stdout, output } = await host.try([...this.#command, ...args], { env });
    return { code, stdout, output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch[Symbol.dispose]();
    await this.lab[Symbol.asyncDispose]();
  }

  #configuration(): string {
    const { router = "", file = "", interval = "200ms" } = this.#options;
    return `
nodes:
  lb1: { addresses: [172.16.0.2], priority: 150 }
  lb2: { addresses: [172.16.0.3], priority: 100 }
workers: 1
${file}
virtualRouters:
  web:
    vrid: 51
    addresses: [${VIP}]
    advertisementInterval: ${interval}
    unicast: false
${router.split("\n").map((line) => `    ${line}`).join("\n")}
frontends:
  web: { listen: ["vip:web:80"], backend: web }
backends:
  web:
    check: { type: tcp, interval: 100ms, rise: 1, fall: 1 }
    servers: { web1: "172.16.0.21:80" }
`;
  }
}

/** The events of an appliance. */
export async function eventsOf(lintel: Lintel): Promise<readonly Event[]> {
  const { items } = await lintel.json("GET", "/v1/events") as { items: Event[] };
  return items;
}
