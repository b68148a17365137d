/**
 * The live connections: a list with pages, and their end. It holds none itself.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { parsePrefix } from "../core/net/prefix.ts";
import type { Appliance, ConnectionFilter } from "./appliance.ts";
import { type CallerEnv, requires } from "./callers.ts";
import { IfMatchSchema, requireMatch } from "./etag.ts";
import { WishQuerySchema } from "./model.ts";
import { ConnectionSchema, KilledSchema } from "./model_connections.ts";
import { Refusal, unknownName } from "./problem.ts";
import { answer, found, problems } from "./resources.ts";

/** Adds `GET` and `DELETE /v1/connections`. */
export function addConnections(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(LIST, (context) => {
    const { limit, after, ...filter } = context.req.valid("query");
    requireKnown(appliance, filter);
    return answer(context, appliance.connections(filter, limit ?? PAGE, after ?? null));
  });
  router.openapi(KILL, async (context) => {
    const { all, rate, dryRun, reason, ...filter } = context.req.valid("query");
    const isEverything = Object.values(filter).every((value) => value === undefined);
    if (isEverything && all !== "true") {
      const detail = "say which: backend, server, client; or all=true";
      throw new Refusal(422, detail, [{ path: "?all", detail }]);
    }
    requireKnown(appliance, filter);
    const expected = context.req.header("if-match");
    // Connections come and go: such a list is rarely found again as it was.
    if (expected !== undefined) {
      requireMatch(expected, appliance.connections(filter, PAGE, null));
    }
    context.header("lintel-scope", "this node only");
    return answer(
      context,
      await appliance.killConnections(filter, {
        perSecond: rate ?? PER_SECOND,
        signal: context.req.raw.signal,
        reason: reason ?? null,
        caller: context.get("caller"),
        dryRun: dryRun === "true",
      }),
    );
  });
}

/** A name that does not exist is a mistake, not an empty list. */
function requireKnown(appliance: Appliance, { backend, server }: ConnectionFilter): void {
  const backends = appliance.backends();
  if (backend !== undefined && !backends.some(({ name }) => name === backend)) {
    throw unknownName("backend", backend, backends.map(({ name }) => name));
  }
  const servers = backends.filter(({ name }) => backend === undefined || name === backend)
    .flatMap((one) => one.servers.map(({ name }) => name));
  if (server !== undefined && !servers.includes(server)) {
    const within = backend === undefined ? "" : ` in backend "${backend}"`;
    throw unknownName("server", server, [...new Set(servers)], within);
  }
}

/** Killed in a second at most, unless it is said: clients come back at once. */
export const PER_SECOND = 1_000;
const PAGE = 1_000;
const MOST_ITEMS = 10_000;
const CIDR = "expected an address or a prefix such as 10.0.0.0/8";
const WHOLE = `expected a whole number from 1 to ${MOST_ITEMS}`;
const RATE = "expected a number of connections a second, such as 100";

const FILTER = {
  backend: z.string().optional().describe("Only of this backend"),
  server: z.string().optional().describe("Only of servers of this name"),
  client: z.string().refine((text) => parsePrefix(text) !== undefined, CIDR).optional()
    .describe("Only of clients in this prefix"),
};

const number = (pattern: RegExp, error: string) =>
  z.string().regex(pattern, error).transform(Number);

const LIST = createRoute({
  method: "get",
  path: "/v1/connections",
  summary: "Connections that are open now",
  request: {
    query: z.strictObject({
      ...FILTER,
      limit: number(/^[1-9]\d{0,4}$/, WHOLE).refine((limit) => limit <= MOST_ITEMS, WHOLE)
        .optional().describe(`At most so many; ${PAGE} unless said`),
      after: z.string().regex(/^\d{1,4}\.\d{1,7}\.\d{1,10}$/, "expected what `next` said")
        .optional().describe("Go on after the `next` of the list before"),
    }),
  },
  responses: {
    ...found(
      "Connections",
      z.strictObject({
        items: z.array(ConnectionSchema),
        next: z.string().nullable().describe("Where the list goes on; null: it is whole"),
      }),
    ),
    ...problems(404, 422),
  },
});

const KILL = createRoute({
  method: "delete",
  path: "/v1/connections",
  summary: "Kill connections at a bounded rate; answers when done, ends when nobody waits for that",
  middleware: requires("operator"),
  request: {
    headers: IfMatchSchema,
    query: WishQuerySchema.extend({
      ...FILTER,
      all: z.enum(["true", "false"]).optional().describe("true: all, where no filter is given"),
      rate: number(/^[1-9]\d{0,6}$/, RATE).optional()
        .describe(`In a second at most; ${PER_SECOND} unless said`),
    }),
  },
  responses: {
    ...found("What has come of it", KilledSchema),
    ...problems(404, 409, 412, 413, 422),
  },
});
