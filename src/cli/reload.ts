/**
 * `lintel reload`: the running appliance reads its file again. It sends no file of its own.
 */

import { ReloadSchema } from "../admin/model_config.ts";
import { type AdminClient, jsonOf, readAs } from "./client.ts";
import { EXIT } from "./exit_code.ts";
import { formatPlan, formatWaiting } from "./plan.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `lintel reload`. */
export interface ReloadOptions {
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

/** Prints what has changed, a line each. */
export async function reload(
  client: AdminClient,
  { dryRun, reason, json }: ReloadOptions,
  terminal: Terminal,
): Promise<number> {
  const query = new URLSearchParams();
  if (dryRun) query.set("dryRun", "true");
  if (reason) query.set("reason", reason);
  const said = await client.reload(`/v1/config/reload?${query}`, TIMEOUT_MS);
  const answer = readAs(ReloadSchema, said.body);
  for (const warning of answer.warnings) terminal.err(`lintel: warning: ${warning}\n`);
  if (json) {
    terminal.out(jsonOf(said));
    return EXIT.done;
  }
  terminal.out(formatPlan(answer, terminal.colours));
  for (const remark of answer.remarks) terminal.out(`${remark}\n`);
  const { file, hash, changes, applied } = answer;
  const state = applied
    ? `reloaded from ${file}`
    : changes.length > 0
    ? `a reload from ${file} would change this`
    : `nothing ${dryRun ? "would change" : "changed"}${
      answer.nextStart.length > 0
        ? ` now; ${formatWaiting(answer)}`
        : `: what runs is what ${file} says`
    }`;
  terminal.out(`${state} (${hash.slice(0, SHORT_HASH)}, ${said.scope})\n`);
  return EXIT.done;
}

/** What leaves has to wait for others, and other reloads may come before. */
const TIMEOUT_MS = 60_000;
const SHORT_HASH = 12;
