/**
 * `lintel plan`: what a file would change, if the running appliance ran from it. It changes
 * nothing.
 */

import { type ConfigChange, type ConfigPlan, ConfigPlanSchema } from "../admin/model_config.ts";
import { readConfiguration } from "./check.ts";
import { type AdminClient, readAs } from "./client.ts";
import { EXIT } from "./exit_code.ts";
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
  const { body } = await client.postYaml("/v1/config/plan", readConfiguration(config));
  const answer = readAs(ConfigPlanSchema, body);
  for (const warning of answer.warnings) terminal.err(`lintel: warning: ${warning}\n`);
  if (json) terminal.out(JSON.stringify(body, null, 2) + "\n");
  else {
    terminal.out(formatPlan(answer, terminal.colours));
    for (const remark of answer.remarks) terminal.out(`${remark}\n`);
    const state = answer.nextStart.length > 0 ? ` now; ${formatWaiting(answer)}` : "";
    if (answer.changes.length === 0) terminal.out(`nothing would change${state}\n`);
  }
  const pending = answer.changes.length + answer.nextStart.length;
  return exitCode && pending > 0 ? EXIT.changesPending : EXIT.done;
}

/** The changes, and what has to wait for the next start; empty where there is neither. */
export function formatPlan({ changes, nextStart }: ConfigPlan, colours: boolean): string {
  return changes.map((change) => formatChange(change, colours)).join("") +
    nextStart.map((field) => `! at the next start:\n${formatField(field)}`).join("");
}

/** What has to wait for the next start, by name. */
export function formatWaiting({ nextStart }: ConfigPlan): string {
  const names = nextStart.map(({ path }) => path).join(", ");
  return `${names} ${nextStart.length === 1 ? "waits" : "wait"} for the next start`;
}

function formatChange(
  { kind, what, name, fields, connections, effect }: ConfigChange,
  colours: boolean,
): string {
  const { sign, tone } = SIGNS[kind];
  const affected = connections ? ` (${connections} open connections)` : "";
  const text = `${sign} ${WORDS[what]} ${name}${kind === "add" ? "" : affected}`;
  const consequence = effect === null ? "" : `    ${effect}\n`;
  return `${paint({ text, tone }, colours)}\n${fields.map(formatField).join("")}${consequence}`;
}

function formatField({ path, from, to }: ConfigChange["fields"][number]): string {
  return `    ${path}: ${show(from)} → ${show(to)}\n`;
}

function show(value: unknown): string {
  return value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value);
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
