/**
 * `lintel drain`, `ready`, `maint` and `weight`: changes of servers while they run.
 */

import { BackendSchema, type Server, ServerSchema } from "../admin/model.ts";
import { parseDuration } from "../config/duration.ts";
import { type AdminClient, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import type { Terminal } from "./terminal.ts";

/** A merge patch as the admin API takes it. */
export interface ServerPatch {
  readonly state?: "ready" | "drain" | "maint";
  readonly weight?: number | string | null;
  readonly reason?: string;
}

/** `BACKEND/SERVER`; a backend `*` is every one that has such a server. */
export interface ServerName {
  readonly backend: string;
  readonly server: string;
}

/** Reads `BACKEND/SERVER`. @throws {Failure} */
export function parseServerName(text: string): ServerName {
  const [backend, server, ...more] = text.split("/");
  if (!backend || !server || more.length > 0) {
    throw new Failure(EXIT.usage, `${JSON.stringify(text)}: expected BACKEND/SERVER or */SERVER`);
  }
  return { backend, server };
}

/** Reads `0..256`, `N%` or `default`. @throws {Failure} */
export function parseWeight(text: string): number | string | null {
  if (text === "default") return null;
  if (/^\d{1,5}(\.\d{1,3})?%$/.test(text)) return text;
  const weight = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (weight <= MOST_WEIGHT) return weight;
  throw new Failure(
    EXIT.usage,
    `weight ${JSON.stringify(text)}: expected 0 to ${MOST_WEIGHT}, a percentage such as 50%, ` +
      "or default",
  );
}

/** Reads `--wait`. @throws {Failure} */
export function parseWait(text: string): number {
  const waitMs = parseDuration(text);
  if (waitMs !== undefined) return waitMs;
  throw new Failure(EXIT.usage, `--wait ${text}: expected a duration with its unit, such as 5m`);
}

/** Changes each server that the name means and says what it is now. */
export async function changeServers(
  client: AdminClient,
  name: ServerName,
  patch: ServerPatch,
  options: { readonly json?: boolean; readonly waitMs?: number },
  terminal: Terminal,
): Promise<number> {
  const names = await namesOf(client, name);
  const changed: Server[] = [];
  let scope = "";
  for (const one of names) {
    const answer = await client.patch(pathOf(one), patch);
    scope = answer.scope;
    changed.push(readAs(ServerSchema, answer.body));
  }
  if (!options.json) {
    for (const server of changed) terminal.out(`${describe(server)} (${scope})\n`);
  }
  const { waitMs } = options;
  const code = waitMs === undefined ? EXIT.done : await watch(client, names, waitMs, terminal);
  if (options.json) {
    const servers = waitMs === undefined ? changed : await readServers(client, names);
    terminal.out(JSON.stringify({ scope, servers }, null, 2) + "\n");
  }
  return code;
}

/** Shows how many connections remain until there are none or the time is up. */
async function watch(
  client: AdminClient,
  names: readonly ServerName[],
  waitMs: number,
  terminal: Terminal,
): Promise<number> {
  const deadlineAt = terminal.now() + waitMs;
  let shown = -1;
  for (;;) {
    const servers = await readServers(client, names);
    const remaining = servers.reduce((sum, { connections }) => sum + connections.active, 0);
    if (remaining !== shown) {
      const line = `${remaining} connection${remaining === 1 ? "" : "s"} remaining`;
      terminal.err(terminal.live ? `\r\x1b[K${line}` : `${line}\n`);
    }
    shown = remaining;
    const leftMs = deadlineAt - terminal.now();
    if (remaining === 0 || leftMs <= 0) {
      if (terminal.live) terminal.err("\n");
      if (remaining === 0) return EXIT.done;
      terminal.err("the deadline has passed; the servers stay drained, their connections open\n");
      return EXIT.deadline;
    }
    await terminal.pause(Math.min(POLL_MS, leftMs));
  }
}

async function namesOf(client: AdminClient, name: ServerName): Promise<readonly ServerName[]> {
  if (name.backend !== "*") return [name];
  const { body } = await client.get("/v1/backends");
  const backends = readAs(BackendSchema.array(), itemsOf(body));
  const names = backends
    .filter(({ servers }) => servers.some((server) => server.name === name.server))
    .map((backend) => ({ backend: backend.name, server: name.server }));
  if (names.length > 0) return names;
  const known = backends.map((backend) => backend.name).join(", ");
  throw new Failure(EXIT.failed, `none of the backends ${known} has a server "${name.server}"`);
}

async function readServers(client: AdminClient, names: readonly ServerName[]): Promise<Server[]> {
  const answers = await Promise.all(names.map((name) => client.get(pathOf(name))));
  return answers.map(({ body }) => readAs(ServerSchema, body));
}

function itemsOf(body: unknown): unknown {
  return typeof body === "object" && body !== null && "items" in body ? body.items : undefined;
}

function pathOf({ backend, server }: ServerName): string {
  return `/v1/backends/${encodeURIComponent(backend)}/servers/${encodeURIComponent(server)}`;
}

function describe({ backend, name, admin, weight, connections }: Server): string {
  const open = `${connections.active} connection${connections.active === 1 ? "" : "s"} open`;
  return `${backend}/${name}: ${admin}, weight ${weight.effective}, ${open}`;
}

const MOST_WEIGHT = 256;
const POLL_MS = 500;
