/**
 * Live connections as zod schemas. It decides nothing.
 */

import { z } from "@hono/zod-openapi";

/** A connection that is open. */
export const ConnectionSchema = z.strictObject({
  id: z.string().describe("Of this connection alone"),
  client: z.string().nullable().describe("ADDRESS:PORT, from a PROXY header where one is believed"),
  frontend: z.string(),
  backend: z.string().nullable(),
  server: z.string().nullable().describe("null: it has none yet"),
  state: z.enum(["reading", "queued", "connecting", "retrying", "established"]).describe(
    "reading: the client has yet to say what it has to say first",
  ),
  since: z.iso.datetime().describe("When the client was accepted"),
  ageSeconds: z.number().min(0),
  idleSeconds: z.number().min(0).describe("Since the last byte, either way"),
  receivedBytes: z.number().min(0).describe("Received from the client"),
  sentBytes: z.number().min(0).describe("Sent to the client"),
}).openapi("Connection");

/** What has come of killing connections. */
export const KilledSchema = z.strictObject({
  matched: z.int().min(0).describe("Connections that were there"),
  killed: z.int().min(0).describe("Connections that were still there in their turn"),
  perSecond: z.number().describe("How many were killed in a second at most"),
}).openapi("Killed");

export type Connection = z.infer<typeof ConnectionSchema>;
export type Killed = z.infer<typeof KilledSchema>;
