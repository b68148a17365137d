/**
 * The flight recorder's records as zod schemas. It records nothing.
 */

import { z } from "@hono/zod-openapi";
import { orNull, RouterStateSchema, TrackerSchema } from "./model.ts";

/** What was known when a virtual router changed its state. */
export const TransitionSchema = z.strictObject({
  from: RouterStateSchema,
  to: RouterStateSchema,
  reason: z.string().describe("One of the reasons that are counted"),
  priority: z.strictObject({ configured: z.int(), effective: z.int() }),
  lastAdvertisement: z.strictObject({
    address: z.string(),
    priority: z.int(),
    ageSeconds: z.number(),
  }).nullable().describe("The last one accepted from a peer; null: none yet"),
  latenessSeconds: z.number().describe("How late this node's own deadline was noticed"),
  trackers: z.array(TrackerSchema),
  counters: z.record(z.string(), z.int()).describe("As they stood just before it"),
}).openapi("Transition");

/** Something that happened. */
export const EventSchema = z.strictObject({
  id: z.int().min(1).describe("Ascending, also over restarts"),
  at: z.iso.datetime(),
  node: z.string(),
  kind: z.enum([
    ...["appliance", "transition", "tracker", "server", "change"] as const,
    ...["failover", "standby", "reload"] as const,
  ]),
  message: z.string().describe("What happened and why, in one line"),
  virtualRouter: z.string().nullable(),
  by: z.string().nullable().describe("The caller who wanted it"),
  reason: z.string().nullable().describe("What the caller gave as the reason"),
  transition: orNull(TransitionSchema),
}).openapi("Event");

export type Transition = z.infer<typeof TransitionSchema>;
export type Event = z.infer<typeof EventSchema>;
