/**
 * One server as it changes, for those who watch it empty. It looks several times a second, and
 * writes only what differs.
 */

import type { SSEStreamingApi } from "hono/streaming";
import type { Server } from "./model.ts";

/** Writes the server now and at each change, until the reader goes away or the server does. */
export async function followServer(
  stream: SSEStreamingApi,
  read: () => Server | undefined,
): Promise<void> {
  let written = "";
  let silentMs = 0;
  let wake = () => {};
  stream.onAbort(() => wake());
  while (!stream.aborted && !stream.closed) {
    const server = read();
    if (!server) return;
    const data = JSON.stringify(server);
    if (data !== written) await stream.writeSSE({ event: "server", data });
    // A comment, which readers skip: proxies on the way and a reader that has gone show then.
    else if (silentMs >= KEEP_ALIVE_MS) await stream.write(":\n\n");
    silentMs = data !== written || silentMs >= KEEP_ALIVE_MS ? 0 : silentMs + PERIOD_MS;
    written = data;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PERIOD_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const PERIOD_MS = 250;
const KEEP_ALIVE_MS = 15_000;
