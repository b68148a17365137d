/**
 * `lintel connections`: who is connected to what, and the end of it.
 */

import { type Connection, ConnectionSchema, KilledSchema } from "../admin/model_connections.ts";
import { type AdminClient, jsonOf, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { formatBytes, formatSpan } from "./status.ts";
import { type Cell, formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `lintel connections`. */
export interface ConnectionsOptions {
  readonly backend?: string;
  readonly server?: string;
  readonly client?: string;
  readonly kill?: boolean;
  readonly all?: boolean;
  readonly rate?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

/** Lists connections, or kills them. */
export async function connections(
  client: AdminClient,
  options: ConnectionsOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.kill) return await kill(client, options, terminal);
  const stray = (["all", "rate", "reason"] as const).find((key) => options[key] !== undefined);
  if (stray) throw new Failure(EXIT.usage, `--${stray} belongs to --kill`);
  const items = await list(client, options);
  if (options.json) terminal.out(JSON.stringify({ items, next: null }, null, 2) + "\n");
  else terminal.out(format(items, terminal.colours));
  return EXIT.done;
}

async function list(client: AdminClient, options: ConnectionsOptions): Promise<Connection[]> {
  const items: Connection[] = [];
  const query = filterOf(options);
  for (;;) {
    const { body } = await client.get(`/v1/connections?${query}`);
    const page = typeof body === "object" && body !== null && "items" in body ? body : undefined;
    items.push(...readAs(ConnectionSchema.array(), page?.items));
    if (!page || !("next" in page) || typeof page.next !== "string") return items;
    query.set("after", page.next);
  }
}

async function kill(
  client: AdminClient,
  options: ConnectionsOptions,
  terminal: Terminal,
): Promise<number> {
  const perSecond = rateOf(options.rate);
  const query = filterOf(options);
  if ([...query.keys()].length === 0 && !options.all) {
    throw new Failure(EXIT.usage, "--kill needs --backend, --server or --client, or --all");
  }
  if (options.all) query.set("all", "true");
  if (perSecond !== undefined) query.set("rate", String(perSecond));
  if (options.reason) query.set("reason", options.reason);
  const dry = await client.delete(`/v1/connections?${query}&dryRun=true`);
  const expected = readAs(KilledSchema, dry.body);
  const seconds = expected.matched / expected.perSecond;
  if (seconds > NOTABLE_SECONDS) {
    const how = `${expected.matched} connections at ${expected.perSecond} a second`;
    terminal.err(`killing ${how}: this takes about ${Math.ceil(seconds)} s\n`);
  }
  const timeoutMs = 2_000 * seconds + ANSWER_MS;
  const answer = await client.delete(`/v1/connections?${query}`, timeoutMs);
  if (options.json) terminal.out(jsonOf(answer));
  else {
    const { killed } = readAs(KilledSchema, answer.body);
    terminal.out(`${killed} connection${killed === 1 ? "" : "s"} killed (${answer.scope})\n`);
  }
  return EXIT.done;
}

function filterOf({ backend, server, client }: ConnectionsOptions): URLSearchParams {
  const query = new URLSearchParams();
  if (backend) query.set("backend", backend);
  if (server) query.set("server", server);
  if (client) query.set("client", client);
  return query;
}

/** Reads `100/s`. @throws {Failure} */
function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = /^([1-9]\d{0,6})\/s$/.exec(text)?.[1];
  if (rate !== undefined) return Number(rate);
  throw new Failure(EXIT.usage, `--rate ${text}: expected connections a second, such as 100/s`);
}

function format(items: readonly Connection[], colours: boolean): string {
  if (items.length === 0) return "no connections\n";
  const rows = items.map((one): (Cell | string | number)[] => [
    one.client ?? "-",
    one.frontend,
    `${one.backend ?? "-"}/${one.server ?? "-"}`,
    { text: one.state, tone: one.state === "established" ? "good" : "attention" },
    formatSpan(one.ageSeconds),
    formatSpan(one.idleSeconds),
    formatBytes(one.receivedBytes),
    formatBytes(one.sentBytes),
  ]);
  const headings = ["CLIENT", "FRONTEND", "SERVER", "STATE", "AGE", "IDLE", "RECEIVED", "SENT"];
  return formatTable(headings, rows, colours);
}

const ANSWER_MS = 10_000;
const NOTABLE_SECONDS = 2;
