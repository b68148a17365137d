/**
 * What a file would change beside what runs: judged as `check` does, compared with the running
 * plan, and told with the connections and addresses that hang on it. It applies nothing.
 */

import type { Refused } from "../admin/appliance.ts";
import type { VirtualRouter } from "../admin/model.ts";
import type { ConfigPlan } from "../admin/model_config.ts";
import type { Loaded, Refused as NotLoaded } from "../config/load.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import { type Change, diff, type FieldChange } from "../core/plan/diff.ts";
import { reloadable } from "../core/plan/next_start.ts";
import type { Plan } from "../core/plan/plan.ts";
import { isAdaptable } from "../speaker/adaptation.ts";

/** What is known of what runs. */
export interface Running {
  /** As the file said it. */
  readonly plan: Plan;
  /** Loads a file's text for this node. */
  readonly load: (text: string) => Loaded | NotLoaded;
  /** Open connections of a server or frontend. */
  readonly connections: (what: "server" | "frontend", name: string) => number | null;
  /** A virtual router, if it is there already. */
  readonly router: (name: string) => Pick<VirtualRouter, "state" | "addresses"> | undefined;
  /** What has been said at run time and a plan would overrule, a line each. */
  readonly overruled: (plan: Plan) => readonly string[];
}

/** The changes that a file would make, or what is wrong with it. */
export function planned(text: string, running: Running): ConfigPlan | Refused {
  const loaded = running.load(text);
  if (!loaded.plan) return refusal(loaded.problems);
  return compared(loaded, running).shown;
}

/** The plan that a file leads to, and how that is told. */
export function compared(
  { plan: wanted, warnings }: Loaded,
  running: Running,
): { readonly plan: Plan; readonly shown: ConfigPlan } {
  const { plan, nextStart } = reloadable(running.plan, wanted);
  const changes = diff(running.plan, plan).map((change) => ({
    ...change,
    fields: change.fields.map((field) => discreet(change, field)),
    connections: change.what === "server" || change.what === "frontend"
      ? running.connections(change.what, change.name)
      : null,
    effect: change.what === "virtualRouter"
      ? effectOf(change.name, running.plan, plan, running.router(change.name))
      : null,
  }));
  const shown = {
    ...{ hash: wanted.hash, changes, nextStart: [...nextStart] },
    warnings: warnings.map(formatProblem),
    remarks: [...running.overruled(plan)],
  };
  return { plan, shown };
}

/** Problems as callers are told them. */
export function refusal(problems: readonly Problem[]): Refused {
  return {
    problems: problems.map(({ line, column, path, message }) => ({
      path,
      detail: `${line}:${column}: ${message}`,
    })),
  };
}

/** What becomes of addresses that are on this node. */
function effectOf(
  name: string,
  from: Plan,
  to: Plan,
  router: Pick<VirtualRouter, "state" | "addresses"> | undefined,
): string | null {
  const before = from.virtualRouters.find((one) => one.name === name);
  if (!before || router?.state !== "active") return null;
  const addresses = router.addresses.join(", ");
  const next = to.virtualRouters.find((one) => one.name === name);
  if (!next) {
    const renamed = to.virtualRouters.find((one) => isAdaptable(before, { ...one, name }));
    const again = renamed ? `, and ${renamed.name} starts anew as a backup` : "";
    return `it is active here: ${addresses} leave this node${again}`;
  }
  if (isAdaptable(before, next)) return null;
  return `it is active here, leaves and starts anew as a backup: ${addresses} go to a peer`;
}

/** That a secret is another one may be told, but neither of both. */
function discreet({ what, name }: Change, field: FieldChange): FieldChange {
  const path = what === "setting" ? `${name}.${field.path}` : field.path;
  if (path.split(".").some((key) => SECRETS.has(key))) {
    return { ...field, from: UNTOLD, to: UNTOLD };
  }
  return { ...field, from: withoutSecrets(field.from), to: withoutSecrets(field.to) };
}

/** A value with what stands under the keys of secrets taken out. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRETS.has(key) && inner !== null ? UNTOLD : withoutSecrets(inner),
    ]),
  );
}

const SECRETS: ReadonlySet<string> = new Set([
  ...["key", "password", "token", "tokens", "secretHash", "webhook"],
]);
const UNTOLD = "(not told)";
