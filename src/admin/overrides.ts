/**
 * What differs from the file: the list of it, and the way back. It remembers nothing.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type OverrideFact, overrideId } from "../core/plan/override.ts";
import type { Appliance } from "./appliance.ts";
import { type CallerEnv, requireRole, requires } from "./callers.ts";
import { IfMatchSchema, requireMatch } from "./etag.ts";
import { OverrideFactSchema, WishQuerySchema } from "./model.ts";
import { tellNotKept } from "./not_kept.ts";
import { unknownName } from "./problem.ts";
import { answer, found, problems, shownFacts } from "./resources.ts";

/** Adds `GET` and `DELETE /v1/overrides`, and the latter for one of them. */
export function addOverrides(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(LIST, (context) => answer(context, listOf(appliance.overrides())));
  router.openapi(CLEAR, (context) => {
    const { backend, server } = context.req.valid("query");
    requireMatch(context.req.header("if-match"), listOf(appliance.overrides()));
    const meant = appliance.overrides().filter((fact) =>
      (backend === undefined || fact.backend === backend) &&
      (server === undefined || fact.server === server)
    );
    return clear(context, appliance, meant);
  });
  router.openapi(CLEAR_ONE, (context) => {
    const { id } = context.req.valid("param");
    const all = appliance.overrides();
    requireMatch(context.req.header("if-match"), listOf(all));
    const meant = all.filter((fact) => overrideId(fact) === id);
    if (meant.length === 0) throw unknownName("override", id, all.map(overrideId));
    return clear(context, appliance, meant);
  });
}

async function clear(
  context: Context<CallerEnv>,
  appliance: Appliance,
  facts: readonly OverrideFact[],
): Promise<Response> {
  const wish = {
    reason: context.req.query("reason") ?? null,
    caller: context.get("caller"),
    dryRun: context.req.query("dryRun") === "true",
    force: context.req.query("force") === "true",
  };
  for (const { field, backend, server } of facts) {
    if (field !== "server") continue;
    requireRole(wish.caller, "admin", `removing ${backend}/${server}, which was added,`);
  }
  context.header("lintel-scope", "this node only");
  const left = await appliance.clearOverrides(facts, wish);
  tellNotKept(context, appliance);
  return answer(context, listOf(left));
}

function listOf(facts: readonly OverrideFact[]) {
  return { items: shownFacts(facts), next: null };
}

const LIST_SCHEMA = z.strictObject({
  items: z.array(OverrideFactSchema),
  next: z.string().nullable().describe("Where the list goes on; null: it is whole"),
});

const REFUSED = problems(409, 412, 413, 422);

const QUERY = WishQuerySchema.extend({
  force: z.enum(["true", "false"]).optional()
    .describe("true: servers that were added go also while they have connections: these are ended"),
});

const LIST = createRoute({
  method: "get",
  path: "/v1/overrides",
  summary: "Everything that differs from the file: who, when, why, until",
  request: { query: z.strictObject({}) },
  responses: { ...found("What differs", LIST_SCHEMA), ...problems(422) },
});

const CLEAR = createRoute({
  method: "delete",
  path: "/v1/overrides",
  summary: "Back to the file: everything, or one backend or server; admin where one was added",
  middleware: requires("operator"),
  request: {
    headers: IfMatchSchema,
    query: QUERY.extend({
      backend: z.string().optional().describe("Only of this backend"),
      server: z.string().optional().describe("Only of servers of this name"),
    }),
  },
  responses: { ...found("What still differs", LIST_SCHEMA), ...REFUSED },
});

const CLEAR_ONE = createRoute({
  method: "delete",
  path: "/v1/overrides/{id}",
  summary: "Back to the file with one field of a server; admin where it is the server itself",
  middleware: requires("operator"),
  request: {
    params: z.object({ id: z.string() }),
    headers: IfMatchSchema,
    query: QUERY,
  },
  responses: { ...found("What still differs", LIST_SCHEMA), ...REFUSED, ...problems(404) },
});
