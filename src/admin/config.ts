/**
 * The configuration over HTTP: what it is, what a file would change, and reading the file again.
 * Files are written by others: nothing here writes one.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Appliance, Refused } from "./appliance.ts";
import { type CallerEnv, requires } from "./callers.ts";
import { IfMatchSchema, requireMatch } from "./etag.ts";
import { WishQuerySchema } from "./model.ts";
import {
  ConfigPlanSchema,
  type Configuration,
  ConfigurationSchema,
  ReloadSchema,
} from "./model_config.ts";
import { Refusal } from "./problem.ts";
import { answer, found, problems } from "./resources.ts";
import { requireType } from "./validation.ts";

/** Adds `GET /v1/config`, `POST /v1/config/plan` and `POST /v1/config/reload`. */
export function addConfig(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(READ, (context) => answer(context, appliance.configuration()));
  router.openapi(PLAN, async (context) => {
    const planned = appliance.planConfig(await context.req.text());
    return answer(context, orRefuse(planned));
  });
  router.openapi(RELOAD, async (context) => {
    const { dryRun, reason } = context.req.valid("query");
    const header = context.req.header("if-match");
    const reloaded = await appliance.reload({
      caller: context.get("caller"),
      reason: reason ?? null,
      dryRun: dryRun === "true",
      ...(header !== undefined && {
        requireMatch: (configuration: Configuration) => requireMatch(header, configuration),
      }),
    });
    context.header("lintel-scope", "this node only");
    return answer(context, orRefuse(reloaded));
  });
}

function orRefuse<Answer extends object>(answer: Answer | Refused): Answer {
  if (!("problems" in answer)) return answer;
  const lines = answer.problems.map(({ path, detail }) => path ? `${path}: ${detail}` : detail);
  throw new Refusal(422, lines.join("\n"), [...answer.problems]);
}

const READ = createRoute({
  method: "get",
  path: "/v1/config",
  summary: "What is configured, what came of the last reload, and what was good before",
  request: { query: z.strictObject({}) },
  responses: {
    ...found("What is configured", ConfigurationSchema),
    ...problems(401, 403, 422),
  },
});

const PLAN = createRoute({
  method: "post",
  path: "/v1/config/plan",
  summary: "What a file would change, if the appliance ran from it",
  // What the file refers to is read on this host: that is not for everybody.
  middleware: [requires("admin"), requireType("application/yaml")],
  request: {
    query: z.strictObject({}),
    body: { required: true, content: { "application/yaml": { schema: z.string() } } },
  },
  responses: {
    ...found("What would be other than now", ConfigPlanSchema),
    ...problems(400, 413, 415, 422),
  },
});

const RELOAD = createRoute({
  method: "post",
  path: "/v1/config/reload",
  summary: "Read the file again, and apply what is other than before: all of it or nothing",
  middleware: requires("admin"),
  request: { headers: IfMatchSchema, query: WishQuerySchema },
  responses: {
    ...found("What has changed, or would", ReloadSchema),
    ...problems(409, 412, 413, 422),
  },
});
