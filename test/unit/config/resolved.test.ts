import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { resolvedConfig } from "../../../src/config/load.ts";
import { planOf, source } from "./source.ts";

describe("resolvedText", () => {
  it("fills in every default and merges overrides and profiles", () => {
    const text = `nodes:
  lb1: { addresses: [10.0.0.2], overrides: { log: { level: debug } } }
backends:
  masters: { profile: kube-apiserver, servers: { one: 10.0.0.4:6443 } }
`;
    expect(parse(resolve(text, LB1))).toMatchObject({
      nodes: { lb1: { addresses: ["10.0.0.2"], priority: 100 } },
      log: { level: "debug", format: "text" },
      backends: {
        masters: {
          check: {
            type: "https",
            path: "/readyz",
            timeout: "3s",
            downInterval: "3s",
            method: "GET",
          },
          timeouts: { connect: "5s", idle: "24h" },
          servers: { one: { address: "10.0.0.4:6443", weight: 100, state: "ready" } },
        },
      },
    });
    expect(resolve(text, LB1)).not.toContain("overrides");
  });

  it("gives the same plan again for every example", () => {
    for (const name of ["kube-apiserver", "single-node", "two-nodes-tcp", "dual-stack"]) {
      const file = new URL(`../../../config/${name}.yaml`, import.meta.url);
      const text = Deno.readTextFileSync(file);
      const env = { LINTEL_NODE: text.includes("lb1") ? "lb1" : "" };
      const again = planOf(resolve(text, env), { env });
      expect({ ...again, hash: "" }).toEqual({ ...planOf(text, { env }), hash: "" });
    }
  });

  it("leaves out what does not apply to UDP where nothing else comes", () => {
    const text = `frontends:
  dns: { listen: "*:53/udp", backend: dns }
  both: { listen: ["*:54", "*:54/udp"], backend: both }
backends:
  dns: { check: none, servers: { one: 10.0.0.4:53 } }
  both: { check: none, servers: { one: 10.0.0.4:53 } }
`;
    const resolved = resolve(text);
    const { frontends, backends } = parse(resolved);
    expect(frontends.dns).not.toHaveProperty("clientSpeaksFirst");
    expect(frontends.both).toMatchObject({ timeouts: { clientHello: "5s" }, routes: [] });
    expect(backends.dns.timeouts).toEqual({ idle: "1h", queue: "5s" });
    expect(backends.both).toMatchObject({ retries: 3, timeouts: { connect: "5s" } });
    expect({ ...planOf(resolved), hash: "" }).toEqual({ ...planOf(text), hash: "" });
  });

  it("gives the same plan again for every kind of check", () => {
    const checks = [
      "none",
      '{ send: "PING\\r\\n", expect: +PONG }',
      "{ type: http, port: 80, status: [200, 429] }",
      "{ type: https, verify: none, token: file:/token }",
      "{ type: tls, ca: system, serverName: a.example }",
      "{ type: dns, query: a.example, rcode: REFUSED, transport: tcp }",
      '{ type: script, command: [/bin/check, "a b"] }',
    ];
    const backends = checks.map((check, at) => `  b${at}: { check: ${check}, servers: {} }`);
    const text = `backends:\n${backends.join("\n")}\n`;
    const readFile = () => "s3cret";
    const again = resolvedConfig(text, source({ readFile }));
    if (!("text" in again)) throw new Error(again.problems.map(({ message }) => message).join());
    expect(again.text).not.toContain("s3cret");
    const { backends: plans } = planOf(again.text, { readFile });
    expect(plans).toEqual(planOf(text, { readFile }).backends);
  });

  it("does not print a token that stands in the file", () => {
    const text = "backends:\n  web: { check: { type: https, verify: none, token: s3cret } }\n";
    expect(parse(resolve(text)).backends.web.check.token).toBe("(not shown)");
  });

  it("says in full what the profile of kube-apiserver means", () => {
    const { masters } = parse(resolve(`backends:
  masters: { profile: kube-apiserver, servers: { one: 10.0.0.4:6443 } }
`)).backends;
    expect(masters).toMatchObject({
      balance: "leastconn",
      check: {
        ...{ type: "https", method: "GET", path: "/readyz", status: 200, verify: "none" },
        ...{ interval: "3s", timeout: "3s", fastInterval: "1s", downInterval: "3s" },
        ...{ rise: 2, fall: 2 },
      },
      passive: { errorLimit: 10, action: "fail-check" },
      timeouts: { idle: "24h" },
      onMarkedDown: "shutdown-connections",
      slowStart: "30s",
    });
  });

  it("prints what a virtual router has by default", () => {
    const text = `virtualRouters:
  web: { vrid: 1, version: 2, interface: eth0, addresses: [10.0.0.1], track: { hold: -5 } }
trackers: { hold: { type: script, command: [/bin/hold] } }
syncGroups: { all: [web] }
`;
    const resolved = parse(resolve(text));
    expect(Object.keys(resolved)).toEqual([
      ...["log", "stateDirectory", "watch", "workers", "engine", "maxConnections", "stopTimeout"],
      ...["admin", "trackers", "virtualRouters", "syncGroups", "frontends", "backends"],
    ]);
    expect(resolved.trackers.hold).toMatchObject({ interval: "1s", timeout: "1s", rise: 1 });
    expect(resolved.virtualRouters.web).toMatchObject({
      excludedAddresses: [],
      preemptDelay: "0s",
      track: { dataplane: "auto", hold: -5 },
      announce: { repeat: 5, delay: "5s", refresh: "10s", refreshRepeat: 1 },
      existingAddress: "remove",
      virtualMac: false,
    });
    expect(resolved.virtualRouters.web).not.toHaveProperty("authentication");
  });

  it("prints references to secrets, never secrets", () => {
    const text = `admin:
  tokens:
    - { name: a, role: admin, secret: swordfish }
    - { name: b, role: admin, secret: file:/token }
    - { name: c, role: admin, secret: "\${TOKEN}" }
`;
    const password = (written: string) => {
      const keys = `version: 2, interface: eth0, authentication: { password: ${written} }`;
      const routers = `virtualRouters: { web: { vrid: 1, addresses: [10.0.0.1], ${keys} } }`;
      return parse(resolve(routers)).virtualRouters.web.authentication.password;
    };
    expect(password("swordfish")).toBe("(not shown)");
    expect(password("file:/password")).toBe("file:/password");
    const hooked = `virtualRouters: { web: { vrid: 1, interface: eth0, addresses: [10.0.0.1],
  notify: { webhook: "https://hooks.example.com/swordfish" } } }`;
    expect(parse(resolve(hooked)).virtualRouters.web.notify.webhook).toBe("(not shown)");
    const resolved = resolve(text, { TOKEN: "swordfish" });
    expect(resolved).not.toContain("swordfish");
    expect(parse(resolved).admin.tokens.map(({ secret }: { secret: string }) => secret)).toEqual([
      "(not shown)",
      "file:/token",
      "${TOKEN}",
    ]);
  });
});

function resolve(text: string, env: Record<string, string> = {}): string {
  const resolved = resolvedConfig(text, source({ env, readFile: () => "x" }));
  if (!("text" in resolved)) throw new Error(JSON.stringify(resolved.problems));
  return resolved.text;
}

const LB1 = { LINTEL_NODE: "lb1" };
