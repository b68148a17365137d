import { describe, expect, it } from "vitest";
import { planOf, problemsOf } from "./source.ts";

describe("servers", () => {
  it("are an address with or without a port", () => {
    const text = `check: none
    serverDefaults: { weight: 5 }
    servers:
      a: 10.0.0.1
      b: "[fd00::1]:80"
      c: { address: 10.0.0.3:8, weight: 256, state: drain }`;
    expect(backend(text)?.servers).toMatchObject([
      { name: "a", address: "10.0.0.1", family: 4, port: null, weight: 5, state: "ready" },
      { name: "b", address: "fd00::1", family: 6, port: 80, weight: 5, state: "ready" },
      { name: "c", address: "10.0.0.3", family: 4, port: 8, weight: 256, state: "drain" },
    ]);
  });

  it("are sent PROXY headers as the backend says, or as they say themselves", () => {
    const text = `proxyProtocol: v2
    check: none
    servers:
      a: 10.0.0.1
      b: { address: 10.0.0.2, proxyProtocol: v1 }
      c: { address: 10.0.0.3, proxyProtocol: none }`;
    expect(backend(text)?.servers.map((one) => one.proxyProtocol)).toEqual(["v2", "v1", null]);
    expect(backend("servers: { a: 10.0.0.1:80 }")?.servers[0]?.proxyProtocol).toBe(null);
  });

  it.each([
    ["proxyProtocol: v1", "web.proxyProtocol: a kube-apiserver does not speak the PROXY protocol"],
    [
      "servers: { a: { address: 10.0.0.1:1, proxyProtocol: v2 } }",
      "web.servers.a.proxyProtocol: a",
    ],
  ])("of a kube-apiserver are sent none: %s is refused", (keys, words) => {
    expect(problems(`profile: kube-apiserver\n    ${keys}`)[0]).toContain(words);
  });

  it.each([
    ["www.example.com:80", "is a host name, which is not supported until discovery exists"],
    ["localhost", "is a host name"],
    ["10.0.0.1:0", "a port from 1 to 65535"],
    ["10.0.0.256:80", "allowed: ADDRESS or ADDRESS:PORT"],
    ["fd00::1:65536", 'stands in brackets: "[ADDRESS]:PORT"'],
    ["0.0.0.0:80", "the address of one host"],
    ["239.0.0.1:80", "the address of one host"],
  ])("%s is refused", (address, words) => {
    expect(problems(`servers: { a: "${address}" }`).join("\n")).toContain(words);
  });

  it("without a port need check.port, or no check", () => {
    expect(problems("servers: { a: 10.0.0.1 }")[0]).toContain('write "10.0.0.1:PORT"');
    expect(problems("check: { port: 80 }\n    servers: { a: 10.0.0.1 }")).toEqual([]);
    expect(problems("check: none\n    servers: { a: 10.0.0.1 }")).toEqual([]);
  });
});

describe("udp", () => {
  it("is 30s of silence and 65536 sessions where nothing else is said", () => {
    expect(backend("retries: 1")?.udp)
      .toEqual({ idleTimeoutMs: 30_000, replies: null, maxSessions: 65_536 });
    expect(backend("udp: { idle: 250ms, replies: 1, maxSessions: 10 }")?.udp)
      .toEqual({ idleTimeoutMs: 250, replies: 1, maxSessions: 10 });
  });

  it.each([["idle: 0s"], ["replies: 0"], ["maxSessions: 0"], ["maxSessions: 2000000"]])(
    "with %s is refused",
    (key) => expect(problems(`udp: { ${key} }`)).toHaveLength(1),
  );
});

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
    ["type: http, serverName: a", "serverName is a key of https checks, and this one is http"],
    ["type: https, verify: none, serverName: 10.0.0.1", "a host name; for an address leave it out"],
    ["type: http, status: 300-200", "the lower status first"],
    ["type: http, path: healthz", "a path that starts with /"],
    ["type: http, host: 'a b'", "a Host header without blanks"],
    ["type: dns", "is not supported yet"],
    ["type: tcp, send: x", "check.send: not supported yet"],
  ])("{ %s } is refused", (keys, words) => {
    const found = problems(`check: { ${keys} }`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(words);
  });

  it("is not blamed for keys of a type that was itself refused", () => {
    expect(problems("check: { type: dns, verify: none }")).toHaveLength(1);
  });
});

describe("keepalive", () => {
  it.each(["idle: 1500ms", "interval: 10h", "idle: 10ms"])("{ %s } is refused", (key) => {
    expect(problems(`keepalive: { ${key} }`)).toHaveLength(1);
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
  if (path === "/empty") return "";
  throw new Error("no such file");
}

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
