import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ECONNRESET } from "../../src/linux/errno.ts";
import type { Row } from "../../src/memory/server_table.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { Dataplane, ENGINES, unusedPort } from "./dataplane_rig.ts";

const FIRST = 0 as Row;
const SECOND = 1 as Row;

describe.each(ENGINES)("a data-plane worker on %s", (engine) => {
  let servers: readonly Counting[];

  beforeEach(() => {
    servers = [new Counting(), new Counting()];
  });

  afterEach(async () => {
    for (const server of servers) await server.close();
  });

  const ports = () => servers.map(({ port }) => port);
  const counts = () => servers.map(({ requests }) => requests);

  it("turns from a server that refuses to another at once", async () => {
    const dead = unusedPort();
    await using dataplane = await Dataplane.start({ engine, servers: [dead, servers[0]!.port] });
    for (let round = 0; round < 20; round++) expect(await ask(dataplane.port)).toBe("ok");
    expect(dataplane.server(0, "connectRefused")).toBe(dataplane.server(0, "redispatches"));
    expect(dataplane.server(0, "connectRefused")).toBeGreaterThanOrEqual(9);
    expect(dataplane.server(1, "connections")).toBe(20);
  });

  it("resets a client for whom there is no server", async () => {
    await using dataplane = await Dataplane.start({ engine, servers: ports() });
    for (const row of [FIRST, SECOND]) dataplane.servers.setAdmin(row, "maint");
    using client = Peer.dial(dataplane.port);
    expect(await client.next()).toBe(-ECONNRESET);
    expect(dataplane.frontend("deniedNoServer")).toBe(1);
  });

  it("resets a client whose servers all refuse, after its retries", async () => {
    const backend = { connectTimeoutMs: 50, retries: 2 };
    await using dataplane = await Dataplane.start({ engine, servers: [unusedPort()], backend });
    using client = Peer.dial(dataplane.port);
    expect(await client.next()).toBe(-ECONNRESET);
    expect(dataplane.server(0, "connectRefused")).toBe(3);
    expect(dataplane.server(0, "retries")).toBe(2);
  });

  it("shares connections by weight, and by a new weight from the next one on", async () => {
    await using dataplane = await Dataplane.start({ engine, servers: ports() });
    dataplane.servers.setWeight(FIRST, 30);
    dataplane.servers.setWeight(SECOND, 10);
    for (let round = 0; round < 40; round++) await ask(dataplane.port);
    expect(counts()).toEqual([30, 10]);
    dataplane.servers.setWeight(FIRST, 10);
    for (let round = 0; round < 40; round++) await ask(dataplane.port);
    expect(counts()).toEqual([50, 30]);
    dataplane.servers.setWeight(FIRST, 0);
    for (let round = 0; round < 10; round++) await ask(dataplane.port);
    expect(counts()).toEqual([50, 40]);
  });

  it("sends nothing more to a drained server, and fails nobody", async () => {
    await using dataplane = await Dataplane.start({ engine, servers: ports(), workers: 2 });
    let isOver = false;
    const clients = Array.from({ length: 20 }, async () => {
      let asked = 0;
      for (; !isOver; asked++) expect(await ask(dataplane.port)).toBe("ok");
      return asked;
    });
    for (let round = 0; round < 10; round++) {
      await delay(60);
      dataplane.servers.setAdmin(FIRST, "drain");
      const atDrain = dataplane.server(0, "connections") + dataplane.servers.active(FIRST);
      await delay(60);
      // What was being opened when the order came may still be counted.
      expect(dataplane.server(0, "connections")).toBeLessThanOrEqual(atDrain);
      dataplane.servers.setAdmin(FIRST, "ready");
    }
    isOver = true;
    const asked = (await Promise.all(clients)).reduce((left, right) => left + right);
    expect(asked).toBe(counts().reduce((left, right) => left + right));
    await dataplane.empty();
    expect(dataplane.servers.active(FIRST) + dataplane.servers.active(SECOND)).toBe(0);
  });

  it("drains itself: who is there is served, nobody else", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    using client = Peer.dial(dataplane.port);
    using accepted = await server.next();
    dataplane.order({ kind: "drain" });
    await dataplane.reported("draining");
    dataplane.closeListeners();
    await client.sendAll("still here");
    expect(await accepted.next()).toBe(10);
    expect(dataplane.reports.some(({ kind }) => kind === "drained")).toBe(false);
    client.end();
    accepted.end();
    await dataplane.reported("drained");
  });

  it("resets what came by a virtual router's listeners when it is released", async () => {
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port], workers: 2 });
    const clients = Array.from({ length: 10 }, () => Peer.dial(dataplane.port));
    const accepted = await Promise.all(clients.map(() => server.next()));
    dataplane.order({ kind: "release", virtualRouter: "vip" });
    await dataplane.reported("released");
    dataplane.closeListeners();
    for (const peer of [...clients, ...accepted]) {
      expect(await peer.next()).toBe(-ECONNRESET);
      peer.close();
    }
    expect(dataplane.open).toBe(0);
  });

  it("keeps no descriptor of 10,000 connections", async () => {
    await using dataplane = await Dataplane.start({ engine, servers: ports() });
    await ask(dataplane.port);
    await dataplane.empty();
    const before = descriptors();
    const clients = Array.from({ length: 50 }, async () => {
      for (let round = 0; round < 200; round++) await ask(dataplane.port);
    });
    await Promise.all(clients);
    await dataplane.empty();
    await eventually("the peers have closed", () => descriptors() <= before, { deadlineMs: 3000 });
    expect(dataplane.frontend("opened")).toBe(10_001);
  }, 60_000);

  it("waits, without spinning, while descriptors have run out", async () => {
    // It accepts nothing yet: its kernel answers for it, which takes no descriptor of ours.
    using server = new PeerListener();
    await using dataplane = await Dataplane.start({ engine, servers: [server.port] });
    const url = `http://127.0.0.1:${dataplane.port}/`;
    const shortage = new Deno.Command("sh", {
      args: ["-c", SHORTAGE, "sh", String(Deno.pid), url],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    try {
      const warned = () => dataplane.reports.some((report) => "level" in report);
      await eventually("the worker has no descriptor", warned);
      const before = process.cpuUsage();
      await delay(1000);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(500);
      expect(dataplane.reports).toContainEqual(expect.objectContaining({ level: "warn" }));
    } finally {
      await shortage.stdin.close();
    }
    using accepted = await server.next();
    await accepted.sendAll("HTTP/1.0 200 OK\r\n\r\nok");
    accepted.end();
    const { code, stdout } = await shortage.output();
    expect([code, new TextDecoder().decode(stdout)]).toEqual([0, "ok"]);
  });
});

/** An HTTP server that says "ok" and counts. */
class Counting {
  requests = 0;
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    this.requests++;
    return new Response("ok", { headers: { connection: "close" } });
  });

  get port(): number {
    return this.#server.addr.port;
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
  }
}

/** One request on a connection of its own. @returns the body. */
async function ask(port: number): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  const bytes = new Uint8Array(4096);
  let text = "";
  for (let count = await connection.read(bytes); count; count = await connection.read(bytes)) {
    text += new TextDecoder().decode(bytes.subarray(0, count));
  }
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}

function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length - 1;
}

/**
 * Takes the descriptors of process `$1` away, asks for `$2`, and gives them back when its own input
 * ends. It is another process: this one can start none while it has no descriptor to spare.
 */
const SHORTAGE = `
  usual=$(prlimit --pid "$1" --nofile --noheadings --output SOFT)
  free=0
  while [ -e "/proc/$1/fd/$free" ]; do free=$((free + 1)); done
  prlimit --pid "$1" --nofile="$free:"
  curl --silent --show-error --max-time 20 "$2" < /dev/null &
  read -r end
  prlimit --pid "$1" --nofile="$usual:"
  wait $!`;
