/**
 * The configuration over HTTP: what a file would change. Nothing here changes anything.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Appliance } from "./appliance.ts";
import { type CallerEnv, requires } from "./callers.ts";
import { ConfigPlanSchema } from "./model_config.ts";
import { Refusal } from "./problem.ts";
import { answer, found, problems } from "./resources.ts";
import { requireType } from "./validation.ts";

/** Adds `POST /v1/config/plan`. */
export function addConfig(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(PLAN, async (context) => {
    const planned = appliance.planConfig(await context.req.text());
    if ("changes" in planned) return answer(context, planned);
    const lines = planned.problems.map(({ path, detail }) => `${path}: ${detail}`);
    throw new Refusal(422, lines.join("\n"), [...planned.problems]);
  });
}

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
    ...problems(401, 403, 413, 415, 422),
  },
});
