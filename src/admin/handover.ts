/**
 * Planned handovers and standby. What comes of them is told when it has happened, not when it was
 * asked for.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { milliseconds } from "../config/duration.ts";
import type { Appliance, Wish } from "./appliance.ts";
import { type CallerEnv, requires } from "./callers.ts";
import { IfMatchSchema, requireMatch } from "./etag.ts";
import {
  StandbySchema,
  type VirtualRouter,
  VirtualRouterSchema,
  WishQuerySchema,
} from "./model.ts";
import {
  type FailoverRequest,
  FailoverRequestSchema,
  HandoverSchema,
  type StandbyRequest,
  StandbyRequestSchema,
} from "./model_handover.ts";
import { unknownName } from "./problem.ts";
import { answer, found, problems } from "./resources.ts";
import { requireType, requireTypeOfAny } from "./validation.ts";

/** Adds the failover and the hold of a virtual router, and `/v1/standby`. */
export function addHandover(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(FAILOVER, async (context) => {
    const { name } = context.req.valid("param");
    const said = context.req.valid("json");
    // A body that is left out has not been through the schema, which has the defaults.
    const { hold, force, reason }: FailoverRequest = FailoverRequestSchema.parse(said);
    requireMatch(context.req.header("if-match"), findRouter(appliance, name));
    const wish = { ...wishOf(context, reason), holdMs: milliseconds(hold), force };
    return changed(context, await appliance.failover(name, wish));
  });
  router.openapi(UNHOLD, (context) => {
    const { name } = context.req.valid("param");
    requireMatch(context.req.header("if-match"), findRouter(appliance, name));
    return changed(context, appliance.unhold(name, wishOf(context)));
  });
  router.openapi(STANDBY, (context) => answer(context, appliance.standby()));
  router.openapi(PUT_STANDBY, async (context) => {
    const { enabled, ttl, force, reason }: StandbyRequest = context.req.valid("json");
    requireMatch(context.req.header("if-match"), appliance.standby());
    const ttlMs = ttl === undefined || ttl === null ? null : milliseconds(ttl);
    const wish = { ...wishOf(context, reason), enabled, ttlMs, force };
    return changed(context, await appliance.setStandby(wish));
  });
}

function findRouter(appliance: Appliance, name: string): VirtualRouter {
  const all = appliance.virtualRouters();
  const router = all.find((one) => one.name === name);
  if (!router) throw unknownName("virtual router", name, all.map((one) => one.name));
  return router;
}

function wishOf(context: Context<CallerEnv>, reason?: string | null): Wish {
  return {
    reason: reason ?? context.req.query("reason") ?? null,
    caller: context.get("caller"),
    dryRun: context.req.query("dryRun") === "true",
  };
}

function changed(context: Context, resource: object): Response {
  context.header("lintel-scope", "this node only");
  return answer(context, resource);
}

const NAMED = z.object({ name: z.string() });

const REFUSED = problems(409, 412, 413, 422);
const REFUSED_BODY = problems(400, 415);

const FAILOVER = createRoute({
  method: "post",
  path: "/v1/virtual-routers/{name}/failover",
  summary: "Hand a virtual router and its sync group over to a peer",
  middleware: [requires("operator"), requireTypeOfAny("application/json")],
  request: {
    params: NAMED,
    headers: IfMatchSchema,
    query: WishQuerySchema,
    body: { content: { "application/json": { schema: FailoverRequestSchema } } },
  },
  responses: {
    ...found("The handover when it is done", HandoverSchema),
    ...REFUSED,
    ...REFUSED_BODY,
    ...problems(404),
  },
});

const UNHOLD = createRoute({
  method: "delete",
  path: "/v1/virtual-routers/{name}/hold",
  summary: "Let a virtual router preempt again before its hold is over",
  middleware: requires("operator"),
  request: { params: NAMED, headers: IfMatchSchema, query: WishQuerySchema },
  responses: {
    ...found("The virtual router after the change", VirtualRouterSchema),
    ...REFUSED,
    ...problems(404),
  },
});

const STANDBY = createRoute({
  method: "get",
  path: "/v1/standby",
  summary: "Whether this node refuses to be Active",
  request: { query: z.strictObject({}) },
  responses: { ...found("Standby", StandbySchema), ...problems(422) },
});

const PUT_STANDBY = createRoute({
  method: "put",
  path: "/v1/standby",
  summary: "Refuse to be Active, or no longer",
  middleware: [requires("operator"), requireType("application/json")],
  request: {
    headers: IfMatchSchema,
    query: WishQuerySchema,
    body: { required: true, content: { "application/json": { schema: StandbyRequestSchema } } },
  },
  responses: { ...found("Standby after the change", StandbySchema), ...REFUSED, ...REFUSED_BODY },
});
