import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { problemsOf, source } from "./source.ts";

describe("a frontend that listens on UDP alone", () => {
  it.each([
    ["routes: [{ sni: [a.example.com], backend: dns }]", "frontends.dns.routes: routes does not"],
    ["clientSpeaksFirst: true", "clientSpeaksFirst does not apply to UDP"],
    ["proxyProtocol: { from: [10.0.0.0/8] }", "proxyProtocol does not apply to UDP"],
    ["timeouts: { clientHello: 1s }", "timeouts.clientHello does not apply to UDP"],
  ])("has no %s", (key, words) => {
    expect(problemsOf(file(`"*:53/udp"`, key))).toEqual([expect.stringContaining(words)]);
    expect(problemsOf(file(`["*:53/udp", "*:53"]`, key))).toEqual([]);
  });

  it("takes what applies to datagrams too", () => {
    expect(problemsOf(file(`["*:53/udp", "10.0.0.1:5353-5355/udp"]`, "required: false")))
      .toEqual([]);
  });
});

describe("a frontend that listens on both", () => {
  it("needs a backend for datagrams, which have no server name", () => {
    const text = `
frontends:
  dns:
    listen: ["*:853", "*:853/udp"]
    routes: [{ sni: [a.example.com], backend: dns }]
backends: { dns: {} }
`;
    expect(problemsOf(text)).toEqual([
      expect.stringContaining("frontends.dns: datagrams carry no server name to route by"),
    ]);
  });
});

describe("a backend that only datagrams come to", () => {
  it.each(["timeouts: { connect: 1s }", "timeouts: { halfClosed: 1s }", "retries: 1"])(
    "has no %s",
    (key) => {
      const only = file('"*:53/udp"', "required: true").replace("{}", `{ ${key} }`);
      expect(problemsOf(only)).toEqual([
        expect.stringMatching(/^backends\.dns\.[\w.]+: [\w.]+ does not apply to UDP, and noth/),
      ]);
      expect(problemsOf(only.replace('"*:53/udp"', '["*:53/udp", "*:53"]'))).toEqual([]);
    },
  );
});

describe("a backend that only connections come to", () => {
  const warningsOf = (text: string) =>
    loadConfig(text, source()).warnings.map(({ path, message }) => `${path}: ${message}`);

  it("has no use for what sessions are told, which is a warning", () => {
    const only = file('"*:53"', "required: true").replace("{}", "{ udp: { replies: 1 } }");
    expect(warningsOf(only)).toEqual([
      expect.stringContaining("backends.dns.udp: nothing that listens on UDP leads to dns"),
    ]);
    for (const listen of ['"*:53/udp"', '["*:53", "*:53/udp"]']) {
      expect(warningsOf(only.replace('"*:53"', listen))).toEqual([]);
    }
  });
});

function file(listen: string, key: string): string {
  return `
frontends: { dns: { listen: ${listen}, backend: dns, ${key} } }
backends: { dns: {} }
`;
}
