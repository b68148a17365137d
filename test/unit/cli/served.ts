/**
 * The command line beside a fake appliance, whose admin API is served on a real socket.
 */

import { serveAdmin } from "../../../src/admin/serve.ts";
import { FakeAppliance } from "../admin/fake_appliance.ts";
import { FakeTerminal } from "./fake_terminal.ts";
import { runMain } from "./run_main.ts";

/** An appliance that verbs can be about. */
export class Served {
  readonly appliance = new FakeAppliance();
  readonly #directory = Deno.makeTempDirSync({ prefix: "lintel-cli-" });
  #stop: () => Promise<void> = () => Promise.resolve();

  /** Serves it to whoever may open the socket. */
  static async start(): Promise<Served> {
    const served = new Served();
    const server = await serveAdmin(served.appliance, {
      ...{ socket: served.#socket, socketGroup: String(Deno.gid()) },
      ...{ listen: null, tokens: [], probes: null, tls: null },
    }, () => {});
    served.#stop = () => server.stop();
    return served;
  }

  /** Runs `lintel` with these arguments. */
  lintel(...args: readonly string[]): ReturnType<typeof runMain> {
    return runMain(args, new FakeTerminal({ LINTEL_ADMIN: this.address }));
  }

  /** Where it answers. */
  get address(): string {
    return `unix:${this.#socket}`;
  }

  /** Leaves nothing behind. */
  async stop(): Promise<void> {
    await this.#stop();
    Deno.removeSync(this.#directory, { recursive: true });
  }

  get #socket(): string {
    return `${this.#directory}/admin.sock`;
  }
}
