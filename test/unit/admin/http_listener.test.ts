import { afterEach, describe, expect, it } from "vitest";
import {
  type Answer,
  type HttpBounds,
  listenHttp,
  type Peer,
} from "../../../src/admin/http_listener.ts";
import { freePort } from "../free_port.ts";

const QUICK: HttpBounds = {
  connections: 4,
  headersTimeoutMs: 100,
  requestTimeoutMs: 200,
  idleTimeoutMs: 100,
  silenceTimeoutMs: 60_000,
  checkEveryMs: 20,
};
const PATIENT = { ...QUICK, headersTimeoutMs: 60_000, requestTimeoutMs: 60_000 };

const opened: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function listening(bounds: HttpBounds, answer: Answer = () => new Response("ok")) {
  const port = freePort();
  const listener = await listenHttp({ hostname: "127.0.0.1", port }, answer, bounds);
  opened.push(() => listener.shutdown());
  return { port, listener, url: `http://127.0.0.1:${port}` };
}

describe("listenHttp()", () => {
  it("passes on what was asked and what was answered", async () => {
    const { url } = await listening(PATIENT, async (request) => {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const asked = [method, pathname, search, headers.get("x-a"), await request.text()];
      return Response.json(asked, { status: 418, headers: { "x-b": "c" } });
    });
    const response = await fetch(`${url}/a%20b?c=d`, {
      method: "PATCH",
      headers: { "x-a": "1" },
      body: "hello",
    });
    expect([response.status, response.headers.get("x-b")]).toEqual([418, "c"]);
    expect(await response.json()).toEqual(["PATCH", "/a%20b", "?c=d", "1", "hello"]);
  });

  it("gives the Host as it was sent", async () => {
    const { port } = await listening(PATIENT, ({ headers }) => new Response(headers.get("host")));
    const client = await dial(
      port,
      "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    );
    expect(await everything(client)).toContain("\r\na.example\r\n");
  });

  it.each(["http://", "//", "*"])("survives the target %s", async (target) => {
    const { port, url } = await listening(PATIENT);
    const client = await dial(
      port,
      `OPTIONS ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    expect(await everything(client)).toMatch(/^HTTP\/1.1 (200|400) /);
    expect(await (await fetch(url)).text()).toBe("ok");
  });

  it.each([
    ["another method", "TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
    ["a tunnel", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["another protocol", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"],
    ["two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    ["a header that never ends", `GET / HTTP/1.1\r\nA: ${"a".repeat(100_000)}`],
    ["an upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n"],
  ])("survives %s", async (_, said) => {
    const { port, url } = await listening(QUICK);
    await everything(await dial(port, said));
    expect(await (await fetch(url)).text()).toBe("ok");
  });

  it("survives a reader that goes before the answer, and a source that fails", async () => {
    const failing = new ReadableStream({ start: (controller) => controller.error(new Error()) });
    const { port, url } = await listening(PATIENT, ({ url }) => {
      if (url.endsWith("/fails")) return new Response(failing);
      if (url.endsWith("/throws")) throw new Error("a bug");
      return new Response("ok");
    });
    (await dial(port, CLOSING)).close();
    opened.splice(1);
    for (const path of ["/fails", "/throws"]) {
      await everything(await dial(port, CLOSING.replace("/", path)));
    }
    expect(await (await fetch(url)).text()).toBe("ok");
  });

  it("answers the next request also where nobody has read the body of the last", async () => {
    const { port } = await listening(PATIENT);
    const body = "x".repeat(300_000);
    const unread = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const text = await everything(await dial(port, `${unread}${unread}${CLOSING}`));
    expect(text.match(/^HTTP\/1.1 200 /gm)).toHaveLength(3);
  });

  it("passes on a stream as it comes, and tells its source when the reader goes", async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const { url } = await listening(PATIENT, () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
          cancel: () => resolve(),
        }),
      ));
    const abort = new AbortController();
    const response = await fetch(url, { signal: abort.signal });
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("first");
    abort.abort();
    await reader.read().catch(() => {});
    await gone;
  });

  it("ends an answer of which nothing moves, but not one that is long in the making", async () => {
    const stuck = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
    });
    const { promise: cut, resolve: noteCut } = Promise.withResolvers<void>();
    const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>();
    const { url, port } = await listening({ ...PATIENT, silenceTimeoutMs: 50 }, async ({ url }) => {
      if (!url.endsWith("/late")) return new Response(stuck);
      noteAsked();
      await cut;
      return new Response("late");
    });
    const late = fetch(`${url}/late`);
    await asked;
    expect(await everything(await dial(port, CLOSING))).toContain("first");
    noteCut();
    expect(await (await late).text()).toBe("late");
  });

  it("tells who makes an answer that nobody waits for it any more", async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>();
    const { port } = await listening(PATIENT, async ({ signal }) => {
      signal.addEventListener("abort", () => resolve());
      noteAsked();
      await gone;
      return new Response();
    });
    const client = await dial(port, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    await asked;
    client.close();
    await gone;
  });

  it("closes who comes when there are as many as it holds", async () => {
    const { port } = await listening(PATIENT);
    const clients: Deno.Conn[] = [];
    for (let client = 0; client < QUICK.connections; client++) {
      clients.push(await dial(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
      expect(await clients[client]!.read(new Uint8Array(1))).toBe(1);
    }
    expect(await everything(await dial(port, ""))).toBe("");
    clients.forEach((client) => client.close());
    opened.splice(1);
    await expect.poll(async () => (await everything(await dial(port, CLOSING))).slice(0, 12))
      .toBe("HTTP/1.1 200");
  });

  it("closes who sends much more than anybody has read", async () => {
    const { port, url } = await listening(PATIENT);
    const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    });
    const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
    const client = await dial(port, head);
    const sent = endless.pipeTo(client.writable).then(() => "all", () => "cut");
    expect(await everything(client)).toMatch(/^(HTTP\/1.1 200 |$)/);
    expect(await sent).toBe("cut");
    expect(await (await fetch(url)).text()).toBe("ok");
  });

  it.each([
    ["says nothing", 408, ""],
    ["stops in the middle of the headers", 408, "GET / HTTP/1.1\r\nHo"],
    [
      ...["stops in the middle of the body", 408] as const,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
    ],
    ["asks no more", 200, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["has too long a header", 431, `GET / HTTP/1.1\r\nA: ${"a".repeat(100_000)}`],
    ["speaks no HTTP", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"],
  ])("ends a connection that %s, with %i", async (_, status, said) => {
    const { port } = await listening(QUICK, async (request) => new Response(await request.text()));
    expect(await everything(await dial(port, said))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it("listens on a unix socket, and gives the descriptors of its connections", async () => {
    const directory = Deno.makeTempDirSync({ prefix: "lintel-http-" });
    opened.push(() => Deno.removeSync(directory, { recursive: true }));
    const path = `${directory}/socket`;
    const seen: Peer[] = [];
    const listener = await listenHttp({ path }, (_, peer) => {
      seen.push(peer);
      const link = Deno.readLinkSync(`/proc/self/fd/${peer.descriptor}`);
      return new Response(link);
    }, PATIENT);
    opened.push(() => listener.shutdown());
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    const response = await fetch("http://lintel/", { client });
    expect(await response.text()).toMatch(/^socket:/);
    expect(seen).toEqual([{ certified: null, address: null, descriptor: expect.any(Number) }]);
    await listener.shutdown();
    opened.pop();
    expect(() => Deno.statSync(path)).toThrow(Deno.errors.NotFound);
  });

  it("says so when it cannot listen", async () => {
    const { port } = await listening(PATIENT);
    const second = listenHttp({ hostname: "127.0.0.1", port }, () => new Response(), QUICK);
    await expect(second).rejects.toThrow(/EADDRINUSE/);
  });

  it("lets those who are being answered end when it is shut down, and takes no more", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>();
    const { url, listener } = await listening(PATIENT, () => {
      noteAsked();
      return promise;
    });
    const response = fetch(url);
    await asked;
    const down = listener.shutdown();
    await expect(fetch(url)).rejects.toThrow();
    resolve(new Response("late"));
    expect(await (await response).text()).toBe("late");
    await down;
  });
});

const CLOSING = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

async function dial(port: number, said: string): Promise<Deno.Conn> {
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  opened.push(() => closeQuietly(client));
  // Who listens to nothing cannot be told everything.
  new Blob([said]).stream().pipeTo(client.writable, { preventClose: true }).catch(() => {});
  return client;
}

/** All that comes until the end of the connection, which must come. */
async function everything(client: Deno.Conn): Promise<string> {
  const piece = new Uint8Array(4096);
  let text = "";
  for (;;) {
    const count = await client.read(piece).catch(() => null);
    if (count === null) return text;
    text += new TextDecoder().decode(piece.subarray(0, count));
  }
}

function closeQuietly(client: Deno.Conn): void {
  try {
    client.close();
  } catch {
    // The test has closed it.
  }
}
