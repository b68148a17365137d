/**
 * Servers that are added while the appliance runs, and go again. The file stays as it is.
 */

import { createRoute, type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import { parseAddress } from "../core/net/address.ts";
import { type Endpoint, parseEndpoint } from "../core/net/prefix.ts";
import type { Appliance } from "./appliance.ts";
import { type CallerEnv, requires } from "./callers.ts";
import { etagOf, IfMatchSchema, requireMatch } from "./etag.ts";
import { ServerSchema, WishQuerySchema } from "./model.ts";
import { Refusal } from "./problem.ts";
import { tellNotKept } from "./not_kept.ts";
import { answer, findBackend, findServer, found, problems } from "./resources.ts";
import { requireType } from "./validation.ts";

/** Adds `PUT` and `DELETE /v1/backends/{backend}/servers/{server}`. */
export function addAddedServers(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(PUT, async (context) => {
    const { backend, server } = context.req.valid("param");
    const { dryRun, reason } = context.req.valid("query");
    const { address, weight, reason: why }: AddedServer = context.req.valid("json");
    findBackend(appliance, backend);
    const before = appliance.server(backend, server);
    const header = context.req.header("if-match");
    matchOrAbsent(header, before);
    const endpoint = endpointOf(address);
    const after = await appliance.addServer(backend, server, {
      ...{ address: endpoint.address, family: endpoint.family, port: endpoint.port ?? null },
      weight: weight ?? null,
      reason: why ?? reason ?? null,
      caller: context.get("caller"),
      dryRun: dryRun === "true",
      requireMatch: () => matchOrAbsent(header, appliance.server(backend, server)),
    });
    context.header("lintel-scope", "this node only");
    tellNotKept(context, appliance);
    const headers = { "etag": etagOf(after), "cache-control": "no-store" };
    return context.json(after, before ? 200 : 201, headers);
  });
  router.openapi(DELETE, async (context) => {
    const { backend, server } = context.req.valid("param");
    const { dryRun, reason, force } = context.req.valid("query");
    const before = findServer(appliance, backend, server);
    const header = context.req.header("if-match");
    requireMatch(header, before);
    await appliance.removeServer(backend, server, {
      reason: reason ?? null,
      caller: context.get("caller"),
      dryRun: dryRun === "true",
      force: force === "true",
      requireMatch: () => requireMatch(header, findServer(appliance, backend, server)),
    });
    context.header("lintel-scope", "this node only");
    tellNotKept(context, appliance);
    return answer(context, before);
  });
}

/** A tag can only match what is there. */
function matchOrAbsent(header: string | undefined, before: object | undefined): void {
  if (before) requireMatch(header, before);
  else if (header !== undefined) throw new Refusal(412, "there is no such server yet");
}

function endpointOf(written: string): Endpoint {
  const endpoint = parseEndpoint(written);
  const first = endpoint && parseAddress(endpoint.address)?.bytes;
  // Neither no address at all nor one of a group is a server.
  const isOne = first?.some((byte) => byte !== 0) &&
    (endpoint?.family === 4 ? first[0]! < 224 : first[0] !== 0xff);
  if (endpoint && isOne) return endpoint;
  const detail = `expected ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; found ${written}`;
  throw new Refusal(422, `address: ${detail}`, [{ path: "address", detail }]);
}

/** As `found`: what the answer is depends on what was there. */
function created(): RouteConfig["responses"] {
  return {
    201: {
      description: "It is there now",
      headers: z.object({ etag: z.string() }),
      content: { "application/json": { schema: ServerSchema } },
    },
  };
}

const WEIGHT_EXPECTED = "expected a whole number from 0 to 256";

/** A server as it is added. */
export const AddedServerSchema = z.strictObject({
  address: z.string().max(100).describe(
    "ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; without a port the one the client connected to",
  ),
  weight: z.int(WEIGHT_EXPECTED).min(0, WEIGHT_EXPECTED).max(256, WEIGHT_EXPECTED).optional()
    .describe("By default what the servers of the backend have by default"),
  reason: z.string().max(1000).nullable().optional(),
}).openapi("AddedServer");

type AddedServer = z.infer<typeof AddedServerSchema>;

/** As in the file. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const PATH = "/v1/backends/{backend}/servers/{server}";

const PUT = createRoute({
  method: "put",
  path: PATH,
  summary: "Add a server until it is removed, also over restarts",
  middleware: [requires("admin"), requireType("application/json")],
  request: {
    params: z.object({
      backend: z.string(),
      server: z.string().regex(NAME, "expected letters, digits, '.', '_' and '-', 63 at most"),
    }),
    headers: IfMatchSchema,
    query: WishQuerySchema,
    body: { required: true, content: { "application/json": { schema: AddedServerSchema } } },
  },
  responses: {
    ...found("It was there already, and is as it was said", ServerSchema),
    ...created(),
    ...problems(400, 404, 409, 412, 413, 415, 422),
  },
});

const DELETE = createRoute({
  method: "delete",
  path: PATH,
  summary: "Remove a server that was added",
  middleware: requires("admin"),
  request: {
    params: z.object({ backend: z.string(), server: z.string() }),
    headers: IfMatchSchema,
    query: WishQuerySchema.extend({
      force: z.enum(["true", "false"]).optional()
        .describe("true: also while it has connections, which are ended"),
    }),
  },
  responses: {
    ...found("The server as it was", ServerSchema),
    ...problems(404, 409, 412, 413, 422),
  },
});
