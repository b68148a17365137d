/**
 * Documents that callers follow: whether one wants that, and when it ends. What is written is for
 * others to say.
 */

import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { CallerEnv } from "./callers.ts";

/** Whether an `Accept` header asks for server-sent events. */
export function wantsStream(accept: string | undefined): boolean {
  return accept?.split(",").some((one) => one.trim().startsWith("text/event-stream")) ?? false;
}

/**
 * Answers with server-sent events for as long as `follow` writes them. It sees the reader as gone
 * when whoever was let in may not be so any more, and when nobody is answered any longer.
 */
export function followed(
  context: Context<CallerEnv>,
  follow: (stream: SSEStreamingApi) => Promise<void>,
): Response {
  context.header("cache-control", "no-store");
  const ending = context.env?.ending;
  return streamSSE(context, async (stream) => {
    const end = () => stream.abort();
    if (ending?.aborted) end();
    ending?.addEventListener("abort", end);
    try {
      await follow(stream);
    } finally {
      ending?.removeEventListener("abort", end);
    }
  });
}
