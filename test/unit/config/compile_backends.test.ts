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
    expect(
      problems("check: { type: script, command: [/check] }\n    servers: { a: 10.0.0.1 }"),
    ).toEqual([]);
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

describe("passive", () => {
  it.each([
    ["retries: 1", { errorLimit: 10, action: "fail-check" }],
    ["passive: { errorLimit: 3 }", { errorLimit: 3, action: "fail-check" }],
    ["passive: { action: mark-down }", { errorLimit: 10, action: "mark-down" }],
    ["passive: none", null],
  ])("%s", (keys, passive) => expect(backend(keys)?.check?.passive).toEqual(passive));

  it.each([
    ["passive: { errorLimit: 0 }", "a whole number from 1"],
    ["passive: { action: down }", "fail-check, fast-interval, sudden-death, mark-down"],
    ["check: none\n    passive: { errorLimit: 3 }", "passive feeds a check, and there is none"],
  ])("%s is refused", (keys, words) => {
    expect(problems(keys)).toEqual([expect.stringContaining(words)]);
  });

  it("asks for no check by default", () => expect(problems("check: none")).toEqual([]));
});

describe("what becomes of servers that go and come", () => {
  it("is nothing by default", () => {
    expect(backend("retries: 1")).toMatchObject({
      onMarkedDown: "keep-connections",
      slowStartMs: null,
    });
  });

  it("is what the file says", () => {
    expect(backend("onMarkedDown: shutdown-connections\n    slowStart: 30s")).toMatchObject({
      onMarkedDown: "shutdown-connections",
      slowStartMs: 30_000,
    });
  });
});

describe("keepalive", () => {
  it.each(["idle: 1500ms", "interval: 10h", "idle: 10ms"])("{ %s } is refused", (key) => {
    expect(problems(`keepalive: { ${key} }`)).toHaveLength(1);
  });
});

function backend(keys: string) {
  return planOf(`backends:\n  web:\n    ${keys}\n`).backends[0];
}

function problems(keys: string): string[] {
  return problemsOf(`backends:\n  web:\n    ${keys}\n`);
}
