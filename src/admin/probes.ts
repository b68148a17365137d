/**
 * What load balancers, kubelets and Prometheus ask: alive, ready, Active, and the metrics.
 */

import { createRoute, type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import type { Appliance } from "./appliance.ts";
import { unknownName } from "./problem.ts";
import { readinessLines } from "./readiness.ts";
import { problems } from "./resources.ts";

/** Adds `/livez`, `/readyz`, `/active` and `/metrics`. */
export function addProbes<E extends Env>(
  router: OpenAPIHono<E>,
  appliance: Appliance,
  metrics: () => Promise<string> = () => appliance.metrics(),
): void {
  router.openapi(
    probe("/livez", "Whether the appliance's loops are alive"),
    (context) => verdict(context, appliance.liveness()),
  );
  router.openapi(READYZ, (context) => {
    const isVerbose = context.req.valid("query").verbose !== undefined;
    const details = isVerbose ? readinessLines(appliance.frontends(), appliance.backends()) : [];
    return verdict(context, appliance.readiness(), details);
  });
  router.openapi(ACTIVE, (context) => {
    const { virtualRouter } = context.req.valid("query");
    const causes = appliance.activeness(virtualRouter);
    if (causes === undefined) {
      const known = appliance.virtualRouters().map(({ name }) => name);
      throw unknownName("virtual router", virtualRouter ?? "", known);
    }
    return verdict(context, causes);
  });
  router.openapi(METRICS, async (context) => {
    const text = await metrics();
    return context.body(text, 200, { "content-type": METRICS_TYPE, "cache-control": "no-store" });
  });
}

/**
 * Metrics that are collected once for all who ask within about a second: whoever asks in a loop
 * costs as much as one scraper does, which has its own each time.
 */
export function sharedMetrics(
  collect: () => Promise<string>,
  now: () => number,
): () => Promise<string> {
  let collectedAt = -Infinity;
  let text = Promise.resolve("");
  return () => {
    if (now() - collectedAt < SHARED_MS) return text;
    text = collect();
    collectedAt = now();
    text.catch(() => collectedAt = -Infinity);
    return text;
  };
}

function verdict(
  context: Context,
  causes: readonly string[],
  details: readonly string[] = [],
): Response {
  context.header("cache-control", "no-store");
  const lines = [...(causes.length === 0 ? ["ok"] : causes), ...details];
  return context.text(lines.map((line) => `${line}\n`).join(""), causes.length === 0 ? 200 : 503);
}

function probe<P extends string>(path: P, summary: string) {
  return createRoute({ method: "get", path, summary, responses: PROBE_RESPONSES });
}

const text = (description: string) => ({
  description,
  content: { "text/plain": { schema: z.string() } },
});

const PROBE_RESPONSES: RouteConfig["responses"] = {
  200: text("Yes"),
  503: text("No; one line for each cause"),
  ...problems(),
};

const READYZ = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether listeners are bound and required frontends have a usable server",
  request: {
    query: z.strictObject({
      verbose: z.string().optional().describe("Also where every server stands, and why"),
    }),
  },
  responses: { ...PROBE_RESPONSES, ...problems(422) },
});

const ACTIVE = createRoute({
  method: "get",
  path: "/active",
  summary: "Whether this node is Active for a virtual router, or for every one",
  request: { query: z.strictObject({ virtualRouter: z.string().optional() }) },
  responses: { ...PROBE_RESPONSES, ...problems(404, 422) },
});

const METRICS_RESPONSES: RouteConfig["responses"] = { 200: text("The metrics"), ...problems() };

const METRICS = createRoute({
  method: "get",
  path: "/metrics",
  summary: "Metrics in Prometheus' text format",
  responses: METRICS_RESPONSES,
});

/** Short of a second: scrapers that come each second are not always on time. */
const SHARED_MS = 900;
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
