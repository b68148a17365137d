/**
 * The flight recorder over HTTP: a list, or a stream of server-sent events that a reader can take
 * up again where it broke off. It records nothing.
 */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { SSEStreamingApi } from "hono/streaming";
import type { Appliance } from "./appliance.ts";
import type { CallerEnv } from "./callers.ts";
import { type Event, EventSchema } from "./model_events.ts";
import { Refusal } from "./problem.ts";
import { answer, foundOrFollowed, problems } from "./resources.ts";
import { followed, wantsStream } from "./streams.ts";

/** Adds `GET /v1/events`. */
export function addEvents(router: OpenAPIHono<CallerEnv>, appliance: Appliance): void {
  router.openapi(EVENTS, (context) => {
    const after = lastSeen(context.req.header("last-event-id"));
    if (!wantsStream(context.req.header("accept"))) {
      return answer(context, { items: appliance.events(after), next: null });
    }
    return followed(context, (stream) => follow(stream, appliance, after));
  });
}

/** Writes what there is, then what comes, until the reader goes away. */
async function follow(stream: SSEStreamingApi, appliance: Appliance, after: number): Promise<void> {
  const waiting: Event[] = [...appliance.events(after)];
  let wake = () => {};
  let isOver = false;
  const unfollow = appliance.followEvents((event) => {
    if (event === null) isOver = true;
    else waiting.push(event);
    wake();
  });
  stream.onAbort(() => {
    unfollow();
    wake();
  });
  try {
    while (!stream.aborted && !stream.closed) {
      // Somebody who reads so slowly can ask again from the last one that came through.
      if (waiting.length > MOST_WAITING) return;
      for (const event of waiting.splice(0)) {
        await stream.writeSSE({
          id: String(event.id),
          event: event.kind,
          data: JSON.stringify(event),
        });
      }
      if (waiting.length > 0 || stream.aborted) continue;
      if (isOver) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, KEEP_ALIVE_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      // A comment, which readers skip: proxies on the way and a reader that has gone show then.
      if (waiting.length === 0 && !stream.aborted) await stream.write(":\n\n");
    }
  } finally {
    unfollow();
  }
}

function lastSeen(header: string | undefined): number {
  if (header === undefined || header === "") return 0;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  throw new Refusal(422, `Last-Event-ID: expected a number, found ${JSON.stringify(header)}`);
}

const LIST = z.strictObject({ items: z.array(EventSchema), next: z.string().nullable() });
const FOUND = foundOrFollowed("The events still known, oldest first", LIST);

const EVENTS = createRoute({
  method: "get",
  path: "/v1/events",
  summary: "The flight recorder; with Accept: text/event-stream it is followed",
  request: { query: z.strictObject({}) },
  responses: { ...FOUND, ...problems(401, 403, 422) },
});

const KEEP_ALIVE_MS = 15_000;
const MOST_WAITING = 1_000;
