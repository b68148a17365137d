import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { TlsCheck } from "../../src/core/plan/plan.ts";
import type { Outcome, StartProbe } from "../../src/prober/probe.ts";
import { TlsProbes } from "../../src/prober/tls_probe.ts";
import { freePort } from "../unit/free_port.ts";
import { answering, check, checkedServer, Servers } from "./prober_servers.ts";

const http = { method: "GET", path: "/readyz", host: "api.test", status: [[200, 200]] } as const;
const OK = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

const probes = new TlsProbes();
const servers = new Servers();
let folder = "";
let ca = "";

beforeAll(async () => {
  folder = await Deno.makeTempDir();
  await openssl(
    ["req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", ...NEW_KEY],
  );
  await openssl(
    ["req", "-x509", "-keyout", "other.key", "-out", "other.pem", "-subj", "/CN=x", ...NEW_KEY],
  );
  ca = await Deno.readTextFile(`${folder}/ca.pem`);
});

afterAll(async () => {
  servers.close();
  await Deno.remove(folder, { recursive: true });
});

async function openssl(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args], cwd: folder })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** A certificate of our authority, for these names. */
async function certificate(names: string, days = 1): Promise<{ cert: string; key: string }> {
  const base = crypto.randomUUID();
  await openssl([
    "req",
    "-keyout",
    `${base}.key`,
    "-out",
    `${base}.csr`,
    "-subj",
    "/CN=s",
    ...NEW_KEY,
  ]);
  await Deno.writeTextFile(`${folder}/${base}.ext`, `subjectAltName=${names}\n`);
  await openssl(
    ["x509", "-req", "-in", `${base}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
      .concat(["-out", `${base}.pem`, "-extfile", `${base}.ext`, "-days", String(days)]),
  );
  return {
    cert: await Deno.readTextFile(`${folder}/${base}.pem`),
    key: await Deno.readTextFile(`${folder}/${base}.key`),
  };
}

const start = (tls: TlsCheck): StartProbe => (server, done) =>
  probes.start(server, { http, tls }, done);

function httpsCheck(port: number, tls: TlsCheck): Promise<Outcome> {
  return check(start(tls), port, { type: "https", http, tls });
}

describe("an https check", () => {
  it.each(
    [
      ["verify none, any name", "DNS:else.test", { serverName: null, verify: "none" }],
      ["verify none, with a name", "DNS:else.test", { serverName: "api.test", verify: "none" }],
      ["the name in the certificate", "DNS:api.test", { serverName: "api.test", verify: "ca" }],
      ["the address in the certificate", "IP:127.0.0.1", { serverName: null, verify: "ca" }],
    ] as const,
  )("passes: %s", async (_, names, { serverName, verify }) => {
    const port = await servers.serveTls(await certificate(names), OK);
    const tls = { serverName, verify: verify === "ca" ? { ca } : verify };
    expect(await httpsCheck(port, tls)).toEqual({ code: "L7OK", status: 200, text: "" });
    expect(await httpsCheck(port, tls)).toEqual({ code: "L7OK", status: 200, text: "" });
  });

  it("passes with an expired certificate that nobody verifies", async () => {
    const port = await servers.serveTls(await certificate("DNS:api.test", -1), OK);
    expect(await httpsCheck(port, { serverName: null, verify: "none" })).toMatchObject({
      code: "L7OK",
    });
  });

  it.each(
    [
      ["another name", "DNS:else.test", 1, "ca", /altnames/],
      ["an address that is not in it", "IP:127.0.0.2", 1, "ca", /altnames|IP/],
      ["an expired certificate", "DNS:api.test", -1, "ca", /expired/],
      ["an authority that is not ours", "DNS:api.test", 1, "other", /unable to verify|certificate/],
      ["an authority this host does not know", "DNS:api.test", 1, "system", /verify|authorit/],
    ] as const,
  )("fails with L6RSP on %s", async (_, names, days, authority, says) => {
    const port = await servers.serveTls(await certificate(names, days), OK);
    const serverName = names.startsWith("DNS") ? "api.test" : null;
    const verify = authority === "system"
      ? authority
      : { ca: await Deno.readTextFile(`${folder}/${authority}.pem`) };
    const outcome = await httpsCheck(port, { serverName, verify });
    expect(outcome).toEqual({ code: "L6RSP", text: expect.stringMatching(says) });
  });

  it.each(
    [
      ["plain HTTP", "L6RSP", (one: Socket) => one.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
      ["garbage", "L6RSP", (one: Socket) => one.write("220 mail.example.com ESMTP\r\n")],
      ["a close", "L6RSP", (one: Socket) => one.end()],
      ["a reset", "L6RSP", (one: Socket) => one.once("data", () => one.resetAndDestroy())],
      ["silence", "L6TOUT", () => {}],
    ] as const,
  )("meets %s instead of a handshake: %s", async (_, code, treat) => {
    const port = await servers.serve(treat);
    const outcome = await httpsCheck(port, { serverName: null, verify: "none" });
    expect(outcome.code).toBe(code);
    expect(outcome.text).not.toBe("");
  });

  it.each(
    [
      ["a wrong status", answering("HTTP/1.1 500 No\r\n\r\n[-]etcd failed"), {
        code: "L7STS",
        status: 500,
        text: "[-]etcd failed",
      }],
      ["a close", (one: Socket) => one.once("data", () => one.end()), {
        code: "L7RSP",
        text: "connection closed before an answer",
      }],
      ["silence", () => {}, { code: "L7TOUT", text: "no answer in time" }],
      ["garbage", answering("nonsense"), {
        code: "L7RSP",
        text: 'not an HTTP/1 answer: "nonsense"',
      }],
    ] as const,
  )("meets %s inside TLS", async (_, treat, outcome) => {
    const port = await servers.serveTls(await certificate("DNS:api.test"), treat);
    expect(await httpsCheck(port, { serverName: null, verify: "none" })).toEqual(outcome);
  });

  it("fails with L4CON where nobody listens, L4TOUT where nobody answers", async () => {
    const tls: TlsCheck = { serverName: null, verify: "none" };
    expect(await httpsCheck(1, tls)).toMatchObject({ code: "L4CON" });
    expect(await httpsCheck(servers.serveNobody(), tls)).toMatchObject({ code: "L4TOUT" });
  });
});

describe("a connection", () => {
  const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  it("serves one https check after another", async () => {
    const server = await countingServer(ANSWER);
    for (let round = 0; round < 3; round++) expect(await server.check()).toBe("L7OK");
    expect(server.seen).toEqual({ connections: 1, requests: 3 });
  });

  it("serves no check after one that failed", async () => {
    const server = await countingServer(ANSWER.replace("200", "503"));
    for (let round = 0; round < 2; round++) expect(await server.check()).toBe("L7STS");
    expect(server.seen).toEqual({ connections: 2, requests: 2 });
  });

  it("that the server closes at the next request is replaced within that check", async () => {
    const server = await countingServer(ANSWER, { requests: 1 });
    for (let round = 0; round < 3; round++) expect(await server.check()).toBe("L7OK");
    expect(server.seen.connections).toBe(3);
  });

  it("that the server closes between two checks is replaced by the next", async () => {
    const server = await countingServer(ANSWER);
    await server.check();
    server.hangUp();
    await delay(50);
    expect(await server.check()).toBe("L7OK");
    expect(server.seen).toEqual({ connections: 2, requests: 2 });
  });

  it("is closed where there is no next check for now", async () => {
    const server = await countingServer(ANSWER);
    await server.check();
    server.forget();
    await eventually("the connection is closed", () => server.open() === 0);
    expect(await server.check()).toBe("L7OK");
    expect(server.seen).toEqual({ connections: 2, requests: 2 });
  });

  it("is not kept where the next check comes too late for it", async () => {
    const server = await countingServer(ANSWER, { intervalMs: 10_000 });
    await server.check();
    await eventually("the connection is closed", () => server.open() === 0);
  });

  it("serves for ten seconds, so that certificates are looked at again", async () => {
    const server = await countingServer(ANSWER);
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      await server.check();
      vi.advanceTimersByTime(10_000);
      await server.check();
    } finally {
      vi.useRealTimers();
    }
    expect(server.seen).toEqual({ connections: 2, requests: 2 });
  });
});

describe("a tls check", () => {
  const any: TlsCheck = { serverName: null, verify: "none" };
  const tlsCheck = (port: number, tls: TlsCheck) =>
    check((server, done) => probes.start(server, { tls }, done), port, { type: "tls", tls });

  it("passes on a handshake alone, and speaks not a word inside", async () => {
    let heard = 0;
    const port = await servers.serveTls(await certificate("DNS:api.test"), (one) => {
      one.on("data", () => heard++);
    });
    for (const tls of [any, { serverName: "api.test", verify: { ca } }]) {
      expect(await tlsCheck(port, tls)).toEqual({ code: "L6OK", text: "" });
    }
    expect(heard).toBe(0);
  });

  it("resumes the session of the check before, if nothing is verified", async () => {
    await using server = await opensslServer();
    const own = new TlsProbes();
    const checked = checkedServer(server.port, { request: { type: "tls", tls: any } });
    // Its tickets come after the verdict, and what it says of a connection comes later still.
    await eventually("a session is resumed", async () => {
      const { code } = await new Promise<Outcome>((done) => own.start(checked, { tls: any }, done));
      expect(code).toBe("L6OK");
      return server.said("Reused session-id");
    }, { everyMs: 100 });
  });

  it("fails with the handshake", async () => {
    const port = await servers.serveTls(await certificate("DNS:else.test"), () => {});
    expect(await tlsCheck(port, { serverName: "api.test", verify: { ca } })).toMatchObject({
      code: "L6RSP",
    });
    expect(await tlsCheck(await servers.serve((one) => one.write("220 x\r\n")), any))
      .toMatchObject({ code: "L6RSP" });
    expect(await tlsCheck(await servers.serve(() => {}), any)).toMatchObject({ code: "L6TOUT" });
    expect(await tlsCheck(1, any)).toMatchObject({ code: "L4CON" });
  });
});

describe("a check that shows who we are", () => {
  it("is let in with a client certificate, and not without", async () => {
    const port = await servers.serveTls(
      { ...await certificate("DNS:api.test"), requestCert: true, rejectUnauthorized: true, ca },
      OK,
    );
    const client = await certificate("DNS:lintel.test");
    const shown = { certificate: client.cert, key: client.key };
    const tls: TlsCheck = { serverName: null, verify: "none" };
    expect(await httpsCheck(port, { ...tls, client: shown })).toMatchObject({ code: "L7OK" });
    expect((await httpsCheck(port, tls)).code).not.toBe("L7OK");
  });

  it("sends a bearer token", async () => {
    let request = "";
    const port = await servers.serveTls(
      await certificate("DNS:api.test"),
      (one) =>
        one.once("data", (bytes) => {
          request = `${bytes}`;
          one.end("HTTP/1.1 200 OK\r\n\r\n");
        }),
    );
    const tls: TlsCheck = { serverName: null, verify: "none" };
    const withToken = { ...http, token: "s3cret" };
    const bearing: StartProbe = (server, done) =>
      probes.start(server, { http: withToken, tls }, done);
    expect(await check(bearing, port, { type: "https", http: withToken, tls }))
      .toMatchObject({ code: "L7OK" });
    expect(request).toContain("\r\nAuthorization: Bearer s3cret\r\n");
  });
});

/** Counts what comes, and hangs up instead of answering more `requests` than these at a time. */
async function countingServer(answer: string, { requests = Infinity, intervalMs = 1_000 } = {}) {
  const seen = { connections: 0, requests: 0 };
  const sockets: Socket[] = [];
  const port = await servers.serveTls(await certificate("DNS:api.test"), (one) => {
    seen.connections++;
    sockets.push(one);
    let rest = requests;
    one.on("data", () => {
      if (rest-- === 0) return void one.destroy();
      seen.requests++;
      one.write(answer);
    });
  });
  const tls: TlsCheck = { serverName: "api.test", verify: { ca } };
  const checked = checkedServer(port, { intervalMs, request: { type: "https", http, tls } });
  const own = new TlsProbes();
  return {
    seen,
    open: () => sockets.filter((one) => !one.destroyed).length,
    forget: () => own.forget(checked),
    hangUp: () => sockets.forEach((one) => one.end()),
    check: async () =>
      (await new Promise<Outcome>((done) => own.start(checked, { http, tls }, done))).code,
  };
}

/** OpenSSL's own server, which says on its standard output what each connection was like. */
async function opensslServer() {
  const { cert, key } = await certificate("DNS:api.test");
  await Deno.writeTextFile(`${folder}/server.pem`, cert + key);
  const port = freePort();
  const child = new Deno.Command("openssl", {
    args: ["s_server", "-accept", String(port), "-cert", `${folder}/server.pem`],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let output = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) output += text;
  })();
  await eventually("openssl listens", () => output.includes("ACCEPT"));
  return {
    port,
    said: (text: string) => output.includes(text),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Promise.all([reading, child.stdin.close().catch(() => {})]);
    },
  };
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"];
