/**
 * A real DNS server on a host of the lab: unbound, which answers from what it is given and asks
 * nobody.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { connects } from "./connects.ts";

/** A running unbound. Under `name.test` there is a text: the host's name. */
export class Unbound {
  readonly host: Host;
  readonly #process: Process;

  private constructor(host: Host, file: string) {
    this.host = host;
    this.#process = host.spawn(["unbound", "-d", "-c", file]);
  }

  /** Starts one at an address, and waits until it answers there. */
  static async start(host: Host, address: string): Promise<Unbound> {
    const unbound = new Unbound(host, host.write("unbound.conf", configuration(host, address)));
    await eventually(`unbound on ${host.name} listens`, () => {
      if (unbound.#process.ended) throw new Error(unbound.#process.output);
      return connects(host, address, 53);
    });
    return unbound;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#process.stop("SIGKILL");
  }
}

/** Names that exist, with an address each: `n0.test` and so on. */
export const NAMES = Array.from({ length: 50 }, (_, at) => `n${at}.test`);

function configuration({ name, directory }: Host, address: string): string {
  const data = NAMES.map((one) => `  local-data: "${one}. A 192.0.2.1"`).join("\n");
  return `server:
  directory: "${directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  interface: ${address}
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  module-config: "iterator"
  local-zone: "test." static
  local-data: 'name.test. TXT "${name}"'
${data}
remote-control:
  control-enable: no
`;
}
