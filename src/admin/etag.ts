/**
 * ETags: what a change may rely on not having changed in the meantime.
 */

import { z } from "@hono/zod-openapi";
import { createHash } from "node:crypto";
import { Refusal } from "./problem.ts";

/**
 * The tag of a resource: over what is configured or decided, not over what is measured, which
 * changes with every connection and would make every `If-Match` stale.
 */
export function etagOf(resource: unknown): string {
  const decided = JSON.stringify(resource, (key, value) => MEASURED.has(key) ? undefined : value);
  return `"${createHash("sha256").update(decided).digest("base64url").slice(0, TAG_LENGTH)}"`;
}

/** What a change may be made to depend on. */
export const IfMatchSchema = z.object({
  "if-match": z.string().optional().describe("Only if this is the ETag of what is changed"),
});

/** Refuses with 412 unless `If-Match` is absent, `*`, or names the resource's tag. */
export function requireMatch(header: string | undefined, resource: unknown): void {
  if (header === undefined) return;
  const tags = header.split(",").map((tag) => tag.trim());
  if (tags.includes("*") || tags.includes(etagOf(resource))) return;
  throw new Refusal(412, `the ETag is ${etagOf(resource)} now: get the resource again`);
}

const MEASURED: ReadonlySet<string> = new Set([
  "ageSeconds",
  "agent",
  "bytes",
  "connections",
  "counters",
  "denied",
  // Of a weight as of a priority: it moves with the slow start, with agents, with trackers.
  "effective",
  "evictedSessions",
  "failures",
  "health",
  "idleSeconds",
  "peer",
  "receivedBytes",
  "redispatches",
  "retries",
  "sentBytes",
  "silenceSeconds",
  "timers",
  "trackers",
  "uptimeSeconds",
  "usableServers",
]);

const TAG_LENGTH = 22;
