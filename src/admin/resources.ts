/**
 * The resources, for reading. Nothing here changes anything.
 */

import { createRoute, type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ZodType } from "zod";
import { type OverrideFact, overrideId } from "../core/plan/override.ts";
import type { Appliance } from "./appliance.ts";
import type { CallerEnv } from "./callers.ts";
import { etagOf } from "./etag.ts";
import {
  type Backend,
  BackendSchema,
  FrontendSchema,
  ProblemSchema,
  type Server,
  ServerSchema,
  type ShownFact,
  type Status,
  StatusSchema,
  VirtualRouterSchema,
} from "./model.ts";
import { unknownName } from "./problem.ts";
import { StatusStream } from "./status_stream.ts";
import { followServer } from "./server_stream.ts";
import { followed, wantsStream } from "./streams.ts";

/** Adds every GET below `/v1`. */
export function addResources(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  const stream = new StatusStream(
    () => JSON.stringify(statusOf(appliance)),
    (end) => appliance.followEvents((event) => event === null && end()),
  );
  router.openapi(
    get("/v1/status", "Everything in one document, or a stream of it", StatusSchema, true),
    (context) => {
      if (!wantsStream(context.req.header("accept"))) return answer(context, statusOf(appliance));
      return followed(context, (reader) => stream.follow(reader));
    },
  );
  addList(router, "/v1/virtual-routers", "virtual router", VirtualRouterSchema, () => {
    return appliance.virtualRouters();
  });
  addList(router, "/v1/frontends", "frontend", FrontendSchema, () => appliance.frontends());
  addList(router, "/v1/backends", "backend", BackendSchema, () => appliance.backends());
  router.openapi(
    get("/v1/backends/{backend}/servers", "The servers of a backend", listOf(ServerSchema)),
    (context) => {
      const { backend } = context.req.param();
      return answer(context, list(findBackend(appliance, backend).servers));
    },
  );
  router.openapi(
    get("/v1/backends/{backend}/servers/{server}", "One server", ServerSchema, true),
    (context) => {
      const { backend, server } = context.req.param();
      const found = findServer(appliance, backend, server);
      if (!wantsStream(context.req.header("accept"))) return answer(context, found);
      const read = () => appliance.server(backend, server);
      return followed(context, (stream) => followServer(stream, read));
    },
  );
}

/** The server, or a refusal that names the backends or servers there are. */
export function findServer(appliance: Appliance, backend: string, name: string): Server {
  const server = appliance.server(backend, name);
  if (server) return server;
  const { servers } = findBackend(appliance, backend);
  throw unknownName("server", name, servers.map((one) => one.name), ` in backend "${backend}"`);
}

/** What differs from the file, each with its id. */
export function shownFacts(facts: readonly OverrideFact[]): ShownFact[] {
  return facts.map((fact) => ({ id: overrideId(fact), ...fact }));
}

/** Answers with a resource and its ETag. */
export function answer(context: Context, resource: object): Response {
  return context.json(resource, 200, { "etag": etagOf(resource), "cache-control": "no-store" });
}

/** An answer with a resource, for the OpenAPI document. */
export function found(description: string, schema: ZodType): RouteConfig["responses"] {
  const headers = z.object({ etag: z.string() });
  return { 200: { description, headers, content: { "application/json": { schema } } } };
}

/** The same where the resource can be followed as well: it has no ETag then. */
export function foundOrFollowed(description: string, schema: ZodType): RouteConfig["responses"] {
  const headers = z.object({ etag: z.string().optional() });
  const content = {
    "application/json": { schema },
    "text/event-stream": { schema: z.string().describe("Server-sent events, where asked for") },
  };
  return { 200: { description, headers, content } };
}

/** The errors a route may answer with, for the OpenAPI document; strangers get theirs anywhere. */
export function problems(...statuses: readonly number[]): RouteConfig["responses"] {
  const content = { "application/problem+json": { schema: ProblemSchema } };
  const retry = { headers: z.object({ "retry-after": z.string() }) };
  return Object.fromEntries(
    [...ANYWHERE, ...statuses].map((status) => [
      status,
      { description: "Refused", content, ...(status === 429 && retry) },
    ]),
  );
}

const ANYWHERE = [401, 403, 429];

function statusOf(appliance: Appliance): Status {
  const verdict = (causes: readonly string[]) => ({ ok: causes.length === 0, causes: [...causes] });
  return {
    ...appliance.nodeStatus(),
    live: verdict(appliance.liveness()),
    ready: verdict(appliance.readiness()),
    virtualRouters: [...appliance.virtualRouters()],
    frontends: [...appliance.frontends()],
    backends: [...appliance.backends()],
    overrides: shownFacts(appliance.overrides()),
  };
}

/** The list itself and each of its items by name. */
function addList(
  router: OpenAPIHono<CallerEnv>,
  path: string,
  kind: string,
  schema: ZodType,
  items: () => readonly { readonly name: string }[],
): void {
  router.openapi(get(path, `Every ${kind}`, listOf(schema)), (context) => {
    return answer(context, list(items()));
  });
  router.openapi(get(`${path}/{name}`, `One ${kind}`, schema), (context) => {
    const name = context.req.param("name") ?? "";
    const all = items();
    const found = all.find((item) => item.name === name);
    if (!found) throw unknownName(kind, name, all.map((item) => item.name));
    return answer(context, found);
  });
}

/** The backend, or a refusal that names those there are. */
export function findBackend(appliance: Appliance, name: string): Backend {
  const all = appliance.backends();
  const found = all.find((backend) => backend.name === name);
  if (!found) throw unknownName("backend", name, all.map((backend) => backend.name));
  return found;
}

/** Lists are whole: there is never a next page yet. */
function list<Item>(items: readonly Item[]) {
  return { items, next: null };
}

function listOf(item: ZodType) {
  return z.strictObject({
    items: z.array(item),
    next: z.string().nullable().describe("Where the list goes on; null: it is whole"),
  });
}

function get<P extends string>(path: P, summary: string, schema: ZodType, isFollowed = false) {
  const names = [...path.matchAll(/{(\w+)}/g)].flatMap(([, name]) => name ?? []);
  const params = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
  return createRoute({
    method: "get",
    path,
    summary,
    request: { params, query: z.strictObject({}) },
    responses: {
      ...(isFollowed ? foundOrFollowed : found)(summary, schema),
      ...(names.length > 0 ? problems(404, 422) : problems(422)),
    },
  });
}
