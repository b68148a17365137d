/**
 * Changing a server while it runs. The table in memory changes, never the file.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { milliseconds } from "../config/duration.ts";
import type { OverrideFact, StateFact } from "../core/plan/override.ts";
import type { Appliance, ServerChange } from "./appliance.ts";
import { type CallerEnv, requires } from "./callers.ts";
import { IfMatchSchema, requireMatch } from "./etag.ts";
import { AdminStateSchema, duration, type Server, ServerSchema, WishQuerySchema } from "./model.ts";
import { Refusal } from "./problem.ts";
import { tellNotKept } from "./not_kept.ts";
import { answer, findServer, found, problems } from "./resources.ts";
import { requireType } from "./validation.ts";

/** Adds `PATCH /v1/backends/{backend}/servers/{server}`. */
export function addServerChanges(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(PATCH, async (context) => {
    const { backend, server } = context.req.valid("param");
    const { dryRun, reason } = context.req.valid("query");
    const patch: ServerPatch = context.req.valid("json");
    // Nothing is awaited from here to the change: what If-Match has seen is what is changed.
    const before = findServer(appliance, backend, server);
    requireMatch(context.req.header("if-match"), before);
    context.header("lintel-scope", "this node only");
    const times = timesOf(patch, before, stateOf(appliance, backend, server));
    const { state, weight } = patch;
    // A reason alone changes nothing.
    const isEmpty = Object.keys(times).length === 0;
    if (state === undefined && weight === undefined && isEmpty) return answer(context, before);
    const change: ServerChange = {
      ...(state !== undefined && { state }),
      ...(weight !== undefined && { weight: resolveWeight(weight, before.weight.configured) }),
      ...times,
      reason: patch.reason ?? reason ?? null,
      caller: context.get("caller"),
      dryRun: dryRun === "true",
    };
    const after = await appliance.patchServer(backend, server, change);
    tellNotKept(context, appliance);
    return answer(context, after);
  });
}

/** What has been said of the state of a server, where that differs from the file. */
function stateOf(appliance: Appliance, backend: string, server: string): Said | undefined {
  const isMeant = (fact: OverrideFact) => fact.backend === backend && fact.server === server;
  return appliance.overrides().filter(isMeant).find((fact) => fact.field === "state");
}

/** The time and the deadline of a change, if they fit it and the server as it is. */
function timesOf(patch: ServerPatch, before: Server, said: Said | undefined): Times {
  const { ttl, deadline } = patch;
  const onDeadline = patch.onDeadline ?? undefined;
  const isAlone = patch.state === undefined && patch.weight === undefined;
  const isEmpty = !ttl && !deadline && !onDeadline;
  if (isAlone && before.override === null && !isEmpty) {
    throw refuseValue(
      "ttl",
      "needs a state or weight: nothing of this server differs from the file",
    );
  }
  if (onDeadline !== undefined && !deadline) throw refuseValue("onDeadline", "needs a deadline");
  const ttlMs = typeof ttl === "string" ? milliseconds(ttl) : ttl;
  const afterMs = deadline ? milliseconds(deadline) : 0;
  const state = patch.state === undefined ? before.admin : patch.state;
  if (deadline && state !== "drain" && state !== "maint") {
    throw refuseValue("deadline", "needs the state drain or maint");
  }
  if (deadline && patch.state === undefined && (!isAlone || before.override?.state === null)) {
    throw refuseValue("deadline", "needs a state: it is not about a weight, nor the file's state");
  }
  const now = Date.now();
  // Alone, each of both is about what has been said before, and has to fit the other.
  const until = isAlone ? said?.until : undefined;
  const due = isAlone ? said?.deadline : undefined;
  const endsAt = ttlMs ? now + ttlMs : ttlMs === undefined && until ? Date.parse(until) : Infinity;
  const dueAt = deadline ? now + afterMs : due && deadline !== null ? Date.parse(due.at) : 0;
  if (dueAt > endsAt) {
    if (deadline) throw refuseValue("deadline", "comes after the ttl, when all is as before");
    throw refuseValue("ttl", `ends before the deadline at ${due?.at} (${due?.then}): say both`);
  }
  const isReset = patch.onDeadline === null && deadline === undefined;
  return {
    ...(ttlMs !== undefined && { ttlMs }),
    ...(deadline && { deadline: { afterMs, then: onDeadline ?? "leave" } }),
    ...(deadline === null && { deadline }),
    ...(isReset && due && { deadline: { afterMs: Math.max(0, dueAt - now), then: "leave" } }),
  };
}

function refuseValue(path: string, detail: string): Refusal {
  return new Refusal(422, `${path}: ${detail}`, [{ path, detail }]);
}

const WEIGHT_EXPECTED =
  'expected a whole number from 0 to 256, a percentage such as "50%", or null';

/** A merge patch (RFC 7396) of a server: `null` returns a field to the file's value. */
export const ServerPatchSchema = z.strictObject({
  state: AdminStateSchema.nullable().optional()
    .describe("ready; drain: no new connections, checks go on; maint: none, checks stop"),
  weight: z.union([
    z.int(WEIGHT_EXPECTED).min(0, WEIGHT_EXPECTED).max(256, WEIGHT_EXPECTED),
    z.string().regex(/^\d{1,5}(\.\d{1,3})?%$/, WEIGHT_EXPECTED),
  ], WEIGHT_EXPECTED).nullable().optional()
    .describe("Share of new connections; a percentage is of the file's weight, at most 256"),
  reason: z.string().max(1000).nullable().optional(),
  ttl: duration("What is changed ends by itself after so long; null: never").nullable().optional(),
  deadline: duration("After so long connections that are still open have had their time")
    .nullable().optional(),
  onDeadline: z.enum(["leave", "kill"]).nullable().optional()
    .describe("What becomes of them then: left alone (null, too), or killed at a bounded rate"),
}).openapi("ServerPatch");

export type ServerPatch = z.infer<typeof ServerPatchSchema>;

type Times = Pick<ServerChange, "ttlMs" | "deadline">;
type Said = Pick<OverrideFact & StateFact, "until" | "deadline">;

/** A percentage is of the configured weight; more than none of it stays at least 1. */
function resolveWeight(weight: number | string | null, configured: number): number | null {
  if (typeof weight !== "string") return weight;
  const exact = configured * Number(weight.slice(0, -1)) / 100;
  return Math.min(MOST_WEIGHT, exact > 0 ? Math.max(1, Math.round(exact)) : 0);
}

/** A patch of another kind means something else. */
const MERGE_PATCH_TYPES = ["application/merge-patch+json", "application/json"];
const MOST_WEIGHT = 256;

const PATCH = createRoute({
  method: "patch",
  path: "/v1/backends/{backend}/servers/{server}",
  summary: "Change a server's admin state or weight",
  middleware: [requires("operator"), requireType(...MERGE_PATCH_TYPES)],
  request: {
    params: z.object({ backend: z.string(), server: z.string() }),
    headers: IfMatchSchema,
    query: WishQuerySchema,
    body: {
      required: true,
      content: {
        "application/merge-patch+json": { schema: ServerPatchSchema },
        "application/json": { schema: ServerPatchSchema },
      },
    },
  },
  responses: {
    ...found("The server after the change", ServerSchema),
    ...problems(400, 404, 409, 412, 413, 415, 422),
  },
});
