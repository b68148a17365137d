/**
 * Routes by TLS server name, with curl and OpenSSL before and nginx behind: the handshake is
 * theirs, and so is the certificate.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { ECONNRESET, must } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inetAddressOf } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  close,
  connect,
  recv,
  send,
  SOCK_STREAM,
  socket,
} from "../../src/linux/socket.ts";
import { OPENSSL_HELLO } from "../unit/core/wire/client_hellos.ts";
import { Nginx, selfSigned } from "./nginx.ts";
import { Lintel, product } from "./product.ts";

const CERTIFICATE = "ssl_certificate DIRECTORY/cert.pem; ssl_certificate_key DIRECTORY/key.pem;";

const NGINX = `
  server { listen 8443 ssl; ${CERTIFICATE} return 200 "git for $ssl_server_name\\n"; }
  server { listen 8444 ssl; ${CERTIFICATE} return 200 "apps for $ssl_server_name\\n"; }
  server { listen 8445 ssl; ${CERTIFICATE} return 200 "rest for $ssl_server_name\\n"; }`;

const ROUTES = `[
      { sni: [git.example.com, git.apps.example.com], backend: git },
      { sni: ["*.apps.example.com"], backend: apps },
    ]`;

const LINTEL = `
frontends:
  strict: { listen: "*:443", routes: ${ROUTES}, clientSpeaksFirst: true }
  lenient: { listen: "*:444", backend: rest, routes: ${ROUTES} }
  hasty: { listen: "*:445", routes: ${ROUTES}, timeouts: { clientHello: 700ms } }
  silent: { listen: "*:80", backend: plain, clientSpeaksFirst: true }
backends:
  git: { check: none, servers: { web: "172.16.0.21:8443" } }
  apps: { check: none, servers: { web: "172.16.0.21:8444" } }
  rest: { check: none, servers: { web: "172.16.0.21:8445" } }
  plain: { check: none, servers: { web: "172.16.0.21:80" } }
`;

let lab: Lab;
let client: Host;
let lintel: Lintel;

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  const web = lab.host("web", { addresses: ["172.16.0.21/24"] });
  await selfSigned(web);
  await Nginx.start(web, { further: NGINX });
  lintel = new Lintel(balancer, command, LINTEL);
  await lintel.ready();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("a TLS client", () => {
  it.each([
    ["an exact name", "git.example.com", 443, "git for git.example.com"],
    ["a name in capitals", "GIT.example.COM", 443, "git for git.example.com"],
    ["a wildcard", "web.apps.example.com", 443, "apps for web.apps.example.com"],
    ["an exact name that a wildcard covers", "git.apps.example.com", 443, "git for git.apps"],
    ["a name that only the default takes", "else.example.com", 444, "rest for else.example.com"],
    ["two labels for a wildcard of one", "a.b.apps.example.com", 444, "rest for a.b.apps"],
    ["a route beside a default", "git.example.com", 444, "git for git.example.com"],
  ])("comes by %s", async (_, name, port, answer) => {
    expect((await curl(name, port)).toLowerCase()).toContain(answer);
  });

  it.each(["else.example.com", "example.com", "a.b.apps.example.com"])(
    "is told that %s is not recognized",
    async (name) => {
      const before = await denied("strict");
      const answer = await openssl("172.16.0.2:443", "-servername", name);
      expect(answer).toContain("unrecognized name");
      expect(await denied("strict")).toEqual({ ...before, serverName: before.serverName! + 1 });
    },
  );

  it("without a name is told so, or goes to the default", async () => {
    expect(await openssl("172.16.0.2:443", "-noservername")).toContain("unrecognized name");
    expect(await openssl("172.16.0.2:444", "-noservername")).toContain("subject=CN = nginx");
  });

  it("may send its ClientHello byte by byte", async () => {
    const dribble = client.script("test/netns/dribble.ts", ["172.16.0.2:443"]);
    const [, port] = await dribble.printed(/^(\d+)$/m);
    const answer = await openssl(`127.0.0.1:${port}`, "-servername", "git.example.com");
    expect(answer).toContain("subject=CN = nginx");
    await dribble.stop();
  });

  it("may send a ClientHello of several segments, as with post-quantum keys", async () => {
    const protocols = Array.from({ length: 70 }, (_, at) => `protocol-${at}-${"x".repeat(40)}`);
    for (const name of ["git.example.com", "web.apps.example.com"]) {
      const answer = await openssl(
        "172.16.0.2:443",
        ...["-servername", name, "-alpn", `${protocols.join(",")},http/1.1`],
      );
      expect(answer).toContain("subject=CN = nginx");
    }
  });
});

describe("another client", () => {
  it("without TLS is reset, or goes to the default", async () => {
    const before = await denied("strict");
    const refused = await client.try(["curl", "-sS", "--max-time", "9", "http://172.16.0.2:443/"]);
    expect(refused.output).toMatch(/^curl: \(5[256]\)/);
    expect(await denied("strict")).toEqual({ ...before, clientHello: before.clientHello! + 1 });
    const answered = await client.run(["curl", "-sS", "--max-time", "9", "http://172.16.0.2:444/"]);
    expect(answered).toContain("plain HTTP request was sent to HTTPS port");
  });

  it("that is slow is reset in time", async () => {
    using slow = new Raw(client, 445);
    const startedAt = performance.now();
    for (const byte of OPENSSL_HELLO.subarray(0, 5)) {
      await slow.say(Uint8Array.of(byte));
      await delay(60);
    }
    expect(await slow.ending()).toBe(-ECONNRESET);
    expect(performance.now() - startedAt).toBeGreaterThan(650);
    expect(await denied("hasty")).toMatchObject({ prefaceTimeout: 1 });
  });
});

describe("clientSpeaksFirst", () => {
  it("leaves a silent client with the kernel, and serves it once it speaks", async () => {
    // After a second the kernel hands it over all the same, which a slow machine may have to see.
    for (let seenInMs = Infinity; seenInMs > 800;) {
      using quiet = new Raw(client, 80);
      const before = await connections("silent");
      const startedAt = performance.now();
      await delay(200);
      const meanwhile = await connections("silent");
      seenInMs = performance.now() - startedAt;
      await quiet.say(ascii("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
      await quiet.ending();
      expect(quiet.heard).toContain("x-server: web");
      expect(await connections("silent")).toBe(before + 1);
      if (seenInMs <= 800) expect(meanwhile).toBe(before);
    }
  });
});

/** A client's socket. */
class Raw implements Disposable {
  heard = "";
  readonly #fd: Fd;
  readonly #bytes = new Uint8Array(65536);

  constructor(host: Host, port: number) {
    this.#fd = host.inside(() => must("socket", socket(AF_INET, SOCK_STREAM, 0)));
    connect(this.#fd, inetAddressOf("172.16.0.2", port));
  }

  /** Says a little, as soon as it is connected. */
  async say(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const isSent = () => send(this.#fd, bytes, bytes.length) === bytes.length;
    await eventually("the client speaks", isSent, { everyMs: 2 });
  }

  /** How it ends: 0 in order, else −errno. */
  async ending(): Promise<number> {
    let ending = 1;
    await eventually("the connection ends", () => {
      const count = recv(this.#fd, this.#bytes);
      if (count > 0) this.heard += new TextDecoder().decode(this.#bytes.subarray(0, count));
      if (count === 0 || count === -ECONNRESET) ending = count;
      return ending <= 0;
    });
    return ending;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

async function curl(name: string, port: number): Promise<string> {
  const url = `https://${name}:${port}/`;
  const to = ["--connect-to", `::172.16.0.2:${port}`];
  const { output } = await client.try(["curl", "-ksS", "--max-time", "10", ...to, url]);
  return output;
}

async function openssl(address: string, ...args: readonly string[]): Promise<string> {
  const command = ["openssl", "s_client", "-connect", address, ...args];
  return (await client.try(["timeout", "10", ...command])).output;
}

async function denied(name: string): Promise<Readonly<Record<string, number>>> {
  const frontend = await lintel.json("GET", `/v1/frontends/${name}`);
  return (frontend as { denied: Record<string, number> }).denied;
}

async function connections(name: string): Promise<number> {
  const frontend = await lintel.json("GET", `/v1/frontends/${name}`);
  return (frontend as { connections: { total: number } }).connections.total;
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
