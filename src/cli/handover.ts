/**
 * `lintel failover` and `lintel standby`: leaving the Active's place on purpose. Whether a peer has
 * taken over is the appliance's to say.
 */

import {
  type Standby,
  StandbySchema,
  type VirtualRouter,
  VirtualRouterSchema,
} from "../admin/model.ts";
import { HandoverSchema } from "../admin/model_handover.ts";
import { parseDuration } from "../config/duration.ts";
import { type AdminClient, jsonOf, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `lintel failover`. */
export interface FailoverOptions {
  readonly hold: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

/** The options of `lintel standby`. */
export interface StandbyOptions {
  readonly for?: string;
  readonly force?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

/** Hands a virtual router or a sync group over, or says what would happen. */
export async function failover(
  client: AdminClient,
  name: string,
  options: FailoverOptions,
  terminal: Terminal,
): Promise<number> {
  const { dryRun, force, reason } = options;
  const hold = duration("--hold", options.hold);
  const router = await findRouter(client, name);
  const path = `/v1/virtual-routers/${encodeURIComponent(router)}/failover`;
  const wish = { hold, ...(force && { force }), ...(reason && { reason }) };
  const answer = await client.post(dryRun ? `${path}?dryRun=true` : path, wish);
  if (options.json) {
    terminal.out(jsonOf(answer));
    return EXIT.done;
  }
  const { virtualRouters, connections, detail } = readAs(HandoverSchema, answer.body);
  const open = `${connections} open connection${connections === 1 ? "" : "s"}`;
  const said = dryRun
    ? `would hand over ${virtualRouters.join(", ")}; ${open} would be reset; ${detail}`
    : `handed over ${
      virtualRouters.join(", ")
    }; ${open} reset; no preemption for ${hold}; ${detail}`;
  terminal.out(`${said} (${answer.scope})\n`);
  return EXIT.done;
}

/** Makes the node refuse to be Active, or ends that. */
export async function standby(
  client: AdminClient,
  enabled: boolean,
  options: StandbyOptions,
  terminal: Terminal,
): Promise<number> {
  const { force, reason } = options;
  if (!enabled && options.for !== undefined) {
    throw new Failure(EXIT.usage, "--for belongs to `standby on`");
  }
  const answer = await client.put("/v1/standby", {
    enabled,
    ...(options.for !== undefined && { ttl: duration("--for", options.for) }),
    ...(force && { force }),
    ...(reason && { reason }),
  });
  if (options.json) terminal.out(jsonOf(answer));
  else terminal.out(`${describeStandby(readAs(StandbySchema, answer.body))} (${answer.scope})\n`);
  return EXIT.done;
}

/** Standby in words. */
export function describeStandby({ enabled, until, reason, by }: Standby): string {
  if (!enabled) return "standby is off: this node may be Active";
  const end = until === null ? "until it is switched off" : `until ${until}`;
  const why = reason === null ? "" : `: ${reason}`;
  return `standby is on ${end}: this node refuses to be Active (by ${by ?? "?"}${why})`;
}

/** The virtual router of a name, or any of the sync group of that name. */
async function findRouter(client: AdminClient, name: string): Promise<string> {
  const { body } = await client.get("/v1/virtual-routers");
  const items = typeof body === "object" && body !== null && "items" in body ? body.items : body;
  const routers: VirtualRouter[] = readAs(VirtualRouterSchema.array(), items);
  const found = routers.find((one) => one.name === name) ??
    routers.find(({ syncGroup, state }) => syncGroup === name && state === "active") ??
    routers.find(({ syncGroup }) => syncGroup === name);
  if (found) return found.name;
  const groups = new Set(routers.flatMap(({ syncGroup }) => syncGroup ?? []));
  const known = [...routers.map((one) => one.name), ...groups].join(", ");
  throw new Failure(
    EXIT.failed,
    `no virtual router or sync group ${JSON.stringify(name)}; ` +
      (known === "" ? "there is none" : `there are: ${known}`),
  );
}

function duration(option: string, text: string): string {
  if ((parseDuration(text) ?? 0) > 0) return text;
  throw new Failure(
    EXIT.usage,
    `${option} ${text}: expected a duration with its unit, such as 60s`,
  );
}
