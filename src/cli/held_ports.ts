/**
 * Which ports the running appliance of this host listens on: they are free for its next
 * configuration. It decides nothing, and an appliance that does not answer holds none.
 */

import { ConfigurationSchema } from "../admin/model_config.ts";
import { StatusSchema } from "../admin/model.ts";
import { listenersOverlap, parseListen } from "../config/listen.ts";
import { nodeAt } from "../config/tree.ts";
import { readYaml } from "../config/yaml_tree.ts";
import { type AdminClient, readAs } from "./client.ts";

/** A listener that cannot be had, and why. */
export interface RefusedListener {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  /** Whether somebody listens there, or in its way. */
  readonly isInUse: boolean;
  readonly message: string;
}

type Place = Pick<RefusedListener, "protocol" | "address" | "port">;

/** Leaves out the listeners that the running appliance holds itself, or is in the way of. */
export async function notHeld(
  refused: readonly RefusedListener[],
  client: AdminClient,
): Promise<readonly RefusedListener[]> {
  if (refused.length === 0) return [];
  const held = await heldPlaces(client).catch((): Place[] => []);
  return refused.filter((one) => !held.some((other) => isInTheWay(other, one)));
}

function isInTheWay(held: Place, { protocol, address, port, isInUse }: RefusedListener): boolean {
  return held.protocol === protocol && held.port === port &&
    (held.address === address || (isInUse && listenersOverlap(held.address, address)));
}

async function heldPlaces(client: AdminClient): Promise<Place[]> {
  const { frontends } = readAs(StatusSchema, (await client.get("/v1/status")).body);
  const { resolved } = readAs(ConfigurationSchema, (await client.get("/v1/config")).body);
  const bound = frontends.flatMap(({ listeners }) => listeners.filter(({ bound }) => bound));
  return [...bound, ...adminPlaces(resolved)];
}

/** Where the API and the probes answer, in the configuration that runs. */
function adminPlaces(resolved: string): Place[] {
  const { tree } = readYaml(resolved, "resolved");
  return ["listen", "probes"].flatMap((key): Place[] => {
    const node = tree && nodeAt(tree, ["admin", key]);
    const listen = node?.kind === "scalar" ? parseListen(node.written) : "absent";
    if (typeof listen === "string" || listen.host.kind !== "address") return [];
    return [{ protocol: "tcp", address: listen.host.address, port: listen.ports[0] }];
  });
}
