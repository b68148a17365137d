/**
 * `lintel server add` and `lintel server remove`: servers that the file does not have.
 */

import { ServerSchema } from "../admin/model.ts";
import { type AdminClient, jsonOf, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { describe, parseWeight, pathOf, type ServerName } from "./servers.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `lintel server`. */
export interface AddServerOptions {
  readonly address?: string | undefined;
  readonly weight?: string;
  readonly force?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

/** Adds a server and says what it is. */
export async function addServer(
  client: AdminClient,
  name: ServerName,
  { address, weight, force, reason, json }: AddServerOptions,
  terminal: Terminal,
): Promise<number> {
  if (address === undefined) throw new Failure(EXIT.usage, "add needs the server's ADDRESS[:PORT]");
  if (force) throw new Failure(EXIT.usage, "--force is for remove");
  const share = weight === undefined ? undefined : parseWeight(weight);
  if (share !== undefined && typeof share !== "number") {
    throw new Failure(EXIT.usage, `--weight ${weight}: expected 0 to 256`);
  }
  const wish = {
    address,
    ...(share !== undefined && { weight: share }),
    ...(reason && { reason }),
  };
  const answer = await client.put(pathOf(name), wish);
  const server = readAs(ServerSchema, answer.body);
  terminal.out(json ? jsonOf(answer) : `${describe(server)} (${answer.scope})\n`);
  return EXIT.done;
}

/** Removes a server that was added. */
export async function removeServer(
  client: AdminClient,
  name: ServerName,
  { address, weight, force, reason, json }: AddServerOptions,
  terminal: Terminal,
): Promise<number> {
  if (address !== undefined || weight !== undefined) {
    throw new Failure(EXIT.usage, "remove takes BACKEND/SERVER only");
  }
  const query = new URLSearchParams();
  if (force) query.set("force", "true");
  if (reason) query.set("reason", reason);
  const answer = await client.delete(`${pathOf(name)}?${query}`);
  const line = `${name.backend}/${name.server} is removed (${answer.scope})\n`;
  terminal.out(json ? jsonOf(answer) : line);
  return EXIT.done;
}
