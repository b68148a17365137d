/**
 * The configuration, and what another file would change, as zod schemas. It decides nothing.
 */

import { z } from "@hono/zod-openapi";

/** One field that is other than before. */
const FieldChangeSchema = z.strictObject({
  path: z.string(),
  from: z.unknown().describe("Secrets are not told"),
  to: z.unknown(),
}).openapi("FieldChange");

/** One thing that a file has, has no more, or has otherwise than what runs. */
export const ConfigChangeSchema = z.strictObject({
  kind: z.enum(["add", "change", "remove"]),
  what: z.enum([
    ...["setting", "tracker", "backend", "server", "frontend", "listener"] as const,
    ...["virtualRouter", "syncGroup"] as const,
  ]),
  name: z.string().describe("As in the file; BACKEND/SERVER, FRONTEND ADDRESS:PORT"),
  fields: z.array(FieldChangeSchema)
    .describe("What is other than before; empty unless the kind is change"),
  connections: z.int().min(0).nullable()
    .describe("Open ones of the server or frontend; null: it has none of its own"),
  effect: z.string().nullable()
    .describe("What becomes of addresses that are here; null: they stay as they are"),
}).openapi("ConfigChange");

/** What would be other than now. */
export const ConfigPlanSchema = z.strictObject({
  hash: z.string().describe("SHA-256 of the file"),
  changes: z.array(ConfigChangeSchema).describe("In the order in which they would be made"),
  nextStart: z.array(FieldChangeSchema)
    .describe("What cannot change while lintel runs: it takes effect at the next start"),
  warnings: z.array(z.string()),
  remarks: z.array(z.string()).describe("What was said at run time and the file overrules"),
}).openapi("ConfigPlan");

/** What a reload has changed, or would change. */
export const ReloadSchema = z.strictObject({
  // Not by `extend`: the document would have both objects refuse the other's keys.
  ...ConfigPlanSchema.shape,
  file: z.string(),
  applied: z.boolean().describe("false: nothing is other than before, or it was a dry run"),
}).openapi("Reload");

/** What is configured, and how it came to be. */
export const ConfigurationSchema = z.strictObject({
  file: z.string(),
  hash: z.string().describe("SHA-256 of the file"),
  loadedAt: z.iso.datetime().describe("When what runs was last found to be what the file says"),
  lastReload: z.strictObject({
    at: z.iso.datetime(),
    successful: z.boolean(),
    message: z.string().describe("What came of it"),
    problems: z.array(z.string()).describe("What was wrong with the file"),
    by: z.string().describe("A caller, SIGHUP or watch"),
    reason: z.string().nullable(),
  }).nullable().describe("null: none since the start"),
  resolved: z.string().describe("YAML: the file with every default filled in, without secrets"),
  kept: z.array(z.strictObject({
    file: z.string().describe("On the appliance's host"),
    hash: z.string(),
    at: z.iso.datetime().describe("When it was last found good"),
  })).describe("The last good configurations, newest first"),
}).openapi("Configuration");

export type ConfigChange = z.infer<typeof ConfigChangeSchema>;
export type ConfigPlan = z.infer<typeof ConfigPlanSchema>;
export type Reload = z.infer<typeof ReloadSchema>;
export type Configuration = z.infer<typeof ConfigurationSchema>;
