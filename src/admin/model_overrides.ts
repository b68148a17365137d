/**
 * Everything that differs from the file, as zod schemas. It decides nothing.
 */

import { z } from "@hono/zod-openapi";
import { AdminStateSchema, DeadlineSchema, orNull } from "./model.ts";

const SAID = {
  id: z.string().describe("BACKEND:SERVER:FIELD"),
  backend: z.string(),
  server: z.string(),
  by: z.string().describe("The caller who said it"),
  reason: z.string().nullable(),
  at: z.iso.datetime(),
  until: z.iso.datetime().nullable().describe("When it ends by itself; null: never"),
};

/** One field of one server that differs from the file. */
export const OverrideFactSchema = z.discriminatedUnion("field", [
  z.strictObject({
    ...SAID,
    field: z.literal("state"),
    value: AdminStateSchema,
    file: AdminStateSchema.describe("What the file said at the time"),
    deadline: orNull(DeadlineSchema),
  }),
  z.strictObject({
    ...SAID,
    field: z.literal("weight"),
    value: z.int().min(0).max(256),
    file: z.int().min(0).max(256).describe("What the file said at the time"),
  }),
  z.strictObject({
    ...SAID,
    field: z.literal("server"),
    value: z.strictObject({
      address: z.string(),
      family: z.union([z.literal(4), z.literal(6)]),
      port: z.int().min(1).max(65535).nullable(),
      weight: z.int().min(0).max(256),
    }),
    file: z.null().describe("The file does not have this server"),
  }),
]).openapi("OverrideFact");

export type ShownFact = z.infer<typeof OverrideFactSchema>;
