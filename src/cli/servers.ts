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
  readonly ttl?: string;
  readonly deadline?: string;
  readonly onDeadline?: "leave" | "kill";
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

/** Reads a duration that an option was given. @throws {Failure} */
export function parseTime(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new Failure(
    EXIT.usage,
    `${option} ${text}: expected a duration with its unit, such as 5m`,
  );
}

/** How `drain` waits, and what it prints. */
export interface WaitOptions {
  readonly json?: boolean;
  readonly waitMs?: number;
  readonly then?: "leave" | "kill";
}

/** Changes each server that the name means and says what it is now. */
export async function changeServers(
  client: AdminClient,
  name: ServerName,
  patch: ServerPatch,
  options: WaitOptions,
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
  if (options.waitMs !== undefined) {
    return await new Watch(client, names, scope, options, terminal).run(options.waitMs);
  }
  if (options.json) terminal.out(JSON.stringify({ scope, servers: changed }, null, 2) + "\n");
  return EXIT.done;
}

/**
 * Shows how many connections remain until there are none or the time is up: as a line that is
 * written over on a terminal, as JSON Lines for machines. The appliance keeps the deadline: who
 * ends this ends the watching only.
 */
class Watch {
  readonly #client: AdminClient;
  readonly #names: readonly ServerName[];
  readonly #scope: string;
  readonly #options: WaitOptions;
  readonly #terminal: Terminal;
  #shown = "";

  constructor(
    client: AdminClient,
    names: readonly ServerName[],
    scope: string,
    options: WaitOptions,
    terminal: Terminal,
  ) {
    this.#client = client;
    this.#names = names;
    this.#scope = scope;
    this.#options = options;
    this.#terminal = terminal;
  }

  async run(waitMs: number): Promise<number> {
    const deadlineAt = this.#terminal.now() + waitMs;
    const kills = this.#options.then === "kill";
    let least = Infinity;
    let giveUpAt = deadlineAt;
    for (;;) {
      const servers = await readServers(this.#client, this.#names);
      const remaining = servers.reduce((sum, { connections }) => sum + connections.active, 0);
      const now = this.#terminal.now();
      this.#show(servers, remaining, deadlineAt - now);
      if (remaining === 0) return this.#end("drained", servers, "");
      // Killing goes at a bounded rate: it is waited for as long as it gets on.
      if (kills && remaining < least) giveUpAt = Math.max(deadlineAt, now) + KILL_MS;
      least = Math.min(least, remaining);
      if (now >= giveUpAt) {
        const what = kills ? "could not be killed" : "stay open";
        return this.#end(
          "deadline",
          servers,
          `the deadline has passed; the servers stay drained, ${countOf(remaining)} ${what}\n`,
        );
      }
      await this.#terminal.pause(Math.min(POLL_MS, giveUpAt - now));
    }
  }

  #show(servers: readonly Server[], remaining: number, leftMs: number): void {
    const { json } = this.#options;
    const line = `${countOf(remaining)} remaining`;
    const counts = servers.map(({ backend, name, connections }) => ({
      ...{ backend, server: name, connections: connections.active },
    }));
    const key = counts.map(({ connections }) => connections).join(" ");
    if (this.#terminal.live) {
      const left = `${Math.max(0, Math.ceil(leftMs / 1000))}s`;
      const each = counts.length < 2
        ? ""
        : ` (${counts.map(({ backend, connections }) => `${backend} ${connections}`).join(", ")})`;
      this.#terminal.err(`\r\x1b[K${line}${each}, ${left} left`);
    } else if (key !== this.#shown) {
      this.#terminal.err(`${line}\n`);
    }
    if (json && key !== this.#shown) {
      this.#print({ event: "progress", remaining, leftSeconds: leftMs / 1000, servers: counts });
    }
    this.#shown = key;
  }

  #end(event: "drained" | "deadline", servers: readonly Server[], message: string): number {
    if (this.#terminal.live) this.#terminal.err("\n");
    this.#terminal.err(message);
    if (this.#options.json) this.#print({ event, scope: this.#scope, servers });
    return event === "drained" ? EXIT.done : EXIT.deadline;
  }

  #print(line: object): void {
    this.#terminal.out(JSON.stringify(line) + "\n");
  }
}

/** The servers that a name means. @throws {Failure} where there is none. */
export async function namesOf(
  client: AdminClient,
  name: ServerName,
): Promise<readonly ServerName[]> {
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

/** Where the admin API has a server. */
export function pathOf({ backend, server }: ServerName): string {
  return `/v1/backends/${encodeURIComponent(backend)}/servers/${encodeURIComponent(server)}`;
}

/** A server in one line. */
export function describe({ backend, name, admin, weight, connections, override }: Server): string {
  const open = `${countOf(connections.active)} open`;
  const until = override?.until ? `, until ${override.until}` : "";
  return `${backend}/${name}: ${admin}, weight ${weight.effective}, ${open}${until}`;
}

function countOf(connections: number): string {
  return `${connections} connection${connections === 1 ? "" : "s"}`;
}

const MOST_WEIGHT = 256;
const POLL_MS = 500;
/** So long after the deadline, or after the last one that was killed, there is no more hope. */
const KILL_MS = 10_000;
