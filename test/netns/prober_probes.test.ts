import type { Socket } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import type { CheckRequest, DnsCheck, HttpCheck } from "../../src/core/plan/plan.ts";
import { Poller, pollerMemory } from "../../src/prober/poller.ts";
import type { Outcome, StartProbe } from "../../src/prober/probe.ts";
import { startSocketProbe } from "../../src/prober/socket_probe.ts";
import { answering, check as checkBy, Servers, TIMEOUT_MS } from "./prober_servers.ts";

const HTTP: HttpCheck = { method: "GET", path: "/ready", host: null, status: [[200, 399]] };

const poller = new Poller(pollerMemory(16));
const start: StartProbe = (server, done) => startSocketProbe(poller, server, done);
const servers = new Servers();

afterAll(() => servers.close());

function check(port: number, request: CheckRequest, address?: string): Promise<Outcome> {
  return checkBy(start, port, request, address);
}

async function httpCheck(treat: (connection: Socket) => void, http = HTTP): Promise<Outcome> {
  return await check(await servers.serve(treat), { type: "http", http });
}

describe("a tcp check", () => {
  it("passes when a connection comes about, and leaves the server in peace", async () => {
    let accepted = 0;
    const port = await servers.serve(() => accepted++);
    expect(await check(port, { type: "tcp" })).toEqual({ code: "L4OK", text: "" });
    await new Promise((later) => setTimeout(later, 50));
    expect(accepted).toBe(0);
  });

  it("passes over IPv6", async () => {
    const port = await servers.serve(() => {}, "::1");
    expect(await check(port, { type: "tcp" }, "::1")).toEqual({ code: "L4OK", text: "" });
  });

  it("passes through a server that closes at once", async () => {
    const port = await servers.serve((connection) => connection.destroy());
    expect(await check(port, { type: "tcp" })).toMatchObject({ code: "L4OK" });
  });

  it("fails with L4CON where nobody listens", async () => {
    expect(await check(1, { type: "tcp" })).toEqual({
      code: "L4CON",
      text: "connect: connection refused (ECONNREFUSED)",
    });
  });

  it("fails with L4TOUT where nobody answers", async () => {
    expect(await check(servers.serveNobody(), { type: "tcp" })).toEqual({
      code: "L4TOUT",
      text: "no connection in time",
    });
  });

  it("fails with L4CON where no route leads", async () => {
    expect(await check(80, { type: "tcp" }, "255.255.255.255")).toMatchObject({ code: "L4CON" });
  });
});

describe("a tcp check that talks", () => {
  it("passes on a greeting, or an answer, that holds what is expected", async () => {
    const greeting = await servers.serve((one) => one.write("SSH-2.0-OpenSSH_9.2\r\n"));
    expect(await check(greeting, { type: "tcp", expect: "SSH-2.0-" }))
      .toEqual({ code: "L7OK", text: "" });
    const redis = await servers.serve((one) =>
      one.on("data", (bytes) => one.write(`${bytes}` === "PING\r\n" ? "+PONG\r\n" : "-ERR\r\n"))
    );
    expect(await check(redis, { type: "tcp", send: "PING\r\n", expect: "+PONG" }))
      .toEqual({ code: "L7OK", text: "" });
    expect(await check(redis, { type: "tcp", send: "NONE\r\n", expect: "+PONG" })).toEqual({
      code: "L7TOUT",
      text: 'the expected text did not come in time, but "-ERR\\r\\n"',
    });
  });

  it("delivers what it sends where nothing is expected", async () => {
    const heard = Promise.withResolvers<string>();
    const port = await servers.serve((one) =>
      one.once("data", (bytes) => heard.resolve(`${bytes}`))
    );
    expect(await check(port, { type: "tcp", send: "hello" })).toEqual({ code: "L4OK", text: "" });
    expect(await heard.promise).toBe("hello");
  });

  it("fails on a close, a reset and a flood", async () => {
    const closing = await servers.serve((one) => one.end("busy"));
    expect(await check(closing, { type: "tcp", expect: "ready" })).toEqual({
      code: "L7RSP",
      text: 'the expected text did not come before: connection closed; found "busy"',
    });
    // Later, or it would be as if it had never accepted.
    const resetting = await servers.serve((one) => setTimeout(() => one.resetAndDestroy(), 50));
    expect(await check(resetting, { type: "tcp", expect: "ready" })).toMatchObject({
      code: "L7RSP",
    });
    const flooding = await servers.serve((one) => flood(one, "x"));
    expect(await check(flooding, { type: "tcp", expect: "ready" })).toMatchObject({
      code: "L7RSP",
      text: expect.stringContaining("did not come in"),
    });
  });
});

describe("a dns check", () => {
  const dns = (change: Partial<DnsCheck> = {}): DnsCheck => ({
    type: "dns",
    query: "health.example.com",
    recordType: "A",
    rcode: "NOERROR",
    transport: "udp",
    ...change,
  });
  /** The same message as an answer with this code. */
  const answerWith = (rcode: number, query: Uint8Array) =>
    Uint8Array.from(query, (octet, at) => at === 2 ? 0x81 : at === 3 ? 0x80 | rcode : octet);

  it.each([[0, "L7OK"], [2, "L7STS"], [3, "L7STS"]])(
    "over UDP takes RCODE %d for %s",
    async (rcode, code) => {
      const port = await servers.serveUdp((query, reply) => reply(answerWith(rcode, query)));
      expect(await check(port, dns())).toMatchObject({ code });
    },
  );

  it("over UDP is not misled by other messages, garbage or none", async () => {
    const noisy = await servers.serveUdp((query, reply) => {
      reply(new Uint8Array());
      reply(new TextEncoder().encode("garbage that is no DNS message at all"));
      reply(answerWith(2, query.map((octet, at) => at === 0 ? octet ^ 1 : octet)));
      reply(answerWith(0, query));
    });
    expect(await check(noisy, dns())).toEqual({ code: "L7OK", text: "" });
    const silent = await servers.serveUdp(() => {});
    expect(await check(silent, dns())).toEqual({ code: "L7TOUT", text: "no answer in time" });
  });

  it("over UDP fails with L4CON where nobody listens", async () => {
    expect(await check(1, dns())).toMatchObject({
      code: "L4CON",
      text: expect.stringContaining("ECONNREFUSED"),
    });
  });

  it("over TCP reads an answer that comes in pieces", async () => {
    const port = await servers.serve((one) =>
      one.once("data", (bytes) => {
        const answer = answerWith(0, bytes.subarray(2));
        one.write(Uint8Array.of(answer.length >> 8, answer.length & 0xff, ...answer.slice(0, 9)));
        setTimeout(() => one.write(answer.slice(9)), 20);
      })
    );
    expect(await check(port, dns({ transport: "tcp" }))).toEqual({ code: "L7OK", text: "" });
    const closing = await servers.serve(answering(""));
    expect(await check(closing, dns({ transport: "tcp" }))).toMatchObject({ code: "L7RSP" });
  });
});

describe("an http check", () => {
  it("sends one request and passes on a status in range", async () => {
    let request = "";
    const port = await servers.serve((connection) =>
      connection.once("data", (bytes) => {
        request = bytes.toString();
        connection.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      })
    );
    expect(await check(port, { type: "http", http: HTTP })).toEqual({
      code: "L7OK",
      status: 200,
      text: "",
    });
    expect(request).toBe(
      `GET /ready HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: lintel\r\n` +
        "Accept: */*\r\nConnection: close\r\n\r\n",
    );
  });

  it.each([
    ["a wrong status", answering("HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\netcd -"), {
      code: "L7STS",
      status: 500,
      text: "etcd -",
    }],
    ["a body until the end", answering("HTTP/1.0 503 No\r\n\r\nbecause"), {
      code: "L7STS",
      status: 503,
      text: "because",
    }],
    ["garbage", answering("220 mail.example.com ESMTP\r\n"), {
      code: "L7RSP",
      text: 'not an HTTP/1 answer: "220 mail.example.com ESMTP\\r\\n"',
    }],
    ["no answer but a close", answering(""), {
      code: "L7RSP",
      text: "connection closed before an answer",
    }],
    ["half an answer", answering("HTTP/1.1 200 OK\r\nServer:"), {
      code: "L7RSP",
      text: "connection closed in the middle of the headers",
    }],
    [
      "a reset",
      (connection: Socket) => connection.once("data", () => connection.resetAndDestroy()),
      {
        code: "L7RSP",
        text: "recv: connection reset (ECONNRESET) before an answer",
      },
    ],
    ["silence", () => {}, { code: "L7TOUT", text: "no answer in time" }],
    ["a greeting before the request", (connection: Socket) => connection.write("SSH-2.0-x\r\n"), {
      code: "L7RSP",
      text: 'not an HTTP/1 answer: "SSH-2.0-x\\r\\n"',
    }],
  ])("names %s", async (_, treat, outcome) => {
    expect(await httpCheck(treat)).toEqual(outcome);
  });

  it("reads headers that come byte by byte", async () => {
    const outcome = await httpCheck((connection) => drip(connection, "HTTP/1.1 204 x\r\n\r\n", 5));
    expect(outcome).toMatchObject({ code: "L7OK", status: 204 });
  });

  it("gives up on headers that come too slowly", async () => {
    const text = `HTTP/1.1 200 OK\r\nx: ${"y".repeat(1000)}`;
    const outcome = await httpCheck((connection) => drip(connection, text, 20));
    expect(outcome.code).toBe("L7TOUT");
    expect(outcome.text).toMatch(/^headers not complete in time, \d+ bytes of them arrived$/);
  });

  it.each([
    ["an endless body after success", "HTTP/1.1 200 OK\r\n\r\n", { code: "L7OK", status: 200 }],
    ["an endless body after failure", "HTTP/1.1 404 x\r\n\r\n", { code: "L7STS", status: 404 }],
    ["endless headers", "HTTP/1.1 200 OK\r\nx: ", {
      code: "L7RSP",
      text: "headers longer than 16384 bytes",
    }],
  ])("is not held by %s", async (_, head, outcome) => {
    const startedAt = performance.now();
    expect(await httpCheck((connection) => flood(connection, head))).toMatchObject(outcome);
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS);
  });

  it("does not wait long for one server while others answer", async () => {
    const silent = await servers.serve(() => {});
    const prompt = await servers.serve(answering("HTTP/1.1 200 OK\r\n\r\n"));
    const request: CheckRequest = { type: "http", http: HTTP };
    const hanging = Array.from({ length: 50 }, () => check(silent, request));
    const startedAt = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => check(prompt, request)));
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS);
    expect(outcomes.every(({ code }) => code === "L7OK")).toBe(true);
    for (const { code } of await Promise.all(hanging)) expect(code).toBe("L7TOUT");
  });
});

describe("no check", () => {
  it("leaves a descriptor behind", async () => {
    const request: CheckRequest = { type: "http", http: HTTP };
    const ports = [1, servers.serveNobody()];
    const before = descriptors();
    for (let round = 0; round < 2; round++) {
      await Promise.all(ports.map((port) => check(port, request)));
      await Promise.all(ports.map((port) => check(port, { type: "tcp" })));
    }
    expect(descriptors()).toBe(before);
  });
});

/** Those of the process. */
function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

function drip(connection: Socket, text: string, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (connection.destroyed || at === text.length) return clearInterval(timer);
    connection.write(text.charAt(at++));
  }, everyMs);
}

function flood(connection: Socket, head: string): void {
  const more = () => {
    while (!connection.destroyed && connection.write("z".repeat(10_000)));
  };
  connection.on("drain", more);
  connection.write(head);
  more();
}
