/**
 * `lintel overrides`: what differs from the file, and the way back to it.
 */

import { OverrideFactSchema, type ShownFact } from "../admin/model.ts";
import { type AdminClient, type Answer, jsonOf, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { parseServerName } from "./servers.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `lintel overrides`. */
export interface OverridesOptions {
  /** `true`: without a name. */
  readonly clear?: string | true;
  readonly all?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

/** Prints what differs from the file, after it has cleared what it was told to. */
export async function overrides(
  client: AdminClient,
  { clear, all, reason, json }: OverridesOptions,
  terminal: Terminal,
): Promise<number> {
  if (typeof clear === "string" && all) {
    throw new Failure(EXIT.usage, `--clear ${clear} and --all exclude each other`);
  }
  if (clear === true && !all) {
    throw new Failure(EXIT.usage, "--clear needs BACKEND/SERVER, */SERVER or --all");
  }
  if (clear === undefined && !all) {
    print(await client.get("/v1/overrides"), json, terminal);
    return EXIT.done;
  }
  const query = new URLSearchParams();
  if (typeof clear === "string") {
    const { backend, server } = parseServerName(clear);
    if (backend !== "*") query.set("backend", backend);
    query.set("server", server);
  }
  if (reason) query.set("reason", reason);
  const before = factsOf((await client.get("/v1/overrides")).body);
  const answer = await client.delete(`/v1/overrides?${query}`);
  const after = factsOf(answer.body);
  const cleared = before.filter(({ id }) => !after.some((fact) => fact.id === id));
  if (cleared.length === 0 && typeof clear === "string") {
    throw new Failure(EXIT.failed, `nothing of ${clear} differs from the file`);
  }
  for (const fact of json ? [] : cleared) {
    terminal.out(`${nameOf(fact)}: ${fact.field} is as in the file again (${answer.scope})\n`);
  }
  if (json) terminal.out(jsonOf(answer));
  return EXIT.done;
}

function print(answer: Answer, json: boolean | undefined, terminal: Terminal): void {
  if (json) {
    terminal.out(jsonOf(answer));
    return;
  }
  const facts = factsOf(answer.body);
  if (facts.length === 0) {
    terminal.out("nothing differs from the file\n");
    return;
  }
  const rows = facts.map((fact) => [
    ...[nameOf(fact), describe(fact), fact.by, fact.at, fact.until ?? "-", fact.reason ?? "-"],
  ]);
  const headings = ["SERVER", "OVERRIDE", "BY", "SINCE", "UNTIL", "REASON"];
  terminal.out(formatTable(headings, rows, terminal.colours));
}

function nameOf({ backend, server }: ShownFact): string {
  return `${backend}/${server}`;
}

function describe(fact: ShownFact): string {
  switch (fact.field) {
    case "state": {
      const { deadline, value, file } = fact;
      const end = deadline === null ? "" : `, at ${deadline.at} ${deadline.then}`;
      return `${value} instead of ${file}${end}`;
    }
    case "weight":
      return `weight ${fact.value} instead of ${fact.file}`;
    case "server": {
      const { address, port, weight } = fact.value;
      const host = address.includes(":") ? `[${address}]` : address;
      return `added: ${host}${port === null ? "" : `:${port}`}, weight ${weight}`;
    }
  }
}

function factsOf(body: unknown): ShownFact[] {
  const items = typeof body === "object" && body !== null && "items" in body ? body.items : body;
  return readAs(OverrideFactSchema.array(), items);
}
