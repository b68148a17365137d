/**
 * The compiled product on hosts of the lab, and what its API says of virtual routers and servers.
 */

import { compile } from "../../scripts/compile.ts";
import { Appliance } from "../../scripts/lab/appliance.ts";
import type { Host } from "../../scripts/lab/host.ts";
import type { Backend, Server, VirtualRouter } from "../../src/admin/model.ts";

/** Compiles the product if it is not up to date, and answers how to start it. */
export async function product(): Promise<readonly string[]> {
  return [await compile()];
}

/** What every configuration here begins with, unless it has an `admin` of its own. */
export const COMMON = `stateDirectory: \${HOST_DIRECTORY}
admin: { socket: "\${HOST_DIRECTORY}/admin.sock" }
`;

/** A running product. */
export class Lintel extends Appliance {
  constructor(host: Host, lintel: readonly string[], config: string, node?: string) {
    const whole = /^admin:/m.test(config) ? config : COMMON + config;
    super(host, { lintel, config: whole, ...(node === undefined ? {} : { node }) });
  }

  /** A virtual router. */
  async router(name = "web"): Promise<VirtualRouter> {
    return await this.json("GET", `/v1/virtual-routers/${name}`) as VirtualRouter;
  }

  /** A backend. */
  async backend(name = "web"): Promise<Backend> {
    return await this.json("GET", `/v1/backends/${name}`) as Backend;
  }

  /** A server. */
  async server(name: string, backend = "web"): Promise<Server> {
    return await this.json("GET", `/v1/backends/${backend}/servers/${name}`) as Server;
  }

  /** Advertisements rejected so far, by reason; reasons that never occurred are left out. */
  async rejections(name = "web"): Promise<Record<string, number>> {
    const { counters } = await this.router(name);
    const counted = Object.entries(counters.advertisementsRejected).filter(([, count]) =>
      count > 0
    );
    return Object.fromEntries(counted);
  }
}
