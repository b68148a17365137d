/**
 * What a file would change, as zod schemas. It decides nothing.
 */

import { z } from "@hono/zod-openapi";

/** One thing that a file has, has no more, or has otherwise than what runs. */
export const ConfigChangeSchema = z.strictObject({
  kind: z.enum(["add", "change", "remove"]),
  what: z.enum([
    ...["setting", "tracker", "backend", "server", "frontend", "listener"] as const,
    ...["virtualRouter", "syncGroup"] as const,
  ]),
  name: z.string().describe("As in the file; BACKEND/SERVER, FRONTEND ADDRESS:PORT"),
  fields: z.array(z.strictObject({
    path: z.string(),
    from: z.unknown().describe("Secrets are not told"),
    to: z.unknown(),
  })).describe("What is other than before; empty unless the kind is change"),
  connections: z.int().min(0).nullable()
    .describe("Open ones of the server or frontend; null: it has none of its own"),
}).openapi("ConfigChange");

/** What would be other than now. */
export const ConfigPlanSchema = z.strictObject({
  hash: z.string().describe("SHA-256 of the file"),
  changes: z.array(ConfigChangeSchema).describe("In the order in which they would be made"),
  warnings: z.array(z.string()),
}).openapi("ConfigPlan");

export type ConfigChange = z.infer<typeof ConfigChangeSchema>;
export type ConfigPlan = z.infer<typeof ConfigPlanSchema>;
