/**
 * `lintel plan`: what a file would change, if the running appliance ran from it. It changes
 * nothing.
 */

import { type ConfigChange, ConfigPlanSchema } from "../admin/model_config.ts";
import { type AdminClient, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { paint, type Tone } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `lintel plan`. */
export interface PlanOptions {
  readonly config: string;
  readonly exitCode?: boolean;
  readonly json?: boolean;
}

/** Prints the changes, a line each. */
export async function plan(
  client: AdminClient,
  { config, exitCode, json }: PlanOptions,
  terminal: Terminal,
): Promise<number> {
  const { body } = await client.postYaml("/v1/config/plan", readText(config));
  const { changes, warnings } = readAs(ConfigPlanSchema, body);
  for (const warning of warnings) terminal.err(`lintel: warning: ${warning}\n`);
  if (json) terminal.out(JSON.stringify(body, null, 2) + "\n");
  else if (changes.length === 0) terminal.out("nothing would change\n");
  else for (const change of changes) terminal.out(formatChange(change, terminal.colours));
  return exitCode && changes.length > 0 ? EXIT.changesPending : EXIT.done;
}

function formatChange({ kind, what, name, fields, connections }: ConfigChange, colours: boolean) {
  const { sign, tone } = SIGNS[kind];
  const affected = connections ? ` (${connections} open connections)` : "";
  const text = `${sign} ${WORDS[what]} ${name}${kind === "add" ? "" : affected}`;
  const details = fields.map(({ path, from, to }) => `    ${path}: ${show(from)} → ${show(to)}\n`);
  return `${paint({ text, tone }, colours)}\n${details.join("")}`;
}

function show(value: unknown): string {
  return value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value);
}

function readText(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    throw new Failure(EXIT.usage, `${file}: ${error instanceof Error ? error.message : error}`);
  }
}

const SIGNS: Readonly<Record<ConfigChange["kind"], { sign: string; tone: Tone }>> = {
  add: { sign: "+", tone: "good" },
  change: { sign: "~", tone: "attention" },
  remove: { sign: "-", tone: "bad" },
};
const WORDS: Readonly<Record<ConfigChange["what"], string>> = {
  setting: "setting",
  tracker: "tracker",
  backend: "backend",
  server: "server",
  frontend: "frontend",
  listener: "listener",
  virtualRouter: "virtual router",
  syncGroup: "sync group",
};
