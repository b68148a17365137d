/**
 * A small web server for the lab: it answers with its name.
 *
 *     deno run -A scripts/lab/http_server.ts NAME ADDRESS PORT
 *
 * `/healthz` answers 200. `/slow?ms=500` waits first. `/bytes?count=1000000` answers that many.
 * `/endless?ms=100` sends a line that often, for ever. Anything else answers at once. Every answer
 * carries `x-server: NAME`.
 */

import { print } from "./print.ts";

if (import.meta.main) {
  const [name = "web", hostname = "0.0.0.0", port = "8080"] = Deno.args;
  Deno.serve({
    hostname,
    port: Number(port),
    onListen: () => print(`${name} listens on ${hostname}:${port}`),
  }, (request) => answer(name, new URL(request.url)));
}

async function answer(name: string, url: URL): Promise<Response> {
  const headers = { "x-server": name };
  const ms = Number(url.searchParams.get("ms") ?? "100");
  switch (url.pathname) {
    case "/slow":
      await new Promise((resolve) => setTimeout(resolve, ms));
      return new Response(`${name}\n`, { headers });
    case "/bytes":
      return new Response(new Uint8Array(Number(url.searchParams.get("count") ?? "0")), {
        headers,
      });
    case "/endless":
      return new Response(endless(name, ms), { headers });
    default:
      return new Response(`${name}\n`, { headers });
  }
}

/** A line now, and one every `ms` until the client goes away. */
function endless(name: string, ms: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const line = new TextEncoder().encode(`${name}\n`);
  let timer: ReturnType<typeof setInterval>;
  return new ReadableStream({
    start(controller) {
      controller.enqueue(line);
      timer = setInterval(() => controller.enqueue(line), ms);
    },
    cancel: () => clearInterval(timer),
  });
}
