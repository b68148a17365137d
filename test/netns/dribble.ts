/**
 * Passes connections on to somebody else, the client's first bytes one by one, each in a segment of
 * its own:
 *
 *     deno run -A test/netns/dribble.ts ADDRESS:PORT
 *
 * It prints the port that it listens on.
 */

import { parseEndpoint } from "../../src/core/net/prefix.ts";
import { print } from "../../scripts/lab/print.ts";

/** So many bytes go alone; the rest as it comes. */
const ALONE = 3000;

const { address: hostname = "", port = 0 } = parseEndpoint(Deno.args[0] ?? "") ?? {};
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
print(String(listener.addr.port));
for await (const client of listener) {
  const server = await Deno.connect({ hostname, port });
  server.setNoDelay();
  server.readable.pipeTo(client.writable).catch(() => {});
  dribble(client, server).catch(() => {});
}

async function dribble(client: Deno.Conn, server: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(65536);
  let passed = 0;
  for (let count = await client.read(bytes); count; count = await client.read(bytes)) {
    for (let at = 0; at < count;) {
      const step = passed < ALONE ? 1 : count - at;
      at += await server.write(bytes.subarray(at, at + step));
      passed += step;
    }
  }
  await server.closeWrite();
}
