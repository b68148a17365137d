/**
 * An agent beside a server: it tells everybody who asks what a file says.
 *
 *     deno run -A test/netns/agent.ts FILE ADDRESS PORT
 *
 * The file is JSON: `{"number": 3, "line": "up 75%\n"}`. For each answer it prints the number and
 * who has asked, in his own word: `3 lintel`.
 */

import { print } from "../../scripts/lab/print.ts";

if (import.meta.main) {
  const [file = "", hostname = "", port = ""] = Deno.args;
  const listener = Deno.listen({ hostname, port: Number(port) });
  print("listens");
  for await (const connection of listener) {
    answer(file, connection).catch(() => {}).finally(() => connection.close());
  }
}

async function answer(file: string, connection: Deno.TcpConn): Promise<void> {
  const request = new Uint8Array(100);
  const length = await connection.read(request) ?? 0;
  const { number, line } = JSON.parse(await Deno.readTextFile(file));
  await connection.write(new TextEncoder().encode(line));
  await connection.closeWrite();
  // Whoever has asked hangs up once he has heard it.
  while (await connection.read(new Uint8Array(100)) !== null);
  print(`${number} ${new TextDecoder().decode(request.subarray(0, length)).trim()}`);
}
