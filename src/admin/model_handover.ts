/**
 * Planned handovers and standby as zod schemas. It decides nothing.
 */

import { z } from "@hono/zod-openapi";
import { duration, orNull, PeerSchema, VirtualRouterSchema } from "./model.ts";

/** What is asked of a handover. */
export const FailoverRequestSchema = z.strictObject({
  hold: duration("For so long this node does not preempt; afterwards it does as configured")
    .default("60s"),
  force: z.boolean().default(false)
    .describe("Leave also where no peer takes over: the addresses are then nowhere"),
  reason: z.string().max(1000).nullable().optional(),
}).openapi("FailoverRequest");

/** What a handover has done, or would do. */
export const HandoverSchema = z.strictObject({
  dryRun: z.boolean(),
  virtualRouters: z.array(z.string()).describe("What leaves together: the whole sync group"),
  peer: orNull(PeerSchema).describe("Who was heard last; null: nobody yet"),
  peerAgeSeconds: z.number().nullable().describe("How long ago"),
  connections: z.int().min(0).describe("Open on these addresses before: they are reset"),
  detail: z.string().describe("What has come of it, or what to expect"),
  virtualRouter: VirtualRouterSchema.describe("As it is after the change"),
}).openapi("Handover");

/** What is asked for standby. */
export const StandbyRequestSchema = z.strictObject({
  enabled: z.boolean(),
  ttl: duration("It ends by itself after so long").nullable().optional(),
  force: z.boolean().default(false)
    .describe("Also where no peer takes over: the addresses are then nowhere"),
  reason: z.string().max(1000).nullable().optional(),
}).openapi("StandbyRequest");

export type FailoverRequest = z.infer<typeof FailoverRequestSchema>;
export type Handover = z.infer<typeof HandoverSchema>;
export type StandbyRequest = z.infer<typeof StandbyRequestSchema>;
