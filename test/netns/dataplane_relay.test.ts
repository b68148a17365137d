import { describe, expect, it } from "vitest";
import { ECONNRESET } from "../../src/linux/errno.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { Dataplane, ENGINES } from "./dataplane_rig.ts";

const TRANSFERS = Deno.env.get("LINTEL_SOAK") === "1" ? 500 : 200;

describe.each(ENGINES)("a data-plane worker on %s relays", (engine) => {
  it("half-closed connections: an upload, its end, then the answer", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    for (let round = 0; round < 200; round++) {
      using client = Peer.dial(dataplane.port);
      await client.sendAll("x".repeat(1000));
      client.end();
      using accepted = await server.next();
      expect((await accepted.text()).length).toBe(1000);
      await accepted.sendAll(`digest ${round}`);
      accepted.end();
      expect(await client.text()).toBe(`digest ${round}`);
    }
    await dataplane.empty();
    expect(dataplane.server(0, "sentBytes")).toBe(200_000);
  });

  it("ends that come with the last bytes", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    for (let round = 0; round < 100; round++) {
      using client = Peer.dial(dataplane.port);
      using accepted = await server.next();
      await accepted.sendAll("y".repeat(100_000));
      accepted.end();
      expect((await client.text()).length).toBe(100_000);
      client.end();
      expect(await accepted.text()).toBe("");
    }
    await dataplane.empty();
    expect(dataplane.frontend("sentBytes")).toBe(10_000_000);
  });

  it("servers that speak first", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    using client = Peer.dial(dataplane.port);
    using accepted = await server.next();
    await accepted.sendAll("220 hello");
    const bytes = new Uint8Array(100);
    expect(new TextDecoder().decode(bytes.subarray(0, await client.next(bytes)))).toBe("220 hello");
  });

  it.each(["client", "server"] as const)("a reset by the %s", async (side) => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    for (let round = 0; round < 20; round++) {
      using client = Peer.dial(dataplane.port);
      if (round % 2 === 0) await client.sendAll("hello");
      using accepted = await server.next();
      if (round % 2 === 0) await accepted.next();
      const [source, target] = side === "client" ? [client, accepted] : [accepted, client];
      source.reset();
      expect(await target.next()).toBe(-ECONNRESET);
    }
    await dataplane.empty();
    expect(dataplane.server(0, side === "client" ? "clientReset" : "serverReset")).toBe(20);
  });

  it.each(["client", "server"] as const)("the last words of a %s that resets", async (side) => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    for (let round = 0; round < 20; round++) {
      using client = Peer.dial(dataplane.port);
      await client.sendAll("hello");
      using accepted = await server.next();
      await accepted.next();
      const [source, target] = side === "client" ? [client, accepted] : [accepted, client];
      await source.sendAll("bye");
      source.reset();
      expect(await target.next()).toBe(3);
      expect(await target.next()).toBe(-ECONNRESET);
    }
  });

  it("a reset by a client whose server takes no more", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    using client = Peer.dial(dataplane.port);
    using accepted = await server.next();
    await fill(client);
    client.reset();
    await dataplane.empty();
    expect(dataplane.server(0, "clientReset")).toBe(1);
    let result = await accepted.next();
    while (result > 0) result = await accepted.next();
    expect(result).toBe(-ECONNRESET);
  });

  it("all of it in order to a server that has taken nothing for a while", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    using client = Peer.dial(dataplane.port);
    using accepted = await server.next();
    const sent = await fill(client);
    // The worker looks once a second after those on which nothing moves.
    await delay(2_100);
    client.end();
    const bytes = new Uint8Array(100_000);
    let received = 0;
    for (let count = await accepted.next(bytes); count > 0; count = await accepted.next(bytes)) {
      const first = received % PERIOD;
      expect(equals(bytes.subarray(0, count), PATTERN.subarray(first, first + count))).toBe(true);
      received += count;
    }
    expect(received).toBe(sent);
  });

  it("no more than a slow reader leaves room for", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    using client = Peer.dial(dataplane.port);
    using accepted = await server.next();
    const chunk = new Uint8Array(1 << 20);
    let sent = 0;
    let refusals = 0;
    while (refusals < 100) {
      const count = client.send(chunk);
      if (count > 0) {
        sent += count;
        refusals = 0;
      } else {
        refusals++;
        await delay(2);
      }
      expect(sent).toBeLessThan(64 << 20);
    }
    client.end();
    let received = 0;
    for (let count = await accepted.next(chunk); count > 0; count = await accepted.next(chunk)) {
      received += count;
    }
    expect(received).toBe(sent);
  });

  it(`${TRANSFERS} transfers at once in both directions, byte by byte`, async () => {
    using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const echoes = echo(server);
    await using dataplane = await Dataplane.start({
      engine,
      servers: [server.addr.port],
      workers: 2,
    });
    const digests = await Promise.all(
      Array.from({ length: TRANSFERS }, (_, index) => transfer(dataplane.port, index)),
    );
    for (const { sent, received } of digests) expect(received).toBe(sent);
    await dataplane.empty();
    server.close();
    await echoes;
  });
});

describe.each(ENGINES)("a data-plane worker on %s ends", (engine) => {
  it("connections on which nothing moves", async () => {
    using server = new PeerListener();
    const backend = { idleTimeoutMs: 300 };
    await using dataplane = await Dataplane.start({ engine, servers: [server.port], backend });
    using client = Peer.dial(dataplane.port);
    using accepted = await server.next();
    const before = performance.now();
    expect(await client.next()).toBe(-ECONNRESET);
    expect(await accepted.next()).toBe(-ECONNRESET);
    expect(performance.now() - before).toBeGreaterThan(250);
    expect(dataplane.server(0, "idleTimeout")).toBe(1);
  });

  it("half-closed connections sooner", async () => {
    using server = new PeerListener();
    const backend = { halfClosedTimeoutMs: 200 };
    await using dataplane = await Dataplane.start({ engine, servers: [server.port], backend });
    using client = Peer.dial(dataplane.port);
    using accepted = await server.next();
    client.end();
    expect(await accepted.next()).toBe(0);
    expect(await accepted.next()).toBe(0);
    await eventually("the connection is cut", () => dataplane.open === 0);
    expect(await client.next()).toBe(-ECONNRESET);
  });
});

/** Sends of the pattern, little by little, until nothing is taken any more. @returns how much. */
async function fill(peer: Peer): Promise<number> {
  let sent = 0;
  for (let refusals = 0; refusals < 20;) {
    const first = sent % PERIOD;
    const count = peer.send(PATTERN.slice(first, first + 12_000));
    refusals = count > 0 ? 0 : refusals + 1;
    sent += Math.max(0, count);
    await delay(count > 0 ? 0 : 10);
  }
  return sent;
}

function equals(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, at) => octet === right[at]);
}

/** Answers every connection with what it says. */
async function echo(listener: Deno.Listener): Promise<void> {
  const answers: Promise<void>[] = [];
  for await (const connection of listener) answers.push(echoOn(connection));
  await Promise.all(answers);
}

async function echoOn(connection: Deno.Conn): Promise<void> {
  using _ = connection;
  const bytes = new Uint8Array(30_000);
  for (let count = await connection.read(bytes); count; count = await connection.read(bytes)) {
    await writeAll(connection, bytes.subarray(0, count));
  }
  await connection.closeWrite();
}

/** Sends some 300 KB of its own and reads them back; the sums tell every byte and its place. */
async function transfer(port: number, seed: number) {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const total = 250_000 + seed * 500;
  const bytes = Uint8Array.from({ length: total }, (_, at) => (at * (seed + 3) + (at >> 8)) & 0xff);
  const writing = writeAll(connection, bytes).then(() => connection.closeWrite());
  const received = new Uint8Array(total + 1);
  let length = 0;
  for (let count: number | null = 0; count !== null; length += count ?? 0) {
    count = await connection.read(received.subarray(length));
  }
  await writing;
  return { sent: await digest(bytes), received: await digest(received.slice(0, length)) };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

const PERIOD = 251;
const PATTERN = Uint8Array.from({ length: 200_000 }, (_, at) => at % PERIOD);
