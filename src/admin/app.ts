/**
 * The admin API and the probes as Hono applications: a request in, an answer out. Ports and sockets
 * are `serve.ts`'s; what the answers say is the appliance's.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { BlankEnv } from "hono/types";
import { addAddedServers } from "./added_servers.ts";
import type { Appliance } from "./appliance.ts";
import {
  type CallerEnv,
  type Door,
  identify,
  limitChanges,
  refuseForeignPages,
} from "./callers.ts";
import { addConfig } from "./config.ts";
import { addDashboard } from "./dashboard.ts";
import { addConnections } from "./connections.ts";
import { addEvents } from "./events.ts";
import { addHandover } from "./handover.ts";
import { haproxyCsv } from "./haproxy_csv.ts";
import { addOverrides } from "./overrides.ts";
import { addProbes, sharedMetrics } from "./probes.ts";
import { answerError, Refusal } from "./problem.ts";
import { addResources, answer, found, problems } from "./resources.ts";
import { addServerChanges } from "./servers.ts";
import { newRouter } from "./validation.ts";

/** The whole API, as callers at one door see it. `fault` is told what failed on our side. */
export function createAdminApp(
  appliance: Appliance,
  door: Door,
  fault: (error: unknown) => void,
  now: () => number = () => performance.now(),
): Hono<CallerEnv> {
  const router = newRouter<CallerEnv>();
  router.onError(answerError(fault));
  router.notFound(refuseUnknown);
  addDashboard(router, appliance.dashboard);
  router.use(identify(door, now));
  router.use(refuseForeignPages());
  router.use(limitChanges(now));
  router.use(bodyLimit({ maxSize: MOST_BODY_BYTES, onError: refuseBody }));
  addProbes(router, appliance);
  addResources(router, appliance);
  addServerChanges(router, appliance);
  addAddedServers(router, appliance);
  addHandover(router, appliance);
  addOverrides(router, appliance);
  addConnections(router, appliance);
  addEvents(router, appliance);
  addConfig(router, appliance);
  router.openapi(STATS, (context) => {
    context.header("cache-control", "no-store");
    return context.text(haproxyCsv(appliance.frontends(), appliance.backends()));
  });
  addDocument(router, appliance.nodeStatus().version);
  return router;
}

/** What `admin.probes` serves to anybody: `/livez`, `/readyz`, `/active` and `/metrics`. */
export function createProbesApp(
  appliance: Appliance,
  fault: (error: unknown) => void,
  now: () => number = () => performance.now(),
): Hono {
  const router = newRouter<BlankEnv>();
  router.onError(answerError(fault));
  router.notFound(refuseUnknown);
  addProbes(router, appliance, sharedMetrics(() => appliance.metrics(), now));
  return router;
}

/** Adds `/openapi.json`, which tells of every route that was added before. */
function addDocument(router: OpenAPIHono<CallerEnv>, version: string): void {
  const { openAPIRegistry } = router;
  openAPIRegistry.registerComponent("securitySchemes", "token", {
    ...{ type: "http", scheme: "bearer", description: "A secret of admin.tokens" },
  });
  openAPIRegistry.registerComponent("securitySchemes", "certificate", {
    ...{ type: "mutualTLS", description: "Of admin.tls.clientCa" },
  });
  // Made at the first request: it costs some milliseconds that a start need not wait for.
  let document: object | undefined;
  router.openapi(DOCUMENT, (context) => {
    document ??= router.getOpenAPI31Document({
      openapi: "3.1.0",
      info: { title: "lintel", version, description: "The admin API of a lintel appliance." },
      // By nothing on the socket, and on loopback where there are no tokens.
      security: [{ token: [] }, { certificate: [] }, {}],
    });
    return answer(context, document);
  });
}

function refuseUnknown({ req }: { readonly req: { method: string; path: string } }): never {
  const detail = `nothing answers ${req.method} ${req.path}; /openapi.json says what does`;
  throw new Refusal(404, detail);
}

function refuseBody(): never {
  throw new Refusal(413, `the body may have ${MOST_BODY_BYTES} bytes at most`);
}

const MOST_BODY_BYTES = 1_000_000;

const STATS = createRoute({
  method: "get",
  path: "/stats;csv",
  summary: "Frontends, backends and servers as HAProxy's statistics",
  responses: {
    200: { description: "HAProxy's CSV", content: { "text/plain": { schema: z.string() } } },
    ...problems(),
  },
});

const DOCUMENT = createRoute({
  method: "get",
  path: "/openapi.json",
  summary: "This document",
  responses: { ...found("OpenAPI 3.1", z.object({ openapi: z.string() })), ...problems() },
});
