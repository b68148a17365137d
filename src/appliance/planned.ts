/**
 * What a file would change beside what runs: judged as `check` does, compared with the running
 * plan, and told with the connections that hang on it. It applies nothing.
 */

import type { Refused } from "../admin/appliance.ts";
import type { ConfigPlan } from "../admin/model_config.ts";
import type { Loaded, Refused as NotLoaded } from "../config/load.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import { type Change, diff, type FieldChange } from "../core/plan/diff.ts";
import type { Plan } from "../core/plan/plan.ts";

/** What is known of what runs. */
export interface Running {
  readonly plan: Plan;
  /** Loads a file's text for this node. */
  readonly load: (text: string) => Loaded | NotLoaded;
  /** Open connections of a server or frontend. */
  readonly connections: (what: "server" | "frontend", name: string) => number | null;
}

/** The changes that a file would make, or what is wrong with it. */
export function planned(text: string, { plan, load, connections }: Running): ConfigPlan | Refused {
  const loaded = load(text);
  if (!loaded.plan) return { problems: loaded.problems.map(asRefusal) };
  return {
    hash: loaded.plan.hash,
    warnings: loaded.warnings.map(formatProblem),
    changes: diff(plan, loaded.plan).map((change) => ({
      ...change,
      fields: change.fields.map((field) => discreet(change, field)),
      connections: change.what === "server" || change.what === "frontend"
        ? connections(change.what, change.name)
        : null,
    })),
  };
}

function asRefusal(problem: Problem): { path: string; detail: string } {
  const { line, column, path, message } = problem;
  return { path, detail: `${line}:${column}: ${message}` };
}

/** That a secret is another one may be told, but neither of both. */
function discreet({ what, name }: Change, field: FieldChange): FieldChange {
  const path = what === "setting" ? `${name}.${field.path}` : field.path;
  return SECRET.test(path) ? { ...field, from: UNTOLD, to: UNTOLD } : field;
}

const SECRET = /(^|\.)(key|password|token|tokens|secretHash|webhook)(\.|$)/;
const UNTOLD = "(not told)";
