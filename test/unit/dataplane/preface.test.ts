import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../src/core/net/address.ts";
import { UNRECOGNIZED_NAME_ALERT } from "../../../src/core/wire/client_hello.ts";
import {
  Endpoints,
  MAX_WRITTEN_BYTES,
  readProxyHeader,
  writeProxyHeader,
} from "../../../src/core/wire/proxy_protocol.ts";
import { TCP_KEEPIDLE } from "../../../src/linux/socket.ts";
import { inetAddressOf } from "../../../src/linux/sockaddr.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import type { Endpoint } from "../../simulation/relay_kernel.ts";
import { backendOf, World, type WorldOptions } from "../../simulation/relay_world.ts";
import { clientHello, OPENSSL_HELLO } from "../core/wire/client_hellos.ts";

const ROUTED = {
  backend: -1,
  routes: [
    { serverNames: ["git.example.com"], backend: 0 },
    { serverNames: ["*.example.com"], backend: 1 },
  ],
};
const TRUSTING = { proxyProtocolFrom: ["198.51.100.0/24"] };

describe("a client of a routed frontend", () => {
  it.each([["git.example.com", 0], ["www.Example.com", 1]])(
    "goes where %s leads, and its server is sent all it has said",
    (serverName, server) => {
      const { world, servers } = worldOf({ frontend: ROUTED });
      const hello = clientHello({ serverName, padding: 1500 });
      dial(world, hello);
      world.pass(50);
      expect([...servers.keys()]).toEqual([server]);
      expect(received(servers.get(server)!)).toEqual([...hello]);
    },
  );

  it("may say it byte by byte, and is looked at no more often", () => {
    const { world, servers } = worldOf({ frontend: ROUTED });
    const { client } = dial(world);
    for (const byte of OPENSSL_HELLO) {
      expect(servers.size).toBe(0);
      client.send(Uint8Array.of(byte));
      world.pass(2);
    }
    world.pass(50);
    expect(received(servers.get(0)!)).toEqual([...OPENSSL_HELLO]);
    expect(world.kernel.calls.get("peek")!).toBeLessThan(1.2 * OPENSSL_HELLO.length);
    // Relaying goes on byte by byte.
    client.send(Uint8Array.of(7));
    world.pass(50);
    expect(received(servers.get(0)!)).toEqual([7]);
  });

  it.each([clientHello({ serverName: "other.example" }), clientHello({})])(
    "is told that nobody has the name, or none, where there is no backend for the rest",
    (hello) => {
      const { world, servers } = worldOf({ frontend: ROUTED });
      const { client } = dial(world, hello);
      world.pass(50);
      expect(received(client)).toEqual([...UNRECOGNIZED_NAME_ALERT]);
      expect([client.isDead, client.isOtherEnded, servers.size]).toEqual([false, true, 0]);
      expect(counts(world)).toEqual({ deniedServerName: 1 });
      client.close();
      world.pass(50);
      expect([world.frontend("closed"), world.connections]).toEqual([1, 0]);
    },
  );

  it.each([
    clientHello({ serverName: "other.example" }),
    clientHello({}),
    ascii("SSH-2.0-OpenSSH_9.2p1\r\n"),
  ])("goes to the backend for the rest where there is one", (bytes) => {
    const { world, servers } = worldOf({ frontend: { ...ROUTED, backend: 1 } });
    dial(world, bytes);
    world.pass(50);
    expect(received(servers.get(1)!)).toEqual([...bytes]);
  });

  it.each([
    ["no TLS", ascii("GET / HTTP/1.1\r\n"), -1],
    ["a broken ClientHello", Uint8Array.of(22, 3, 1, 0, 0), 1],
    ["another handshake message", Uint8Array.of(22, 3, 1, 0, 4, 2, 0, 0, 0), 1],
  ])("is reset for %s", (_, bytes, backend) => {
    const { world, servers } = worldOf({ frontend: { ...ROUTED, backend } });
    const { client } = dial(world, bytes);
    world.pass(50);
    expect([client.isDead, servers.size]).toEqual([true, 0]);
    expect(counts(world)).toEqual({ deniedClientHello: 1 });
  });

  it.each([0, 1, 100])("is reset when %i bytes are all for too long", (length) => {
    const { world } = worldOf({ frontend: { ...ROUTED, clientHelloTimeoutMs: 2000 } });
    const { client } = dial(world, OPENSSL_HELLO.subarray(0, length));
    world.pass(1900);
    expect(client.isDead).toBe(false);
    const looks = world.kernel.calls.get("peek")!;
    world.pass(200);
    expect(client.isDead).toBe(true);
    expect(counts(world)).toEqual({ deniedPrefaceTimeout: 1 });
    expect(looks).toBeLessThan(5);
  });

  it("is waited for as long as it takes, beyond a turn of the wheel", () => {
    const { world, servers } = worldOf({ frontend: { ...ROUTED, clientHelloTimeoutMs: 300_000 } });
    const { client } = dial(world, OPENSSL_HELLO.subarray(0, 9));
    world.pass(250_000);
    client.send(OPENSSL_HELLO.subarray(9));
    world.pass(50);
    expect([...servers.keys()]).toEqual([0]);
  });

  it("is refused when it ends in the middle, and counts for nothing when it said nothing", () => {
    const { world } = worldOf({ frontend: ROUTED });
    const first = dial(world, OPENSSL_HELLO.subarray(0, 100)).client;
    const second = dial(world).client;
    world.pass(20);
    first.end();
    second.close();
    world.pass(20);
    expect(first.isDead).toBe(true);
    expect(counts(world)).toEqual({ deniedClientHello: 1 });
    expect(world.frontend("closed")).toBe(2);
  });

  it("may end right after its words", () => {
    const { world, servers } = worldOf({ frontend: ROUTED });
    const { client } = dial(world, OPENSSL_HELLO);
    client.end();
    world.pass(50);
    const server = servers.get(0)!;
    expect(received(server)).toEqual([...OPENSSL_HELLO]);
    expect(server.isOtherEnded).toBe(true);
  });

  it("is kept alive as its backend says", () => {
    const keepalive = { idleMs: 7000, intervalMs: 1000, probes: 2, userTimeoutMs: null };
    const { world } = worldOf({ frontend: ROUTED, other: { keepalive } });
    const [git, www] = ["git.example.com", "www.example.com"].map((serverName) =>
      dial(world, clientHello({ serverName })).client
    );
    world.pass(50);
    expect(git!.other?.options.has(TCP_KEEPIDLE)).toBe(false);
    expect(www!.other?.options.get(TCP_KEEPIDLE)).toBe(7);
  });
});

describe("a client that has to send a PROXY header", () => {
  it.each([1, 2] as const)("may send version %i, which its server does not see", (version) => {
    const { world, servers } = worldOf({ frontend: TRUSTING });
    dial(world, Uint8Array.of(...header(version, "203.0.113.9", 1234), 1, 2, 3));
    world.pass(50);
    expect(received(servers.get(0)!)).toEqual([1, 2, 3]);
  });

  it("may send it byte by byte, and nothing more before its server speaks", () => {
    const { world, servers } = worldOf({ frontend: TRUSTING });
    const { client } = dial(world);
    for (const byte of header(1, "203.0.113.9", 1234)) {
      expect(servers.size).toBe(0);
      client.send(Uint8Array.of(byte));
      world.pass(2);
    }
    world.pass(50);
    servers.get(0)!.send(Uint8Array.of(42));
    world.pass(50);
    expect(received(client)).toEqual([42]);
    client.send(Uint8Array.of(9));
    world.pass(50);
    expect(received(servers.get(0)!)).toEqual([9]);
  });

  it.each([[2, 2], [1, 1], [1, 2]] as const)(
    "version %i is the client that a server is told of by version %i",
    (accepted, sent) => {
      const proxyProtocol = `v${sent}` as const;
      const { world, servers } = worldOf({ frontend: TRUSTING, proxyProtocol });
      dial(world, Uint8Array.of(...header(accepted, "203.0.113.9", 1234), 1, 2, 3));
      world.pass(50);
      expect(received(servers.get(0)!)).toEqual([...header(sent, "203.0.113.9", 1234), 1, 2, 3]);
    },
  );

  it("is itself the client where the header says LOCAL", () => {
    const { world, servers } = worldOf({ frontend: TRUSTING, proxyProtocol: "v1" });
    const local = new Uint8Array(16);
    writeProxyHeader(2, new Endpoints(), local);
    dial(world, local);
    world.pass(50);
    expect(text(servers.get(0)!)).toBe("PROXY TCP4 198.51.100.7 192.0.2.1 40000 80\r\n");
  });

  it("is followed by a ClientHello where names are routed", () => {
    const { world, servers } = worldOf({ frontend: { ...TRUSTING, ...ROUTED } });
    const bytes = Uint8Array.of(...header(2, "203.0.113.9", 1234), ...OPENSSL_HELLO);
    const { client } = dial(world, bytes.subarray(0, 60));
    world.pass(50);
    client.send(bytes.subarray(60));
    world.pass(50);
    expect(received(servers.get(0)!)).toEqual([...OPENSSL_HELLO]);
  });

  it.each([
    ["sends none", ascii("GET / HTTP/1.1\r\n"), { deniedProxyHeader: 1 }],
    ["sends a broken one", ascii("PROXY TCP4 1.2.3.4\r\n"), { deniedProxyHeader: 1 }],
    ["sends half of it", ascii("PROXY TCP4 1.2.3.4"), { deniedPrefaceTimeout: 1 }],
    ["sends nothing", ascii(""), { deniedPrefaceTimeout: 1 }],
  ])("is reset when it %s", (_, bytes, denied) => {
    const { world, servers } = worldOf({ frontend: TRUSTING });
    const { client } = dial(world, bytes);
    world.pass(5100);
    expect([client.isDead, servers.size]).toEqual([true, 0]);
    expect(counts(world)).toEqual(denied);
  });
});

describe("a client that is not to send a PROXY header", () => {
  const stranger = { frontend: { proxyProtocolFrom: ["10.0.0.0/8", "2001:db8::/32"] } };

  it("is served as anywhere", () => {
    const { world, servers } = worldOf(stranger);
    dial(world, ascii("GET /"));
    world.pass(50);
    expect(text(servers.get(0)!)).toBe("GET /");
  });

  it("is served after the time for it when it is silent, as its server may speak first", () => {
    const { world, servers } = worldOf(stranger);
    dial(world);
    world.pass(4900);
    expect(servers.size).toBe(0);
    world.pass(300);
    expect(servers.size).toBe(1);
  });

  it.each([1, 2] as const)("is reset when it forges version %i", (version) => {
    const { world, servers } = worldOf(stranger);
    const { client } = dial(world, Uint8Array.from(header(version, "10.0.0.1", 1)));
    world.pass(50);
    expect([client.isDead, servers.size]).toEqual([true, 0]);
    expect(counts(world)).toEqual({ deniedProxyHeader: 1 });
  });

  it("is told from who is to send one by its own address, also by a mapped one", () => {
    for (const [address, isTrusted] of [["::ffff:10.1.2.3", true], ["::ffff:11.1.2.3", false]]) {
      const { world, servers } = worldOf(stranger);
      const { client } = dial(world, Uint8Array.from(header(2, "203.0.113.9", 5)), `${address}`);
      world.pass(50);
      expect([servers.size === 1, client.isDead]).toEqual([isTrusted, !isTrusted]);
    }
  });
});

describe("a server that is to be told of its client", () => {
  it.each(["v1", "v2"] as const)("is, by %s, before anything else", (proxyProtocol) => {
    const { world, servers } = worldOf({ proxyProtocol });
    const { client } = dial(world);
    world.pass(50);
    const greeting = Uint8Array.from(received(servers.get(0)!));
    const ends = new Endpoints();
    expect(readProxyHeader(greeting, greeting.length, ends)).toBe(greeting.length);
    expect([...ends.source.subarray(0, 4), ends.sourcePort]).toEqual([198, 51, 100, 7, 40_000]);
    expect([...ends.destination.subarray(0, 4), ends.destinationPort]).toEqual([192, 0, 2, 1, 80]);
    client.send(Uint8Array.of(5));
    world.pass(50);
    expect(received(servers.get(0)!)).toEqual([5]);
    expect(world.server(0, "sentBytes")).toBeLessThanOrEqual(1);
  });

  it("is not told of the one before in the same place, whom a header was believed of", () => {
    const { world, servers } = worldOf({ frontend: TRUSTING, proxyProtocol: "v1" });
    const { client } = dial(world, Uint8Array.from(header(1, "203.0.113.9", 1234)));
    world.pass(50);
    client.close();
    servers.get(0)!.close();
    world.pass(50);
    expect(world.frontend("closed")).toBe(1);
    const frontends = world.start.frontends.map((one) => ({ ...one, proxyProtocolFrom: null }));
    const { backends } = world.start;
    world.engine.carryOut({ kind: "plan", frontends, backends, virtualRouters: [] });
    dial(world);
    world.pass(50);
    expect(text(servers.get(0)!)).toBe("PROXY TCP4 198.51.100.7 192.0.2.1 40000 80\r\n");
  });

  it("is told by who comes later, where a plan has begun to believe somebody", () => {
    const { world, servers } = worldOf({ proxyProtocol: "v1" });
    const frontends = world.start.frontends.map((one) => ({ ...one, ...TRUSTING }));
    const { backends } = world.start;
    world.engine.carryOut({ kind: "plan", frontends, backends, virtualRouters: [] });
    dial(world, Uint8Array.from(header(2, "203.0.113.9", 1234)));
    world.pass(50);
    expect(received(servers.get(0)!)).toEqual(header(1, "203.0.113.9", 1234));
  });

  it("is told of IPv6 clients", () => {
    const { world, servers } = worldOf({ proxyProtocol: "v1" });
    dial(world, ascii("x"), "2001:db8::7");
    world.pass(50);
    expect(text(servers.get(0)!)).toBe(
      "PROXY TCP6 2001:db8:0:0:0:0:0:7 2001:db8:0:0:0:0:0:1 40000 80\r\nx",
    );
  });
});

/** A world in which servers are known by the rows of theirs that clients have come to. */
function worldOf(
  { frontend, proxyProtocol = null, other = {} }: {
    readonly frontend?: WorldOptions["frontend"];
    readonly proxyProtocol?: "v1" | "v2" | null;
    readonly other?: WorldOptions["backend"];
  },
) {
  const backend = (row: number) => {
    const plain = backendOf([row as Row]);
    return { ...plain, servers: plain.servers.map((one) => ({ ...one, proxyProtocol })) };
  };
  const world = new World({
    servers: 2,
    ...(frontend && { frontend }),
    backend: backend(0),
    others: [{ ...backend(1), ...other }],
  });
  const servers = new Map<number, Endpoint>();
  world.kernel.answer = (port) => ({ accept: (end) => servers.set(port - 8000, end) });
  return { world, servers };
}

function dial(world: World, bytes?: Uint8Array, address?: string): { client: Endpoint } {
  const client = world.kernel.dial(world.listener, [1 << 20, 1 << 20]);
  if (address !== undefined) {
    client.other!.peer = inetAddressOf(address, 40_000);
    if (!address.startsWith("::ffff:")) client.other!.local = inetAddressOf("2001:db8::1", 80);
  }
  if (bytes !== undefined && bytes.length > 0) client.send(bytes);
  return { client };
}

/** All that has arrived at an end since it was asked last. */
function received(end: Endpoint): number[] {
  const bytes = new Uint8Array(1 << 16);
  return [...bytes.subarray(0, Math.max(0, end.recv(bytes)))];
}

function text(end: Endpoint): string {
  return new TextDecoder().decode(Uint8Array.from(received(end)));
}

/** What the frontend has denied, by reason. */
function counts(world: World) {
  const columns = [
    "deniedProxyHeader",
    "deniedClientHello",
    "deniedServerName",
    "deniedPrefaceTimeout",
  ] as const;
  return Object.fromEntries(
    columns.map((column) => [column, world.frontend(column)] as const)
      .filter(([, count]) => count > 0),
  );
}

function header(version: 1 | 2, source: string, port: number): number[] {
  const ends = new Endpoints();
  ends.family = 4;
  ends.source.set(parseAddress(source)!.bytes);
  ends.sourcePort = port;
  ends.destination.set(parseAddress("192.0.2.80")!.bytes);
  ends.destinationPort = 443;
  const bytes = new Uint8Array(MAX_WRITTEN_BYTES);
  return [...bytes.subarray(0, writeProxyHeader(version, ends, bytes))];
}

function ascii(written: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(written);
}
