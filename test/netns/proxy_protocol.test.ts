/**
 * PROXY headers with those who speak them: nginx is sent them, HAProxy sends them and is sent them,
 * curl forges one.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { connects } from "./connects.ts";
import { Nginx, selfSigned } from "./nginx.ts";
import { Lintel, product } from "./product.ts";

/** What nginx knows by a header: who asks, and whom they asked. */
const TOLD = `
  server {
    listen 8080 proxy_protocol;
    listen [::]:8080 proxy_protocol;
    return 200 "$proxy_protocol_addr > $proxy_protocol_server_addr:$proxy_protocol_server_port\\n";
  }
  server {
    listen 8443 ssl proxy_protocol;
    ssl_certificate DIRECTORY/cert.pem;
    ssl_certificate_key DIRECTORY/key.pem;
    return 200 "well\\n";
  }`;

/** It sends headers to us on ports 81 and 82, and is sent them on 91. */
const HAPROXY = `
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
listen sends-v1
  bind 172.16.0.3:81
  bind [fd00::3]:81
  server lintel 172.16.0.2:90 send-proxy
listen sends-v2
  bind 172.16.0.3:82
  bind [fd00::3]:82
  server lintel 172.16.0.2:90 send-proxy-v2
frontend receives
  bind 172.16.0.3:91 accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] > %[dst]:%[dst_port]"
`;

const LINTEL = `
frontends:
  v1: { listen: "*:81", backend: v1 }
  v2: { listen: "*:82", backend: v2 }
  haproxy-v1: { listen: "*:83", backend: haproxy-v1 }
  haproxy-v2: { listen: "*:84", backend: haproxy-v2 }
  trusting: { listen: "*:90", backend: v2, proxyProtocol: { from: [172.16.0.3, "fd00::3"] } }
backends:
  v1: { proxyProtocol: v1, check: none, servers: { web: "172.16.0.21:8080" } }
  v2: { proxyProtocol: v2, check: none, servers: { web: "172.16.0.21:8080" } }
  haproxy-v1: { proxyProtocol: v1, check: none, servers: { edge: "172.16.0.3:91" } }
  haproxy-v2:
    check: none
    servers: { edge: { address: "172.16.0.3:91", proxyProtocol: v2 } }
  checked:
    proxyProtocol: v2
    check: { type: http, interval: 200ms, timeout: 5s }
    servers:
      v1: { address: "172.16.0.21:8080", proxyProtocol: v1 }
      v2: "172.16.0.21:8080"
      not-told: { address: "172.16.0.21:8080", proxyProtocol: none }
  checked-tls:
    proxyProtocol: v2
    check: { type: https, verify: none, interval: 200ms, timeout: 5s }
    servers:
      v1: { address: "172.16.0.21:8443", proxyProtocol: v1 }
      v2: "172.16.0.21:8443"
      not-told: { address: "172.16.0.21:8443", proxyProtocol: none }
  checked-elsewhere:
    proxyProtocol: v2
    check: { type: http, port: 80, interval: 200ms, timeout: 5s }
    servers: { web: "172.16.0.21:8080" }
`;

let lab: Lab;
let client: Host;
let edge: Host;
let lintel: Lintel;

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24", "fd00::100/64"] });
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24", "fd00::2/64"] });
  edge = lab.host("edge", { addresses: ["172.16.0.3/24", "fd00::3/64"] });
  const web = lab.host("web", { addresses: ["172.16.0.21/24"] });
  await selfSigned(web);
  await Nginx.start(web, { further: TOLD });
  const haproxy = edge.spawn(["haproxy", "-db", "-f", edge.write("haproxy.cfg", HAPROXY)]);
  lintel = new Lintel(balancer, command, LINTEL);
  await lintel.ready();
  await eventually("HAProxy listens", () => {
    if (haproxy.ended) throw new Error(haproxy.output);
    return connects(edge, "172.16.0.3", 91);
  });
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("a server", () => {
  it.each([
    ["nginx, by version 1", "172.16.0.2:81", "172.16.0.100 > 172.16.0.2:81"],
    ["nginx, by version 2", "172.16.0.2:82", "172.16.0.100 > 172.16.0.2:82"],
    ["nginx over IPv6, by version 1", "[fd00::2]:81", "fd00::100 > fd00::2:81"],
    ["nginx over IPv6, by version 2", "[fd00::2]:82", "fd00::100 > fd00::2:82"],
    ["HAProxy, by version 1", "172.16.0.2:83", "172.16.0.100 > 172.16.0.2:83"],
    ["HAProxy, by version 2", "172.16.0.2:84", "172.16.0.100 > 172.16.0.2:84"],
    ["HAProxy over IPv6, by version 1", "[fd00::2]:83", "fd00::100 > fd00::2:83"],
    ["HAProxy over IPv6, by version 2", "[fd00::2]:84", "fd00::100 > fd00::2:84"],
  ])("is told of its client: %s", async (_, address, answer) => {
    expect(normal(await curl(client, `http://${address}/`))).toBe(answer);
  });
});

describe("a check", () => {
  it.each(["checked", "checked-tls"])(
    "of %s begins with a header where clients do",
    async (name) => {
      const states = async () => {
        const { servers } = await lintel.backend(name);
        return Object.fromEntries(servers.map((one) => [one.name, one.health.state]));
      };
      await eventually(
        "all are checked",
        async () => !Object.values(await states()).includes("unchecked"),
      );
      expect(await states()).toEqual({ v1: "up", v2: "up", "not-told": "down" });
    },
  );

  it("of another port does not", async () => {
    const isUp = async () => await lintel.health("checked-elsewhere", "web") === "up";
    await eventually("it is up", isUp);
  });
});

describe("a header of HAProxy", () => {
  it.each([
    ["version 1", "172.16.0.3:81", "172.16.0.100 > 172.16.0.3:81"],
    ["version 2", "172.16.0.3:82", "172.16.0.100 > 172.16.0.3:82"],
    ["version 1 of an IPv6 client", "[fd00::3]:81", "fd00::100 > fd00::3:81"],
    ["version 2 of an IPv6 client", "[fd00::3]:82", "fd00::100 > fd00::3:82"],
  ])("is believed and handed on: %s", async (_, address, answer) => {
    expect(normal(await curl(client, `http://${address}/`))).toBe(answer);
  });

  it("is required of HAProxy's host", async () => {
    const before = await denied("trusting");
    expect(await curl(edge, "http://172.16.0.2:90/")).toMatch(/^curl: \(5[256]\)/);
    expect(await denied("trusting")).toEqual({ ...before, proxyHeader: before.proxyHeader! + 1 });
  });
});

describe("somebody else", () => {
  it("needs no header", async () => {
    expect(await curl(client, "http://172.16.0.2:90/")).toBe("172.16.0.100 > 172.16.0.2:90");
  });

  it("forges none", async () => {
    const before = await denied("trusting");
    const answer = await curl(client, "--haproxy-protocol", "http://172.16.0.2:90/");
    expect(answer).toMatch(/^curl: \(5[256]\)/);
    expect(await denied("trusting")).toEqual({ ...before, proxyHeader: before.proxyHeader! + 1 });
    const metrics = await (await lintel.ask("GET", "/metrics")).text();
    expect(metrics).toMatch(
      /^lintel_\S+denied_\S+reason="proxyHeader",frontend="trusting"} [1-9]/m,
    );
  });
});

/** The body of the answer, or what curl complains of. */
async function curl(host: Host, ...args: readonly string[]): Promise<string> {
  const { output } = await host.try(["curl", "-sS", "--max-time", "10", "--globoff", ...args]);
  return output.trim();
}

/** nginx passes on the text of version 1, whose IPv6 addresses are not compressed. */
function normal(answer: string): string {
  return answer.replace("fd00:0:0:0:0:0:0:", "fd00::").replace("fd00:0:0:0:0:0:0:", "fd00::");
}

/** What a frontend has denied, by reason. */
async function denied(name: string): Promise<Readonly<Record<string, number>>> {
  const frontend = await lintel.json("GET", `/v1/frontends/${name}`);
  return (frontend as { denied: Record<string, number> }).denied;
}
