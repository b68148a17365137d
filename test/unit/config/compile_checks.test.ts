import { describe, expect, it } from "vitest";
import { planOf, problemsOf } from "./source.ts";

describe("check", () => {
  it("defaults to tcp every 2s", () => {
    expect(backend("retries: 1")?.check).toEqual({
      intervalMs: 2000,
      fastIntervalMs: 2000,
      downIntervalMs: 2000,
      timeoutMs: 2000,
      rise: 2,
      fall: 3,
      address: null,
      port: null,
      request: { type: "tcp" },
      passive: { errorLimit: 10, action: "fail-check" },
    });
  });

  it.each([
    ["", [[200, 399]]],
    ["status: 200", [[200, 200]]],
    ['status: "200-299"', [[200, 299]]],
    ["status: [200, 429, 500-502]", [[200, 200], [429, 429], [500, 502]]],
  ])("over http with %j accepts %j", (status, ranges) => {
    expect(backend(`check: { type: http, ${status} }`)?.check?.request).toMatchObject({
      http: { method: "GET", path: "/", host: null, status: ranges },
    });
  });

  it.each([
    ["", { type: "tcp" }],
    ['send: "PING\\r\\n", expect: +PONG', { type: "tcp", send: "PING\r\n", expect: "+PONG" }],
    ["type: tls, verify: none", { type: "tls", tls: { serverName: null, verify: "none" } }],
    ["type: dns, query: a.example", {
      type: "dns",
      query: "a.example",
      recordType: "A",
      rcode: "NOERROR",
      transport: "udp",
    }],
    ["type: dns, query: ., recordType: SOA, rcode: REFUSED, transport: tcp", {
      type: "dns",
      query: ".",
      recordType: "SOA",
      rcode: "REFUSED",
      transport: "tcp",
    }],
    ["type: script, command: [/usr/bin/check, -v]", {
      type: "script",
      command: ["/usr/bin/check", "-v"],
    }],
  ])("asks what { %s } says", (keys, request) => {
    expect(backend(`check: { ${keys} }`)?.check?.request).toEqual(request);
  });

  it("shows a client certificate and a token where it is told to", () => {
    const keys = "verify: none, certificate: /ca.pem, key: /key.pem";
    expect(backend(`check: { type: https, ${keys}, token: file:/token }`)?.check?.request)
      .toMatchObject({
        http: { token: "s3cret" },
        tls: { client: { certificate: PEM, key: KEY } },
      });
    expect(backend(`check: { type: https, ${keys}, token: plain }`)?.check?.request)
      .toMatchObject({ http: { token: "plain" } });
  });

  it.each([
    ["verify: none", "none"],
    ["ca: system", "system"],
    ["ca: /ca.pem", { ca: PEM }],
  ])("over https with %s", (key, verify) => {
    const text = `check: { type: https, ${key}, serverName: a.example }`;
    expect(backend(text)?.check?.request).toMatchObject({
      type: "https",
      tls: { serverName: "a.example", verify },
    });
  });

  it.each([
    ["type: https", "check: https takes exactly one of ca: FILE, ca: system and verify: none"],
    ["type: https, ca: system, verify: none", "found both"],
    ["type: https, ca: /other", "check.ca: cannot read /other: no such file"],
    ["type: https, ca: /empty", "check.ca: /empty holds no certificate"],
    ["path: /", "path is a key of http and https checks, and this one is tcp"],
    ["type: http, serverName: a", "serverName is a key of tls and https checks, and this one is"],
    ["type: https, verify: none, serverName: 10.0.0.1", "a host name; for an address leave it out"],
    ["type: http, status: 300-200", "the lower status first"],
    ["type: http, path: healthz", "a path that starts with /"],
    ["type: http, host: 'a b'", "a Host header without blanks"],
    ["type: dns", "missing the key query"],
    ["type: dns, query: a..b", "a domain name"],
    ["type: dns, query: a, rcode: OK", 'found "OK"; allowed: NOERROR, FORMERR'],
    ["type: script", "missing the key command"],
    ["type: script, command: [check]", "a program by its absolute path"],
    ["type: script, command: [/check], query: a", "query is a key of dns checks"],
    ["type: tls", "tls takes exactly one of ca: FILE, ca: system and verify: none"],
    ["type: http, send: x", "send is a key of tcp checks, and this one is http"],
    ['expect: ""', "text of up to 1024 characters"],
    ["type: http, token: x", "token is a key of https checks"],
    ["type: https, verify: none, token: file:/none", "cannot read /none"],
    ["type: https, verify: none, token: 'a b'", "no header can carry"],
    ["type: https, verify: none, key: /key.pem", "key needs the file of its certificate too"],
    ["type: https, verify: none, certificate: /ca.pem", "certificate needs the file of its key"],
    ["type: tls, verify: none, certificate: /ca.pem, key: /ca.pem", "/ca.pem holds no private key"],
  ])("{ %s } is refused", (keys, words) => {
    const found = problems(`check: { ${keys} }`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(words);
  });

  it("is not blamed for keys of a type that was itself refused", () => {
    expect(problems("check: { type: udp, verify: none }")).toHaveLength(1);
  });
});

function backend(keys: string) {
  return planOf(`backends:\n  web:\n    ${keys}\n`, { readFile }).backends[0];
}

function problems(keys: string): string[] {
  return problemsOf(`backends:\n  web:\n    ${keys}\n`, { readFile });
}

function readFile(path: string): string {
  if (path === "/ca.pem") return PEM;
  if (path === "/key.pem") return KEY;
  if (path === "/token") return "s3cret\n";
  if (path === "/empty") return "";
  throw new Error("no such file");
}

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n";
