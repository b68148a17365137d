/**
 * A port of the loopback that was free a moment ago.
 */

/** @returns its number; nobody listens there. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
