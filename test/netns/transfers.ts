/**
 * One end of many connections in a process of its own: a server that sends back what it gets, or
 * clients that send bytes of their own, all at once, and compare what comes back.
 *
 *     deno run -A test/netns/transfers.ts echo ADDRESS PORT
 *     deno run -A test/netns/transfers.ts move ADDRESS PORT CONNECTIONS BYTES
 */

import { createHash } from "node:crypto";
import { print } from "../../scripts/lab/print.ts";

/** Answers whoever connects with what he says. */
async function echo(hostname: string, port: number): Promise<void> {
  const listener = Deno.listen({ hostname, port });
  print("listens");
  for await (const connection of listener) {
    // Who ends by an error has been told by it.
    connection.readable.pipeTo(connection.writable).catch(() => {});
  }
}

/** Moves bytes over a connection of its own. @returns `whole`, or what is wrong. */
async function move(hostname: string, port: number, seed: number, bytes: number): Promise<string> {
  try {
    using connection = await Deno.connect({ hostname, port });
    const [sent, received] = await Promise.all([
      send(connection, seed, bytes),
      receive(connection),
    ]);
    return sent === received ? "whole" : "other bytes";
  } catch (error) {
    return String(error);
  }
}

async function send(connection: Deno.Conn, seed: number, bytes: number): Promise<string> {
  const hash = createHash("sha1");
  const chunk = Uint8Array.from({ length: CHUNK_BYTES }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
  const numbers = new DataView(chunk.buffer);
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    numbers.setUint32(0, seed);
    numbers.setUint32(4, at);
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - at));
    hash.update(part);
    for (let done = 0; done < part.length;) done += await connection.write(part.subarray(done));
  }
  await connection.closeWrite();
  return hash.digest("hex");
}

async function receive(connection: Deno.Conn): Promise<string> {
  const hash = createHash("sha1");
  const target = new Uint8Array(CHUNK_BYTES);
  for (let count = await connection.read(target); count; count = await connection.read(target)) {
    hash.update(target.subarray(0, count));
  }
  return hash.digest("hex");
}

const CHUNK_BYTES = 65_536;

if (import.meta.main) {
  const [verb, hostname = "", port = "", connections = "", bytes = ""] = Deno.args;
  if (verb === "echo") await echo(hostname, Number(port));
  const moves = Array.from(
    { length: Number(connections) },
    (_, seed) => move(hostname, Number(port), seed, Number(bytes)),
  );
  const outcomes: Record<string, number> = {};
  for (const outcome of await Promise.all(moves)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  print(JSON.stringify(outcomes));
}
