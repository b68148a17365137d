/**
 * Settings that a running appliance cannot change: memory, threads and files that are there from
 * the start. A new plan keeps them as they are, and says so. It refuses nothing.
 */

import type { FieldChange } from "./diff.ts";
import type { Plan } from "./plan.ts";

/** A plan that can be applied to what runs, and what of the file has to wait. */
export interface Reloadable {
  readonly plan: Plan;
  /** What only takes effect at the next start, by its path in the plan. */
  readonly nextStart: readonly FieldChange[];
}

/** The wanted plan with what cannot change as it runs. */
export function reloadable(running: Plan, wanted: Plan): Reloadable {
  const admin = pick(running.admin, ADMIN_KEYS);
  const log = { ...wanted.log };
  // The workers are given what they write to when they start.
  if ((log.connections === "none") !== (running.log.connections === "none")) {
    log.connections = running.log.connections;
  }
  const plan = { ...wanted, ...pick(running, KEYS), admin: { ...wanted.admin, ...admin }, log };
  const nextStart = [
    ...waiting(running, wanted, KEYS, ""),
    ...(log.connections === wanted.log.connections
      ? []
      : waiting(running.log, wanted.log, ["connections"], "log.")),
    ...waiting(running.admin, wanted.admin, ADMIN_KEYS, "admin."),
  ];
  return { plan, nextStart };
}

function pick<Whole extends object, Key extends keyof Whole>(
  whole: Whole,
  keys: readonly Key[],
): Partial<Pick<Whole, Key>> {
  const picked: Partial<Pick<Whole, Key>> = {};
  for (const key of keys) picked[key] = whole[key];
  return picked;
}

function waiting<Whole extends object, Key extends keyof Whole & string>(
  running: Whole,
  wanted: Whole,
  keys: readonly Key[],
  prefix: string,
): FieldChange[] {
  return keys.filter((key) => running[key] !== wanted[key])
    .map((key) => ({ path: prefix + key, from: running[key], to: wanted[key] }));
}

const KEYS = ["node", "stateDirectory", "workers", "engine", "maxConnections"] as const;
const ADMIN_KEYS = ["socket", "socketGroup"] as const;
